import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { MMQTTException, UsageError } from "@minimqtt/client";
import { settled } from "../../src/player/fake_clock.ts";
import { rejectsWith } from "../assertions.ts";
import { exchange, recorded } from "./exchange.ts";
import { online, type Stage } from "./stage.ts";
import { field, packet, publish } from "../../src/wire/wire.ts";

interface Options {
  readonly signal?: AbortSignal;
  readonly timeout?: number;
}

interface Case {
  readonly name: string;
  readonly call: (client: Stage["client"], options: Options) => Promise<unknown>;
  /** What leaves, by how many packet identifiers were used before. */
  readonly sent: (id: number) => string;
  /** Its answer, if one comes. */
  readonly answer: string;
  /** What its time-out says. */
  readonly late: string;
}

const NO_DATA = "No data received from broker for 2 seconds.";

const CASES: readonly Case[] = [
  {
    name: "publish() with QoS 1",
    call: (client, options) => client.publish("t", "x", { ...options, qos: 1 }),
    sent: (id) => publish("t", "x", { qos: 1, id }),
    answer: "4002000",
    late: NO_DATA,
  },
  {
    name: "publish() with QoS 2",
    call: (client, options) => client.publish("t", "x", { ...options, qos: 2 }),
    sent: (id) => publish("t", "x", { qos: 2, id }),
    answer: "5002000",
    late: NO_DATA,
  },
  {
    name: "subscribe()",
    call: (client, options) => client.subscribe("s", options),
    sent: (id) => packet(0x82, `000${id}` + field("s") + "00"),
    answer: "",
    late: NO_DATA,
  },
  {
    name: "unsubscribe()",
    call: (client, options) => client.unsubscribe("known", options),
    sent: (id) => packet(0xa2, `000${id}` + field("known")),
    answer: "b002000",
    late: NO_DATA,
  },
  {
    name: "ping()",
    call: (client, options) => client.ping(options),
    sent: () => "c000",
    answer: "",
    late: "PINGRESP not returned from broker within 2 seconds.",
  },
];

/** Connected, with `known` subscribed. */
async function subscribed(): Promise<Stage> {
  const scene = await online();
  const sent = packet(0x82, "0001" + field("known") + "00");
  await exchange(scene, scene.client.subscribe("known"), [sent, "9003000100"]);
  return scene;
}

/** That the connection works, and that nothing lay unread before the PINGREQ. */
async function works(scene: Stage): Promise<void> {
  assertEquals(scene.client.isConnected(), true);
  assertEquals((await exchange(scene, scene.client.ping(), ["c000", "d000"])).at(-1), 208);
}

describe("signal and timeout", () => {
  for (const { name, call, sent, answer, late } of CASES) {
    it(`${name} with a signal aborted before sends nothing, and uses no identifier (MM-228)`, async () => {
      const scene = await subscribed();
      const reason = new Error("mine");
      const error = await assertRejects(() => call(scene.client, { signal: AbortSignal.abort(reason) }));
      assertStrictEquals(error, reason);
      await works(scene);
      const again = call(scene.client, { timeout: 1 }).catch(() => {});
      await scene.broker.expect(sent(2));
      await scene.clock.run(again);
    });

    it(`${name} aborted while it waits rejects with the reason, and the connection goes on (MM-228)`, async () => {
      const scene = await subscribed();
      const { client, broker, clock } = scene;
      const stop = new AbortController();
      const reason = { anything: true };
      const calling = assertRejects(() => call(client, { signal: stop.signal }));
      await broker.expect(sent(2));
      await clock.advance(500);
      stop.abort(reason);
      assertStrictEquals(await calling, reason);
      assertEquals([clock.now(), clock.armed], [500, 0]);
      // The answer is late then, and no harm.
      if (answer !== "") await broker.send(`${answer}2`);
      if (name.includes("QoS 2")) await exchange(scene, client.loop(), ["62020002", "70020002"]);
      await works(scene);
    });

    it(`${name} aborted while loop() drives rejects at once, and loop() goes on (MM-228)`, async () => {
      const scene = await subscribed();
      const { client, broker, clock } = scene;
      const looping = client.loop(5);
      const stop = new AbortController();
      await settled();
      const calling = assertRejects(() => call(client, { signal: stop.signal }));
      await broker.expect(sent(2));
      stop.abort("reason");
      assertEquals(await calling, "reason");
      assertEquals(clock.now(), 0);
      assertEquals(await clock.run(looping), null);
      assertEquals([clock.now(), clock.armed], [5000, 0]);
    });

    it(`${name} takes timeout in place of the default (MM-229)`, async () => {
      const scene = await subscribed();
      const { client, clock } = scene;
      await rejectsWith(clock.run(call(client, { timeout: 2 })), MMQTTException, late);
      assertEquals([clock.now(), clock.armed, client.isConnected()], [2000, 0, true]);
    });

    it(`${name} refuses a timeout that is none, and sends nothing (MM-229)`, async () => {
      const scene = await subscribed();
      for (const timeout of [-1, NaN, Infinity, "2", null]) {
        await assertRejects(
          () => call(scene.client, { timeout: timeout as number }),
          UsageError,
          "timeout must be",
        );
      }
      await works(scene);
    });

    it(`${name} minds no signal any more once it is answered (MM-228)`, async () => {
      const scene = await subscribed();
      const stop = new AbortController();
      const calling = scene.clock.run(call(scene.client, { signal: stop.signal }));
      await scene.broker.expect(sent(2));
      const answers: Record<string, string> = { "subscribe()": "9003000200", "ping()": "d000" };
      await scene.broker.send(answers[name] ?? `${answer}2`);
      if (name.includes("QoS 2")) {
        await scene.broker.expect("62020002");
        await scene.broker.send("70020002");
      }
      await calling;
      stop.abort();
      await works(scene);
    });
  }

  it("loop() aborted before handles nothing (MM-228)", async () => {
    const scene = await online();
    const seen = recorded(scene.client);
    await scene.broker.send(publish("a", "x"));
    const looping = scene.client.loop(1, { signal: AbortSignal.abort("reason") });
    assertEquals(await assertRejects(() => looping), "reason");
    assertEquals(seen, []);
    assertEquals(await exchange(scene, scene.client.loop()), [48]);
  });

  it("loop() aborted while it waits rejects at once, and the next loop() goes on (MM-228)", async () => {
    const scene = await online();
    const { client, broker, clock } = scene;
    const seen = recorded(client);
    const stop = new AbortController();
    const looping = assertRejects(() => client.loop(60, { signal: stop.signal }));
    await broker.send(publish("a", "1") + publish("a", "2").slice(0, 6));
    await clock.advance(1500);
    stop.abort("reason");
    assertEquals(await looping, "reason");
    assertEquals([clock.now(), clock.armed], [1500, 0]);
    await broker.send(publish("a", "2").slice(6));
    assertEquals(await exchange(scene, client.loop()), [48]);
    assertEquals(seen, ["message a 1", "message a 2"]);
  });

  it("loop() aborted by its own callback rejects when the callback has ended (MM-228)", async () => {
    const scene = await online();
    const stop = new AbortController();
    const seen: string[] = [];
    scene.client.onMessage = async (client, _topic, message) => {
      stop.abort("reason");
      await client.publish("t", "x", false, 1);
      seen.push(message);
    };
    const looping = scene.client.loop(60, { signal: stop.signal });
    const run = exchange(
      scene,
      looping,
      ["", publish("a", "1") + publish("a", "2")],
      [publish("t", "x", { qos: 1 }), "40020001"],
    );
    assertEquals(await assertRejects(() => run), "reason");
    assertEquals(seen, ["1"]);
    assertEquals(scene.clock.armed, 0);
    await exchange(scene, scene.client.loop(), [publish("t", "x", { qos: 1, id: 2 }), "40020002"]);
    assertEquals(seen, ["1", "2"]);
  });

  it("publish() with QoS 0 that waits for room rejects with its signal's reason (MM-228)", async () => {
    const { client, clock } = await online({}, { room: 16 });
    const stop = new AbortController();
    client.publish("t", "x".repeat(70_000));
    client.publish("t", "x".repeat(70_000));
    const waiting = assertRejects(() => client.publish("t", "x", { signal: stop.signal }));
    await settled();
    stop.abort("reason");
    assertEquals(await waiting, "reason");
    assertEquals(client.isConnected(), true);
    await clock.run(client.loop(0));
  });

  it("a signal shared by many calls ends them all, and leaves no timer (MM-228)", async () => {
    const { client, clock } = await online();
    const stop = new AbortController();
    const { signal } = stop;
    const calls = [
      client.loop(60, { signal }),
      client.ping({ signal }),
      ...Array.from(
        { length: 20 },
        (_, i) => client.publish("t", "x", { qos: (1 + i % 2) as 1 | 2, signal }),
      ),
    ].map((call) => assertRejects(() => call));
    await clock.advance(100);
    stop.abort("reason");
    assertEquals(new Set(await Promise.all(calls)), new Set(["reason"]));
    assertEquals([clock.now(), clock.armed, client.isConnected()], [100, 0, true]);
  });
});

import { assertEquals, assertGreater, assertLess, assertLessOrEqual } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { MMQTTException, MMQTTStateError } from "@minimqtt/client";
import { settled } from "../../src/player/fake_clock.ts";
import { rejectsWith } from "../assertions.ts";
import { exchange, recorded } from "./exchange.ts";
import { online, type Stage, stage } from "./stage.ts";
import { field, packet, publish, u16 } from "../../src/wire/wire.ts";

const SILENT = "No data received from broker for 10 seconds.";

/** Resolves when the clock has gone on. */
function passed({ clock }: Stage, ms: number): Promise<void> {
  return new Promise((resolve) => clock.timer(clock.now() + ms, resolve));
}

describe("overlapping calls", () => {
  it("loop() in the background, publishes of every QoS and subscribes, answered in reverse (MM-233) (MM-089)", async () => {
    const { client, broker, clock } = await online();
    const seen = recorded(client);
    client.onMessage = null;
    const looping = client.loop(30);
    const calls: Promise<unknown>[] = [];
    for (let i = 0; i < 30; i++) calls.push(client.publish(`t${i}`, `${i}`, false, (i % 3) as 0 | 1 | 2));
    calls.push(client.subscribe("s", 1), client.subscribe("r", 2));
    const ids: { id: number; qos: number }[] = [];
    for (let i = 0, id = 0; i < 30; i++) {
      const qos = (i % 3) as 0 | 1 | 2;
      if (qos > 0) ids.push({ id: ++id, qos });
      await broker.expect(publish(`t${i}`, `${i}`, { qos, id }));
    }
    await broker.expect(packet(0x82, "0015" + field("s") + "01") + packet(0x82, "0016" + field("r") + "02"));
    await broker.send("9003001602" + "9003001501");
    for (const { id, qos } of ids.reverse()) await broker.send((qos === 1 ? "4002" : "5002") + u16(id));
    const released = ids.filter(({ qos }) => qos === 2);
    for (const { id } of released) await broker.expect("6202" + u16(id));
    for (const { id } of released.reverse()) await broker.send("7002" + u16(id));
    const results = await Promise.all(calls);
    assertEquals(results.slice(-2), [[1], [2]]);
    assertEquals([clock.now(), seen.length], [0, 32]);
    assertEquals((await clock.run(looping))?.length, 2 + 20 + 10);
    assertEquals([clock.now(), clock.armed], [30_000, 0]);
  });

  it("loop() while another runs is refused, and the first goes on (MM-233)", async () => {
    const { client, clock } = await online();
    const first = client.loop(2);
    await rejectsWith(client.loop(), MMQTTStateError, "loop() is running already");
    await rejectsWith(client.loop(0), MMQTTStateError, "loop() is running already");
    assertEquals(await clock.run(first), null);
    assertEquals(await clock.run(client.loop()), null);
  });

  it("everything is refused during connect() and reconnect(), but works in onConnect (MM-233)", async () => {
    const { client, broker, clock } = stage();
    const text = "MiniMQTT is not connected";
    const refused = async () => {
      for (
        const call of [
          client.loop(),
          client.publish("t", "x"),
          client.publish("t", "x", false, 1),
          client.subscribe("s"),
          client.unsubscribe("s"),
          client.ping(),
          client.disconnect(),
        ]
      ) await rejectsWith(call, MMQTTStateError, text);
      for (const call of [client.connect(), client.reconnect()]) {
        await rejectsWith(call, MMQTTStateError, "MiniMQTT is already connecting");
      }
    };
    client.onConnect = (client) => client.publish("t", "x", false, 1);
    for (const id of [1, 2]) {
      const connecting = clock.run(id === 1 ? client.connect() : client.reconnect());
      if (id === 2) await broker.expect("e000");
      await broker.accept();
      assertEquals((await broker.packet()).slice(0, 2), "10");
      await refused();
      await broker.send("20020000");
      await broker.expect(publish("t", "x", { qos: 1, id }));
      await broker.send("4002" + u16(id));
      assertEquals(await connecting, 0);
    }
  });

  it("two clients to one broker share nothing (MM-207)", async () => {
    const one = await online({ clientId: "one", username: "u" });
    const two = await online({ clientId: "two" });
    const seen = [recorded(one.client), recorded(two.client)];
    await exchange(one, one.client.subscribe("s"), [packet(0x82, "0001" + field("s") + "00"), "9003000100"]);
    one.client.addTopicCallback("a", () => seen[0]!.push("callback"));
    await exchange(two, two.client.publish("t", "x", false, 1), [publish("t", "x", { qos: 1 }), "40020001"]);
    await exchange(two, two.client.loop(), ["", publish("a", "x")]);
    await one.clock.run(one.client.disconnect());
    assertEquals([one.client.isConnected(), two.client.isConnected()], [false, true]);
    await exchange(two, two.client.ping(), ["c000", "d000"]);
    assertEquals(seen, [
      ["subscribe undefined s 0", "disconnect undefined 0"],
      ["publish undefined t 1", "message a x"],
    ]);
  });
});

describe("who drives", () => {
  it("publish() is answered while loop() drives, and loop() ends in its time all the same", async () => {
    const { client, broker, clock } = await online();
    const looping = client.loop(5);
    await clock.advance(1000);
    const publishing = client.publish("t", "x", false, 1);
    await broker.expect(publish("t", "x", { qos: 1 }));
    await clock.advance(1000);
    await broker.send("40020001");
    await publishing;
    assertEquals(clock.now(), 2000);
    assertEquals(await clock.run(looping), [0x40]);
    assertEquals(clock.now(), 5000);
  });

  it("publish() goes on when the loop() that drove has ended", async () => {
    const { client, broker, clock } = await online();
    const looping = client.loop(1);
    await settled();
    const waiting = [
      client.publish("t", "x", false, 1),
      client.publish("t", "y", false, 2),
      client.subscribe("s"),
    ];
    await clock.advance(1000);
    assertEquals(await looping, null);
    await clock.advance(2000);
    await broker.send("40020001" + "50020002" + "9003000300" + "70020002");
    await clock.run(Promise.all(waiting));
    assertEquals([clock.now(), clock.armed], [3000, 0]);
  });

  it("publish() that drives hands over to those that wait, each in its time", async () => {
    const { client, broker, clock } = await online();
    const times: number[] = [];
    const calls = [3, 1, 2, 5, 4].map((timeout, i) =>
      client.publish("t", "x", { qos: 1, timeout })
        .then(() => times.push(-i), (error) => {
          assertEquals(error.message, `No data received from broker for ${timeout} seconds.`);
          times.push(clock.now());
        })
    );
    await settled();
    await clock.advance(2500);
    await broker.send("40020005");
    await clock.run(Promise.all(calls));
    assertEquals(times, [1000, 2000, -4, 3000, 5000]);
    assertEquals([clock.armed, client.isConnected()], [0, true]);
  });

  it("publish() times out at its moment while another call drives", async () => {
    const { client, clock } = await online();
    const looping = client.loop(60);
    await clock.advance(7000);
    let at = 0;
    const publishing = rejectsWith(client.publish("t", "x", false, 1), MMQTTException, SILENT)
      .then(() => at = clock.now());
    assertEquals(await clock.run(looping.catch(() => null)), null);
    await publishing;
    assertEquals(at, 17_000);
  });

  it("publish() keeps its deadline in a stream of messages with slow callbacks (MM-082)", async () => {
    const scene = await online({ recvTimeout: 2 });
    const { client, broker, clock } = scene;
    client.onMessage = () => passed(scene, 300);
    let ended = false;
    const text = "No data received from broker for 2 seconds.";
    const publishing = rejectsWith(client.publish("t", "x", false, 1), MMQTTException, text)
      .finally(() => ended = true);
    for (let i = 0; !ended && i < 100; i++) {
      await broker.send(publish("a", "x").repeat(2));
      await clock.advance(300);
    }
    await publishing;
    assertLessOrEqual(clock.now(), 2400);
  });

  it("publish() resolves though the callback it called is slow and the answer behind many messages", async () => {
    const scene = await online({ recvTimeout: 2 });
    const { client, broker, clock } = scene;
    let calls = 0;
    client.onMessage = () => {
      calls++;
      return passed(scene, 5000);
    };
    const publishing = clock.run(client.publish("t", "x", false, 1));
    await broker.send(publish("a", "x").repeat(20) + "40020001");
    await publishing;
    assertEquals([clock.now(), calls], [5000, 1]);
    assertEquals((await clock.run(client.loop(96)))?.length ?? 0, 0);
    assertEquals(calls, 20);
  });

  it("no timer is armed between calls, whatever the calls were (MM-132)", async () => {
    const scene = await online({ keepAlive: 10 });
    const { client, broker, clock } = scene;
    const stop = new AbortController();
    const armed: number[] = [];
    const note = () => armed.push(clock.armed);
    await exchange(scene, client.publish("t", "x", false, 1), [publish("t", "x", { qos: 1 }), "40020001"])
      .then(note);
    await exchange(scene, client.subscribe("s"), [packet(0x82, "0002" + field("s") + "00"), "9003000200"])
      .then(note);
    await exchange(scene, client.ping(), ["c000", "d000"]).then(note);
    await clock.run(client.loop(0)).then(note);
    await clock.run(client.loop()).then(note);
    await clock.run(client.publish("t", "x", false, 1).catch(note));
    const aborted = client.loop(5, { signal: stop.signal }).catch(note);
    stop.abort();
    await clock.run(aborted);
    client.onMessage = () => Promise.reject(new Error("mine"));
    await broker.send(publish("a", "x"));
    await clock.run(client.loop().catch(note));
    await broker.close();
    await clock.run(client.loop().catch(note));
    assertEquals(armed, Array(9).fill(0));
  });
});

describe("a flood behind a slow callback", () => {
  it("loop() slows the broker down while a callback takes its time, and nothing is lost (MM-134)", async () => {
    const scene = await online({ keepAlive: 0 }, { room: 4096, chunkSize: 1024 });
    const { client, broker, clock } = scene;
    const got: number[] = [];
    client.onMessage = (_client, _topic, message) => {
      got.push(parseInt(message));
      return got.length === 1 ? passed(scene, 60_000) : undefined;
    };
    let sent = 0;
    const flood = (async () => {
      while (sent < 2000) await broker.send(publish("a", `${sent++}`.padEnd(100)));
    })();
    const looping = client.loop(60);
    await settled();
    // What fits the pipe and one chunk, no more.
    assertGreater(sent, 1);
    assertLess(sent, 100);
    await clock.advance(59_000);
    assertLess(sent, 100);
    assertEquals(got, [0]);
    await clock.run(looping);
    while (got.length < 2000) await clock.run(client.loop());
    await flood;
    assertEquals(got, Array.from({ length: 2000 }, (_, i) => i));
  });

  it("publish() inside a callback reads on, a thousand messages and no more, and nothing is lost (MM-135)", async () => {
    const { client, broker, clock } = await online({ keepAlive: 0 }, { room: 4096, chunkSize: 1024 });
    const got: number[] = [];
    const errors: string[] = [];
    client.onMessage = async (client, _topic, message) => {
      got.push(parseInt(message));
      if (got.length === 1) {
        await client.publish("t", "x", false, 1).catch((error) => errors.push(error.message));
      }
    };
    let sent = 0;
    const flood = (async () => {
      while (sent < 5000) await broker.send(publish("a", `${sent++}`.padEnd(100)));
    })();
    const looping = client.loop(30);
    await settled();
    assertGreater(sent, 1000);
    assertLess(sent, 1200);
    assertEquals(got, [0]);
    await clock.run(looping);
    while (got.length < 5000) await clock.run(client.loop());
    await flood;
    assertEquals(got, Array.from({ length: 5000 }, (_, i) => i));
    // Its PUBACK was not to be found: a time-out, and no dead-lock.
    assertEquals(errors, [SILENT]);
  });

  it("publish() with QoS 0 waits for a broker that reads slowly, and gives up one that does not read (MM-097)", async () => {
    const { client, broker, clock } = await online({ keepAlive: 20 }, { room: 4096 });
    const message = "x".repeat(40_000);
    await clock.run(client.publish("t", message));
    client.publish("t", message);
    const waiting = client.publish("t", message);
    let done = false;
    waiting.then(() => done = true);
    await settled();
    assertEquals(done, false);
    await broker.expect(publish("t", message));
    await settled();
    assertEquals(done, true);
    // From now on it reads nothing.
    client.publish("t", message);
    client.publish("t", message);
    const text = "Unable to send anything within 40 seconds.";
    await rejectsWith(clock.run(client.publish("t", message)), MMQTTException, text);
    assertEquals([clock.now(), clock.armed], [40_000, 0]);
    const own = "Unable to send anything within 1 seconds.";
    await rejectsWith(clock.run(client.publish("t", message, { timeout: 1 })), MMQTTException, own);
  });
});

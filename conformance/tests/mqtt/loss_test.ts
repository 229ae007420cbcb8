import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ConnectionError, MMQTTException, MMQTTStateError } from "@minimqtt/client";
import type { MemoryConnection } from "@minimqtt/client/memory";
import { settled } from "../../src/player/fake_clock.ts";
import { rejectsWith } from "../assertions.ts";
import { recorded } from "./exchange.ts";
import { online, type Stage } from "./stage.ts";
import { publish } from "../../src/wire/wire.ts";

const CLOSED = "Connection closed by broker";
const FAILED = "Unexpected error while waiting for messages";
const NOT_CONNECTED = "MiniMQTT is not connected";
const cut = new Error("the cable");

/** Ways in which a connection ends, and what the client says to each. */
const ENDS: readonly (readonly [name: string, end: (scene: Stage) => unknown, text: string])[] = [
  ["the broker closes", ({ broker }) => broker.close(), CLOSED],
  ["the broker resets", ({ broker }) => (broker.connection as MemoryConnection).reset(cut), FAILED],
];

/** Connected, with a read pending, as after any call that waited. */
async function listening(): Promise<Stage> {
  const scene = await online();
  await scene.clock.run(scene.client.loop());
  return scene;
}

const CALLS: readonly (readonly [name: string, call: (client: Stage["client"]) => Promise<unknown>])[] = [
  ["loop", (client) => client.loop()],
  ["loop(0)", (client) => client.loop(0)],
  ["publish with QoS 0", (client) => client.publish("t", "x")],
  ["publish with QoS 1", (client) => client.publish("t", "x", false, 1)],
  ["subscribe", (client) => client.subscribe("s")],
  ["unsubscribe", (client) => client.unsubscribe("s")],
  ["ping", (client) => client.ping()],
];

describe("the connection is lost between calls", () => {
  for (const [name, end, text] of ENDS) {
    for (const [call, run] of CALLS) {
      it(`${call} rejects first with the loss, then with the state, when ${name} (MM-178) (MM-185)`, async () => {
        const scene = await listening();
        const { client, clock } = scene;
        const seen = recorded(client);
        await end(scene);
        await settled();
        assertEquals([client.isConnected(), seen], [false, []]);
        const error = await rejectsWith(clock.run(run(client)), MMQTTException, text);
        assert(error.cause instanceof ConnectionError);
        assertEquals([seen, clock.armed, clock.now()], [["disconnect undefined 1"], 0, 1000]);
        await rejectsWith(run(client), MMQTTStateError, NOT_CONNECTED);
        assertEquals(seen.length, 1);
      });
    }
  }

  for (const [name, call] of CALLS.filter(([name]) => /loop$|1|^subscribe|ping/.test(name))) {
    it(`${name} delivers what lay in the socket before the end, and then rejects with the loss (MM-178) (MM-224)`, async () => {
      const { client, broker, clock } = await listening();
      const seen = recorded(client);
      await broker.send(publish("a", "1"));
      await broker.send(publish("a", "2", { qos: 1, id: 4 }) + publish("a", "3"));
      await broker.close();
      await rejectsWith(clock.run(call(client)), MMQTTException, CLOSED);
      assertEquals(seen, ["message a 1", "message a 2", "message a 3", "disconnect undefined 1"]);
    });
  }

  it("the next call delivers what was read before the loss, and then tells it (MM-178)", async () => {
    const { client, broker, clock } = await online();
    const seen = recorded(client);
    client.onMessage = async (_client, _topic, message) => {
      await new Promise<void>((resolve) => clock.timer(clock.now() + 3000, resolve));
      seen.push(message);
    };
    await broker.send(publish("a", "1") + publish("a", "2") + publish("a", "3"));
    await broker.close();
    const late = "No data received from broker for 1 seconds.";
    await rejectsWith(clock.run(client.publish("t", "x", { qos: 1, timeout: 1 })), MMQTTException, late);
    assertEquals([seen, client.isConnected(), clock.now()], [["1"], false, 3000]);
    await rejectsWith(clock.run(client.publish("t", "x")), MMQTTException, CLOSED);
    assertEquals(seen, ["1", "2", "3", "disconnect undefined 1"]);
    await rejectsWith(client.publish("t", "x"), MMQTTStateError, NOT_CONNECTED);
  });

  it("the transport's own error is the cause of the cause (MM-204)", async () => {
    const scene = await listening();
    (scene.broker.connection as MemoryConnection).reset(cut);
    const error = await rejectsWith(scene.clock.run(scene.client.loop()), MMQTTException, FAILED);
    assertEquals((error.cause as ConnectionError).code, "read-failed");
    assertStrictEquals((error.cause as ConnectionError).cause, cut);
  });

  it("publish() with QoS 0 to a broker that has gone is noticed, and never a raw error (MM-186)", async () => {
    const { client, broker, clock } = await online();
    const seen = recorded(client);
    client.onPublish = null;
    await broker.close();
    let error: unknown;
    for (let i = 0; i < 3 && error === undefined; i++) {
      await clock.run(client.publish("t", "x")).catch((thrown) => error = thrown);
    }
    assert(error instanceof MMQTTException && !(error instanceof MMQTTStateError), `${error}`);
    assertEquals([error.message, client.isConnected(), seen], [CLOSED, false, ["disconnect undefined 1"]]);
    assert(error.cause instanceof ConnectionError);
  });
});

describe("the connection is lost during calls", () => {
  it("messages behind a slow callback are delivered before the loss is told (MM-178)", async () => {
    const { client, broker, clock } = await online();
    const seen = recorded(client);
    client.onMessage = async (client, _topic, message) => {
      seen.push(`begin ${message}`);
      if (message === "1") {
        await rejectsWith(client.publish("t", "x", false, 1), MMQTTException, CLOSED);
        await rejectsWith(client.publish("t", "x", false, 1), MMQTTStateError, NOT_CONNECTED);
        await rejectsWith(client.subscribe("s"), MMQTTStateError, NOT_CONNECTED);
        await rejectsWith(client.connect(), MMQTTStateError, /^MiniMQTT has lost its connection/);
      }
      seen.push(`end ${message}`);
    };
    const looping = rejectsWith(client.loop(60), MMQTTException, CLOSED);
    const other = rejectsWith(client.subscribe("o"), MMQTTException, CLOSED);
    await broker.send(publish("a", "1") + publish("a", "2") + publish("a", "3"));
    await broker.close();
    await Promise.all([clock.run(looping), other]);
    assertEquals(seen, [1, 2, 3].flatMap((i) => [`begin ${i}`, `end ${i}`]).concat("disconnect undefined 1"));
    await rejectsWith(client.loop(), MMQTTStateError, NOT_CONNECTED);
    assertEquals(clock.armed, 0);
  });

  it("a callback's error before a loss comes first, then the rest, then the loss (MM-130) (MM-178)", async () => {
    const { client, broker, clock } = await online();
    const seen = recorded(client);
    const mine = new Error("mine");
    client.onMessage = async (client, _topic, message) => {
      seen.push(message);
      if (message !== "1") return;
      await client.publish("t", "x", false, 1).catch(() => {});
      throw mine;
    };
    await broker.send(publish("a", "1") + publish("a", "2"));
    await broker.close();
    assertStrictEquals(await assertRejects(() => clock.run(client.loop(60))), mine);
    assertEquals([client.isConnected(), seen], [false, ["1"]]);
    await rejectsWith(clock.run(client.loop(60)), MMQTTException, CLOSED);
    assertEquals(seen, ["1", "2", "disconnect undefined 1"]);
    await rejectsWith(client.loop(), MMQTTStateError, NOT_CONNECTED);
  });

  it("what onDisconnect throws rejects the call that met the loss", async () => {
    const { client, broker, clock } = await online();
    const mine = new Error("mine");
    client.onDisconnect = () => Promise.reject(mine);
    const looping = client.loop(60);
    await broker.close();
    assertStrictEquals(await assertRejects(() => clock.run(looping)), mine);
    await rejectsWith(client.loop(), MMQTTStateError, NOT_CONNECTED);
  });
});

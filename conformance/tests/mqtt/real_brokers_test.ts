import { MMQTTException, MQTT, type MQTTOptions } from "@minimqtt/client";
import type { Connection, Message, Transport } from "@minimqtt/core";
import { tcp } from "@minimqtt/transport-tcp";
import { ws } from "@minimqtt/transport-ws";
import { assertEquals, assertGreater, assertRejects } from "@std/assert";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import {
  mosquittoMissing,
  type MosquittoOptions,
  startAedes,
  startMosquitto,
} from "../../src/peers/brokers.ts";
import { runtime } from "../programs/programs.ts";

interface Broker {
  readonly host: string;
  readonly port: number;
  stop(): Promise<void>;
}

const credentials = { username: "user", password: "secret" };

interface Start {
  readonly missing: string | null;
  readonly transport: Transport;
  /** Of the largest payload and of a long story; 16 MiB and 10,000 messages when absent. */
  readonly sizes?: { readonly kibibytes: number; readonly messages: number };
  start(): Promise<Broker>;
  startClosed(): Promise<Broker>;
}

const passwords = { [credentials.username]: credentials.password };
const authenticate = (user: string | undefined, password: string | undefined) =>
  user === credentials.username && password === credentials.password;

/** mosquitto, met at its listener for WebSockets. */
async function startMosquittoForWs(options: MosquittoOptions = {}): Promise<Broker> {
  const broker = await startMosquitto({ ...options, websocket: true });
  return { host: broker.host, port: broker.websocketPort!, stop: () => broker.stop() };
}

const starts: Record<string, Start> = {
  mosquitto: {
    missing: mosquittoMissing(),
    transport: tcp(),
    start: () => startMosquitto(),
    startClosed: () => startMosquitto({ passwords }),
  },
  aedes: {
    missing: null,
    transport: tcp(),
    start: () => startAedes(),
    startClosed: () => startAedes({ authenticate }),
  },
  "mosquitto over ws": {
    missing: mosquittoMissing(),
    transport: ws(),
    // mosquitto 2.0.11 sends a WebSocket 4 KiB in 100 ms when there is more than that, to MQTT.js as well.
    sizes: { kibibytes: 96, messages: 2000 },
    start: () => startMosquittoForWs(),
    startClosed: () => startMosquittoForWs({ passwords }),
  },
  "aedes over ws": {
    missing: null,
    transport: ws(),
    start: () => startAedes({ websocket: true }),
    startClosed: () => startAedes({ websocket: true, authenticate }),
  },
};

/** A transport whose last connection can lose what is written from now on, and be dropped without a DISCONNECT. */
function faultily(inner: Transport): { readonly transport: Transport; lose(): void; drop(): Promise<void> } {
  let last: Connection;
  let losing = false;
  return {
    transport: {
      ...inner,
      async connect(address, options) {
        const connection = last = await inner.connect(address, options);
        losing = false;
        return {
          read: () => connection.read(),
          write: (bytes) => losing ? Promise.resolve() : connection.write(bytes),
          close: () => connection.close(),
        };
      },
    },
    lose: () => losing = true,
    drop: () => last.close(),
  };
}

/** Runs `loop(0)` until there are as many as wanted, for ten seconds at most. */
async function until(
  client: { loop(timeout: number): Promise<unknown> },
  enough: () => boolean,
): Promise<void> {
  const end = performance.now() + 10_000;
  while (!enough() && performance.now() < end) await client.loop(0);
}

for (const [name, { missing, transport, sizes, start, startClosed }] of Object.entries(starts)) {
  describe(missing === null ? `MQTT with ${name}` : `MQTT with ${name} (skipped: ${missing})`, {
    skip: missing !== null,
  }, () => {
    let broker: Broker;
    beforeAll(async () => {
      broker = await start();
    });
    afterAll(() => broker?.stop());

    const make = <B extends boolean = false>(options: Partial<MQTTOptions<unknown, B>> = {}) =>
      new MQTT<unknown, B>({ broker: broker.host, port: broker.port, transport, ...options });

    it("publish() and subscribe() work with QoS 0, 1 and 2, without any extension [MQTT-7.0.0-2]", async () => {
      await using client = make();
      const got: [string, number][] = [];
      client.onMessage = (_client, _topic, message, packet) => got.push([message, packet.qos]);
      await client.connect();
      assertEquals(await client.subscribe([["qos/+", 2]]), [2]);
      await client.publish("qos/0", "zero", false, 0);
      await client.publish("qos/1", "one", false, 1);
      await client.publish("qos/2", "two", false, 2);
      await until(client, () => got.length === 3);
      assertEquals(got.sort(), [["one", 1], ["two", 2], ["zero", 0]]);
    });

    it("publish() holds QoS 2 back: mosquitto hangs up on a client with twenty under way", async () => {
      await using client = make({ recvTimeout: 30 });
      await client.connect();
      const calls = Array.from(
        { length: 200 },
        (_, i) => client.publish("many", String(i), false, i % 3 ? 2 : 1),
      );
      await Promise.all(calls);
      assertEquals(client.isConnected(), true);
    });

    /** What a new subscription to `topic` gets at once, and whether as retained. */
    const retained = async (topic: string) => {
      await using client = make();
      const got: [string, boolean][] = [];
      client.onMessage = (_client, _topic, message, packet) => got.push([message, packet.retain]);
      await client.connect();
      await client.subscribe(topic);
      await client.loop(1);
      return got;
    };

    it("publish() sets, replaces and clears what is retained [MQTT-3.3.1-5] [MQTT-3.3.1-10] [MQTT-3.3.1-11]", async () => {
      await using client = make();
      await client.connect();
      await client.publish("retained/a", "first", true, 1);
      await client.publish("retained/a", "second", true, 1);
      assertEquals(await retained("retained/a"), [["second", true]]);
      await client.publish("retained/a", "", true, 1);
      assertEquals(await retained("retained/a"), []);
    });

    it("publish() without retain leaves alone what is kept, also from QoS 0 [MQTT-3.3.1-7] [MQTT-3.3.1-12]", async () => {
      await using client = make();
      await client.connect();
      await client.publish("retained/b", "kept", true, 0);
      await client.publish("retained/b", "fresh", false, 1);
      assertEquals(await retained("retained/b"), [["kept", true]]);
      await client.publish("retained/b", "", true, 1);
    });

    it("willSet() is published when the socket drops, and not after disconnect() (MM-059) [MQTT-3.1.2-8]", async () => {
      await using watcher = make();
      const wills: string[] = [];
      watcher.onMessage = (_client, _topic, message) => wills.push(message);
      await watcher.connect();
      await watcher.subscribe("will/#", 1);
      for (const how of ["disconnect", "drop"]) {
        const { transport: faulty, drop } = faultily(transport);
        const client = make({ transport: faulty });
        client.willSet("will/gone", how, false, 1);
        await client.connect();
        await (how === "drop" ? drop() : client.disconnect());
      }
      await until(watcher, () => wills.length > 0);
      await watcher.loop(1);
      assertEquals(wills, ["drop"]);
    });

    it("willSet() is published retained or not, as it asks for [MQTT-3.1.2-16] [MQTT-3.1.2-17]", async () => {
      await using watcher = make();
      const wills: [string, boolean][] = [];
      watcher.onMessage = (_client, topic, _message, packet) => wills.push([topic, packet.retain]);
      await watcher.connect();
      await watcher.subscribe("mortal/#", 1);
      for (const retain of [false, true]) {
        const { transport: faulty, drop } = faultily(transport);
        const client = make({ transport: faulty });
        client.willSet(`mortal/${retain}`, "gone", retain, 1);
        await client.connect();
        await drop();
      }
      await until(watcher, () => wills.length === 2);
      await watcher.unsubscribe("mortal/#");
      wills.length = 0;
      await watcher.subscribe("mortal/#", 1);
      await until(watcher, () => wills.length > 0);
      await watcher.loop(1);
      assertEquals(wills, [["mortal/true", true]]);
      await watcher.publish("mortal/true", "", true, 1);
    });

    it("subscribe() twice to what overlaps gets each message, once or twice [MQTT-3.3.5-1]", async () => {
      await using client = make();
      const got = new Set<string>();
      client.onMessage = (_client, _topic, message) => void got.add(message);
      await client.connect();
      await client.subscribe([["overlap/#", 1], ["overlap/+", 2]]);
      for (const message of ["a", "b", "c"]) await client.publish("overlap/x", message, false, 2);
      await until(client, () => got.size === 3);
      await client.loop(1);
      assertEquals([...got], ["a", "b", "c"]);
      assertEquals(client.isConnected(), true);
    });

    it("connect() resumes a persistent session: it resolves to 1, and what was missed arrives (MM-031)", async () => {
      const got: string[] = [];
      const sleeper = make({ clientId: `sleeper${Date.now()}` });
      sleeper.onMessage = (_client, _topic, message) => got.push(message);
      assertEquals(await sleeper.connect(false), 0);
      await sleeper.subscribe("missed/#", 1);
      await sleeper.disconnect();
      await using client = make();
      await client.connect();
      for (const message of ["a", "b", "c"]) await client.publish("missed/x", message, false, 1);
      assertEquals(await sleeper.connect(false), 1);
      await until(sleeper, () => got.length === 3);
      assertEquals(got, ["a", "b", "c"]);
      await sleeper.disconnect();
      assertEquals(await sleeper.connect(true), 0);
      await sleeper.disconnect();
    });

    it("reconnect() sends again what was not acknowledged, exactly once, when the session is there (MM-225)", async () => {
      await using watcher = make();
      const got: string[] = [];
      watcher.onMessage = (_client, _topic, message) => got.push(message);
      await watcher.connect();
      await watcher.subscribe("again", 2);
      const { transport: faulty, lose, drop } = faultily(transport);
      const client = make({ transport: faulty, clientId: `again${Date.now()}` });
      await client.connect(false);
      await client.subscribe("anything", 1);
      lose();
      const messages = ["one", "two", "three"];
      const lost = Promise.all(
        messages.map((message) =>
          assertRejects(() => client.publish("again", message, false, 2), MMQTTException)
        ),
      );
      await drop();
      await lost;
      assertEquals(got, []);
      assertEquals(await client.reconnect(), 1);
      while (got.length < 3) {
        await client.loop(0);
        await watcher.loop(0);
      }
      await client.loop(1);
      await watcher.loop(1);
      assertEquals(got, messages);
      await client.disconnect();
      assertEquals(await client.connect(true), 0);
      await client.disconnect();
    });

    it("connect() is accepted with the right password and refused with a wrong one (MM-034)", async () => {
      const closed = await startClosed();
      try {
        await using client = make({ port: closed.port, ...credentials });
        assertEquals(await client.connect(), 0);
        for (const wrong of [{ ...credentials, password: "guess" }, {}]) {
          const error = await assertRejects(
            () => make({ port: closed.port, ...wrong }).connect(),
            MMQTTException,
          );
          assertEquals([error.message, error.code], ["Connection Refused - Unauthorized", 5]);
        }
      } finally {
        await closed.stop();
      }
    });

    it("loop() keeps an idle connection alive [MQTT-3.1.2-24]", { timeout: 20_000 }, async () => {
      await using client = make({ keepAlive: 1 });
      await client.connect();
      const types = await client.loop(4);
      assertGreater(types!.filter((type) => type === 0xd0).length, 2);
      assertEquals(client.isConnected(), true);
    });

    // Seen with MQTT.js as client too, and with clients in another process: it is aedes on Deno that stops.
    const stuck = /^aedes( over ws)?$/.test(name) && runtime === "deno";
    const reason = " (skipped: aedes in a Deno process stops at packets over 64 KiB)";
    const { kibibytes, messages } = sizes ?? { kibibytes: 16_384, messages: 10_000 };
    const large = `publish() and loop() carry a payload of ${kibibytes} KiB (MM-097)${stuck ? reason : ""}`;
    it(large, { skip: stuck, timeout: 60_000 }, async () => {
      await using client = make({ useBinaryMode: true, recvTimeout: 30 });
      client.mqttMsg = 17 * 1024 * 1024;
      const sent = new Uint8Array(kibibytes * 1024);
      for (let i = 0; i < sent.length; i++) sent[i] = i * 31 ^ i >> 8;
      let got: Uint8Array | undefined;
      client.onMessage = (_client, _topic, message) => got = message;
      await client.connect();
      await client.subscribe("large", 1);
      await client.publish("large", sent, false, 1);
      await until(client, () => got !== undefined);
      assertEquals(got?.length, sent.length);
      assertEquals(got!.every((byte, i) => byte === sent[i]), true);
    });

    it(`loop() delivers ${messages} messages in order`, { timeout: 60_000 }, async () => {
      await using client = make();
      const got: Message[] = [];
      const numbers: number[] = [];
      client.onMessage = (_client, _topic, message, packet) => {
        numbers.push(Number(message));
        if (packet.duplicate) got.push(packet);
      };
      await client.connect();
      await client.subscribe("many", 1);
      const window = 20;
      for (let i = 0; i < messages; i += window) {
        await Promise.all(Array.from({ length: window }, (_, k) => client.publish("many", i + k, false, 1)));
      }
      await until(client, () => numbers.length === messages);
      assertEquals(numbers.length, messages);
      assertEquals(numbers.every((n, i) => n === i), true);
      assertEquals(got, []);
    });

    it("loop() reports that another client took the identifier over [MQTT-3.1.4-2]", async () => {
      const clientId = `twin${Date.now()}`;
      const first = make({ clientId });
      const ends: number[] = [];
      first.onDisconnect = (_client, _userData, rc) => ends.push(rc);
      await first.connect();
      await using second = make({ clientId });
      await second.connect();
      const error = await assertRejects(() => first.loop(5), MMQTTException);
      assertEquals(first.isConnected(), false);
      assertEquals(ends, [1]);
      assertEquals(typeof error.message, "string");
    });
  });
}

/**
 * What happens in the field, to `MQTT`: peers that are slow, that flood, that send in an order nobody expects, and
 * writes that fail. The same stories as those of `Client`, where both are concerned.
 */
import { ConnectionError, MMQTTException, type Transport } from "@minimqtt/client";
import { memory } from "@minimqtt/client/memory";
import { assert, assertEquals, assertLess } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { settled } from "../../src/player/fake_clock.ts";
import { fromHex } from "../../src/wire/bytes.ts";
import { publish, subscribe } from "../../src/wire/wire.ts";
import { online, stage } from "./stage.ts";

describe("MQTT: the event loop", () => {
  it("goes on while a write has failed and the end of the connection has not been read", async () => {
    for (let from = 2; from < 5; from++) {
      const network = memory({ room: 1_000_000 });
      let writes = 0;
      const transport: Transport = {
        ...network.transport,
        async connect(address, options) {
          const connection = await network.transport.connect(address, options);
          return {
            read: () => connection.read(),
            close: () => connection.close(),
            async write(bytes) {
              if (++writes >= from) throw new ConnectionError("write-failed", "the cable is cut");
              await connection.write(bytes);
            },
          };
        },
      };
      const { client, broker, clock } = stage({ transport });
      broker.accept = async () => {
        const end = await network.accept();
        await end.read();
        await end.write(fromHex("20020000"));
      };
      await Promise.all([clock.run(client.connect()), broker.accept()]);
      let ticks = 0;
      const ticking = setInterval(() => ticks++, 1);
      let failed: unknown;
      const publishing = (async () => {
        for (let i = 0; i < 2000; i++) await client.publish("t", "x".repeat(5000));
      })().catch((error) => failed = error);
      while (ticks < 20) await new Promise((resolve) => setTimeout(resolve, 1));
      clearInterval(ticking);
      await clock.run(client.loop(60)).catch(() => {});
      await clock.run(publishing as Promise<unknown>);
      assert(failed instanceof Error && !client.isConnected(), `write ${from}: ${failed}`);
      await client.deinit();
    }
  });
});

describe("MQTT: a peer that is slow", () => {
  for (
    const [name, bytes, count] of [
      ["one message of 4 MB", publish("large", "x".repeat(4_000_000)), 1],
      ["4,000 messages of 1 KB", publish("small", "x".repeat(1000)).repeat(4000), 4000],
    ] as const
  ) {
    it(`is not given up while ${name} come in at 400 KB/s, PINGRESP behind (paho.mqtt.python #914)`, async () => {
      const { client, broker, clock } = await online({ keepAlive: 3, recvTimeout: 2 }, { room: 1_000_000 });
      client.mqttMsg = 5_000_000;
      let seen = 0;
      client.onMessage = () => seen++;
      const whole = fromHex(bytes);
      let pings = 0;
      void (async () => {
        while (await broker.packet() === "c000") pings++;
      })();
      void (async () => {
        for (let at = 0; at < whole.length; at += 40_000) {
          await broker.connection.write(whole.subarray(at, at + 40_000));
          await new Promise<void>((resolve) => void clock.timer(clock.now() + 100, resolve));
        }
        await broker.send("d000".repeat(pings));
      })();
      await clock.run(client.loop(11));
      assertEquals([seen, client.isConnected(), pings >= 1], [count, true, true]);
    });
  }
});

describe("MQTT: a peer that reads nothing", () => {
  for (
    const [name, message] of [
      ["PUBREL", () => "62020001"],
      ["PUBREC", () => "50020001"],
      ["QoS 1", (i: number) => publish("a", "", { qos: 1, id: i % 65_535 + 1 })],
    ] as const
  ) {
    it(`and floods ${name} is read no more than its answers have room`, async () => {
      const { client, broker, clock } = await online({ keepAlive: 0 }, { room: 10_000 });
      const chunk = Array.from({ length: 1000 }, (_, i) => message(i)).join("");
      let taken = 0;
      void (async () => {
        for (; taken < 1000; taken++) await broker.send(chunk);
      })().catch(() => {});
      await clock.run(client.loop(5));
      assertLess(taken, 100, `${taken} thousand packets were read`);
      // It reads now, and so is read.
      void (async () => {
        while (await broker.connection.read() !== null);
      })().catch(() => {});
      // Time jumps from timer to timer: what comes takes turns of the event loop, and none of it.
      for (let i = 0; i < 100 && taken < 1000; i++) await clock.run(client.loop(1));
      assertEquals([taken, client.isConnected()], [1000, true]);
    });
  }
});

describe("MQTT: messages in unexpected order", () => {
  it("a retained one before the SUBACK reaches its callback (Adafruit_MQTT_Library #9) [MQTT-3.8.4-3]", async () => {
    const { client, broker, clock } = await online();
    const seen: string[] = [];
    client.addTopicCallback("lamp/#", (_client, topic, message) => seen.push(`${topic} ${message}`));
    const subscribing = client.subscribe("lamp/#");
    await broker.expect(subscribe(1, ["lamp/#", 0]));
    await broker.send(publish("lamp/1", "on", { retain: true }) + "9003000100");
    assertEquals(await clock.run(subscribing), [0]);
    assertEquals(seen, ["lamp/1 on"]);
  });

  it("one in a chunk with CONNACK reaches onMessage", async () => {
    const { client, broker, clock } = stage();
    const seen: string[] = [];
    client.onMessage = (_client, topic, message) => seen.push(`${topic} ${message}`);
    await Promise.all([
      clock.run(client.connect()),
      broker.welcome("20020000" + publish("early", "bird", { qos: 1, id: 7 })),
    ]);
    await clock.run(client.loop(0));
    assertEquals(seen, ["early bird"]);
    await broker.expect("40020007");
  });
});

describe("MQTT: a broker that answers pings and nothing else", () => {
  it("has every call end within its time, and disconnect() as well", async () => {
    const { client, broker, clock } = await online({ recvTimeout: 5 });
    void (async () => {
      for (let packet = await broker.packet(); packet !== ""; packet = await broker.packet()) {
        if (packet === "c000") await broker.send("d000");
      }
    })().catch(() => {});
    const calls = [
      client.publish("t", "x", false, 1),
      client.publish("t", "x", false, 2),
      client.subscribe("a"),
    ];
    const ends = calls.map((call) => call.then(() => undefined, (error) => error));
    for (const error of await clock.run(Promise.all(ends))) {
      assert(error instanceof MMQTTException, `${error}`);
    }
    assertEquals(clock.now(), 5000);
    await clock.run(client.disconnect());
    await settled();
    assertEquals(clock.armed, 0);
  });
});

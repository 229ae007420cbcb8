/**
 * Messages that come in an order nobody expects: a retained one before the SUBACK that it belongs to.
 * What comes in one chunk with CONNACK is in receive_test.ts.
 */
import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { publish } from "../../src/wire/wire.ts";
import { end, isSettled, online, settled } from "./stage.ts";

const KEPT = publish("lamp/1/state", "on", { retain: true });

describe("Client: a retained message before the SUBACK (Adafruit_MQTT_Library #9) [MQTT-3.8.4-3]", () => {
  it("reaches the only subscription, read by a loop or a callback", async () => {
    const stage = await online();
    const { broker, client } = stage;
    const seen: string[] = [];
    const streaming = client.subscribe("lamp/+/state");
    const listening = client.subscribe("lamp/#", { onMessage: (message) => seen.push(message.text()) });
    const packets = [await broker.packet(), await broker.packet()];
    assertEquals(packets.map((packet) => packet.slice(4, 8)), ["0001", "0002"]);
    await broker.send(KEPT + "9003000100" + KEPT + "9003000200");
    const stream = await streaming;
    await listening;
    await settled();
    assertEquals((await stream.next()).value?.text(), "on");
    assertEquals(seen.length >= 1, true);
    await end(stage);
  });

  it("reaches the new one beside an older one that matches as well", async () => {
    const stage = await online();
    const { broker, client } = stage;
    const older: string[] = [], newer: string[] = [];
    for (const [filter, id, list] of [["lamp/#", 1, older], ["lamp/1/#", 2, newer]] as const) {
      const subscribing = client.subscribe(filter, { onMessage: (message) => list.push(message.text()) });
      await broker.packet();
      await broker.send(KEPT + `9003000${id}00`);
      await subscribing;
    }
    await settled();
    assertEquals([older[0], newer], ["on", ["on"]]);
    await end(stage);
  });

  it("reaches one that is made again after a loss, with QoS 1 as well, and is acknowledged", async () => {
    const stage = await online({ random: () => 0.5 });
    const { broker, client, clock } = stage;
    const seen: string[] = [];
    const subscribing = client.subscribe("lamp/#", {
      qos: 1,
      onMessage: (message) => seen.push(message.text()),
    });
    await broker.packet();
    await broker.send("9003000101");
    await subscribing;
    await broker.close();
    const welcome = broker.welcome();
    await clock.advance(2000);
    await welcome;
    await broker.packet();
    await broker.send(publish("lamp/1/state", "again", { qos: 1, id: 9, retain: true }) + "9003000201");
    await broker.expect("40020009");
    assertEquals(seen, ["again"]);
    await end(stage);
  });

  it("reaches a subscription that fills its queue with them: subscribe() does not wait for what lies behind", async () => {
    const stage = await online({ receiving: { bytes: 100, messages: 2 } }, undefined, { room: 1_000_000 });
    const { broker, client } = stage;
    const subscribing = client.subscribe("lamp/#", { qos: 1 });
    await broker.packet();
    const messages = Array.from(
      { length: 50 },
      (_, i) => publish(`lamp/${i}`, `${i}`, { qos: 1, id: i + 1, retain: true }),
    );
    await broker.send(messages.join("") + "9003000101");
    assertEquals(await isSettled(subscribing), true);
    const stream = await subscribing;
    for (let i = 0; i < 50; i++) assertEquals((await stream.next()).value?.text(), `${i}`);
    await settled();
    assertEquals([stream.granted, client.dropped], [[1], 0]);
    await end(stage);
  });
});

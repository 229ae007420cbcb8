/**
 * Many filters in one call: for a broker that takes few in a packet, and for one that takes a hundred thousand.
 */
import { assertEquals, assertLess } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { MMQTTException, UsageError } from "@minimqtt/client";
import { settled } from "../../src/player/fake_clock.ts";
import { subscribe, unsubscribe } from "../../src/wire/wire.ts";
import { throwsWith } from "../assertions.ts";
import { online, stage } from "./stage.ts";

describe("MQTT: filtersPerPacket", () => {
  it("has subscribe() and unsubscribe() send as many filters in a packet, one packet after the other", async () => {
    const { broker, client, clock } = await online({ filtersPerPacket: 2 });
    const subscribed: string[] = [], unsubscribed: string[] = [];
    client.onSubscribe = (_client, _data, topic, qos) => subscribed.push(`${topic} ${qos}`);
    client.onUnsubscribe = (_client, _data, topic, pid) => unsubscribed.push(`${topic} ${pid}`);
    const subscribing = client.subscribe([["a", 0], ["b", 1], ["c", 2]]);
    await broker.expect(subscribe(1, ["a", 0], ["b", 1]));
    const next = broker.packet();
    assertEquals(await Promise.race([next, settled()]), undefined);
    await broker.send("9004000100" + "01");
    assertEquals(await next, subscribe(2, ["c", 2]));
    assertEquals(subscribed, []);
    await broker.send("9003000202");
    assertEquals(await clock.run(subscribing), [0, 1, 2]);
    assertEquals(subscribed, ["a 0", "b 1", "c 2"]);
    const unsubscribing = client.unsubscribe(["a", "b", "c"]);
    await broker.expect(unsubscribe(3, "a", "b"));
    await broker.send("b0020003");
    await broker.expect(unsubscribe(4, "c"));
    await broker.send("b0020004");
    await clock.run(unsubscribing);
    assertEquals(unsubscribed, ["a 3", "b 3", "c 4"]);
  });

  it("has reconnect() do so, and tells the first that was refused, whichever packet it was in (MM-108) (MM-152)", async () => {
    const { broker, client, clock } = await online({ filtersPerPacket: 1 });
    const subscribing = client.subscribe(["a", "b", "c"]);
    subscribing.catch(() => {});
    for (const [i, code] of ["00", "80", "01"].entries()) {
      await broker.expect(subscribe(i + 1, ["abc"[i]!, 0]));
      await broker.send(`9003000${i + 1}${code}`);
    }
    const error = await clock.run(subscribing).catch((error) => error);
    assertEquals(error instanceof MMQTTException && error.message, "SUBACK Failure for topic b: 0x80");
    const reconnecting = client.reconnect();
    await broker.expect("e000");
    await broker.expectEnd();
    await broker.welcome();
    for (const [i, topic] of ["a", "c"].entries()) {
      await broker.expect(subscribe(i + 4, [topic, 0]));
      await broker.send(`9003000${i + 4}00`);
    }
    assertEquals(await clock.run(reconnecting), 0);
  });

  it("is a number from 1 on, and all in one packet when absent", async () => {
    for (const filtersPerPacket of [0, -1, NaN, "8" as unknown as number]) {
      const error = throwsWith(() => stage({ filtersPerPacket }), UsageError, /filtersPerPacket/);
      assertEquals(error.code, "invalid-argument");
    }
    const { broker, client, clock } = await online();
    const subscribing = client.subscribe(["a", "b", "c"]);
    await broker.expect(subscribe(1, ["a", 0], ["b", 0], ["c", 0]));
    await broker.send("90050001000000");
    assertEquals(await clock.run(subscribing), [0, 0, 0]);
    const none = await client.subscribe([]).catch((error) => error);
    assertEquals(none instanceof UsageError && none.code, "invalid-argument");
  });
});

describe("MQTT: a hundred thousand filters in one call", () => {
  it("take time in proportion to their number", async () => {
    const { broker, client, clock } = await online();
    const topics = Array.from({ length: 100_000 }, (_, i) => `f/${i}`);
    const start = performance.now();
    const subscribing = client.subscribe(topics);
    const packet = await broker.packet();
    // Two bytes of identifier and 100,000 codes are 100,002 bytes: a2 8d 06.
    await broker.send("90a28d06" + "0001" + "00".repeat(topics.length));
    const granted = await clock.run(subscribing);
    assertEquals([packet.slice(0, 2), granted.length, granted.every((code) => code === 0)], [
      "82",
      100_000,
      true,
    ]);
    assertLess(performance.now() - start, 5000);
  });
});

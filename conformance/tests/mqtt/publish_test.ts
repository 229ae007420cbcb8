import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { MMQTTException, MMQTTStateError, type MQTT, UsageError } from "@minimqtt/client";
import { fromHex } from "../../src/wire/bytes.ts";
import { settled } from "../../src/player/fake_clock.ts";
import { rejectsWith } from "../assertions.ts";
import { online, type Stage } from "./stage.ts";

/** Calls `publish` with what the types forbid. */
function publish(client: MQTT, ...args: unknown[]): Promise<void> {
  return (client.publish as (...args: unknown[]) => Promise<void>).apply(client, args);
}

/** Disconnects, and fails when the client has sent anything that was not expected. */
async function nothingMore({ client, broker, clock }: Stage): Promise<void> {
  await clock.run(client.disconnect());
  await broker.expect("e000");
  await broker.expectEnd();
}

describe("publish(): order", () => {
  it("publish() sends what was published, subscribed and published in one turn in this order", async () => {
    const { client, broker, clock } = await online();
    const calls = [
      client.publish("t", "1", false, 1),
      client.publish("t", "2"),
      client.subscribe("t"),
      client.publish("t", 3),
      client.publish("t", "4", false, 2),
      client.unsubscribe("t").catch((error) => error),
    ];
    const running = clock.run(Promise.allSettled(calls));
    await broker.expect(
      "32060001740001 31".replace(" ", "") + "300400017432" + "8206000200017400" + "300400017433",
    );
    await broker.expect("3406000174000334");
    await broker.send("40020001 9003000200 50020003");
    await broker.expect("62020003");
    await broker.send("70020003");
    await running;
    assert(await calls[5] instanceof MMQTTStateError);
  });
});

describe("publish(): what it refuses", () => {
  it("publish() refuses a timeout that is no time, and sends nothing", async () => {
    const scene = await online();
    for (const timeout of [NaN, -1, Infinity, "5"]) {
      for (const qos of [0, 1]) {
        const publishing = publish(scene.client, "t", "x", { qos, timeout });
        await rejectsWith(publishing, UsageError, `timeout must be a number of seconds, not ${timeout}`);
      }
    }
    await nothingMore(scene);
  });
});

describe("publish(): onPublish", () => {
  it("publish() with QoS 1 calls onPublish when PUBACK has come, then resolves (MM-079)", async () => {
    const { client, broker } = await online({ userData: "mine" });
    const calls: unknown[] = [];
    client.onPublish = async (...args) => {
      await undefined;
      calls.push(args);
    };
    const publishing = client.publish("t", "hello", false, 1).then(() => calls.push("resolved"));
    await broker.expect("320a000174000168656c6c6f");
    await settled();
    assertEquals(calls, []);
    await broker.send("40020001");
    await publishing;
    assertEquals(calls, [[client, "mine", "t", 1], "resolved"]);
  });

  it("publish() rejects with what onPublish threw; the message is sent, the connection stays (MM-230)", async () => {
    for (const qos of [0, 1] as const) {
      const { client, broker, clock } = await online();
      const mine = new MMQTTException("mine");
      client.onPublish = () => {
        throw mine;
      };
      const publishing = clock.run(client.publish("t", "x", false, qos)).catch((error) => error);
      await broker.expect(["300400017478", "320600017400 0178"][qos]!);
      if (qos === 1) await broker.send("40020001");
      assertStrictEquals(await publishing, mine);
      assert(client.isConnected());
    }
  });
});

describe("publish(): packet identifiers", () => {
  it("publish() wraps from 65535 to 1, never uses 0, and skips what is under way (MM-085)", async () => {
    const { client, broker, clock } = await online({ recvTimeout: 1e6, keepAlive: 0 });
    const first = client.publish("t", "", false, 1);
    await broker.expect("32050001740001");
    const publishAll = async (ids: number[]) => {
      const publishing = clock.run(Promise.all(ids.map(() => client.publish("t", "", false, 1))));
      const hex = ids.map((id) => id.toString(16).padStart(4, "0"));
      await broker.expect(hex.map((id) => `3205000174${id}`).join(""));
      await broker.send(hex.map((id) => `4002${id}`).join(""));
      await publishing;
    };
    for (let from = 2; from <= 65_535; from += 1000) {
      await publishAll(Array.from({ length: Math.min(1000, 65_536 - from) }, (_, i) => from + i));
    }
    // 1 waits for its PUBACK still.
    await publishAll([2, 3]);
    await broker.send("40020001");
    await clock.run(first);
  });
});

describe("publish(): several at a time", () => {
  it("publish() of a hundred overlapping large messages never mixes their bytes (MM-089)", async () => {
    const { client, broker, clock } = await online({}, { room: 1000 });
    const running = clock.run(
      Promise.all(
        Array.from(
          { length: 100 },
          (_, i) => client.publish("t", new Uint8Array(1000 + i).fill(i), false, 1),
        ),
      ),
    );
    for (let i = 0; i < 100; i++) {
      const packet = fromHex(await broker.packet());
      const id = packet[6]! << 8 | packet[7]!;
      assertEquals([packet.length, id], [8 + 1000 + i, i + 1]);
      assert(packet.subarray(8).every((byte) => byte === i));
      await broker.send(`4002${id.toString(16).padStart(4, "0")}`);
    }
    await running;
  });
});

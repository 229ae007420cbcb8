import { assert, assertEquals, assertFalse } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { MMQTTException, type MQTT, ProtocolError, UsageError } from "@minimqtt/client";
import { fromHex, toHex } from "../../src/wire/bytes.ts";
import { settled } from "../../src/player/fake_clock.ts";
import { rejectsWith } from "../assertions.ts";
import { online, type Stage, stage } from "./stage.ts";

/** A remaining length as the standard writes it (section 2.2.3). */
function remainingLength(value: number): string {
  let hex = "";
  do {
    const digit = value % 128;
    value = (value - digit) / 128;
    hex += (digit | (value > 0 ? 128 : 0)).toString(16).padStart(2, "0");
  } while (value > 0);
  return hex;
}

/** The next `length` bytes that the broker gets: quicker than packets in hex. */
async function receive({ broker }: Stage, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const chunk = await broker.connection.read();
    assert(chunk !== null && at + chunk.length <= length);
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

describe("publish(): sizes", () => {
  it("publish() takes the limit as it is when it is called (MM-092)", async () => {
    const { client, clock } = await online();
    client.mqttMsg = 0;
    await clock.run(client.publish("t", ""));
    await rejectsWith(
      client.publish("t", "x"),
      UsageError,
      "Message size larger than configured limit 0 bytes.",
    );
    client.mqttMsg = 1;
    await clock.run(client.publish("t", "x"));
  });

  it("publish() refuses a message over the protocol's maximum, whatever the limit (MM-093)", async () => {
    const { client } = await online();
    const text = "Message size larger than protocol max 268435455 bytes.";
    const huge = new Uint8Array(268_435_456);
    for (const limit of [10, 268_435_455]) {
      client.mqttMsg = limit;
      for (const qos of [0, 1] as const) {
        const error = await rejectsWith(client.publish("t", huge, false, qos), UsageError, text);
        assertEquals(error.code, "payload-too-large");
      }
    }
  });

  it("publish() refuses topic and message that do not fit one packet together (MM-094)", async () => {
    const { client, broker } = await online();
    client.mqttMsg = 268_435_455;
    const huge = new Uint8Array(268_435_455);
    const cases = [[huge, 0], [huge, 1], [huge.subarray(2), 0], [huge.subarray(4), 1]] as const;
    for (const [message, qos] of cases) {
      const error = await rejectsWith(
        client.publish("t", message, false, qos),
        UsageError,
        /^invalid remaining length/,
      );
      assertEquals(error.code, "payload-too-large");
    }
    // No identifier was consumed, no byte sent.
    const publishing = client.publish("t", "x", false, 1).catch(() => {});
    await broker.expect("320600017400 0178");
    await client.deinit();
    await publishing;
  });

  it("publish() writes the remaining length in as few bytes as it takes (MM-095)", async () => {
    const scene = await online();
    for (const length of [3, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152]) {
      const publishing = scene.client.publish("t", "x".repeat(length - 3));
      const header = `30${remainingLength(length)}`;
      const packet = await receive(scene, header.length / 2 + length);
      await publishing;
      assertEquals(toHex(packet.subarray(0, header.length / 2 + 3)), `${header}000174`);
      assert(packet.subarray(header.length / 2 + 3).every((byte) => byte === 0x78));
    }
    await scene.clock.run(scene.client.disconnect());
    await scene.broker.expect("e000");
    assertEquals([127, 128, 16_383, 16_384, 2_097_151, 2_097_152].map(remainingLength), [
      "7f",
      "8001",
      "ff7f",
      "808001",
      "ffff7f",
      "80808001",
    ]);
  });

  it("loop() reads a remaining length of one to four bytes (MM-095)", async () => {
    const { client, broker, clock } = await online();
    const sizes: number[] = [];
    client.onMessage = (_client, _topic, message) => sizes.push(message.length);
    const lengths = [3, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152];
    for (const length of lengths) {
      const packet = new Uint8Array(length - 3).fill(0x78);
      const sending = broker.send(`30${remainingLength(length)}000174`)
        .then(() => broker.connection.write(packet));
      await clock.run(client.loop(1));
      await sending;
    }
    assertEquals(sizes, lengths.map((length) => length - 3));
  });
});

describe("loop(): the limit for what arrives", () => {
  /** Sends the beginning of a packet to a client whose limit is 10 bytes; gives what `loop` rejects with. */
  async function announced(hex: string, set = (client: MQTT) => void (client.mqttMsg = 10)) {
    const { client, broker, clock } = await online();
    set(client);
    const ends: number[] = [];
    client.onDisconnect = (_client, _userData, rc) => ends.push(rc);
    client.onMessage = () => assert(false, "onMessage ran");
    const looping = clock.run(client.loop(1)).then(() => null, (error) => error);
    await broker.send(hex);
    return { error: await looping, ends, client, broker };
  }

  it("loop() gives up the broker that announces more than the limit, before it sends it (MM-096)", async () => {
    const over = remainingLength(2 + 65_535 + 2 + 10 + 6);
    for (const hex of [`30${over}`, `32${over}0001`, "30ffffff7f", "90ffffff7f"]) {
      const { error, ends, client, broker } = await announced(hex);
      assert(error instanceof MMQTTException && error.cause instanceof ProtocolError, String(error));
      assertEquals([error.cause.code, ends, client.isConnected()], ["packet-too-large", [1], false]);
      await broker.expectEnd();
    }
  });

  it("loop() takes a message of the limit's size, whatever its topic (MM-096)", async () => {
    for (const topic of ["t", "t".repeat(65_535)]) {
      const { client, broker, clock } = await online();
      client.mqttMsg = 10;
      const sizes: number[] = [];
      client.onMessage = (_client, _topic, message) => sizes.push(message.length);
      const length = 2 + topic.length + 2 + 10;
      const field = topic.length.toString(16).padStart(4, "0") + "74".repeat(topic.length);
      const sending = broker.send(`32${remainingLength(length)}${field}0001${"78".repeat(10)}`);
      await clock.run(client.loop(1));
      await sending;
      assertEquals(sizes, [10]);
    }
  });
});

describe("publish(): large messages and slow brokers", () => {
  it("publish() sends a message of 3 MiB whole, through a connection that takes 1000 bytes at a time (MM-097)", async () => {
    for (const qos of [0, 1] as const) {
      const scene = await online({}, { room: 1000, chunkSize: 777 });
      const message = new Uint8Array(3 * 1024 * 1024);
      for (let i = 0; i < message.length; i++) message[i] = i * 31 + (i >> 8);
      const publishing = scene.client.publish("t", message, false, qos);
      const header = 1 + 4 + 3 + (qos === 1 ? 2 : 0);
      const packet = await receive(scene, header + message.length);
      assert(packet.subarray(header).every((byte, i) => byte === message[i]));
      if (qos === 1) await scene.broker.send("40020001");
      await publishing;
    }
  });

  it("publish() with QoS 0 resolves only when a slow broker has room for more (MM-097)", async () => {
    const { client, broker } = await online({}, { room: 1000 });
    const message = new Uint8Array(50_000);
    let resolved = 0;
    const all = Array.from({ length: 10 }, () => client.publish("t", message).then(() => resolved++));
    await settled();
    assert(resolved < 5, `${resolved} of 10 resolved while nobody reads`);
    for (let i = 0; i < 10; i++) assertEquals((await broker.packet()).length / 2, 1 + 3 + 3 + 50_000);
    await Promise.all(all);
  });

  it("publish() that waits for room rejects when the connection breaks (MM-186)", async () => {
    const { client, clock, network } = stage({}, { room: 1000 });
    const connecting = clock.run(client.connect());
    const connection = await network.accept();
    await connection.write(fromHex("20020000"));
    await connecting;
    const publishing = clock.run(Promise.all([
      client.publish("t", new Uint8Array(100_000)),
      client.publish("t", new Uint8Array(100_000)),
    ])).then(() => null, (error) => error);
    connection.reset();
    const error = await publishing;
    assert(error instanceof MMQTTException, String(error));
    assertFalse(client.isConnected());
  });
});

import { Buffer } from "node:buffer";
import { assert, assertEquals, assertFalse, assertStrictEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { MMQTTException, MMQTTStateError, type MQTT, ProtocolError, UsageError } from "@minimqtt/client";
import { settled } from "../src/fake_clock.ts";
import { rejectsWith } from "./assertions.ts";
import { online, type Stage, stage } from "./stage.ts";

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

/** Publishes QoS 0 and expects these bytes. */
async function sends(hex: string, ...args: unknown[]): Promise<void> {
  const scene = await online();
  await scene.clock.run(publish(scene.client, ...args));
  await scene.broker.expect(hex);
  await nothingMore(scene);
}

describe("publish(): bytes", () => {
  it("publish() sends topic and message with QoS 0 (MM-072)", async () => {
    await sends("300800017468656c6c6f", "t", "hello");
  });

  it("publish() sets bit 0 to retain, and clears with an empty message (MM-073)", async () => {
    await sends("310400017472", "t", "r", true);
    await sends("310400017472", "t", "r", { retain: true });
    await sends("3103000174", "t", "", true);
    await sends("3103000174", "t", new Uint8Array(0), true);
  });

  it("publish() sends the identifier behind the topic with QoS 1 (MM-074)", async () => {
    for (const byName of [false, true]) {
      const { client, broker, clock } = await online();
      const publishing = clock.run(
        byName ? client.publish("t", "hello", { qos: 1 }) : client.publish("t", "hello", false, 1),
      );
      await broker.expect("320a000174000168656c6c6f");
      await broker.send("40020001");
      await publishing;
      const retained = clock.run(client.publish("t", "", true, 1));
      await broker.expect("33050001740002");
      await broker.send("40020002");
      await retained;
    }
  });

  it("publish() sends text as UTF-8, bytes as they are, and what is empty (MM-075)", async () => {
    await sends("300b000374c3a968c3a96c6c6f", "té", "héllo");
    await sends("30060001740001ff", "t", Uint8Array.of(0, 1, 255));
    await sends("3003000174", "t", "");
    await sends("3003000174", "t", new Uint8Array(0));
    await sends("3006000174efbbbf", "t", "\ufeff");
  });

  it("publish() takes any kind of bytes (MM-076)", async () => {
    const bytes = Uint8Array.of(9, 0, 1, 255, 9);
    const hex = "30060001740001ff";
    for (
      const message of [
        bytes.subarray(1, 4),
        Buffer.from([0, 1, 255]),
        bytes.slice(1, 4).buffer,
        new DataView(bytes.buffer, 1, 3),
        new Int8Array([0, 1, -1]),
        new Uint8ClampedArray([0, 1, 255]),
      ]
    ) await sends(hex, "t", message);
    await sends("3007000174010000ff", "t", new Uint16Array(Uint8Array.of(1, 0, 0, 255).buffer));
  });

  it("publish() has copied its bytes when it returns, at every QoS (MM-076)", async () => {
    for (const make of [() => Uint8Array.of(1, 2), () => Buffer.from([1, 2])]) {
      for (const qos of [0, 1, 2] as const) {
        for (const debug of [false, true]) {
          const { client, broker } = await online();
          if (debug) client.onPublish = () => {};
          const bytes = make();
          const publishing = client.publish("t", bytes, false, qos).catch(() => {});
          bytes.fill(9);
          await broker.expect(["30050001740102", "320700017400010102", "340700017400010102"][qos]!);
          await client.disconnect();
          await publishing;
        }
      }
    }
  });

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

  it("publish() writes numbers by Python's rules (MM-077)", async () => {
    const cases: [number | bigint, string][] = [
      [0, "0"],
      [-0, "0"],
      [42, "42"],
      [-7, "-7"],
      [1.0, "1"],
      [1.5, "1.5"],
      [-0.1, "-0.1"],
      [0.1 + 0.2, "0.30000000000000004"],
      [1e15, "1000000000000000"],
      [123456789.125, "123456789.125"],
      [0.0001, "0.0001"],
      [0.00012345, "0.00012345"],
      [0.00001, "1e-05"],
      [1.5e-5, "1.5e-05"],
      [1e-7, "1e-07"],
      [-2.5e-10, "-2.5e-10"],
      [5e-324, "5e-324"],
      [1e16, "1e+16"],
      [1.5e16, "1.5e+16"],
      [1e21, "1e+21"],
      [1e100, "1e+100"],
      [Number.MAX_VALUE, "1.7976931348623157e+308"],
      [Number.MAX_SAFE_INTEGER, "9007199254740991"],
      [12345678901234567890n, "12345678901234567890"],
      [-(2n ** 100n), "-1267650600228229401496703205376"],
    ];
    const { client, broker, clock } = await online();
    for (const [number, text] of cases) {
      await clock.run(client.publish("t", number));
      const hex = Buffer.from(text).toString("hex");
      await broker.expect(`30${(3 + text.length).toString(16).padStart(2, "0")}000174${hex}`);
    }
  });
});

describe("publish(): what it refuses", () => {
  it("publish() demands a connection before everything else (MM-070)", async () => {
    const { client } = stage();
    for (const args of [[null, null], ["t", "x"], ["t", "x", 5, 5], ["#", {}]]) {
      await rejectsWith(publish(client, ...args), MMQTTStateError, "MiniMQTT is not connected");
    }
  });

  it("publish() refuses in the reference's order, in its words, and sends nothing (MM-071)", async () => {
    const scene = await online();
    const { client } = scene;
    client.mqttMsg = 10;
    const huge = new Uint8Array(268_435_456);
    const cases: [unknown[], string | RegExp, string][] = [
      [[null, null, 5, 5], "Topic may not be NoneType", "invalid-topic"],
      [[undefined, null], "Topic may not be NoneType", "invalid-topic"],
      [["", null, 5, 5], "Topic may not be empty.", "invalid-topic"],
      [[`#${"t".repeat(65_536)}`, null, 5, 5], "Encoded topic length is larger than 65535", "invalid-topic"],
      [["€".repeat(21_846), "x"], "Encoded topic length is larger than 65535", "invalid-topic"],
      [["a/#", null, 5, 5], "Publish topic can not contain wildcards.", "invalid-topic"],
      [["a/+/b", null], "Publish topic can not contain wildcards.", "invalid-topic"],
      [["t", null, 5, 5], "Message can not be None.", "invalid-argument"],
      [["t", undefined], "Message can not be None.", "invalid-argument"],
      [["t", {}, 5, 5], "Invalid message data type.", "invalid-argument"],
      [["t", huge, false, 5], "Message size larger than protocol max 268435455 bytes.", "payload-too-large"],
      [
        ["t", "x".repeat(11), false, 5],
        "Message size larger than configured limit 10 bytes.",
        "payload-too-large",
      ],
      [["t", "x", false, 5], "QoS must be between 1 and 2.", "invalid-argument"],
    ];
    for (const [args, text, code] of cases) {
      const error = await rejectsWith(publish(client, ...args), UsageError, text);
      assertEquals(error.code, code);
    }
    await nothingMore(scene);
  });

  it("publish() refuses a retain that is no boolean: who passes QoS third is told (MM-073)", async () => {
    const scene = await online();
    for (const retain of [0, 1, 2, "true", null]) {
      const text = `retain must be true or false, not ${retain}; qos comes behind it`;
      await rejectsWith(publish(scene.client, "t", "x", retain), UsageError, text);
      await rejectsWith(publish(scene.client, "t", "x", retain, 1), UsageError, text);
      await rejectsWith(publish(scene.client, "t", "x", { retain }), UsageError, text);
    }
    await nothingMore(scene);
  });

  it("publish() refuses what is neither text nor number nor bytes (MM-076, MM-077)", async () => {
    const scene = await online();
    for (const message of [[], [1, 2], {}, new Map(), true, false, () => {}, Symbol("x"), new Date()]) {
      await rejectsWith(publish(scene.client, "t", message), UsageError, "Invalid message data type.");
    }
    for (const message of [NaN, Infinity, -Infinity]) {
      await rejectsWith(publish(scene.client, "t", message), UsageError, `a message can not be ${message}`);
    }
    await nothingMore(scene);
  });

  it("publish() refuses U+0000 and lone surrogates before a byte leaves (MM-078)", async () => {
    const scene = await online();
    for (const topic of ["a\0b", "\0", "\ud800", "a\udc00", "\udc00\ud800"]) {
      for (const qos of [0, 1, 2]) {
        const error = await rejectsWith(
          publish(scene.client, topic, "x", false, qos),
          UsageError,
          /^Topic contains/,
        );
        assertEquals(error.code, "invalid-topic");
      }
    }
    for (const message of ["\ud800", "x\udfff"]) {
      for (const qos of [0, 1]) {
        const publishing = publish(scene.client, "t", message, false, qos);
        await rejectsWith(publishing, UsageError, /lone surrogate/);
      }
    }
    await nothingMore(scene);
  });

  it("publish() refuses any other QoS than 0, 1 and 2, booleans too (MM-087)", async () => {
    const scene = await online();
    for (const qos of [-1, 3, 256]) {
      const text = "QoS must be between 1 and 2.";
      await rejectsWith(publish(scene.client, "t", "x", false, qos), UsageError, text);
      await rejectsWith(publish(scene.client, "t", "x", { qos }), UsageError, text);
    }
    for (const qos of [1.5, NaN, "1", null, true, false, 1n]) {
      await rejectsWith(publish(scene.client, "t", "x", false, qos), UsageError, "QoS must be an integer.");
    }
    await nothingMore(scene);
  });

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

  it("publish() that refuses consumes no identifier (MM-085, MM-094)", async () => {
    const { client, broker } = await online();
    for (
      const args of [["", "x", false, 1], ["t", {}, false, 1], ["t", "\ud800", false, 1], [
        "t",
        "x",
        false,
        3,
      ]]
    ) {
      await publish(client, ...args).catch(() => {});
    }
    const publishing = client.publish("t", "x", false, 1).catch(() => {});
    await broker.expect("320600017400 0178");
    await client.deinit();
    await publishing;
  });
});

describe("publish(): onPublish", () => {
  it("publish() with QoS 0 calls onPublish with the identifier used last (MM-084)", async () => {
    const { client, broker, clock } = await online({ userData: "mine" });
    const calls: unknown[] = [];
    client.onPublish = (...args) => calls.push(args);
    await clock.run(client.publish("t", "x"));
    await broker.expect("300400017478");
    await Promise.all([
      clock.run(client.subscribe("s")),
      broker.expect("8206000100017300").then(() => broker.send("9003000100")),
    ]);
    await clock.run(client.publish("t", "x"));
    assertEquals(calls, [[client, "mine", "t", 0], [client, "mine", "t", 1]]);
  });

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

describe("publish(): acknowledgements that are wrong", () => {
  it("publish() rejects, and closes, when a PUBACK's length is not 2 (MM-081)", async () => {
    for (const hex of ["4000", "400100", "4003000100", "407f"]) {
      const { client, broker, clock } = await online();
      const ends: number[] = [];
      client.onDisconnect = (_client, _userData, rc) => ends.push(rc);
      const publishing = rejectsWith(
        clock.run(client.publish("t", "x", false, 1)),
        MMQTTException,
        "invalid PUBACK",
      );
      await broker.expect("320600017400 0178");
      await broker.send(hex);
      const { cause } = await publishing;
      assert(cause instanceof ProtocolError);
      assertFalse(client.isConnected());
      assertEquals([ends, clock.armed], [[1], 0]);
      await broker.expectEnd();
    }
  });
});

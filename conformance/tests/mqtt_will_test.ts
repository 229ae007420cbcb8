import { Buffer } from "node:buffer";
import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { MMQTTStateError, type MQTT, UsageError } from "@minimqtt/client";
import { throwsWith } from "./assertions.ts";
import { online, stage } from "./stage.ts";

/** The CONNECT of a client whose will is set by `set`. */
async function connectOf(set: (client: MQTT) => void, username?: string): Promise<string> {
  const { client, broker, clock } = stage(username === undefined ? {} : { username, password: "pass" });
  set(client);
  const connecting = clock.run(client.connect());
  await broker.accept();
  const packet = await broker.packet();
  await broker.send("20020000");
  await connecting;
  return packet;
}

/** The CONNECT of client `golden` with these flags and these fields behind its identifier. */
function connectWith(flags: string, fields: string): string {
  const length = (18 + fields.length / 2).toString(16).padStart(2, "0");
  return `10${length}00044d51545404${flags}003c0006676f6c64656e${fields}`;
}

const TOPIC = "000677696c6c2f74";
const GONE = `${TOPIC}0004676f6e65`;

/** Calls `willSet` with what the types forbid. */
function set(client: MQTT, ...args: unknown[]): void {
  (client.willSet as (...args: unknown[]) => void)(...args);
}

function refused(text: string | RegExp, code: string, ...args: unknown[]): void {
  const { client } = stage();
  assertEquals(throwsWith(() => set(client, ...args), UsageError, text).code, code);
}

describe("willSet(): bytes", () => {
  it("willSet() makes a will with QoS 0, not retained (MM-051)", async () => {
    assertEquals(await connectOf((client) => client.willSet("will/t", "gone")), connectWith("06", GONE));
  });

  it("willSet() takes retain and QoS, 2 as well (MM-052)", async () => {
    const flags = [["06", "0e", "16"], ["26", "2e", "36"]];
    for (const retain of [false, true]) {
      for (const qos of [0, 1, 2] as const) {
        const packet = connectWith(flags[Number(retain)]![qos]!, GONE);
        assertEquals(await connectOf((client) => client.willSet("will/t", "gone", retain, qos)), packet);
        const byObject = (client: MQTT) => client.willSet("will/t", "gone", { retain, qos });
        assertEquals(await connectOf(byObject), packet);
        const byName = (client: MQTT) => client.willSet({ topic: "will/t", payload: "gone", qos, retain });
        assertEquals(await connectOf(byName), packet);
      }
    }
  });

  it("willSet() takes an empty message, bytes and numbers (MM-052)", async () => {
    const messages = [
      ["", "0000"],
      [new Uint8Array(0), "0000"],
      [Uint8Array.of(0, 255), "000200ff"],
      [Uint8Array.of(9, 0, 255).subarray(1).buffer.slice(1), "000200ff"],
      [new DataView(Uint8Array.of(9, 0, 255).buffer, 1), "000200ff"],
      [42, "00023432"],
      [1.5, "0003312e35"],
      [12345678901234567890n, "00143132333435363738393031323334353637383930"],
      ["é€😀", "0009c3a9e282acf09f9880"],
    ] as const;
    for (const [message, field] of messages) {
      const packet = connectWith("06", TOPIC + field);
      assertEquals(await connectOf((client) => client.willSet("will/t", message)), packet);
    }
  });

  it("willSet() takes msg for payload by name, and makes an empty message of neither (MM-054)", async () => {
    const set = (will: Parameters<MQTT["willSet"]>[0] & object) =>
      connectOf((client) => client.willSet(will));
    assertEquals(await set({ topic: "will/t", msg: "gone" }), connectWith("06", GONE));
    assertEquals(await set({ topic: "will/t" }), connectWith("06", `${TOPIC}0000`));
  });

  it("willSet() copies the bytes it is given (MM-076)", async () => {
    for (const bytes of [Uint8Array.of(0, 255), Buffer.from([0, 255])]) {
      const packet = await connectOf((client) => {
        client.willSet("will/t", bytes);
        bytes.fill(7);
      });
      assertEquals(packet, connectWith("06", `${TOPIC}000200ff`));
    }
  });

  it("willSet() goes before user name and password (MM-021)", async () => {
    const packet = await connectOf((client) => client.willSet("will/t", "gone", true, 1), "user");
    assertEquals(packet, connectWith("ee", `${GONE}000475736572000470617373`));
  });

  it("willSet() consumes no packet identifier (MM-056)", async () => {
    const { client, broker, clock } = stage();
    client.willSet("will/t", "gone", true, 1);
    client.willSet("will/t", "gone", false, 2);
    await Promise.all([clock.run(client.connect()), broker.welcome()]);
    const subscribing = clock.run(client.subscribe("a/b"));
    await broker.expect("820800010003612f6200");
    await broker.send("9003000100");
    assertEquals(await subscribing, [0]);
  });
});

describe("willSet(): what it refuses", () => {
  it("willSet() says what is wrong with the topic, in the reference's words (MM-053)", () => {
    refused("Topic may not be NoneType", "invalid-topic", null, "x");
    refused("Topic may not be NoneType", "invalid-topic", undefined, "x");
    refused("Topic may not be empty.", "invalid-topic", "", "x");
    refused("Encoded topic length is larger than 65535", "invalid-topic", "t".repeat(65_536), "x");
    for (const topic of ["+", "a/#", "a/+/b"]) {
      refused("Publish topic can not contain wildcards.", "invalid-topic", topic, "x");
    }
    refused(/U\+0000/, "invalid-topic", "a\0b", "x");
    refused(/lone surrogate/, "invalid-topic", "a\ud800", "x");
    refused(/^Topic must be a string/, "invalid-topic", 5, "x");
  });

  it("willSet() says what is wrong with the message, in the reference's words (MM-053)", () => {
    for (const message of [null, undefined]) {
      refused("Message can not be None.", "invalid-argument", "t", message);
    }
    for (const message of [true, {}, [1], () => {}]) {
      refused("Invalid message data type.", "invalid-argument", "t", message);
    }
    refused("a message can not be NaN", "invalid-argument", "t", NaN);
    refused(/lone surrogate/, "invalid-argument", "t", "\udc00");
  });

  it("willSet() refuses a message over 65535 bytes at once (MM-055)", async () => {
    const text = "Last Will message size larger than 65535 bytes.";
    for (const message of ["x".repeat(65_536), "€".repeat(21_846), new Uint8Array(65_536)]) {
      refused(text, "payload-too-large", "t", message);
    }
    const packet = await connectOf((client) => client.willSet("t", "x".repeat(65_535)));
    assertEquals(packet.length / 2, 1 + 3 + 10 + 8 + 3 + 2 + 65_535);
  });

  it("willSet() refuses any other QoS than 0, 1 and 2 (MM-053)", () => {
    for (const qos of [-1, 3]) {
      refused("QoS must be between 1 and 2.", "invalid-argument", "t", "x", false, qos);
      refused("QoS must be between 1 and 2.", "invalid-argument", { topic: "t", payload: "x", qos });
    }
    for (const qos of [1.5, "1", true]) {
      refused("QoS must be an integer.", "invalid-argument", "t", "x", false, qos);
      refused("QoS must be an integer.", "invalid-argument", "t", "x", { qos });
    }
  });

  it("willSet() refuses the older order of its parameters, QoS before retain (MM-050)", () => {
    for (const args of [[1], [2], [0], [1, true], [0, true], ["x"]]) {
      const text = `retain must be true or false, not ${args[0]}; qos comes behind it`;
      refused(text, "invalid-argument", "t", "x", ...args);
    }
    refused("QoS must be an integer.", "invalid-argument", "t", "x", false, false);
  });

  it("willSet() checks state, topic, message, retain, size and QoS, in this order (MM-053)", async () => {
    const { client } = await online();
    const state = "Last Will should only be called before connect().";
    throwsWith(() => set(client, null, null, 5, 5), MMQTTStateError, state);
    refused("Topic may not be NoneType", "invalid-topic", null, null, 5, 5);
    refused("Publish topic can not contain wildcards.", "invalid-topic", "#", null, 5, 5);
    refused("Message can not be None.", "invalid-argument", "t", null, 5, 5);
    refused("Invalid message data type.", "invalid-argument", "t", {}, 5, 5);
    refused(/^retain must be/, "invalid-argument", "t", "x".repeat(65_536), 5, 5);
    refused(/^Last Will message/, "payload-too-large", "t", "x".repeat(65_536), true, 5);
    refused("QoS must be between 1 and 2.", "invalid-argument", "t", "x", true, 5);
  });

  it("willSet() that refuses leaves the will as it was (MM-053)", async () => {
    const packet = await connectOf((client) => {
      client.willSet("will/t", "gone");
      throwsWith(() => client.willSet("will/#", "other"), UsageError, /wildcards/);
      throwsWith(() => set(client, "other", "other", false, 3), UsageError, /QoS/);
    });
    assertEquals(packet, connectWith("06", GONE));
  });
});

describe("willSet(): when", () => {
  it("willSet() and willClear() are refused while connected (MM-053)", async () => {
    const { client } = await online();
    const text = "Last Will should only be called before connect().";
    throwsWith(() => client.willSet("t", "x"), MMQTTStateError, text);
    throwsWith(() => client.willClear(), MMQTTStateError, text);
  });

  it("willSet() is allowed as soon as a loss was noticed, and holds for reconnect() (MM-057)", async () => {
    const { client, broker, clock } = await online();
    await broker.close();
    await clock.run(client.loop(1)).catch(() => {});
    client.willSet("will/t", "gone");
    const reconnecting = clock.run(client.reconnect());
    await broker.accept();
    await broker.expect(connectWith("06", GONE));
    await broker.send("20020000");
    await reconnecting;
  });

  it("willSet() holds for every later connect, until willClear() (MM-058)", async () => {
    const { client, broker, clock } = stage();
    const connect = async () => {
      const connecting = clock.run(client.connect());
      await broker.accept();
      const packet = await broker.packet();
      await broker.send("20020000");
      await connecting;
      await clock.run(client.disconnect());
      return packet;
    };
    client.willSet("will/t", "gone", true, 1);
    for (let turn = 0; turn < 3; turn++) assertEquals(await connect(), connectWith("2e", GONE));
    client.willClear();
    assertEquals(await connect(), connectWith("02", ""));
    client.willClear();
    client.willSet("will/t", "gone");
    assertEquals(await connect(), connectWith("06", GONE));
  });

  it("disconnect() sends DISCONNECT, so that the broker drops the will (MM-059)", async () => {
    const { client, broker, clock } = stage();
    client.willSet("will/t", "gone");
    await Promise.all([clock.run(client.connect()), broker.welcome()]);
    await clock.run(client.disconnect());
    await broker.expect("e000");
    await broker.expectEnd();
  });

  it("a connection given up without disconnect() sends none, so that the will is published (MM-059)", async () => {
    const { client, broker, clock } = stage();
    client.willSet("will/t", "gone");
    await Promise.all([clock.run(client.connect()), broker.welcome()]);
    const looping = clock.run(client.loop(1)).catch(() => {});
    await broker.send("ff00");
    await looping;
    await broker.expectEnd();
  });
});

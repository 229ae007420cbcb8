import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { MMQTTException, MMQTTStateError, ProtocolError } from "@minimqtt/client";
import { settled } from "../src/fake_clock.ts";
import { rejectsWith } from "./assertions.ts";
import { exchange, recorded } from "./exchange.ts";
import { online } from "./stage.ts";
import { field, packet, publish, u16 } from "../src/wire.ts";

interface Fault {
  /** The behaviour's number. */
  readonly id: string;
  readonly name: string;
  /** What the broker sends, in hex. */
  readonly bytes: string;
  readonly text: string;
  readonly statement: string;
}

function fault(id: string, name: string, bytes: string, text: string, statement: string): Fault {
  return { id, name, bytes, text, statement };
}

const LENGTH = "invalid remaining length encoding";

const FAULTS: readonly Fault[] = [
  fault("MM-210", "a remaining length of five bytes", "308080808001", LENGTH, "section 2.2.3"),
  fault("MM-210", "a remaining length of 0 in five bytes", "308080808000", LENGTH, "section 2.2.3"),
  fault("MM-210", "a fourth byte of the length with bit 7 set", "30ffffffff", LENGTH, "section 2.2.3"),
  fault(
    "MM-211",
    "a topic longer than its packet",
    "30050004617879",
    "Topic length 4 in PUBLISH packet exceeds remaining length 5 - 2",
    "MQTT-3.3.2-1",
  ),
  fault("MM-212", "QoS 1 without room for the identifier", "3203000161", "Malformed PUBLISH", "MQTT-2.3.1-1"),
  fault("MM-212", "QoS 2 with half an identifier", "340400016100", "Malformed PUBLISH", "MQTT-2.3.1-1"),
  fault("MM-213", "a PUBLISH of nothing", "3000", "Malformed PUBLISH", "section 3.3.2"),
  fault("MM-213", "a PUBLISH of one byte", "300100", "Malformed PUBLISH", "section 3.3.2"),
  fault("MM-214", "an empty topic", "30020000", "Malformed PUBLISH: empty topic", "MQTT-4.7.3-1"),
  fault(
    "MM-214",
    "an empty topic with QoS 1",
    "320400000001",
    "Malformed PUBLISH: empty topic",
    "MQTT-4.7.3-1",
  ),
  ...["a/+", "+", "#", "a/#", "a+b"].map((topic) =>
    fault(
      "MM-215",
      `topic ${topic}`,
      publish(topic),
      "Malformed PUBLISH: wildcard in the topic",
      "MQTT-3.3.2-2",
    )
  ),
  fault(
    "MM-215",
    "U+0000 in the topic",
    publish("a\0b"),
    "Malformed PUBLISH: U+0000 in the topic",
    "MQTT-1.5.3-2",
  ),
  ...["c328", "eda080", "f4908080", "c080", "80"].map((topic) =>
    fault(
      "MM-128",
      `topic ${topic}, which is no UTF-8`,
      packet(0x30, u16(topic.length / 2) + topic),
      "Malformed PUBLISH: the topic is not valid UTF-8",
      "MQTT-1.5.3-1",
    )
  ),
  fault("MM-216", "QoS 3", packet(0x36, field("a") + "0001"), "Malformed PUBLISH: QoS 3", "MQTT-3.3.1-4"),
  fault(
    "MM-216",
    "QoS 3 with DUP",
    packet(0x3e, field("a") + "0001"),
    "Malformed PUBLISH: QoS 3",
    "MQTT-3.3.1-4",
  ),
  fault(
    "MM-217",
    "QoS 1 with identifier 0",
    publish("a", "x", { qos: 1, id: 0 }),
    "invalid PUBLISH: packet identifier 0",
    "MQTT-2.3.1-1",
  ),
  fault(
    "MM-217",
    "QoS 2 with identifier 0",
    publish("a", "x", { qos: 2, id: 0 }),
    "invalid PUBLISH: packet identifier 0",
    "MQTT-2.3.1-1",
  ),
  fault(
    "MM-218",
    "DUP with QoS 0",
    publish("a", "x", { dup: true }),
    "Malformed PUBLISH: DUP with QoS 0",
    "MQTT-3.3.1-2",
  ),
  ...([
    ["d100", "PINGRESP: flags 1, expected 0"],
    ["9103000100", "SUBACK: flags 1, expected 0"],
    ["41020001", "PUBACK: flags 1, expected 0"],
    ["52020001", "PUBREC: flags 2, expected 0"],
    ["60020001", "PUBREL: flags 0, expected 2"],
    ["63020001", "PUBREL: flags 3, expected 2"],
    ["78020001", "PUBCOMP: flags 8, expected 0"],
    ["b1020001", "UNSUBACK: flags 1, expected 0"],
    ["22020000", "CONNACK: flags 2, expected 0"],
  ] as const).map(([bytes, text]) =>
    fault("MM-219", `flags of ${bytes.slice(0, 2)}`, bytes, `invalid ${text}`, "MQTT-2.2.2-2")
  ),
  ...([
    ["0000", 0],
    ["101200044d5154540402003c0006676f6c64656e", 1],
    ["8206000100016100", 8],
    ["a2050001000161", 10],
    ["c000", 12],
    ["e000", 14],
    ["f000", 15],
  ] as const).map(([bytes, type]) =>
    fault(
      "MM-220",
      `a packet of type ${type}`,
      bytes,
      `a server never sends a packet of type ${type} (first byte 0x${bytes.slice(0, 2)})`,
      "MQTT-4.8.0-1",
    )
  ),
  fault("MM-222", "a second CONNACK", "20020000", "a second CONNACK", "section 3.2"),
  fault(
    "MM-222",
    "a second CONNACK that refuses",
    "20020005",
    "a second CONNACK",
    "section 3.2",
  ),
  fault(
    "MM-176",
    "a PINGRESP with a body",
    "d00100",
    "Unexpected PINGRESP returned from broker: 1.",
    "section 3.13.1",
  ),
  ...([
    ["4000", "PUBACK", "3.4.1"],
    ["4003000100", "PUBACK", "3.4.1"],
    ["5001", "PUBREC", "3.5.1"],
    [
      "6203000100",
      "PUBREL",
      "3.6.1",
    ],
    ["7000", "PUBCOMP", "3.7.1"],
    ["b003000100", "UNSUBACK", "3.11.1"],
  ] as const).map(([bytes, name, section]) =>
    fault(
      "MM-081",
      `a ${name} of ${Number(`0x${bytes.slice(2, 4)}`)} bytes`,
      bytes,
      `invalid ${name}`,
      `section ${section}`,
    )
  ),
  fault("MM-109", "a SUBACK without a code", "90020001", "invalid SUBACK", "MQTT-3.8.4-5"),
  fault(
    "MM-217",
    "a PUBACK with identifier 0",
    "40020000",
    "invalid PUBACK: packet identifier 0",
    "MQTT-2.3.1-1",
  ),
  fault("MM-223", "garbage", "deadbeef", "invalid PINGRESP: flags 14, expected 0", "MQTT-2.2.2-2"),
  fault("MM-223", "text", "48545450", "invalid PUBACK: flags 8, expected 0", "MQTT-2.2.2-2"),
];

describe("what a broker must not send", () => {
  for (const { id, name, bytes, text, statement } of FAULTS) {
    it(`loop() rejects, closes and sends nothing for ${name} (${id}) [${statement}]`, async () => {
      for (const chunkSize of [65_536, 1]) {
        const { client, broker, clock } = await online({ userData: "u" }, { chunkSize });
        const seen = recorded(client);
        const looping = rejectsWith(client.loop(60), MMQTTException, text);
        // What came before counts, what comes behind does not.
        const sending = broker.send(publish("good", "1") + bytes + publish("bad", "2", { qos: 1, id: 9 }))
          .catch(() => {});
        const { cause } = await looping;
        assert(cause instanceof ProtocolError);
        assertEquals(cause.statement, statement);
        assertEquals(seen, ["message good 1", "disconnect u 1"]);
        assertEquals([client.isConnected(), clock.now(), clock.armed], [false, 0, 0]);
        await broker.expectEnd();
        await rejectsWith(client.loop(), MMQTTStateError, "MiniMQTT is not connected");
        await sending;
      }
    });
  }

  for (
    const [name, call] of [
      ["publish", (client) => client.publish("t", "x", false, 1)],
      ["subscribe", (client) => client.subscribe("t")],
      ["ping", (client) => client.ping()],
    ] as [string, (client: Awaited<ReturnType<typeof online>>["client"]) => Promise<unknown>][]
  ) {
    it(`${name}() rejects the same way (MM-223)`, async () => {
      const { client, broker } = await online();
      const calling = rejectsWith(call(client), MMQTTException, "Malformed PUBLISH");
      await broker.packet();
      await broker.send("3000");
      await calling;
      await broker.expectEnd();
    });
  }

  it("connect() works again after a fault, with nothing left of the broken stream (MM-223)", async () => {
    const scene = await online();
    const { client, broker, clock } = scene;
    const seen = recorded(client);
    const looping = rejectsWith(client.loop(), MMQTTException, "Malformed PUBLISH: empty topic");
    await broker.send("30020000" + publish("a", "x").slice(0, 6));
    await looping;
    await Promise.all([clock.run(client.connect()), broker.welcome()]);
    assertEquals(await exchange(scene, client.loop(), ["", publish("a", "new")]), [48]);
    assertEquals(seen, ["disconnect undefined 1", "connect undefined 0 0", "message a new"]);
  });
});

describe("acknowledgements that nobody waits for (MM-221)", () => {
  for (
    const [name, bytes, answer] of [
      ["PUBACK", "4002abcd", ""],
      ["PUBREC", "5002abcd", "6202abcd"],
      ["PUBREL", "6202abcd", "7002abcd"],
      ["PUBCOMP", "7002abcd", ""],
      ["SUBACK", "9003abcd00", ""],
      ["UNSUBACK", "b002abcd", ""],
    ] as const
  ) {
    it(`loop() passes a ${name} for an unknown identifier over, with a warning (MM-221)`, async () => {
      const scene = await online();
      const warnings: string[] = [];
      scene.client.enableLogger({
        ...console,
        debug() {},
        info() {},
        warn: (text: string) => warnings.push(text),
      });
      const type = Number(`0x${bytes[0]}0`);
      assertEquals(await exchange(scene, scene.client.loop(), ["", bytes], [answer, ""]), [type]);
      assertEquals(warnings, [`ignored a packet of type 0x${bytes[0]}0 that nobody waits for`]);
      assertEquals(scene.client.isConnected(), true);
    });
  }

  it("publish() is not settled by an acknowledgement of another kind (MM-221)", async () => {
    const scene = await online();
    const call = scene.client.publish("t", "x", false, 1);
    const wrong = "50020001" + "70020001" + "9003000100" + "b0020001";
    let settledBy = "";
    call.then(() => settledBy = "?");
    await scene.broker.expect(publish("t", "x", { qos: 1 }));
    await scene.broker.send(wrong);
    await settled();
    assertEquals(settledBy, "");
    await scene.broker.send("40020001");
    await scene.clock.run(call);
  });
});

/** What a broker says in one connection, and what comes of it. */
const MESSAGES = [
  publish("a", "1"),
  publish("ünï", "grüß", { qos: 1, id: 300 }),
  publish("b", "", { qos: 2, id: 5, retain: true }),
  publish("c", "x".repeat(200)),
] as const;
const STREAM = MESSAGES[0] + "9003000101" + MESSAGES[1] + "d000" + "40020002" + MESSAGES[2] + "62020005" +
  MESSAGES[3] + "b0020003";

describe("a stream in pieces (MM-224)", () => {
  it("loop() gives the same for every place at which the stream is split (MM-224) (MM-232)", async () => {
    const outcome = async (...pieces: string[]) => {
      const scene = await online();
      const { client, broker, clock } = scene;
      const seen = recorded(client);
      const calls = clock.run(
        Promise.all([client.subscribe("s", 1), client.publish("p", "x", false, 1), client.loop()]),
      );
      for (const piece of pieces) await broker.send(piece);
      const [granted, , types] = await calls;
      // When a call that is answered goes on is the runtime's affair; the order of messages is not.
      return {
        granted,
        types,
        messages: seen.filter((line) => line.startsWith("message")),
        lines: seen.sort(),
      };
    };
    const whole = await outcome(STREAM);
    assertEquals(whole.messages, [
      "message a 1",
      "message ünï grüß",
      "message b ",
      "message c " + "x".repeat(200),
    ]);
    assertEquals(whole.lines.slice(4), ["publish undefined p 2", "subscribe undefined s 1"]);
    for (let at = 2; at < STREAM.length; at += 2) {
      assertEquals(await outcome(STREAM.slice(0, at), STREAM.slice(at)), whole, `split at ${at / 2}`);
    }
    assertEquals(await outcome(...STREAM.match(/../g)!), whole);
  });

  it("loop() tells the end for every place at which the stream is cut (MM-224) (MM-178)", async () => {
    const ends: number[] = [];
    for (let at = 0; at <= STREAM.length; at += 2) {
      const { client, broker, clock } = await online();
      let messages = 0;
      client.onMessage = () => messages++;
      const looping = rejectsWith(client.loop(60), MMQTTException, "Connection closed by broker");
      if (at > 0) await broker.send(STREAM.slice(0, at));
      await broker.close();
      await looping;
      assertEquals([clock.now(), client.isConnected()], [0, false]);
      if (messages > ends.length) ends.push(at / 2);
    }
    // A message is delivered as soon as its last byte has come.
    assertEquals(ends, MESSAGES.map((message) => (STREAM.indexOf(message) + message.length) / 2));
  });
});

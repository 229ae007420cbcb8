/** What a broker must not send: each closes, and the call rejects with the statement that was broken. */
import {
  area,
  call,
  callback,
  closed,
  expect,
  fails,
  online,
  returns,
  type Scenario,
  send,
} from "../player/scenario.ts";
import { field, packet, publish, u16 } from "../wire/wire.ts";

interface Fault {
  readonly behaviour: string;
  readonly what: string;
  readonly bytes: string;
  readonly statement: string;
  readonly cause?: "unexpected-packet";
  /** The reference's words, where it has some. */
  readonly text?: string;
}

const LENGTH = "invalid remaining length encoding";
const fault = (
  behaviour: string,
  what: string,
  bytes: string,
  statement: string,
  more: Pick<Fault, "cause" | "text"> = {},
): Fault => ({ behaviour, what, bytes, statement, ...more });

const FAULTS: readonly Fault[] = [
  fault("MM-210", "a remaining length of five bytes", "308080808001", "section 2.2.3", { text: LENGTH }),
  fault("MM-210", "a remaining length of 0 in five bytes", "308080808000", "section 2.2.3", { text: LENGTH }),
  fault("MM-210", "a fourth byte of the length with bit 7 set", "30ffffffff", "section 2.2.3", {
    text: LENGTH,
  }),
  fault("MM-211", "a topic longer than its packet", "30050004617879", "MQTT-3.3.2-1", {
    text: "Topic length 4 in PUBLISH packet exceeds remaining length 5 - 2",
  }),
  fault("MM-212", "QoS 1 without room for the identifier", "3203000161", "MQTT-2.3.1-1"),
  fault("MM-212", "QoS 2 with half an identifier", "340400016100", "MQTT-2.3.1-1"),
  fault("MM-213", "a PUBLISH of nothing", "3000", "section 3.3.2"),
  fault("MM-213", "a PUBLISH of one byte", "300100", "section 3.3.2"),
  fault("MM-214", "an empty topic", "30020000", "MQTT-4.7.3-1"),
  fault("MM-214", "an empty topic with QoS 1", "320400000001", "MQTT-4.7.3-1"),
  ...["a/+", "+", "#", "a/#", "a+b"].map((topic) =>
    fault("MM-215", `the topic ${topic}`, publish(topic), "MQTT-3.3.2-2")
  ),
  fault("MM-215", "U+0000 in the topic", publish("a\0b"), "MQTT-1.5.3-2"),
  ...["c328", "eda080", "f4908080", "c080", "80", "f8888080", "e282"].map((topic) =>
    fault(
      "MM-128",
      `the topic ${topic}, which is no UTF-8`,
      packet(0x30, u16(topic.length / 2) + topic),
      "MQTT-1.5.3-1",
    )
  ),
  fault("MM-216", "QoS 3", packet(0x36, field("a") + "0001"), "MQTT-3.3.1-4"),
  fault("MM-216", "QoS 3 with DUP", packet(0x3e, field("a") + "0001"), "MQTT-3.3.1-4"),
  fault("MM-217", "QoS 1 with identifier 0", publish("a", "x", { qos: 1, id: 0 }), "MQTT-2.3.1-1"),
  fault("MM-217", "QoS 2 with identifier 0", publish("a", "x", { qos: 2, id: 0 }), "MQTT-2.3.1-1"),
  fault("MM-217", "PUBACK with identifier 0", "40020000", "MQTT-2.3.1-1"),
  fault("MM-218", "DUP with QoS 0", publish("a", "x", { dup: true }), "MQTT-3.3.1-2"),
  ...[
    "d100",
    "9103000100",
    "41020001",
    "52020001",
    "60020001",
    "63020001",
    "78020001",
    "b1020001",
    "22020000",
  ].map(
    (bytes) => fault("MM-219", `the flags of ${bytes.slice(0, 2)}`, bytes, "MQTT-2.2.2-2"),
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
    fault("MM-220", `a packet of type ${type}`, bytes, "MQTT-4.8.0-1", { cause: "unexpected-packet" })
  ),
  fault("MM-222", "a second CONNACK", "20020000", "section 3.2", { cause: "unexpected-packet" }),
  fault("MM-222", "a second CONNACK that refuses", "20020005", "section 3.2", { cause: "unexpected-packet" }),
  fault("MM-176", "a PINGRESP with a body", "d00100", "section 3.13.1", {
    text: "Unexpected PINGRESP returned from broker: 1.",
  }),
  fault("MM-081", "a PUBACK of 0 bytes", "4000", "section 3.4.1"),
  fault("MM-081", "a PUBACK of 3 bytes", "4003000100", "section 3.4.1"),
  fault("MM-081", "a PUBREC of 1 byte", "500100", "section 3.5.1"),
  fault("MM-081", "a PUBREL of 3 bytes", "6203000100", "section 3.6.1"),
  fault("MM-081", "a PUBCOMP of 0 bytes", "7000", "section 3.7.1"),
  fault("MM-123", "an UNSUBACK of 3 bytes", "b003000100", "section 3.11.1"),
  fault("MM-109", "a SUBACK without a code", "90020001", "MQTT-3.8.4-5"),
  fault("MM-223", "garbage", "deadbeef", "MQTT-2.2.2-2"),
  fault("MM-223", "text", "48545450", "MQTT-2.2.2-2"),
];

/** Statements by number are of the inventory, sections are their own. */
const covered = ({ behaviour, statement }: Fault): string[] => {
  if (statement === "section 2.2.3") return [behaviour, "v3 §2.2.3"];
  return statement.startsWith("MQTT-") ? [behaviour, `v3 ${statement}`] : [behaviour];
};

export const malformed18: Scenario[] = area("18 malformed", [
  ...FAULTS.map((fault, i) => ({
    id: `malformed-${i + 1}`,
    name: `${fault.what}, ${fault.bytes}, closes [${fault.statement}]`,
    covers: [...covered(fault), "v3 MQTT-4.8.0-1"],
    steps: [
      ...online,
      call("ping"),
      expect("c000"),
      // What came before counts, what comes behind does not.
      send(publish("good", "1") + fault.bytes + publish("bad", "2", { qos: 1, id: 9 })),
      callback("onMessage", "good", "1"),
      closed,
      fails("MMQTTException", fault.text, {
        code: null,
        cause: fault.cause ?? ("malformed-packet" as const),
        statement: fault.statement,
      }),
      callback("onDisconnect", 1),
      call("isConnected"),
      returns(false),
    ],
  })),
  ...([
    ["publish", call("publish", "t", "x", false, 1), publish("t", "x", { qos: 1 })],
    ["subscribe", call("subscribe", "t"), "8206000100017400"],
  ] as const).map(([name, command, sent]) => ({
    id: `malformed-during-${name}`,
    name: `${name}() rejects for what is malformed just as ping() does`,
    covers: ["MM-223", "v3 MQTT-4.8.0-1"],
    steps: [
      ...online,
      command,
      expect(sent),
      send("3000"),
      closed,
      fails("MMQTTException", undefined, { cause: "malformed-packet" as const, statement: "section 3.3.2" }),
    ],
  })),
  {
    id: "malformed-and-again",
    name: "connect() works again after a fault, with nothing left of the broken stream",
    covers: ["MM-223", "MM-208"],
    steps: [
      ...online,
      call("ping"),
      expect("c000"),
      send("30020000" + publish("a", "x").slice(0, 6)),
      closed,
      fails("MMQTTException", undefined, { statement: "MQTT-4.7.3-1" }),
      ...online,
      call("ping"),
      expect("c000"),
      send(publish("a", "new") + "d000"),
      callback("onMessage", "a", "new"),
      returns([0x30, 0xd0]),
    ],
  },
]);

/** Several things under way at a time, and answers that are for none of them. */
import {
  accept,
  area,
  call,
  callback,
  closed,
  drop,
  expect,
  fails,
  named,
  online,
  returns,
  type Scenario,
  send,
  type Step,
} from "../player/scenario.ts";
import { packet, publish, subscribe } from "../wire/wire.ts";

const CLOSED = "Connection closed by broker";

/** CONNECT without a clean session, of this identifier. */
const keeping = (id: string) =>
  packet(
    0x10,
    `00044d5154540400003c000${id.length.toString(16)}` +
      [...id].map((c) => c.charCodeAt(0).toString(16)).join(""),
  );

const connects = (present: boolean, id = "golden"): readonly Step[] => [
  call("connect", false),
  accept,
  expect(keeping(id)),
  send(present ? "20020100" : "20020000"),
  returns(present ? 1 : 0),
];

export const inFlight21: Scenario[] = area("21 in flight", [
  {
    id: "flight-puback-for-qos-2",
    name: "PUBACK behind the PUBREC of a publish with QoS 2 ends the connection",
    covers: ["MM-083", "v3 MQTT-4.3.3-1", "v3 MQTT-4.3.3-2"],
    steps: [
      ...online,
      call("publish", "t", "x", false, 2),
      expect(publish("t", "x", { qos: 2 })),
      send("50020001"),
      expect("62020001"),
      send("40020001"),
      closed,
      fails("MMQTTException", "PUBACK 1 answers a message with QoS 2", {
        cause: "unexpected-packet",
        statement: "MQTT-4.3.3-2",
      }),
      callback("onDisconnect", 1),
    ],
  },
  {
    id: "flight-puback-for-qos-2-alone",
    name:
      "PUBACK for a publish with QoS 2 rejects it, and frees its identifier: a late PUBREC is nothing waited for",
    covers: ["MM-083", "v3 MQTT-4.3.3-1"],
    steps: [
      ...online,
      call("publish", "t", "x", false, 2),
      expect(publish("t", "x", { qos: 2 })),
      send("40020001"),
      fails("MMQTTException", "the broker acknowledged QoS 2 as QoS 1…", { cause: "qos-not-supported" }),
    ],
  },
  {
    id: "flight-topic-after-topic",
    name: "a topic is checked as well when another one was sent before it",
    covers: ["MM-071", "v3 MQTT-3.3.2-2"],
    steps: [
      ...online,
      call("publish", "a/b", "x"),
      expect(publish("a/b", "x")),
      returns(),
      call("publish", "a/+", "x"),
      fails("UsageError", "Publish topic can not contain wildcards.", { code: "invalid-topic" }),
      call("publish", "a/b", "y"),
      expect(publish("a/b", "y")),
      returns(),
    ],
  },
  {
    id: "flight-unsuback-for-subscribe",
    name: "UNSUBACK for a subscribe ends the connection",
    covers: ["MM-110", "v3 MQTT-3.8.4-2", "v3 MQTT-4.8.0-1"],
    steps: [
      ...online,
      call("subscribe", "s"),
      expect(subscribe(1, ["s", 0])),
      send("b0020001"),
      closed,
      fails("MMQTTException", "UNSUBACK 1 answers a SUBSCRIBE or UNSUBSCRIBE", {
        cause: "unexpected-packet",
        statement: "MQTT-4.8.0-1",
      }),
      callback("onDisconnect", 1),
    ],
  },
  {
    id: "flight-released-in-order-of-pubrec",
    name: "PUBREL is sent again in the order of the PUBRECs, not of the publishes",
    covers: ["MM-225", "v3 MQTT-4.6.0-4", "v3 MQTT-4.4.0-1"],
    steps: [
      ...connects(false),
      ...["1", "2", "3"].map((name) => named(name, call("publish", "t", name, false, 2))),
      expect([1, 2, 3].map((id) => publish("t", `${id}`, { qos: 2, id })).join("")),
      send("50020003" + "50020001"),
      expect("62020003" + "62020001"),
      drop(),
      ...["1", "2", "3"].map((of) => fails("MMQTTException", CLOSED, { of })),
      ...connects(true),
      expect(publish("t", "2", { qos: 2, id: 2, dup: true }) + "62020003" + "62020001"),
      call("ping"),
      expect("c000"),
      send("d000"),
      returns([0xd0]),
    ],
  },
  {
    id: "flight-of-another-client",
    name: "what was under way is not sent to the session of another client identifier",
    covers: ["MM-225"],
    only: ["memory", "transport"],
    steps: [
      ...connects(false),
      call("publish", "t", "x", false, 1),
      expect(publish("t", "x", { qos: 1 })),
      drop(),
      fails("MMQTTException", CLOSED),
      call("set", "clientId", "other"),
      ...connects(true, "other"),
      call("ping"),
      expect("c000"),
      send("d000"),
      returns([0xd0]),
    ],
  },
  {
    id: "flight-several-in-any-order",
    name: "answers in any order end the calls that they are for",
    covers: ["MM-083", "MM-085"],
    steps: [
      ...online,
      named("one", call("publish", "t", "1", false, 1)),
      named("two", call("publish", "t", "2", false, 1)),
      named("subscribe", call("subscribe", "s")),
      expect(publish("t", "1", { qos: 1 }) + publish("t", "2", { qos: 1, id: 2 }) + subscribe(3, ["s", 0])),
      send("9003000300" + "40020002"),
      returns([0], "subscribe"),
      returns(undefined, "two"),
      send("40020001"),
      returns(undefined, "one"),
    ],
  },
  {
    id: "flight-identifiers-go-on",
    name: "an identifier is not used again just because it is free: the counter goes on",
    covers: ["MM-085"],
    steps: [
      ...online,
      ...[1, 2, 3].flatMap((id) => [
        call("publish", "t", "x", false, 1),
        expect(publish("t", "x", { qos: 1, id })),
        send(`4002000${id}`),
        returns(),
      ]),
    ],
  },
]);

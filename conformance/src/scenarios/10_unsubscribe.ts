/** UNSUBSCRIBE and UNSUBACK. */
import {
  accept,
  area,
  at,
  call,
  callback,
  closed,
  expect,
  fails,
  nothing,
  online,
  returns,
  type Scenario,
  send,
  type Step,
  wait,
  when,
} from "../scenario.ts";
import { field, packet, publish, u16 } from "../wire.ts";

function subscribed(...topics: readonly string[]): readonly Step[] {
  return [
    ...online,
    call("subscribe", topics),
    expect(packet(0x82, "0001" + topics.map((topic) => `${field(topic)}00`).join(""))),
    send(packet(0x90, "0001" + "00".repeat(topics.length))),
    returns(topics.map(() => 0)),
  ];
}

function unsubscribe(id: number, ...topics: readonly string[]): string {
  return packet(0xa2, u16(id) + topics.map(field).join(""));
}

const UNTRACKED = "Topic must be subscribed to before attempting unsubscribe.";
const long = "f" + "o".repeat(257);
const many = Array.from({ length: 999 }, (_, i) => `foo/bar${String(i + 1).padStart(4, "0")}`);
const waiting: readonly Step[] = [...subscribed("a"), call("unsubscribe", "a"), expect(unsubscribe(2, "a"))];

export const unsubscribe10: Scenario[] = area("10 unsubscribe", [
  {
    id: "unsubscribe-short-topic",
    name: "unsubscribe() from a filter (short_topic)",
    covers: ["MM-115", "MM-120", "v3 MQTT-3.10.1-1", "v3 MQTT-3.10.4-4", "v3 MQTT-3.10.4-5"],
    steps: [
      ...subscribed("foo/bar"),
      call("unsubscribe", "foo/bar"),
      expect("a20b00020007666f6f2f626172"),
      send("b0020002"),
      callback("onUnsubscribe", "foo/bar", 2),
      returns(),
    ],
  },
  {
    id: "unsubscribe-long-topic",
    name: "unsubscribe() from a filter of 258 bytes (long_topic)",
    covers: ["MM-095", "MM-115"],
    steps: [
      ...subscribed(long),
      call("unsubscribe", long),
      expect("a286020002010266" + "6f".repeat(257)),
      send("b0020002"),
      callback("onUnsubscribe", long, 2),
      returns(),
    ],
  },
  {
    id: "unsubscribe-publish-first",
    name: "unsubscribe() delivers a message that comes before its UNSUBACK, one's own too (publish_first)",
    covers: ["MM-122", "MM-149", "v3 MQTT-3.10.4-2"],
    steps: [
      ...subscribed("foo/bar"),
      call("unsubscribe", "foo/bar"),
      expect("a20b00020007666f6f2f626172"),
      send("300c0007666f6f2f626172666f6fb0020002"),
      callback("onMessage", "foo/bar", "foo"),
      callback("onUnsubscribe", "foo/bar", 2),
      returns(),
    ],
  },
  {
    id: "unsubscribe-topic-list-long",
    name: "unsubscribe() from 999 filters sends one packet (topic_list_long)",
    covers: ["MM-095", "MM-115", "v3 MQTT-3.10.4-6"],
    steps: [
      ...subscribed(...many),
      call("unsubscribe", many),
      expect("a2bd650002" + many.map(field).join("")),
      send("b0020002"),
      ...many.map((topic) => callback("onUnsubscribe", topic, 2)),
      returns(),
    ],
  },
  {
    id: "unsubscribe-list",
    name: "unsubscribe() from a list, with wildcards letter by letter",
    covers: ["MM-115", "MM-120", "v3 MQTT-3.10.4-1"],
    steps: [
      ...subscribed("a/b", "c/+", "d/#", "a/+"),
      call("unsubscribe", ["a/b", "c/+", "d/#"]),
      expect("a21100020003612f620003632f2b0003642f23"),
      send("b0020002"),
      callback("onUnsubscribe", "a/b", 2),
      callback("onUnsubscribe", "c/+", 2),
      callback("onUnsubscribe", "d/#", 2),
      returns(),
    ],
  },
  {
    id: "unsubscribe-untracked",
    name:
      "unsubscribe() refuses a filter that was not subscribed, also beside one that was, and one that only matches",
    covers: ["MM-116", "v3 MQTT-3.10.4-1"],
    only: ["memory", "transport"],
    steps: [
      ...subscribed("a"),
      ...["b", ["a", "b"], "#"].flatMap((
        topic,
      ) => [call("unsubscribe", topic), fails("MMQTTStateError", UNTRACKED)]),
    ],
  },
  {
    id: "unsubscribe-after-resume",
    name: "unsubscribe() may name any filter once the broker has resumed a session",
    covers: ["MM-116"],
    steps: [
      call("connect", false),
      accept,
      expect("101200044d5154540400003c0006676f6c64656e"),
      send("20020100"),
      returns(1),
      call("unsubscribe", "a"),
      expect(unsubscribe(1, "a")),
      send("b0020001"),
      callback("onUnsubscribe", "a", 1),
      returns(),
    ],
  },
  {
    id: "unsubscribe-not-connected",
    name: "unsubscribe() asks for a connection before everything else",
    covers: ["MM-117"],
    only: ["memory", "transport"],
    steps: ["a", [], null].flatMap((topic) => [
      call("unsubscribe", topic),
      fails("MMQTTStateError", "MiniMQTT is not connected"),
    ]),
  },
  {
    id: "unsubscribe-from-nothing",
    name: "unsubscribe() refuses an empty list",
    covers: ["MM-118", "v3 MQTT-3.10.3-2"],
    steps: [...online, call("unsubscribe", []), fails("UsageError", undefined, { code: "invalid-argument" })],
  },
  {
    id: "unsubscribe-from-what-is-no-filter",
    name: "unsubscribe() refuses what is no filter, and sends nothing",
    covers: ["MM-119"],
    only: ["memory"],
    steps: [
      ...subscribed("a"),
      ...[null, undefined, 7, new Uint8Array(2), { topic: "a" }, [null], ["a", 7]].flatMap((topic) => [
        call("unsubscribe", topic),
        fails("UsageError"),
      ]),
      nothing,
    ],
  },
  {
    id: "unsubscribe-forgets",
    name: "unsubscribe() forgets the filters behind UNSUBACK",
    covers: ["MM-120"],
    only: ["memory", "transport"],
    steps: [
      ...waiting,
      send("b0020002"),
      returns(),
      call("unsubscribe", "a"),
      fails("MMQTTStateError", UNTRACKED),
    ],
  },
  {
    id: "unsubscribe-twice-in-a-list",
    name: "unsubscribe() sends a filter named twice once",
    covers: ["MM-121"],
    only: ["memory", "transport"],
    steps: [
      ...subscribed("a", "b"),
      call("unsubscribe", ["a", "b", "a"]),
      expect(unsubscribe(2, "a", "b")),
      send("b0020002"),
      callback("onUnsubscribe", "a", 2),
      callback("onUnsubscribe", "b", 2),
      returns(),
    ],
  },
  {
    id: "unsubscribe-messages-under-way",
    name: "messages of every QoS before and behind UNSUBACK are delivered and answered to their end",
    covers: ["MM-122", "v3 MQTT-3.10.4-2", "v3 MQTT-3.10.4-3"],
    steps: [
      ...waiting,
      send(publish("a", "0") + publish("a", "1", { qos: 1, id: 9 }) + publish("a", "2", { qos: 2, id: 10 })),
      callback("onMessage", "a", "0"),
      callback("onMessage", "a", "1"),
      callback("onMessage", "a", "2"),
      expect("40020009" + "5002000a"),
      send("b0020002"),
      returns(),
      call("ping"),
      expect("c000"),
      send("6202000a" + publish("a", "3", { qos: 1, id: 11 }) + "d000"),
      callback("onMessage", "a", "3"),
      expect("7002000a" + "4002000b"),
      returns([0x60, 0x30, 0xd0]),
    ],
  },
  {
    id: "unsubscribe-others-first",
    name: "unsubscribe() passes an UNSUBACK with another identifier, PINGRESP and SUBACK over",
    covers: ["MM-123", "MM-221", "v3 MQTT-2.3.1-7"],
    steps: [...waiting, send("b0020009" + "d000" + "9003000900" + "b0020001"), send("b0020002"), returns()],
  },
  ...["b000", "b00100", "b003000200"].map((unsuback) => ({
    id: `unsubscribe-answered-by-${unsuback}`,
    name: `unsubscribe() closes for an UNSUBACK of another length, ${unsuback}`,
    covers: ["MM-123"],
    steps: [
      ...waiting,
      send(unsuback),
      closed,
      fails("MMQTTException", "invalid UNSUBACK", { cause: "malformed-packet" as const }),
      callback("onDisconnect", 1),
    ],
  })),
  {
    id: "unsubscribe-answered-by-a-client",
    name: "unsubscribe() names the packet that a server may never send, and closes",
    covers: ["MM-123", "MM-220"],
    steps: [
      ...waiting,
      send("c000"),
      closed,
      ...at("engine", fails("MMQTTException", undefined, { cause: "unexpected-packet" })),
      ...at(
        ["memory", "transport"],
        fails("MMQTTException", "invalid message received as response to UNSUBSCRIBE: 0xc0"),
      ),
    ],
  },
  {
    id: "unsubscribe-unanswered",
    name: "unsubscribe() gives up after recvTimeout, and the filter stays subscribed",
    covers: ["MM-202", "MM-123"],
    only: ["memory"],
    steps: [
      ...waiting,
      wait(10_000),
      fails("MMQTTException", "No data received from broker for 10 seconds."),
      call("unsubscribe", "a"),
      expect(unsubscribe(3, "a")),
      send("b0020003"),
      returns(),
    ],
  },
  {
    id: "unsubscribe-inside-on-message",
    name: "unsubscribe() works inside onMessage, whose message is acknowledged behind it",
    covers: ["MM-124", "MM-135"],
    steps: [
      ...subscribed("a"),
      when("onMessage", { command: "unsubscribe", args: ["a"] }),
      call("ping"),
      expect("c000"),
      send(publish("a", "1", { qos: 1, id: 7 })),
      callback("onMessage", "a", "1"),
      expect(unsubscribe(2, "a")),
      send("b0020002"),
      callback("onUnsubscribe", "a", 2),
      expect("40020007"),
      send("d000"),
      returns([0x30, 0xb0, 0xd0]),
    ],
  },
]);

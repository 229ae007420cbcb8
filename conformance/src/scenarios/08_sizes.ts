/** Sizes: the remaining length, and limits. */
import {
  area,
  arrives,
  call,
  callback,
  closed,
  expect,
  fails,
  named,
  nothing,
  online,
  returns,
  type Scenario,
  send,
} from "../player/scenario.ts";
import { publish } from "../wire/wire.ts";

/** Remaining lengths on both sides of each boundary, and how they are written. */
const LENGTHS: readonly (readonly [length: number, hex: string])[] = [
  [3, "03"],
  [126, "7e"],
  [127, "7f"],
  [128, "8001"],
  [129, "8101"],
  [16_383, "ff7f"],
  [16_384, "808001"],
  [16_385, "818001"],
  [2_097_151, "ffff7f"],
  [2_097_152, "80808001"],
];

/** Lengths that are written in more bytes than they need. */
const PADDED = ["8300", "838000", "83808000"];

/** More than any buffer on the way holds at once, no two neighbours alike. */
const LARGE = Uint8Array.from({ length: 300_000 }, (_, i) => i % 251);

export const sizes08: Scenario[] = area("08 sizes", [
  ...LENGTHS.map(([length, hex]) => ({
    id: `sizes-sent-${length}`,
    name: `publish() writes the remaining length ${length} as ${hex}`,
    covers: ["MM-095", "v3 §2.2.3"],
    // Megabytes in hex are slow, and prove nothing more elsewhere.
    ...(length > 20_000 && { only: ["engine"] as const }),
    steps: [
      ...online,
      call("publish", "t", new Uint8Array(length - 3)),
      expect(`30${hex}000174${"00".repeat(length - 3)}`),
      returns(),
    ],
  })),
  ...LENGTHS.map(([length, hex]) => ({
    id: `sizes-received-${length}`,
    name: `a message with the remaining length ${length}, ${hex}, is taken`,
    covers: ["MM-095", "v3 §2.2.3"],
    options: { useBinaryMode: true },
    ...(length > 20_000 && { only: ["engine"] as const }),
    steps: [
      ...online,
      ...arrives(`30${hex}000174${"00".repeat(length - 3)}`),
      callback("onMessage", "t", new Uint8Array(length - 3)),
      returns([0x30, 0xd0]),
    ],
  })),
  ...PADDED.map((hex) => ({
    id: `sizes-padded-${hex}`,
    name: `a remaining length with more bytes than it needs, ${hex}, is taken: 3.1.1 does not forbid it`,
    covers: ["MM-095", "v3 §2.2.3"],
    steps: [...online, ...arrives(`30${hex}000174`), callback("onMessage", "t", ""), returns([0x30, 0xd0])],
  })),
  {
    id: "sizes-large-sent",
    name: "publish() of 300,000 bytes arrives whole, and in order with what is published behind it",
    covers: ["MM-097", "v3 §4.2", "v3 MQTT-7.1.2-1"],
    steps: [
      ...online,
      named("large", call("publish", "t", LARGE, false, 1)),
      named("small", call("publish", "t", "x", false, 1)),
      expect(publish("t", LARGE, { qos: 1 }) + publish("t", "x", { qos: 1, id: 2 })),
      send("4002000140020002"),
      returns(undefined, "large"),
      returns(undefined, "small"),
    ],
  },
  {
    id: "sizes-large-received",
    name: "a message of 300,000 bytes is received whole, and so is what comes behind it",
    covers: ["MM-097", "MM-179", "v3 §4.2", "v3 MQTT-7.1.2-1"],
    options: { useBinaryMode: true },
    steps: [
      ...online,
      ...arrives(publish("t", LARGE) + publish("t", "x")),
      callback("onMessage", "t", LARGE),
      callback("onMessage", "t", Uint8Array.of(0x78)),
      returns([0x30, 0x30, 0xd0]),
    ],
  },
  {
    id: "sizes-of-mqtt-msg",
    name: "mqttMsg is the limit for messages and that for topics, and set by a number",
    covers: ["MM-090", "MM-091"],
    only: ["memory"],
    steps: [
      call("get", "mqttMsg"),
      returns([10_000_000, 65_535]),
      ...[0, 268_435_455, 7].flatMap((size) => [
        call("set", "mqttMsg", size),
        call("get", "mqttMsg"),
        returns([size, 65_535]),
      ]),
      ...[-1, 1.5, NaN, Infinity, 268_435_456, "5", null, [5, 5], true].flatMap((size) => [
        call("set", "mqttMsg", size),
        fails("UsageError", undefined, { code: "invalid-argument" }),
      ]),
      call("get", "mqttMsg"),
      returns([7, 65_535]),
    ],
  },
  {
    id: "sizes-over-the-limit",
    name: "publish() refuses a message over the limit, counted in bytes, and takes one of its size",
    covers: ["MM-066", "MM-092"],
    only: ["memory"],
    steps: [
      ...online,
      call("set", "mqttMsg", 10),
      ...["x".repeat(11), "€€€é", new Uint8Array(11), 12345678901].flatMap((message) => [
        call("publish", "t", message),
        fails("UsageError", "Message size larger than configured limit 10 bytes.", {
          code: "payload-too-large",
        }),
      ]),
      nothing,
      ...["x".repeat(10), "€€€x"].flatMap((message) => [
        call("publish", "t", message),
        expect(publish("t", message)),
        returns(),
      ]),
    ],
  },
  {
    id: "sizes-of-default-limit",
    name: "publish() refuses 10000001 bytes as long as nobody has raised the limit",
    covers: ["MM-092"],
    only: ["memory"],
    steps: [
      ...online,
      call("publish", "t", new Uint8Array(10_000_001)),
      fails("UsageError", "Message size larger than configured limit 10000000 bytes."),
    ],
  },
  {
    id: "sizes-announced-too-large",
    name: "a packet that announces more than the limit closes before its body is sent",
    covers: ["MM-096", "v3 MQTT-4.8.0-2"],
    steps: [
      ...online,
      call("ping"),
      expect("c000"),
      send("30ffffff7f"),
      closed,
      fails("MMQTTException", undefined, { cause: "packet-too-large" }),
      callback("onDisconnect", 1),
    ],
  },
  {
    id: "sizes-announced-over-a-small-limit",
    name: "a message over mqttMsg and the room for its topic closes, one of the limit's size does not",
    covers: ["MM-096"],
    only: ["memory"],
    steps: [
      call("set", "mqttMsg", 5),
      ...online,
      ...arrives(publish("t", "12345")),
      callback("onMessage", "t", "12345"),
      returns([0x30, 0xd0]),
      call("ping"),
      expect("c000"),
      send("3080c004"),
      closed,
      fails("MMQTTException", undefined, { cause: "packet-too-large" }),
    ],
  },
]);

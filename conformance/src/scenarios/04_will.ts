/**
 * The will.
 *
 * Longer than 300 lines: one area, as data.
 */
import {
  accept,
  area,
  call,
  callback,
  closed,
  connects,
  disconnects,
  drop,
  expect,
  fails,
  online,
  returns,
  type Scenario,
  send,
  type Step,
} from "../player/scenario.ts";
import { connect, field } from "../wire/wire.ts";
import { toHex } from "../wire/bytes.ts";

const TOPIC = field("will/t");

const MESSAGES: readonly (readonly [what: string, message: unknown, bytes: string])[] = [
  ["empty text", "", ""],
  ["no bytes", new Uint8Array(0), ""],
  ["bytes", Uint8Array.of(0, 255), "00ff"],
  ["an integer", 42, "3432"],
  ["text of 1 to 4 bytes", "aé€😀", "61c3a9e282acf09f9880"],
  ["65535 bytes", "x".repeat(65_535), "78".repeat(65_535)],
];

/** What only `MQTT` takes. */
const INPUTS: readonly (readonly [what: string, message: unknown, bytes: string])[] = [
  ["a buffer", Uint8Array.of(0, 255).buffer, "00ff"],
  ["a data view", new DataView(Uint8Array.of(9, 0, 255).buffer, 1), "00ff"],
  ["a fraction", 1.5, "312e35"],
  ["a large integer", 12345678901234567890n, "3132333435363738393031323334353637383930"],
];

const refuses = (text: string, code: string, ...args: readonly unknown[]): readonly Step[] => [
  call("willSet", ...args),
  fails("UsageError", text, { code }),
];
const RETAIN = (given: unknown) => `retain must be true or false, not ${given}; qos comes behind it`;

export const will04: Scenario[] = area("04 will", [
  {
    id: "will-qos-0",
    name: "willSet() makes a will with QoS 0, not retained",
    covers: ["MM-051", "v3 MQTT-3.1.2-9"],
    steps: [call("willSet", "will/t", "gone"), ...connects(connect(0x06, TOPIC + field("gone")))],
  },
  {
    id: "will-qos-1-retained",
    name: "willSet() takes retain and then QoS, in publish()'s order",
    covers: ["MM-050", "MM-052"],
    steps: [call("willSet", "will/t", "gone", true, 1), ...connects(connect(0x2e, TOPIC + field("gone")))],
  },
  {
    id: "will-qos-2",
    name: "willSet() takes QoS 2",
    covers: ["MM-052"],
    steps: [call("willSet", "will/t", "gone", false, 2), ...connects(connect(0x16, TOPIC + field("gone")))],
  },
  ...[...MESSAGES, ...INPUTS].map(([what, message, bytes], i) => ({
    id: `will-of-${what.replaceAll(" ", "-")}`,
    name: `willSet() takes ${what} as message`,
    covers: ["MM-052", "MM-066"],
    ...(i >= MESSAGES.length && { only: ["memory", "transport"] as const }),
    steps: [
      call("willSet", "will/t", message),
      ...connects(connect(0x06, TOPIC + (bytes.length / 2).toString(16).padStart(4, "0") + bytes)),
    ],
  })),
  {
    id: "will-by-name",
    name: "willSet() takes an object, whose message may be missing",
    covers: ["MM-050", "MM-054"],
    only: ["memory"],
    steps: [
      call("willSet", { topic: "will/t", payload: "gone", qos: 1, retain: true }),
      ...connects(connect(0x2e, TOPIC + field("gone"))),
      ...disconnects,
      call("willSet", { topic: "will/t", msg: "gone" }),
      ...connects(connect(0x06, TOPIC + field("gone"))),
      ...disconnects,
      call("willSet", "will/t", "gone", { retain: true, qos: 2 }),
      ...connects(connect(0x36, TOPIC + field("gone"))),
      ...disconnects,
      call("willSet", { topic: "will/t" }),
      ...connects(connect(0x06, `${TOPIC}0000`)),
    ],
  },
  {
    id: "will-of-old-order",
    name: "willSet() refuses the older order of its parameters, QoS before retain",
    covers: ["MM-050"],
    only: ["memory"],
    steps: [[1], [2], [0], [1, true], ["x"]].flatMap((args) =>
      refuses(RETAIN(args[0]), "invalid-argument", "t", "x", ...args)
    ),
  },
  {
    id: "will-refused-in-order",
    name: "willSet() checks topic, message, retain, size and QoS, in this order and in the reference's words",
    covers: [
      "MM-053",
      "MM-055",
      "v3 MQTT-3.1.2-14",
      "v3 MQTT-3.1.3-10",
      "v3 MQTT-4.7.1-1",
      "v3 MQTT-4.7.3-1",
    ],
    only: ["memory"],
    steps: [
      ...refuses("Topic may not be NoneType", "invalid-topic", null, null, 5, 5),
      ...refuses("Topic may not be empty.", "invalid-topic", "", null, 5, 5),
      ...refuses(
        "Encoded topic length is larger than 65535",
        "invalid-topic",
        "t".repeat(65_536),
        null,
        5,
        5,
      ),
      ...refuses("Publish topic can not contain wildcards.", "invalid-topic", "a/#", null, 5, 5),
      ...refuses("Publish topic can not contain wildcards.", "invalid-topic", "+", null, 5, 5),
      call("willSet", 5, "x"),
      fails("UsageError", undefined, { code: "invalid-topic" }),
      ...refuses("Message can not be None.", "invalid-argument", "t", null, 5, 5),
      ...[true, [1], () => {}].flatMap((message) =>
        refuses("Invalid message data type.", "invalid-argument", "t", message)
      ),
      ...refuses("a message can not be NaN", "invalid-argument", "t", NaN),
      call("willSet", "t", "\udc00"),
      fails("UsageError", undefined, { code: "invalid-argument" }),
      ...refuses("Invalid message data type.", "invalid-argument", "t", {}, 5, 5),
      ...refuses(RETAIN(5), "invalid-argument", "t", "x".repeat(65_536), 5, 5),
      ...refuses(
        "Last Will message size larger than 65535 bytes.",
        "payload-too-large",
        "t",
        "x".repeat(65_536),
        true,
        5,
      ),
      ...refuses("QoS must be between 1 and 2.", "invalid-argument", "t", "x", true, 3),
      ...refuses("QoS must be between 1 and 2.", "invalid-argument", { topic: "t", payload: "x", qos: -1 }),
      ...[true, 1.5, "1"].flatMap((qos) =>
        refuses("QoS must be an integer.", "invalid-argument", "t", "x", true, qos)
      ),
      ...online,
    ],
  },
  {
    id: "will-topic-of-no-text",
    name: "willSet() refuses U+0000 and lone surrogates in its topic",
    covers: ["MM-053", "v3 MQTT-1.5.3-1", "v3 MQTT-1.5.3-2", "v3 MQTT-3.1.3-10"],
    only: ["memory"],
    steps: ["a\0b", "a\ud800", "\udc00"].flatMap((topic) => [
      call("willSet", topic, "x"),
      fails("UsageError", undefined, { code: "invalid-topic" }),
    ]),
  },
  {
    id: "will-refused-stays-as-it-was",
    name: "willSet() that refuses leaves the will as it was",
    covers: ["MM-053"],
    only: ["memory"],
    steps: [
      call("willSet", "will/t", "gone"),
      call("willSet", "will/#", "other"),
      fails("UsageError"),
      call("willSet", "other", "other", false, 3),
      fails("UsageError"),
      ...connects(connect(0x06, TOPIC + field("gone"))),
    ],
  },
  {
    id: "will-takes-no-identifier",
    name: "willSet() consumes no packet identifier",
    covers: ["MM-056", "v3 MQTT-2.3.1-1"],
    steps: [
      call("willSet", "will/t", "gone", true, 1),
      ...connects(connect(0x2e, TOPIC + field("gone"))),
      call("subscribe", "a/b"),
      expect("820800010003612f6200"),
      send("9003000100"),
      returns([0]),
    ],
  },
  {
    id: "will-while-connected",
    name: "willSet() and willClear() are refused while connected, before all other checks",
    covers: ["MM-053"],
    only: ["memory", "transport"],
    steps: [
      ...online,
      call("willSet", null, null, 5, 5),
      fails("MMQTTStateError", "Last Will should only be called before connect()."),
      call("willClear"),
      fails("MMQTTStateError", "Last Will should only be called before connect()."),
    ],
  },
  {
    id: "will-after-loss",
    name: "willSet() is allowed once a loss was noticed, and holds for reconnect()",
    covers: ["MM-057", "MM-156"],
    only: ["memory", "transport"],
    steps: [
      ...online,
      call("ping"),
      expect("c000"),
      drop(),
      fails("MMQTTException", "Connection closed by broker"),
      call("willSet", "will/t", "gone"),
      call("reconnect"),
      accept,
      expect(connect(0x06, TOPIC + field("gone"))),
      send("20020000"),
      returns(0),
    ],
  },
  {
    id: "will-stays-and-is-cleared",
    name: "willSet() holds for every later connect, until willClear() leaves no flag and no field of it",
    covers: ["MM-058", "MM-187", "v3 MQTT-3.1.2-11", "v3 MQTT-3.1.2-13", "v3 MQTT-3.1.2-15"],
    only: ["memory", "transport"],
    steps: [
      call("willSet", "will/t", "gone", true, 1),
      ...connects(connect(0x2e, TOPIC + field("gone"))),
      ...disconnects,
      ...connects(connect(0x2e, TOPIC + field("gone"))),
      ...disconnects,
      call("willClear"),
      ...connects(),
    ],
  },
  {
    id: "will-dropped-by-disconnect",
    name: "disconnect() sends DISCONNECT, at which the broker drops the will",
    covers: ["MM-059", "v3 MQTT-3.1.2-10", "v3 MQTT-3.14.4-3"],
    steps: [
      call("willSet", "will/t", "gone"),
      ...connects(connect(0x06, TOPIC + field("gone"))),
      ...disconnects,
      callback("onDisconnect", 0),
    ],
  },
  {
    id: "will-published-at-a-fault",
    name: "a connection that is given up gets no DISCONNECT, so that the broker publishes the will",
    covers: ["MM-059", "v3 MQTT-3.1.2-8", "v3 MQTT-4.8.0-1"],
    steps: [
      call("willSet", "will/t", "gone"),
      ...connects(connect(0x06, TOPIC + field("gone"))),
      call("ping"),
      expect("c000"),
      send("ff00"),
      closed,
      fails("MMQTTException"),
      callback("onDisconnect", 1),
    ],
  },
  {
    id: "will-whole-of-text",
    name: "a will counts its topic and message in bytes",
    covers: ["MM-066"],
    steps: [
      call("willSet", "é€😀", "\ufeff"),
      ...connects(
        connect(0x06, `0009${toHex(new TextEncoder().encode("é€😀"))}0003efbbbf`),
      ),
    ],
  },
]);

/**
 * PUBLISH with QoS 0: bytes, and what is refused.
 *
 * Longer than 300 lines: one area, as data.
 */
import {
  area,
  call,
  callback,
  expect,
  fails,
  nothing,
  online,
  returns,
  type Scenario,
  send,
} from "../player/scenario.ts";
import { field, publish, u16 } from "../wire/wire.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);

/** Message, and the bytes it becomes. */
const MESSAGES: readonly (readonly [what: string, message: unknown, bytes: Uint8Array, covers: string])[] = [
  ["text", "hello", bytesOf("hello"), "MM-072"],
  ["text of 1 to 4 bytes", "aé€😀", bytesOf("aé€😀"), "MM-066"],
  ["a byte order mark", "\ufeffx", Uint8Array.of(0xef, 0xbb, 0xbf, 0x78), "v3 MQTT-1.5.3-3"],
  ["U+0000", "a\0b", bytesOf("a\0b"), "MM-075"],
  ["empty text", "", bytesOf(""), "MM-075"],
  ["bytes", Uint8Array.of(0, 1, 255), Uint8Array.of(0, 1, 255), "MM-075"],
  ["no bytes", new Uint8Array(0), new Uint8Array(0), "MM-075"],
  [
    "a view in the middle of a buffer",
    Uint8Array.of(9, 0, 255, 9).subarray(1, 3),
    Uint8Array.of(0, 255),
    "MM-076",
  ],
];

/** What only `MQTT` takes. */
const INPUTS: readonly (readonly [what: string, message: unknown, bytes: Uint8Array, covers: string])[] = [
  ["a buffer", Uint8Array.of(0, 1, 255).buffer, Uint8Array.of(0, 1, 255), "MM-076"],
  ["a data view", new DataView(Uint8Array.of(9, 0, 255, 9).buffer, 1, 2), Uint8Array.of(0, 255), "MM-076"],
  ["signed bytes", new Int8Array([0, 1, -1]), Uint8Array.of(0, 1, 255), "MM-076"],
  ["words", new Uint16Array(Uint8Array.of(1, 0, 0, 255).buffer), Uint8Array.of(1, 0, 0, 255), "MM-076"],
];

/** Numbers as Python writes them. */
const NUMBERS: readonly (readonly [number: number | bigint, text: string])[] = [
  [0, "0"],
  [-0, "0"],
  [42, "42"],
  [-7, "-7"],
  [1.0, "1"],
  [1.5, "1.5"],
  [-0.1, "-0.1"],
  [0.1 + 0.2, "0.30000000000000004"],
  [1e15, "1000000000000000"],
  [0.0001, "0.0001"],
  [0.00001, "1e-05"],
  [1.5e-5, "1.5e-05"],
  [1e-7, "1e-07"],
  [5e-324, "5e-324"],
  [1e16, "1e+16"],
  [1.5e16, "1.5e+16"],
  [1e21, "1e+21"],
  [1e100, "1e+100"],
  [Number.MAX_SAFE_INTEGER, "9007199254740991"],
  [12345678901234567890n, "12345678901234567890"],
  [-(2n ** 100n), "-1267650600228229401496703205376"],
];

const refuses = (text: string | undefined, code: string, ...args: readonly unknown[]) => [
  call("publish", ...args),
  fails("UsageError", text, { code }),
];

/** Topics that may not be published to, and the reference's words. */
const TOPICS:
  readonly (readonly [what: string, topic: unknown, text: string | undefined, covers: readonly string[]])[] =
    [
      ["none", null, "Topic may not be NoneType", ["MM-071"]],
      ["an empty one", "", "Topic may not be empty.", ["MM-071", "v3 MQTT-4.7.3-1"]],
      ["one of 65536 bytes", "t".repeat(65_536), "Encoded topic length is larger than 65535", [
        "MM-071",
        "v3 MQTT-4.7.3-3",
      ]],
      ["one of 21846 times three bytes", "€".repeat(21_846), "Encoded topic length is larger than 65535", [
        "MM-066",
        "v3 MQTT-4.7.3-3",
      ]],
      ["one with #", "a/#", "Publish topic can not contain wildcards.", [
        "MM-071",
        "v3 MQTT-3.3.2-2",
        "v3 MQTT-4.7.1-1",
      ]],
      ["one with +", "a/+/b", "Publish topic can not contain wildcards.", [
        "MM-071",
        "v3 MQTT-3.3.2-2",
        "v3 MQTT-4.7.1-1",
      ]],
      ["one with U+0000", "a\0b", undefined, ["MM-078", "v3 MQTT-1.5.3-2", "v3 MQTT-4.7.3-2"]],
      ["one with half a character", "a\ud800", undefined, ["MM-078", "v3 MQTT-1.5.3-1"]],
      ["one with the halves turned round", "\udc00\ud800", undefined, ["MM-078", "v3 MQTT-1.5.3-1"]],
    ];

const slug = (what: string) =>
  what.toLowerCase().replaceAll(/[^a-z0-9+#]+/g, "-").replaceAll("+", "plus").replaceAll("#", "hash");

export const publish06: Scenario[] = area("06 publish", [
  {
    id: "publish-golden",
    name: "publish() with QoS 0 sends topic and message, without an identifier, and never as duplicate",
    covers: ["MM-072", "v3 MQTT-2.3.1-5", "v3 MQTT-3.3.1-2", "v3 MQTT-3.3.2-1", "v3 MQTT-4.3.1-1"],
    steps: [...online, call("publish", "t", "hello"), expect("300800017468656c6c6f"), returns()],
  },
  ...[...MESSAGES, ...INPUTS].map(([what, message, bytes, covers], i) => ({
    id: `publish-of-${slug(what)}`,
    name: `publish() sends ${what}`,
    covers: [covers, "MM-075"],
    ...(i >= MESSAGES.length && { only: ["memory", "transport"] as const }),
    steps: [...online, call("publish", "t", message), expect(publish("t", bytes)), returns()],
  })),
  {
    id: "publish-of-numbers",
    name: "publish() writes numbers as Python does",
    covers: ["MM-077"],
    only: ["memory", "transport"],
    steps: [
      ...online,
      ...NUMBERS.flatMap((
        [number, text],
      ) => [call("publish", "t", number), expect(publish("t", text)), returns()]),
    ],
  },
  {
    id: "publish-retained",
    name: "publish() sets bit 0 to retain",
    covers: ["MM-073"],
    steps: [...online, call("publish", "t", "r", true), expect("310400017472"), returns()],
  },
  {
    id: "publish-retained-by-name",
    name: "publish() takes retain by name",
    covers: ["MM-073"],
    steps: [...online, call("publish", "t", "r", { retain: true }), expect("310400017472"), returns()],
  },
  {
    id: "publish-clearing",
    name: "publish() sends an empty retained message, which clears the topic",
    covers: ["MM-073", "v3 MQTT-3.3.1-10"],
    steps: [...online, call("publish", "t", "", true), expect("3103000174"), returns()],
  },
  ...["té", "😀", "/", " ", "a//b", "$SYS/x", "\ufeff", "e\u0301", "x".repeat(65_535)].map((topic) => ({
    id: `publish-to-${
      topic.length > 9 ? "the-longest-topic" : [...bytesOf(topic)].map((byte) => byte.toString(16)).join("")
    }`,
    name: `publish() sends the topic ${topic.length > 9 ? "of 65535 bytes" : JSON.stringify(topic)} as it is`,
    covers: ["MM-066", "v3 MQTT-4.7.3-3", "v3 MQTT-4.7.3-4"],
    steps: [...online, call("publish", topic, "x"), expect(publish(topic, "x")), returns()],
  })),
  ...TOPICS.flatMap(([what, topic, text, covers]) =>
    [0, 1, 2].map((qos) => ({
      id: `publish-refuses-topic-${slug(what)}-${qos}`,
      name: `publish() with QoS ${qos} refuses ${what} as topic, sends nothing and takes no identifier`,
      covers: [...covers, "MM-085"],
      steps: [
        ...online,
        ...refuses(text, "invalid-topic", topic, "x", false, qos),
        call("subscribe", "a"),
        expect(`82060001${field("a")}00`),
        send("9003000100"),
        returns([0]),
      ],
    }))
  ),
  {
    id: "publish-not-connected",
    name: "publish() asks for a connection before everything else",
    covers: ["MM-070"],
    only: ["memory", "transport"],
    steps: [[null, null], ["t", "x"], ["t", "x", 5, 5], ["#", {}]].flatMap((args) => [
      call("publish", ...args),
      fails("MMQTTStateError", "MiniMQTT is not connected"),
    ]),
  },
  {
    id: "publish-refused-in-order",
    name: "publish() checks topic, message, retain, size and QoS, in this order and in the reference's words",
    covers: ["MM-071", "MM-087", "MM-092"],
    only: ["memory"],
    steps: [
      ...online,
      call("set", "mqttMsg", 10),
      ...refuses("Topic may not be NoneType", "invalid-topic", undefined, null, 5, 5),
      ...refuses("Topic may not be empty.", "invalid-topic", "", null, 5, 5),
      ...refuses(
        "Encoded topic length is larger than 65535",
        "invalid-topic",
        `#${"t".repeat(65_536)}`,
        null,
        5,
        5,
      ),
      ...refuses("Publish topic can not contain wildcards.", "invalid-topic", "a/#", null, 5, 5),
      ...refuses("Message can not be None.", "invalid-argument", "t", null, 5, 5),
      ...refuses("Message can not be None.", "invalid-argument", "t", undefined, 5, 5),
      ...refuses("Invalid message data type.", "invalid-argument", "t", {}, 5, 5),
      ...refuses(
        "retain must be true or false, not 5; qos comes behind it",
        "invalid-argument",
        "t",
        "x".repeat(11),
        5,
        5,
      ),
      ...refuses(
        "Message size larger than configured limit 10 bytes.",
        "payload-too-large",
        "t",
        "x".repeat(11),
        false,
        5,
      ),
      ...refuses("QoS must be between 1 and 2.", "invalid-argument", "t", "x", false, 5),
      nothing,
    ],
  },
  ...[[], [1, 2], {}, true, false].map((message, i) => ({
    id: `publish-refuses-message-${i + 1}`,
    name: `publish() refuses ${JSON.stringify(message)} as message`,
    covers: ["MM-076", "MM-077"],
    only: ["memory"] as const,
    steps: [...online, ...refuses("Invalid message data type.", "invalid-argument", "t", message), nothing],
  })),
  {
    id: "publish-refuses-no-number",
    name: "publish() refuses numbers that are not finite, and text with half a character",
    covers: ["MM-077", "v3 MQTT-1.5.3-1"],
    only: ["memory"],
    steps: [
      ...online,
      ...[NaN, Infinity, -Infinity].flatMap((message) =>
        refuses(`a message can not be ${message}`, "invalid-argument", "t", message)
      ),
      ...refuses(undefined, "invalid-argument", "t", "\ud800"),
      nothing,
    ],
  },
  {
    id: "publish-refuses-retain",
    name: "publish() refuses a retain that is no boolean: who passes QoS third is told",
    covers: ["MM-073"],
    only: ["memory"],
    steps: [
      ...online,
      ...[0, 1, 2, "true", null].flatMap((retain) =>
        refuses(
          `retain must be true or false, not ${retain}; qos comes behind it`,
          "invalid-argument",
          "t",
          "x",
          retain,
        )
      ),
      nothing,
    ],
  },
  ...[-1, 3, 256, 1.5, NaN, "1", null, true, 1n].map((qos) => ({
    id: `publish-refuses-qos-${qos}`.replaceAll(/[^a-z0-9-]/gi, "-") +
      (typeof qos === "string" ? "-text" : ""),
    name: `publish() refuses ${typeof qos} ${qos} as QoS`,
    covers: ["MM-087"],
    only: ["memory"] as const,
    steps: [
      ...online,
      ...refuses(
        typeof qos === "number" && Number.isInteger(qos)
          ? "QoS must be between 1 and 2."
          : "QoS must be an integer.",
        "invalid-argument",
        "t",
        "x",
        false,
        qos,
      ),
      nothing,
    ],
  })),
  {
    id: "publish-tells-last-identifier",
    name: "publish() with QoS 0 calls onPublish with the identifier used last, 0 before the first",
    covers: ["MM-084"],
    steps: [
      ...online,
      call("publish", "t", "x"),
      expect("300400017478"),
      callback("onPublish", "t", 0),
      returns(),
      call("subscribe", "s"),
      expect("8206000100017300"),
      send("9003000100"),
      returns([0]),
      call("publish", "t", "x"),
      expect("300400017478"),
      callback("onPublish", "t", 1),
      returns(),
    ],
  },
  {
    id: "publish-in-order",
    name: "what is published, subscribed and unsubscribed in one turn leaves in this order",
    covers: ["MM-085", "MM-089"],
    steps: [
      ...online,
      call("publish", "t", "1"),
      call("publish", "t", "2", false, 1),
      call("publish", "t", "3"),
      call("publish", "t", "4", false, 2),
      expect(
        publish("t", "1") + publish("t", "2", { qos: 1, id: 1 }) + publish("t", "3") +
          publish("t", "4", { qos: 2, id: 2 }),
      ),
      send(`4002${u16(1)}5002${u16(2)}`),
      expect("62020002"),
      send("70020002"),
    ],
  },
  {
    id: "publish-republished",
    name: "a message that came as duplicate and retained is passed on as neither",
    covers: ["v3 MQTT-3.3.1-3"],
    steps: [
      ...online,
      call("ping"),
      expect("c000"),
      send(publish("in", "x", { qos: 1, id: 7, dup: true, retain: true })),
      callback("onMessage", "in", "x", { duplicate: true, retain: true, qos: 1 }),
      expect("40020007"),
      call("publish", "out", "x", false, 1),
      expect(publish("out", "x", { qos: 1, id: 1 })),
      send("40020001d000"),
      returns(),
    ],
  },
]);

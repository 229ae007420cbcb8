/** `new MQTT()`: what it takes, and what it refuses. */
import { area, call, fails, nothing, online, returns, type Scenario, type Step } from "../player/scenario.ts";

const refuses = (options: Record<string, unknown>, text?: string): readonly Step[] => [
  call("new", options),
  fails("UsageError", text, { code: "invalid-argument" }),
];
const gives = (options: Record<string, unknown>, name: string, value: unknown): readonly Step[] => [
  call("new", options),
  call("get", name),
  returns(value),
];
const only = ["memory"] as const;

export const construction20: Scenario[] = area("20 construction", [
  {
    id: "construction-ports",
    name:
      "new MQTT() takes 1883 for plain and 8883 for secure connections; null and 0 are no port, a given one stays",
    covers: ["MM-001", "MM-002"],
    only,
    steps: [
      ...gives({}, "port", 1883),
      ...gives({ isSsl: true }, "port", 8883),
      ...gives({ port: null }, "port", 1883),
      ...gives({ port: 0, isSsl: true }, "port", 8883),
      ...[true, false, null].flatMap((isSsl) => gives({ isSsl, port: 9999 }, "port", 9999)),
      ...[1, 65_535].flatMap((port) => gives({ port }, "port", port)),
      ...[-1, 65_536, 1.5, NaN, Infinity, "1883", true].flatMap((port) => refuses({ port })),
    ],
  },
  {
    id: "construction-timeouts",
    name: "new MQTT() refuses recvTimeout up to socketTimeout, and what is no time",
    covers: ["MM-003"],
    only,
    steps: [
      ...[{ recvTimeout: 1, socketTimeout: 2 }, { recvTimeout: 2, socketTimeout: 2 }, { recvTimeout: 1 }]
        .flatMap(
          (options) => refuses(options, "recv_timeout must be strictly greater than socket_timeout"),
        ),
      ...[NaN, Infinity, -1, "5", true].flatMap((time) => [
        ...refuses({ recvTimeout: time }),
        ...refuses({ socketTimeout: time }),
        ...refuses({ retryDelay: time }),
      ]),
      call("new", { recvTimeout: 2.1, socketTimeout: 2 }),
      nothing,
    ],
  },
  {
    id: "construction-retries",
    name: "new MQTT() refuses connectRetries that are no positive integer",
    covers: ["MM-004"],
    only,
    steps: [0, -1, NaN, 1.5, Infinity, "3"].flatMap((connectRetries) =>
      refuses({ connectRetries }, "connect_retries must be positive")
    ),
  },
  {
    id: "construction-in-order",
    name: "new MQTT() checks time-outs, then retries, then the password",
    covers: ["MM-005", "MM-006"],
    only,
    steps: [
      ...refuses(
        { recvTimeout: 1, connectRetries: 0, username: "u", password: "p".repeat(65_536) },
        "recv_timeout must be strictly greater than socket_timeout",
      ),
      ...refuses(
        { connectRetries: 0, username: "u", password: "p".repeat(65_536) },
        "connect_retries must be positive",
      ),
      ...refuses({ username: "u", password: "p".repeat(65_536) }, "Password length is too large."),
    ],
  },
  {
    id: "construction-keep-alive",
    name: "new MQTT() and keepAlive refuse what is no integer from 0 to 65535",
    covers: ["MM-008"],
    only,
    steps: [
      ...[-1, 65_536, 1.5, NaN, Infinity, "60", true].flatMap((keepAlive) => refuses({ keepAlive })),
      ...[0, 1, 65_535].flatMap((keepAlive) => gives({ keepAlive }, "keepAlive", keepAlive)),
      call("set", "keepAlive", 65_536),
      fails("UsageError", undefined, { code: "invalid-argument" }),
      call("get", "keepAlive"),
      returns(65_535),
    ],
  },
  {
    id: "construction-broker",
    name: "new MQTT() takes names, addresses and URLs as broker, and refuses anything else",
    covers: ["MM-009", "MM-227"],
    only,
    steps: [
      ...gives({ broker: "localhost" }, "broker", "localhost"),
      ...gives({ broker: "192.0.2.1" }, "broker", "192.0.2.1"),
      ...gives({ broker: "::1" }, "broker", "::1"),
      ...gives({ broker: "[2001:db8::1]" }, "broker", "2001:db8::1"),
      ...gives({ broker: "mqtt://broker.example:1884" }, "broker", "broker.example"),
      call("get", "port"),
      returns(1884),
      ...gives({ broker: "mqtts://broker.example" }, "port", 8883),
      ...[null, "", 5, {}, "user:secret@host", "host/path", "ho st", "mqtt://", "mqtt://h:99999", "ftp://h"]
        .flatMap(
          (broker) => refuses({ broker }),
        ),
    ],
  },
  {
    id: "construction-identifiers",
    name: "new MQTT() refuses an identifier that no packet can carry",
    covers: ["MM-012", "v3 MQTT-1.5.3-1", "v3 MQTT-1.5.3-2", "v3 MQTT-3.1.3-4"],
    only,
    steps: ["a\0b", "a\ud800", "a".repeat(65_536), "€".repeat(21_846), 42].flatMap((clientId) =>
      refuses({ clientId })
    ),
  },
  {
    id: "construction-unknown-option",
    name: "new MQTT() refuses options it does not know",
    covers: ["MM-016"],
    only,
    steps: [...refuses({ socketPool: {} }), ...refuses({ keep_alive: 5 })],
  },
  {
    id: "construction-secure-or-not",
    name: "new MQTT() takes isSsl false and null for plain connections",
    covers: ["MM-002"],
    only,
    steps: [call("new", { isSsl: false }), ...online],
  },
  {
    id: "construction-session-id",
    name: "sessionId is kept, and does nothing",
    covers: ["MM-046"],
    only,
    steps: [
      call("new", { sessionId: "a" }),
      call("get", "sessionId"),
      returns("a"),
      call("connect", true, null, null, null, "b"),
      ...online.slice(1),
      call("get", "sessionId"),
      returns("b"),
    ],
  },
]);

/** CONNECT, and CONNACK that accepts. */
import {
  accept,
  area,
  arrives,
  at,
  call,
  callback,
  CONNECT,
  connects,
  disconnects,
  expect,
  fails,
  named,
  nothing,
  online,
  returns,
  type Scenario,
  send,
} from "../player/scenario.ts";
import { connect, field, packet } from "../wire/wire.ts";

/** Every combination of the five things that flags tell. */
function* combinations(): Generator<Omit<Scenario, "area">> {
  for (let set = 0; set < 32; set++) {
    const [will, retain, username, password, clean] = [1, 2, 4, 8, 16].map((bit) => (set & bit) !== 0);
    if ((password && !username) || (retain && !will)) continue;
    for (const qos of will ? [0, 1, 2] : [0]) {
      const flags = (clean ? 0x02 : 0) | (will ? 0x04 | qos << 3 | (retain ? 0x20 : 0) : 0) |
        (password ? 0x40 : 0) | (username ? 0x80 : 0);
      const hex = flags.toString(16).padStart(2, "0");
      const fields = (will ? field("w") + field("x") : "") + (username ? field("u") : "") +
        (password ? field("p") : "");
      yield {
        id: `connect-flags-${hex}`,
        name: `connect() sends the flags ${hex} for exactly what is there`,
        covers: ["MM-021", "v3 MQTT-3.1.2-3", "v3 MQTT-3.1.2-9", "v3 MQTT-3.1.2-11", "v3 MQTT-3.1.2-18"]
          .concat("v3 MQTT-3.1.2-19", "v3 MQTT-3.1.2-20", "v3 MQTT-3.1.2-21"),
        options: { ...(username && { username: "u" }), ...(password && { password: "p" }) },
        steps: [
          ...(will ? [call("willSet", "w", "x", retain, qos)] : []),
          ...connects(connect(flags, fields), clean),
        ],
      };
    }
  }
}

/** Client identifiers that are sent as they are. */
const IDENTIFIERS = {
  "of-letters-and-accents": "dev-é",
  "of-four-bytes": "😀",
  "of-a-byte-order-mark": "\ufeffid",
  "of-127-bytes-and-more": "c".repeat(120),
  "of-65535-bytes": "€".repeat(21_845),
};

export const connect01: Scenario[] = area("01 connect", [
  {
    id: "connect-defaults",
    name: "connect() sends clean session, keep alive 60 and the identifier as its first packet, and gives 0",
    covers: [
      "MM-020",
      "v3 MQTT-3.1.0-1",
      "v3 MQTT-3.1.2-1",
      "v3 MQTT-3.1.2-2",
      "v3 MQTT-3.1.3-3",
      "v3 MQTT-3.1.3-4",
    ],
    steps: [
      call("connect"),
      accept,
      expect("101200044d5154540402003c0006676f6c64656e"),
      send("20020000"),
      returns(0),
    ],
  },
  ...combinations(),
  {
    id: "connect-all-fields",
    name: "connect() sends identifier, will topic, will message, user name and password in this order",
    covers: ["MM-021", "v3 MQTT-3.1.3-1"],
    options: { username: "user", password: "pass" },
    steps: [
      call("willSet", "will/t", "gone", true, 1),
      ...connects(
        "102c00044d51545404ee003c0006676f6c64656e000677696c6c2f740004676f6e65000475736572000470617373",
      ),
    ],
  },
  {
    id: "connect-session-kept",
    name: "connect(false) clears the clean session flag",
    covers: ["MM-022"],
    steps: connects("101200044d5154540400003c0006676f6c64656e", false),
  },
  {
    id: "connect-session-kept-by-name",
    name: "connect({ cleanSession: false }) clears it too",
    covers: ["MM-022"],
    steps: connects("101200044d5154540400003c0006676f6c64656e", { cleanSession: false }),
  },
  {
    id: "connect-keep-alive-stays",
    name: "connect() keeps host, port and keepAlive that it was given once",
    covers: ["MM-023"],
    only: ["memory"],
    steps: [
      ...connects(connect(2, "", 300), true, "other.test", 1884, 300),
      ...disconnects,
      ...connects(connect(2, "", 300)),
      call("get", "broker"),
      returns("other.test"),
      call("get", "port"),
      returns(1884),
      call("get", "keepAlive"),
      returns(300),
    ],
  },
  {
    id: "connect-keep-alive-0",
    name: "connect({ keepAlive: 0 }) switches keep alive off; null and port 0 leave things as they are",
    covers: ["MM-023", "MM-170"],
    only: ["memory"],
    options: { keepAlive: 5, port: 1884 },
    steps: [
      ...connects(connect(2, "", 5), { host: null, port: 0, keepAlive: null }),
      ...disconnects,
      ...connects(connect(2, "", 0), { keepAlive: 0 }),
      call("get", "port"),
      returns(1884),
    ],
  },
  {
    id: "connect-keep-alive-65535",
    name: "connect() sends the longest keep alive",
    covers: ["MM-008"],
    options: { keepAlive: 65_535 },
    steps: connects(connect(2, "", 65_535)),
  },
  {
    id: "connect-empty-identifier",
    name: "connect() sends an empty client identifier with a clean session, and refuses it without",
    covers: ["MM-011", "v3 MQTT-3.1.3-6", "v3 MQTT-3.1.3-7"],
    options: { clientId: "" },
    steps: [
      call("connect", false),
      fails("UsageError", undefined, { code: "invalid-argument" }),
      ...connects("100c00044d5154540402003c0000"),
    ],
  },
  ...Object.entries(IDENTIFIERS).map(([what, clientId]) => ({
    id: `connect-identifier-${what}`,
    name: `connect() sends a client identifier ${what.replaceAll("-", " ")} as it is`,
    covers: ["MM-012", "MM-024", "MM-066", "v3 MQTT-1.5.3-3", "v3 MQTT-3.1.3-4"],
    options: { clientId },
    steps: connects(packet(0x10, "00044d5154540402003c" + field(clientId))),
  })),
  {
    id: "connect-flags-anew",
    name: "connect() sets its flags anew each time",
    covers: ["MM-024", "MM-065", "MM-187"],
    steps: [
      call("usernamePwSet", "user", "pass"),
      ...connects("101e00044d51545404c2003c0006676f6c64656e000475736572000470617373"),
      ...disconnects,
      call("usernamePwSet"),
      ...connects(),
    ],
  },
  {
    id: "connect-on-connect-first",
    name: "connect() calls onConnect with flags 0 and code 0",
    covers: ["MM-026"],
    steps: [...online, callback("onConnect", 0, 0)],
  },
  {
    id: "connect-session-present",
    name: "connect() gives 1, and onConnect gets it, where the broker has the session",
    covers: ["MM-031", "v3 MQTT-3.2.2-2", "v3 MQTT-3.2.2-3"],
    steps: [
      call("connect", false),
      accept,
      expect("101200044d5154540400003c0006676f6c64656e"),
      send("20020100"),
      returns(1),
      callback("onConnect", 1, 0),
    ],
  },
  {
    id: "connect-connack-in-pieces",
    name: "connect() waits for the rest of a CONNACK that comes byte by byte",
    covers: ["MM-041", "v3 §4.2", "v3 MQTT-7.1.2-1", "v3 MQTT-6.0.0-2"],
    steps: [call("connect"), accept, expect(CONNECT), ...["20", "02", "00", "00"].map(send), returns(0)],
  },
  {
    id: "connect-nothing-before-connack",
    name: "publish(), subscribe() and ping() are refused until CONNACK has come",
    covers: ["MM-048"],
    steps: [
      named("connecting", call("connect")),
      accept,
      expect(CONNECT),
      call("publish", "t", "x"),
      fails("MMQTTStateError", "MiniMQTT is not connected"),
      call("subscribe", "t"),
      fails("MMQTTStateError", "MiniMQTT is not connected"),
      call("ping"),
      fails("MMQTTStateError", "MiniMQTT is not connected"),
      ...at(
        ["memory", "transport"],
        call("unsubscribe", "t"),
        fails("MMQTTStateError", "MiniMQTT is not connected"),
      ),
      ...at("memory", call("loop", 1), fails("MMQTTStateError", "MiniMQTT is not connected")),
      ...at(
        ["memory", "transport"],
        call("disconnect"),
        fails("MMQTTStateError", "MiniMQTT is not connected"),
      ),
      send("20020000"),
      returns(0, "connecting"),
    ],
  },
  {
    id: "connect-while-connecting",
    name: "connect() while another connects is refused, and the first goes on",
    covers: ["MM-044", "MM-233", "v3 MQTT-3.1.0-2"],
    only: ["memory", "transport"],
    steps: [
      named("first", call("connect")),
      accept,
      expect(CONNECT),
      call("connect"),
      fails("MMQTTStateError", "MiniMQTT is already connecting"),
      send("20020000"),
      returns(0, "first"),
    ],
  },
  {
    id: "connect-while-connected",
    name: "connect() while connected is refused, and the connection stays as it is",
    covers: ["MM-044", "MM-045", "v3 MQTT-3.1.0-2"],
    steps: [
      ...online,
      call("connect"),
      fails("MMQTTStateError", "MiniMQTT is already connected"),
      call("isConnected"),
      returns(true),
      ...arrives(),
      returns([0xd0]),
    ],
  },
  {
    id: "connect-quietly",
    name: "connect() sends nothing beside CONNECT, and new MQTT() nothing at all",
    covers: ["MM-014"],
    steps: [call("isConnected"), returns(false), nothing, ...online, nothing],
  },
]);

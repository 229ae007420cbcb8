/** CONNACK that refuses, what is no CONNACK, and no CONNACK at all. */
import {
  accept,
  area,
  at,
  call,
  callback,
  closed,
  CONNECT,
  connects,
  drop,
  expect,
  fails,
  nothing,
  online,
  returns,
  type Scenario,
  send,
  type Step,
  wait,
} from "../player/scenario.ts";

const TEXTS: Readonly<Record<number, string>> = {
  1: "Incorrect Protocol Version",
  2: "ID Rejected",
  3: "Server unavailable",
  4: "Incorrect username/password",
  5: "Unauthorized",
};

/** A client that tries once gets these bytes in CONNACK's place. */
const answered = (...packets: readonly string[]): readonly Step[] => [
  call("connect"),
  accept,
  expect(CONNECT),
  ...packets.map(send),
];

/** It fails for good, and the connection is closed. */
const refused = (text: string, code: number): readonly Step[] => [
  closed,
  fails("MMQTTException", text, { code, cause: "connection-refused" }),
  call("isConnected"),
  returns(false),
];
const broken: readonly Step[] = [
  closed,
  fails("MMQTTException", "invalid CONNACK…", { code: null, cause: "malformed-packet" }),
];
const unexpected = (statement: string): readonly Step[] => [
  closed,
  fails("MMQTTException", undefined, { code: null, cause: "unexpected-packet", statement }),
];

const hex = (value: number) => value.toString(16).padStart(2, "0");
const once = { connectRetries: 1 };

/** Packets that a server may send, but not first. */
const EARLY: Readonly<Record<number, string>> = {
  3: "300a000472782f307a65726f20020000",
  4: "40020001",
  5: "50020001",
  6: "62020001",
  7: "70020001",
  9: "900300010020020000",
  11: "b002000120020000",
  13: "d00020020000",
};

function* refusals(): Generator<Omit<Scenario, "area">> {
  for (let code = 1; code < 256; code++) {
    const text = `Connection Refused - ${TEXTS[code] ?? `Unknown reason (${code})`}`;
    // Code 3 may be tried again: the client's own text is for the attempts.
    const ending = code === 3
      ? [
        ...at("engine", ...refused(text, code)),
        ...at(
          ["memory", "transport"],
          closed,
          fails("MMQTTException", "Connect failure", { code, cause: "connection-refused" }),
        ),
      ]
      : refused(text, code);
    yield {
      id: `refused-by-code-${code}`,
      name: `connect() rejects with ${
        TEXTS[code] ?? "Unknown reason"
      } and code ${code}, closes, and sends nothing`,
      covers: [code < 6 ? "MM-028" : "MM-029", "v3 MQTT-3.1.4-5"]
        .concat(code === 1 ? ["v3 MQTT-3.1.2-2"] : code === 2 ? ["v3 MQTT-3.1.3-8", "v3 MQTT-3.1.3-9"] : []),
      // Over a socket a few are enough.
      ...(code > 8 && code < 255 && { only: ["engine", "memory"] as const }),
      options: once,
      steps: [...answered(`200200${hex(code)}`), ...ending],
    };
  }
}

function* strange(): Generator<Omit<Scenario, "area">> {
  for (const first of ["2000", "200100", "2003000000", "20ffffff7f", "207f00"]) {
    yield {
      id: `refused-connack-of-length-${first}`,
      name: `connect() rejects a CONNACK of another length than 2, ${first}, as invalid, and closes`,
      covers: ["MM-030"],
      options: once,
      steps: [...answered(first), ...broken],
    };
  }
  for (const flags of [2, 3, 4, 8, 16, 32, 64, 128, 255]) {
    yield {
      id: `refused-connack-flags-${hex(flags)}`,
      name: `connect() rejects a CONNACK with the acknowledge flags ${hex(flags)}, and closes`,
      covers: ["MM-032", "v3 MQTT-2.2.2-2"],
      options: once,
      steps: [...answered(`2002${hex(flags)}00`), ...broken],
    };
  }
  for (const first of ["21", "22", "24", "28"]) {
    yield {
      id: `refused-connack-header-${first}`,
      name: `connect() rejects a CONNACK with the reserved header flags of ${first}, and closes`,
      covers: ["MM-032", "MM-219", "v3 MQTT-2.2.2-2"],
      options: once,
      steps: [...answered(`${first}020000`), ...broken],
    };
  }
  for (const [type, bytes] of Object.entries(EARLY)) {
    yield {
      id: `refused-packet-of-type-${type}-first`,
      name: `connect() rejects a packet of type ${type} before CONNACK, delivers nothing, and closes`,
      covers: ["MM-033", "v3 MQTT-3.2.0-1"],
      options: once,
      steps: [...answered(bytes), ...unexpected("MQTT-3.2.0-1")],
    };
  }
}

export const refused02: Scenario[] = area("02 refused", [
  ...refusals(),
  {
    id: "refused-then-closed",
    name: "connect() takes a refusal that a closing broker leaves behind",
    covers: ["MM-028", "MM-042", "v3 MQTT-3.2.2-5"],
    steps: [
      ...answered("20020005"),
      drop(),
      fails("MMQTTException", "Connection Refused - Unauthorized", { code: 5 }),
    ],
  },
  {
    id: "refused-with-session-present",
    name: "connect() takes a refusal with session present for a refusal",
    covers: ["MM-032", "v3 MQTT-3.2.2-4"],
    steps: [...answered("20020105"), ...refused("Connection Refused - Unauthorized", 5)],
  },
  {
    id: "refused-session-present-though-clean",
    name: "connect() rejects session present behind a clean session, and closes",
    covers: ["MM-032", "v3 MQTT-3.2.2-1"],
    options: once,
    steps: [
      ...answered("20020100"),
      ...unexpected("MQTT-3.2.2-1"),
    ],
  },
  ...strange(),
  ...["20020006", "2003000000", "d000", "f000"].map((bytes) => ({
    id: `refused-by-${bytes}-and-again`,
    name: `connect() works on the same client after ${bytes}`,
    covers: ["MM-029", "MM-030", "MM-043", "v3 MQTT-4.8.0-1"],
    options: once,
    steps: [...answered(bytes), closed, fails("MMQTTException"), ...online, callback("onConnect", 0, 0)],
  })),
  {
    id: "refused-by-second-connack",
    name: "a second CONNACK closes",
    covers: ["MM-222"],
    steps: [
      ...online,
      call("ping"),
      expect("c000"),
      send("20020000"),
      closed,
      fails("MMQTTException", undefined, { cause: "unexpected-packet", statement: "section 3.2" }),
    ],
  },
  {
    id: "refused-by-the-end",
    name: "connect() notices at once that the broker closes in CONNACK's place",
    covers: ["MM-042", "v3 MQTT-3.2.2-6"],
    options: once,
    steps: [
      ...answered(),
      drop(),
      ...at("engine", fails("MMQTTException", "Connection closed by broker", { cause: "closed" })),
      ...at(["memory", "transport"], fails("MMQTTException", "Connect failure", { cause: "closed" })),
    ],
  },
  {
    id: "refused-by-a-reset",
    name: "connect() notices at once that the connection is reset in CONNACK's place",
    covers: ["MM-042", "MM-204"],
    options: once,
    steps: [
      ...answered(),
      drop("reset"),
      ...at(
        "engine",
        fails("MMQTTException", "Unexpected error while waiting for messages", { cause: "read-failed" }),
      ),
      ...at(["memory", "transport"], fails("MMQTTException", "Connect failure", { cause: "read-failed" })),
    ],
  },
  {
    id: "refused-by-half-a-connack",
    name: "connect() notices at once that the broker closes in the middle of CONNACK",
    covers: ["MM-042"],
    options: once,
    steps: [
      ...answered("2002"),
      drop(),
      ...at("engine", fails("MMQTTException", "Connection closed by broker", { cause: "closed" })),
      ...at(["memory", "transport"], fails("MMQTTException", "Connect failure", { cause: "closed" })),
    ],
  },
  {
    id: "refused-after-recv-timeout",
    name: "connect() gives a broker up that does not answer within recvTimeout, and not before",
    covers: ["MM-041", "MM-202"],
    options: { connectRetries: 1, recvTimeout: 2 },
    steps: [
      ...answered(),
      wait(1999),
      nothing,
      wait(1),
      ...at("engine", fails("MMQTTException", undefined, { cause: "connack-timeout" })),
      ...at("memory", fails("MMQTTException", "Connect failure", { code: null, cause: "connack-timeout" })),
      closed,
    ],
  },
  {
    id: "refused-connack-too-slow",
    name: "connect() gives up a CONNACK that dribbles on beyond recvTimeout",
    covers: ["MM-041", "MM-082"],
    options: { connectRetries: 1, recvTimeout: 2 },
    steps: [
      ...answered("20"),
      wait(1000),
      send("02"),
      wait(900),
      send("00"),
      wait(100),
      fails("MMQTTException", undefined, { cause: "connack-timeout" }),
      closed,
    ],
  },
  {
    id: "refused-connack-in-time",
    name: "connect() takes a CONNACK whose last byte comes just in time",
    covers: ["MM-041"],
    options: { recvTimeout: 2 },
    steps: [...answered("200200"), wait(1999), send("00"), returns(0)],
  },
  {
    id: "refused-session-not-present",
    name: "connect(false) gives 0 where the broker has no session",
    covers: ["MM-031", "v3 MQTT-3.2.2-3"],
    steps: connects("101200044d5154540400003c0006676f6c64656e", false),
  },
]);

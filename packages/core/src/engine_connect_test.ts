import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ConnectionError, RefusedError, UsageError } from "./errors.ts";
import type { ConnectOptions } from "./packets.ts";
import {
  ACCEPTED,
  Bench,
  broke,
  bytes,
  CONNECT_OPTIONS,
  ending,
  fault,
  KEEP,
  PRESENT,
  publish,
} from "../tests/support.ts";

const CONNECT = "101200044d5154540402003c0006676f6c64656e";
const ONLINE = {
  type: "online",
  packet: 0x20,
  connack: { sessionPresent: false, returnCode: 0, reason: 0, receiveMaximum: 65_535 },
} as const;

describe("Engine", () => {
  it("begins offline, with nothing to send and nothing to wait for (MM-014)", () => {
    const { engine } = new Bench();
    assertEquals(engine.state, "offline");
    assertEquals([engine.pending, engine.lastId, engine.deadline], [0, 0, Infinity]);
    assertEquals(engine.next(), null);
    assertEquals(engine.take(0), null);
    assertEquals(engine.maxPacketSize, 10_065_546);
  });
});

describe("an alert of TLS in place of CONNACK", () => {
  it("says that the port speaks TLS; later it is a fault like any other (MM-199)", () => {
    const alert = "15030100020246";
    const bench = new Bench();
    bench.open();
    const error = fault(bench.receive(alert));
    assert(error instanceof ConnectionError);
    assertEquals([error.code, bench.state], ["tls-expected", "offline"]);
    broke(Bench.online().receive(alert), "MQTT-4.8.0-1");
  });
});

describe("opened()", () => {
  it("queues CONNECT, first of all packets, and waits for CONNACK [MQTT-3.1.0-1] (MM-020)", () => {
    const bench = new Bench();
    bench.open();
    assertEquals(bench.state, "connecting");
    assertEquals(bench.engine.pending, 20);
    assertEquals(bench.sent(), CONNECT);
    assertEquals(bench.engine.pending, 0);
    assertEquals(bench.pull(), []);
  });

  it("is refused while there is a connection, and changes nothing then [MQTT-3.1.0-2] (MM-044)", () => {
    const bench = new Bench();
    const refused = () =>
      assertEquals(assertThrows(() => bench.open(), UsageError).code, "already-connected");
    bench.open();
    refused();
    assertEquals(bench.sent(), CONNECT);
    bench.receive(ACCEPTED);
    refused();
    assertEquals([bench.state, bench.sent()], ["online", ""]);
    bench.engine.disconnect();
    refused();
    bench.engine.closed(null);
    refused();
    bench.pull();
    bench.open();
  });

  it("leaves no trace of an earlier CONNECT in the next (MM-024) (MM-186)", () => {
    const bench = new Bench();
    bench.open({
      username: "user",
      password: "pass",
      will: { topic: "w", payload: "x", qos: 2, retain: true },
    });
    bench.sent();
    bench.drop();
    bench.open();
    assertEquals(bench.sent(), CONNECT);
    bench.drop();
    // Nor of one that was never taken.
    bench.open({ clientId: "other" });
    bench.drop();
    bench.open();
    assertEquals(bench.sent(), CONNECT);
    const other = new Bench();
    other.open({ cleanSession: false });
    assertEquals(other.sent().slice(16, 20), "0400");
  });

  const wrong: [string, Partial<ConnectOptions>, UsageError["code"], string][] = [
    [
      "an empty client identifier without a clean session [MQTT-3.1.3-7] (MM-011)",
      {
        clientId: "",
        cleanSession: false,
      },
      "invalid-argument",
      "MQTT-3.1.3-7",
    ],
    [
      "U+0000 in the client identifier [MQTT-1.5.3-2] (MM-012)",
      { clientId: "a\0" },
      "invalid-argument",
      "U+0000",
    ],
    [
      "half a surrogate pair in the client identifier [MQTT-1.5.3-1] (MM-012)",
      {
        clientId: "a\ud800",
      },
      "invalid-argument",
      "surrogate",
    ],
    [
      "65536 bytes of client identifier (MM-012)",
      {
        clientId: "c".repeat(65_536),
      },
      "invalid-argument",
      "65535",
    ],
    [
      "21846 times € as client identifier (MM-066)",
      {
        clientId: "€".repeat(21_846),
      },
      "invalid-argument",
      "65535",
    ],
    ["keep alive -1 (MM-008)", { keepAlive: -1 }, "invalid-argument", "keepAlive"],
    ["keep alive 65536 (MM-008)", { keepAlive: 65_536 }, "invalid-argument", "keepAlive"],
    ["keep alive 1.5 (MM-008)", { keepAlive: 1.5 }, "invalid-argument", "keepAlive"],
    ["keep alive NaN (MM-008)", { keepAlive: NaN }, "invalid-argument", "keepAlive"],
    [
      "a password without a user name [MQTT-3.1.2-22] (MM-063)",
      {
        password: "p",
      },
      "invalid-argument",
      "Password requires a username",
    ],
    [
      "a user name of 65536 bytes (MM-007)",
      {
        username: "u".repeat(65_536),
      },
      "invalid-argument",
      "Username length is too large.",
    ],
    [
      "a password of 65536 bytes (MM-006)",
      {
        username: "u",
        password: new Uint8Array(65_536),
      },
      "invalid-argument",
      "Password length is too large.",
    ],
    ["U+0000 in the user name [MQTT-1.5.3-2]", { username: "\0" }, "invalid-argument", "U+0000"],
    [
      "half a surrogate pair in the user name [MQTT-3.1.3-11]",
      {
        username: "\udc00",
      },
      "invalid-argument",
      "surrogate",
    ],
    [
      "half a surrogate pair in the password",
      {
        username: "u",
        password: "\udc00",
      },
      "invalid-argument",
      "password",
    ],
    [
      "a will with an empty topic (MM-053)",
      {
        will: { topic: "", payload: "" },
      },
      "invalid-topic",
      "Topic may not be empty.",
    ],
    [
      "a will with a wildcard (MM-053)",
      {
        will: { topic: "a/+", payload: "" },
      },
      "invalid-topic",
      "Publish topic can not contain wildcards.",
    ],
    [
      "a will with U+0000 in its topic [MQTT-3.1.3-10]",
      {
        will: { topic: "a\0", payload: "" },
      },
      "invalid-topic",
      "U+0000",
    ],
    [
      "a will payload of 65536 bytes (MM-055)",
      {
        will: { topic: "w", payload: new Uint8Array(65_536) },
      },
      "payload-too-large",
      "Last Will message size larger than 65535 bytes.",
    ],
    [
      "half a surrogate pair in the will's payload",
      {
        will: { topic: "w", payload: "\ud800" },
      },
      "invalid-argument",
      "surrogate",
    ],
    [
      "a will with QoS 3 [MQTT-3.1.2-14] (MM-053)",
      {
        will: { topic: "w", payload: "", qos: 3 as 2 },
      },
      "invalid-argument",
      "QoS must be between 1 and 2.",
    ],
  ];
  for (const [name, options, code, words] of wrong) {
    it(`refuses ${name}, and queues nothing`, () => {
      const bench = new Bench();
      const error = assertThrows(() => bench.open(options), UsageError, words);
      assertEquals(error.code, code);
      assertEquals([bench.state, bench.engine.pending], ["offline", 0]);
      bench.online();
    });
  }

  it("takes 65535 bytes in every field, and U+0000 in a password, which is binary", () => {
    const long = "x".repeat(65_535);
    const bench = new Bench();
    bench.open({ clientId: long, username: long, password: long, will: { topic: long, payload: long } });
    bench.drop();
    bench.open({ username: "", password: "\0", keepAlive: 65_535 });
  });

  it("is not fooled by an options object that changes afterwards", () => {
    const options = { ...KEEP };
    const bench = new Bench();
    bench.engine.opened(options, 1000, 0);
    options.cleanSession = true;
    options.clientId = "other";
    assertEquals(bench.receive(PRESENT)[0]?.type, "online");
    bench.engine.publish("t", "x", 1);
    bench.drop();
    bench.engine.opened({ ...KEEP, clientId: "other" }, 1000, 0);
    assertEquals(bench.pull().map((event) => event.type), ["lost"]);
  });
});

describe("CONNACK", () => {
  it("with code 0 makes the engine online [MQTT-3.2.0-1] (MM-026)", () => {
    const bench = new Bench();
    assertEquals(bench.online(), [ONLINE]);
    assertEquals(bench.sent(), "");
  });

  it("tells session present when the session was to be kept [MQTT-3.2.2-2] (MM-031)", () => {
    const events = new Bench().online(KEEP, PRESENT);
    assertEquals(events, [{ ...ONLINE, connack: { ...ONLINE.connack, sessionPresent: true } }]);
    assertEquals(new Bench().online(KEEP), [ONLINE]);
  });

  it("with session present, though a clean session was asked for, ends the connection [MQTT-3.2.2-1]", () => {
    const bench = new Bench();
    bench.open();
    assertEquals(broke(bench.receive(PRESENT), "MQTT-3.2.2-1").code, "unexpected-packet");
    assertEquals(bench.state, "offline");
  });

  it("with any code of 1 to 255 is a refusal with its text and code [MQTT-3.1.4-5] (MM-028) (MM-029)", () => {
    const texts = [
      "Incorrect Protocol Version",
      "ID Rejected",
      "Server unavailable",
      "Incorrect username/password",
      "Unauthorized",
    ];
    for (let code = 1; code < 256; code++) {
      const bench = new Bench();
      bench.open(KEEP);
      bench.sent();
      bench.engine.publish("t", "x", 1);
      const error = fault(bench.receive(`200200${code.toString(16).padStart(2, "0")}`));
      assert(error instanceof RefusedError);
      assertEquals(error.code, "connection-refused");
      assertEquals(error.returnCode, code);
      assertEquals(error.message, `Connection Refused - ${texts[code - 1] ?? `Unknown reason (${code})`}`);
      assertEquals([bench.state, bench.sent(), bench.engine.deadline], ["offline", "", Infinity]);
    }
  });

  it("that refuses is the reason, whether the server hangs up before or after it is pulled [MQTT-3.2.2-5]", () => {
    for (const code of ["20020005", "20020105"]) {
      const bench = new Bench();
      bench.open();
      bench.engine.receive(bytes(code), 0);
      bench.engine.closed(null);
      assert(fault(bench.pull()) instanceof RefusedError);
      bench.open();
      assert(fault(bench.receive(code)) instanceof RefusedError);
      assertEquals(bench.drop(), []);
    }
  });

  it("that refuses is followed by nothing, whatever came with it", () => {
    const bench = new Bench();
    bench.open();
    const events = bench.receive("20020003" + ACCEPTED + publish("t", "x", { qos: 1 }) + "f0");
    assertEquals(events.length, 1);
    assert(fault(events) instanceof RefusedError);
    assertEquals(bench.sent(), "");
  });

  it("must come first: anything else ends the connection [MQTT-3.2.0-1] (MM-033)", () => {
    const firsts = [
      "d000",
      "9003000100",
      "b0020001",
      "40020001",
      "50020001",
      "62020001",
      "70020001",
      publish("t", "x"),
      publish("t", "x", { qos: 2 }),
      "c000",
      "0000",
      "f000",
      "485454502f312e3120343030", // HTTP
    ];
    for (const first of firsts) {
      const bench = new Bench();
      bench.open();
      const error = broke(bench.receive(first + ACCEPTED), "MQTT-3.2.0-1");
      assertEquals(error.code, "unexpected-packet");
      assertEquals(error.summary, `expected CONNACK, got a packet of type ${parseInt(first[0]!, 16)}`);
      assertEquals(bench.sent(), "", "not even CONNECT leaves any more");
    }
  });

  it("may come once only (MM-222)", () => {
    for (const second of [ACCEPTED, PRESENT, "20020005"]) {
      const bench = Bench.online({}, KEEP);
      assertEquals(broke(bench.receive(second), "section 3.2").code, "unexpected-packet");
    }
  });

  it("must have two bytes and no reserved flag (MM-030) (MM-032)", () => {
    for (
      const [text, statement] of [
        ["200100", "section 3.2.1"],
        ["2003000000", "section 3.2.1"],
        ["2000", "section 3.2.1"],
        ["20020200", "section 3.2.2.1"],
        ["2002ff05", "section 3.2.2.1"],
        ["21020000", "MQTT-2.2.2-2"],
        ["2f020000", "MQTT-2.2.2-2"],
        ["2080808080", "section 2.2.3"],
      ] as const
    ) {
      const bench = new Bench();
      bench.open();
      broke(bench.receive(text), statement);
    }
  });

  it("may be followed by packets in the same chunk", () => {
    const bench = new Bench();
    bench.open();
    const events = bench.receive(ACCEPTED + "300a000472782f307a65726f" + "d000");
    assertEquals(events.map((event) => event.type), ["online", "message", "pong"]);
  });

  it("that never comes because the server hangs up is an ordinary end [MQTT-3.2.2-6] (MM-042)", () => {
    const bench = new Bench();
    bench.open();
    const error = fault(bench.drop());
    assert(error instanceof ConnectionError);
    assertEquals([error.code, error.message], ["closed", "Connection closed by broker"]);
  });

  it("is waited for before anything but CONNECT is sent (MM-048)", () => {
    const bench = new Bench();
    bench.open();
    const refused = (command: () => unknown) => {
      assertEquals(assertThrows(command, UsageError).code, "not-connected");
    };
    refused(() => bench.engine.publish("t", "x"));
    refused(() => bench.engine.subscribe([{ topic: "t", qos: 0 }]));
    refused(() => bench.engine.unsubscribe(["t"]));
    refused(() => bench.engine.ping(0));
    assertEquals(bench.engine.publish("t", "x", 1), 1);
    assertEquals(bench.sent(), CONNECT);
    bench.receive(ACCEPTED);
    assertEquals(bench.sent(), "320600017400" + "0178");
  });
});

describe("disconnect()", () => {
  it("sends e0 00, and nothing behind it [MQTT-3.14.1-1] [MQTT-3.14.4-2] (MM-180) (MM-183)", () => {
    const bench = Bench.online();
    const { engine } = bench;
    const message = bench.message(publish("t", "x", { qos: 1, id: 7 }));
    engine.publish("t", "x", 1);
    engine.disconnect();
    assertEquals(bench.state, "closing");
    engine.disconnect();
    engine.acknowledge(message);
    assertThrows(() => engine.publish("t", "x"), UsageError);
    assertThrows(() => engine.ping(0), UsageError);
    engine.publish("t", "x", 2);
    engine.tick(1e12);
    assertEquals(bench.receive("62020009", publish("t", "y", { qos: 2, id: 8 })).length, 2);
    assertEquals(bench.sent(), "320600017400" + "0178" + "e000");
    assertEquals(engine.deadline, Infinity);
    assertEquals(bench.sent(), "");
  });

  it("ends without an error, however the connection then ends", () => {
    for (const cause of [null, new ConnectionError("read-failed", "reset")]) {
      const bench = Bench.online();
      bench.engine.disconnect();
      assertEquals(bench.drop(cause), [{ type: "offline", packet: 0, error: null, unanswered: 0 }]);
      assertEquals(bench.state, "offline");
    }
    const bench = Bench.online();
    bench.engine.disconnect();
    assertEquals(bench.receive("f000"), [{ type: "offline", packet: 0, error: null, unanswered: 0 }]);
    bench.open();
    bench.engine.disconnect();
    assertEquals(bench.receive("20020005"), [{ type: "offline", packet: 0, error: null, unanswered: 0 }]);
  });

  it("holds for its own connection only", () => {
    const bench = Bench.online();
    bench.engine.disconnect();
    bench.drop();
    bench.online();
    assertEquals(fault(bench.drop()).code, "closed");
  });

  it("gives up a connection that is not accepted yet, without a DISCONNECT", () => {
    const bench = new Bench();
    bench.open();
    bench.engine.disconnect();
    assertEquals(bench.state, "closing");
    assertEquals(bench.sent(), CONNECT);
    assertEquals(bench.receive(ACCEPTED).map((event) => event.type), ["online"]);
    assertEquals([bench.state, bench.sent()], ["closing", ""]);
    assertEquals(ending(bench.drop()).error, null);
  });

  it("does nothing offline, nor after the end", () => {
    const bench = new Bench();
    bench.engine.disconnect();
    assertEquals([bench.state, bench.sent()], ["offline", ""]);
    bench.online();
    bench.engine.closed(null);
    bench.engine.disconnect();
    assertEquals(fault(bench.pull()).code, "closed");
  });
});

describe("closed()", () => {
  it("delivers what arrived whole before it tells the end (MM-224)", () => {
    const bench = Bench.online();
    bench.engine.publish("t", "x", 1);
    bench.sent();
    bench.engine.receive(bytes("40020001" + publish("a", "1", { qos: 1 }) + publish("b", "2") + "300a00"), 0);
    bench.engine.closed(null);
    assertEquals(bench.state, "closing");
    const events = bench.pull();
    assertEquals(events.map((event) => event.type), ["settled", "message", "message", "offline"]);
    assertEquals(fault(events).message, "Connection closed by broker");
    assertEquals(bench.sent(), "");
  });

  it("counts once: the first cause stays, one offline comes", () => {
    const bench = Bench.online();
    const cause = new ConnectionError("read-failed", "reset");
    bench.engine.closed(cause);
    bench.engine.closed(null);
    assertEquals(bench.pull(), [{ type: "offline", packet: 0, error: cause, unanswered: 0 }]);
    bench.engine.closed(cause);
    assertEquals(bench.pull(), []);
    assertEquals(bench.state, "offline");
  });

  it("does nothing before a connection was opened", () => {
    const bench = new Bench();
    assertEquals(bench.drop(), []);
    assertEquals(bench.state, "offline");
  });

  it("takes what is read afterwards, until the end is pulled: a write fails before the last bytes are read", () => {
    const bench = Bench.online();
    bench.engine.receive(bytes("300a000472"), 0);
    bench.engine.closed(new ConnectionError("write-failed", "reset"));
    bench.engine.receive(bytes("782f307a65726f"), 0);
    assertEquals(bench.pull().map((event) => event.type), ["message", "offline"]);
    assertEquals(bench.receive("d000"), []);
  });

  it("gives way to what the server did wrong before it", () => {
    const bench = Bench.online();
    bench.engine.receive(bytes("f000"), 0);
    bench.engine.closed(null);
    broke(bench.pull(), "MQTT-4.8.0-1");
  });

  it("drops what was not taken", () => {
    const bench = Bench.online();
    bench.engine.publish("t", "x");
    bench.engine.closed(null);
    assertEquals([bench.engine.pending, bench.sent()], [0, ""]);
  });
});

describe("options", () => {
  it("of CONNECT keep U+FEFF and characters of four bytes [MQTT-1.5.3-3]", () => {
    const bench = new Bench();
    bench.open({ clientId: "\ufeff😀" });
    assertEquals(bench.sent().slice(24), "0007efbbbff09f9880");
    assertEquals(CONNECT_OPTIONS.clientId, "golden");
  });
});

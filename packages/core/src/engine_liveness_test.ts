import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ConnectionError, type MqttError, UsageError } from "./errors.ts";
import type { EngineEvent } from "./events.ts";
import { ACCEPTED, Bench, bytes, ending, fault, KEEP, PRESENT, publish } from "../tests/support.ts";

const PINGREQ = "c000";
const PINGRESP = "d000";
const PONG: EngineEvent = { type: "pong", packet: 0xd0 };

/** The error, when it is a timeout of this kind with these words. */
function timedOut(events: readonly EngineEvent[], code: MqttError["code"], words: string): void {
  const error = fault(events);
  assert(error instanceof ConnectionError);
  assertEquals([error.code, error.message], [code, words]);
}

/** Moves time from deadline to deadline, up to `until`; gives the times and what was sent at each. */
function run(bench: Bench, until: number, answer: (sent: string) => string): [number, string][] {
  const log: [number, string][] = [];
  while (bench.engine.deadline <= until) {
    bench.now = bench.engine.deadline;
    bench.engine.tick(bench.now);
    const sent = bench.sent();
    log.push([bench.now, sent]);
    const reply = answer(sent);
    if (reply !== "") bench.receive(reply);
  }
  return log;
}

/** What is waited for from 0 to 10 000, how that comes about, and the code of the error when it does not come. */
const WAITS: readonly (readonly [name: string, begin: (bench: Bench) => void, code: MqttError["code"]])[] = [
  ["CONNACK", (bench) => bench.open(), "connack-timeout"],
  ["PINGRESP", (bench) => {
    bench.online({ keepAlive: 0 });
    bench.engine.ping(0);
  }, "pingresp-timeout"],
  ["packet", (bench) => {
    bench.online({ keepAlive: 0 });
    bench.receive("300a00");
  }, "packet-timeout"],
];

describe("keep alive", () => {
  it("pings when nothing was sent for nine tenths of it [MQTT-3.1.2-23] (MM-168)", () => {
    const bench = Bench.online({}, { keepAlive: 60 });
    assertEquals(bench.engine.deadline, 54_000);
    assertEquals(bench.tick(53_999), []);
    assertEquals(bench.sent(), "");
    bench.tick(54_000);
    assertEquals(bench.sent(), PINGREQ);
    assertEquals(bench.receive(PINGRESP), [PONG]);
    assertEquals(bench.engine.deadline, 108_000);
  });

  it("pings all through an hour, never later than allowed", () => {
    const bench = Bench.online({}, { keepAlive: 60 });
    const log = run(bench, 3_600_000, () => PINGRESP);
    assertEquals(log.length, 66);
    log.forEach(([at, sent], i) => assertEquals([at, sent], [54_000 * (i + 1), PINGREQ]));
    assertEquals(bench.state, "online");
  });

  it("of 0 is off: no ping, ever (section 3.1.2.10) (MM-170)", () => {
    const bench = Bench.online({}, { keepAlive: 0 });
    assertEquals(bench.engine.deadline, Infinity);
    assertEquals(bench.tick(1e15), []);
    assertEquals([bench.state, bench.sent()], ["online", ""]);
    bench.engine.ping(1e15);
    assertEquals(bench.sent(), PINGREQ);
    assertEquals(bench.engine.deadline, 1e15 + 10_000, "a ping of one's own is waited for");
  });

  it("of 65535 seconds and of 1 second hold as well (MM-008)", () => {
    assertEquals(Bench.online({}, { keepAlive: 65_535 }).engine.deadline, 58_981_500);
    assertEquals(Bench.online({}, { keepAlive: 1 }).engine.deadline, 900);
  });

  it("counts from what was sent last, whatever it was (MM-166) (MM-167)", () => {
    const bench = Bench.online({}, { keepAlive: 10 });
    const commands: (() => unknown)[] = [
      () => bench.engine.publish("t", "x"),
      () => bench.engine.publish("t", "x", 1),
      () => bench.engine.subscribe([{ topic: "t", qos: 0 }]),
      () => bench.engine.unsubscribe(["t"]),
      () => bench.engine.acknowledge(bench.message(publish("t", "x", { qos: 1 }))),
      () => bench.receive("62020001"),
    ];
    for (const command of commands) {
      bench.now += 8000;
      assertEquals(bench.tick(bench.now), []);
      bench.receive(publish("t", "the server is there"));
      command();
      assert(!bench.sent().includes(PINGREQ));
      assertEquals(bench.engine.deadline, bench.now + 9000);
    }
  });

  it("is not served by what the server sends", () => {
    const bench = Bench.online({}, { keepAlive: 10 });
    bench.now = 8000;
    bench.receive(publish("t", "x"));
    assertEquals(bench.engine.deadline, 9000);
  });

  it("is served by what leaves, at the moment it leaves, not when it was asked for", () => {
    const bench = Bench.online({}, { keepAlive: 10 });
    bench.engine.publish("t", "x");
    bench.now = 5000;
    bench.sent();
    bench.receive(publish("t", "the server is there"));
    assertEquals(bench.engine.deadline, 14_000);
  });

  it("pings behind what waits to leave", () => {
    const bench = Bench.online({}, { keepAlive: 10 });
    bench.engine.publish("t", "x");
    bench.tick(9000);
    assertEquals(bench.sent(), publish("t", "x") + PINGREQ);
    bench.receive(PINGRESP);
    assertEquals(bench.engine.deadline, 18_000);
  });

  it("notices a peer that has gone, however much leaves: some relay may take it (MM-166)", () => {
    const bench = Bench.online({ pingsSilentServer: true }, { keepAlive: 3 });
    let ended = 0;
    for (bench.now = 1000; ended === 0 && bench.now < 60_000; bench.now += 500) {
      if (bench.now % 1000 === 0) bench.engine.publish("t", "once a second");
      bench.sent();
      if (bench.tick(bench.now).length > 0) ended = bench.now;
    }
    // It is asked at 3 s, the question leaves at 3.5 s, and has 10 s.
    assertEquals(ended, 13_500);
  });

  it("goes on pinging while a ping is unanswered; the first deadline counts", () => {
    const bench = new Bench();
    bench.engine.opened({ clientId: "c", cleanSession: true, keepAlive: 10 }, 15_000, 0);
    bench.sent();
    bench.receive(ACCEPTED);
    bench.tick(9000);
    assertEquals(bench.sent(), PINGREQ);
    bench.tick(18_000);
    assertEquals(bench.sent(), PINGREQ);
    assertEquals(bench.engine.deadline, 24_000);
    timedOut(bench.tick(24_000), "pingresp-timeout", "PINGRESP not returned from broker within 15 seconds.");
  });

  it("begins with CONNACK, also when CONNACK is waited for without end", () => {
    const bench = new Bench({ replyTimeout: Infinity });
    bench.open({ keepAlive: 1 });
    bench.sent();
    assertEquals(bench.engine.deadline, Infinity);
    bench.tick(5000);
    assertEquals([bench.sent(), bench.state], ["", "connecting"]);
    bench.receive(ACCEPTED);
    assertEquals(bench.engine.deadline, 900, "late at once: CONNECT left that long ago");
  });

  for (const start of [2 ** 31 - 20_000, 2 ** 32 - 1, 2 ** 40, 2 ** 53 - 5_000_000, 0.5, -5000]) {
    it(`works with a clock that reads ${start} (MM-177)`, () => {
      const bench = new Bench();
      bench.now = start;
      bench.online({ keepAlive: 20 });
      const log = run(bench, start + 200_000, () => PINGRESP);
      assertEquals(log.length, 11);
      log.forEach(([at, sent], i) => assertEquals([at, sent], [start + 18_000 * (i + 1), PINGREQ]));
      bench.tick(bench.engine.deadline);
      assertEquals(bench.sent(), PINGREQ);
      const at = bench.now + 10_000;
      assertEquals(bench.engine.deadline, at);
      timedOut(bench.tick(at), "pingresp-timeout", "PINGRESP not returned from broker within 10 seconds.");
    });
  }
});

describe("tick()", () => {
  it("before the deadline does nothing, in every state", () => {
    const bench = new Bench();
    assertEquals(bench.tick(1e15), []);
    bench.now = 0;
    bench.open();
    bench.sent();
    assertEquals(bench.tick(9999), []);
    bench.receive(ACCEPTED);
    assertEquals(bench.tick(20_000), []);
    bench.engine.disconnect();
    bench.sent();
    assertEquals(bench.tick(1e15), []);
    bench.drop();
    assertEquals(bench.tick(1e15), []);
    assertEquals(bench.sent(), "");
  });

  it("twice pings once", () => {
    const bench = Bench.online({}, { keepAlive: 10 });
    for (let i = 0; i < 5; i++) bench.tick(9000);
    assertEquals(bench.sent(), PINGREQ);
    for (let i = 0; i < 5; i++) bench.tick(9000);
    assertEquals(bench.sent(), "");
  });

  it("late pings once, and goes on from there (MM-177)", () => {
    const bench = Bench.online({}, { keepAlive: 10 });
    assertEquals(bench.tick(1_000_000), []);
    assertEquals(bench.sent(), PINGREQ);
    assertEquals(bench.receive(PINGRESP), [PONG]);
    assertEquals(bench.engine.deadline, 1_009_000);
  });

  it("that comes late because the program was busy leaves a moment to read what came meanwhile", () => {
    const bench = Bench.online({}, { keepAlive: 60 });
    bench.engine.ping(0);
    bench.sent();
    assertEquals(bench.tick(25_000), []);
    assertEquals([bench.state, bench.engine.deadline], ["online", 25_100]);
    assertEquals(bench.receive(PINGRESP), [PONG]);
    assertEquals(bench.engine.deadline, 54_000);
  });

  it("late gives one such moment only, until something comes", () => {
    for (const [name, begin, code] of WAITS) {
      const bench = new Bench({ replyTimeout: 10_000 });
      begin(bench);
      bench.sent();
      assertEquals(bench.tick(10_101), [], name);
      assertEquals(bench.engine.deadline, 10_201, name);
      assertEquals(fault(bench.tick(60_000)).code, code);
      const prompt = new Bench({ replyTimeout: 10_000 });
      begin(prompt);
      prompt.sent();
      assertEquals(fault(prompt.tick(10_100)).code, code, "a timer is never quite on time");
    }
  });

  it("ends the connection once", () => {
    const bench = Bench.online({}, { keepAlive: 10 });
    bench.tick(9000);
    bench.sent();
    bench.engine.tick(19_000);
    assertEquals(bench.state, "closing");
    bench.engine.tick(19_000);
    bench.engine.tick(40_000);
    assertEquals(ending(bench.pull()).error?.message, "PINGRESP not returned from broker within 10 seconds.");
    assertEquals(bench.pull(), []);
    assertEquals([bench.state, bench.engine.deadline, bench.sent()], ["offline", Infinity, ""]);
  });

  it("gives up in one go what was to be sent", () => {
    const bench = Bench.online({}, { keepAlive: 10 });
    bench.tick(9000);
    bench.sent();
    bench.engine.publish("t", "x");
    bench.engine.tick(19_000);
    assertEquals([bench.engine.pending, bench.sent()], [0, ""]);
    bench.receive(publish("t", "x", { qos: 1 }));
    assertEquals(bench.sent(), "");
  });
});

describe("CONNACK", () => {
  it("must come within the reply timeout (MM-041)", () => {
    const bench = new Bench({ replyTimeout: 2000 });
    bench.now = 500;
    bench.open();
    bench.sent();
    assertEquals(bench.engine.deadline, 2500);
    assertEquals(bench.tick(2499), []);
    timedOut(
      bench.tick(2500),
      "connack-timeout",
      "No data received from broker for 2 seconds.",
    );
  });

  it("has its time also when it comes in pieces", () => {
    const bench = new Bench({ replyTimeout: 2000 });
    bench.open();
    bench.sent();
    for (const [now, byte] of [[600, "20"], [1200, "02"], [1800, "00"]] as const) {
      bench.now = now;
      assertEquals(bench.receive(byte), []);
    }
    assertEquals(bench.engine.deadline, 2000);
    assertEquals(fault(bench.tick(2000)).code, "connack-timeout");
  });

  it("that lies unread has come", () => {
    const bench = new Bench({ replyTimeout: 2000 });
    bench.open();
    bench.sent();
    bench.engine.receive(bytes(ACCEPTED), 1999);
    assertEquals(bench.engine.deadline, Infinity);
    assertEquals(bench.tick(60_000).map((event) => event.type), ["online"]);
  });
});

describe("PINGRESP", () => {
  it("must come within the pong timeout (section 3.1.2.10) (MM-173)", () => {
    const bench = Bench.online({}, { keepAlive: 60 });
    bench.now = 5000;
    bench.engine.ping(5000);
    assertEquals(bench.sent(), PINGREQ);
    assertEquals(bench.engine.deadline, 15_000);
    assertEquals(bench.tick(14_999), []);
    timedOut(bench.tick(15_000), "pingresp-timeout", "PINGRESP not returned from broker within 10 seconds.");
  });

  it("that has come is never late, also when it lies unread (MM-173)", () => {
    const bench = Bench.online({}, { keepAlive: 60 });
    bench.engine.ping(0);
    bench.sent();
    bench.engine.receive(bytes(publish("t", "x") + PINGRESP), 9999);
    bench.engine.tick(10_001);
    bench.now = 20_000;
    bench.engine.tick(20_000);
    assertEquals(bench.state, "online");
    assertEquals(bench.pull().map((event) => event.type), ["message", "pong"]);
    assertEquals(bench.tick(20_000), []);
    assertEquals(bench.state, "online");
  });

  it("may come behind messages, however long they take: who sends them is there (MM-174)", () => {
    const bench = Bench.online({}, { keepAlive: 60 });
    bench.engine.ping(0);
    bench.sent();
    for (bench.now = 0; bench.now < 100_000; bench.now += 500) {
      assertEquals(bench.receive(publish("t", "x")).length, 1);
      assertEquals(bench.tick(bench.now), []);
    }
    assertEquals(bench.tick(109_499), []);
    assertEquals(fault(bench.tick(109_500)).code, "pingresp-timeout");
  });

  it("may come behind one large message, however slowly its bytes come", () => {
    const bench = Bench.online({}, { keepAlive: 3 });
    const packet = bytes(publish("t", new Uint8Array(4000)));
    for (let at = 0; at < packet.length; at += 100) {
      bench.now += 1000;
      bench.engine.receive(packet.slice(at, at + 100), bench.now);
      bench.sent();
      const [event] = bench.tick(bench.now);
      assert(event === undefined || event.type === "message");
    }
    assertEquals(bench.state, "online");
  });

  it("has its time from when PINGREQ has left, not from when it was queued", () => {
    const bench = Bench.online({}, { keepAlive: 10 });
    bench.engine.publish("t", new Uint8Array(1000));
    const batch = bench.engine.take(8000)!;
    bench.tick(9000);
    // The write before it moves, and so it has not been asked in vain.
    for (let at = 9000; at <= 60_000; at += 3000) {
      bench.engine.moved(at);
      assertEquals(bench.tick(at), []);
    }
    bench.engine.give(batch, 61_000);
    bench.now = 62_000;
    assertEquals(bench.sent(), PINGREQ);
    assertEquals(bench.engine.deadline, 71_000, "keep alive counts what left at 62 s");
    assertEquals(bench.tick(71_999), []);
    timedOut(bench.tick(72_000), "pingresp-timeout", "PINGRESP not returned from broker within 10 seconds.");
  });

  it("waits for a peer that takes our bytes slowly, not for one before which they vanish", () => {
    for (const [duration, ended] of [[5000, false], [1, true]] as const) {
      const bench = Bench.online({}, { keepAlive: 10 });
      bench.tick(9000);
      bench.sent();
      for (let start = 10_000; start < 60_000 && bench.state === "online"; start += 6000) {
        bench.engine.publish("t", "x");
        const batch = bench.engine.take(start)!;
        bench.tick(start + duration);
        bench.engine.give(batch, start + duration);
        bench.tick(start + 5999);
      }
      bench.pull();
      assertEquals(bench.state === "offline", ended, `writes that take ${duration} ms`);
    }
  });

  it("answers all pings before it", () => {
    const bench = Bench.online({}, { keepAlive: 60 });
    bench.engine.ping(0);
    bench.engine.ping(0);
    assertEquals(bench.sent(), PINGREQ + PINGREQ);
    assertEquals(bench.receive(PINGRESP), [PONG]);
    assertEquals(bench.engine.deadline, 54_000);
    assertEquals(bench.receive(PINGRESP), [PONG]);
  });

  it("is forgotten with its connection", () => {
    const bench = Bench.online({}, KEEP);
    bench.engine.ping(0);
    bench.sent();
    bench.drop();
    bench.now = 9000;
    bench.online(KEEP, PRESENT);
    assertEquals(bench.engine.deadline, 63_000);
  });
});

describe("ping()", () => {
  it("needs a connection", () => {
    assertEquals(assertThrows(() => new Bench().engine.ping(0), UsageError).code, "not-connected");
  });
});

describe("a packet", () => {
  it("may pause for the reply timeout between its bytes, as often as it likes (MM-179)", () => {
    const bench = Bench.online({ replyTimeout: 2000 }, { keepAlive: 0 });
    for (const byte of ["30", "0a", "00", "04", "72782f30", "7a65", "72"]) {
      assertEquals(bench.receive(byte), []);
      assertEquals(bench.engine.deadline, bench.now + 2000);
      assertEquals(bench.tick(bench.now + 1999), []);
    }
    assertEquals(bench.receive("6f").map((event) => event.type), ["message"]);
    assertEquals(bench.engine.deadline, Infinity);
  });

  it("that does not go on ends the connection, with the reference's words (MM-202)", () => {
    for (
      const [text, missing] of [["30", 1], ["3084", 1], ["300a00", 9], ["300a000472782f307a65", 2]] as const
    ) {
      const bench = Bench.online({ replyTimeout: 2000 }, { keepAlive: 0 });
      bench.receive(text);
      timedOut(bench.tick(2000), "packet-timeout", `Unable to receive ${missing} bytes within 2 seconds.`);
    }
  });

  it("that lies unread whole is not waited for", () => {
    const bench = Bench.online({ replyTimeout: 2000 }, { keepAlive: 0 });
    bench.receive("300a00");
    bench.engine.receive(bytes("0472782f307a65726f"), 1000);
    assertEquals(bench.engine.deadline, Infinity);
    assertEquals(bench.tick(60_000).map((event) => event.type), ["message"]);
  });
});

describe("bytes that do not leave", () => {
  it("end the connection like a PINGRESP that does not come, when a ping is due behind them", () => {
    const bench = Bench.online({}, { keepAlive: 10 });
    bench.engine.publish("t", "x");
    const batch = bench.engine.take(1000);
    bench.engine.publish("t", "y");
    assertEquals(bench.tick(10_000), []);
    assertEquals(bench.engine.deadline, 20_000);
    assertEquals(bench.tick(19_999), []);
    timedOut(bench.tick(20_000), "write-failed", "Unable to send anything within 10 seconds.");
    bench.engine.give(batch!, bench.now);
  });

  it("are forgiven when they leave in time", () => {
    const bench = Bench.online({}, { keepAlive: 10 });
    bench.engine.publish("t", "x");
    bench.tick(9000);
    bench.now = 18_000;
    bench.sent();
    assertEquals(bench.engine.deadline, 27_000);
  });

  it("do not count while nobody reads: the server may wait for that", () => {
    const bench = Bench.online({}, { keepAlive: 10 });
    bench.engine.pause(0);
    bench.engine.publish("t", "x");
    bench.tick(9000);
    assertEquals(bench.engine.deadline, Infinity);
    bench.tick(100_000);
    assertEquals(bench.state, "online");
    bench.engine.resume(100_000);
    assertEquals(bench.tick(100_000), []);
  });

  it("make nobody spin while an earlier PINGREQ is unanswered: one more waits, not ever more", () => {
    const bench = Bench.online({}, { keepAlive: 4 });
    bench.tick(3600);
    assertEquals(bench.sent(), PINGREQ);
    bench.engine.publish("t", "x");
    const batch = bench.engine.take(4000);
    bench.tick(7600);
    assertEquals([bench.engine.pending, bench.engine.deadline], [2, 13_600]);
    bench.tick(7601);
    assertEquals(bench.engine.pending, 2);
    bench.engine.give(batch!, 8000);
    bench.now = 8000;
    assertEquals(bench.sent(), PINGREQ);
    assertEquals(bench.engine.deadline, 11_600);
  });

  it("make nobody spin when a PINGRESP may take for ever", () => {
    const bench = new Bench();
    bench.engine.opened({ clientId: "c", cleanSession: true, keepAlive: 10 }, Infinity, 0);
    bench.sent();
    bench.receive(ACCEPTED);
    bench.engine.publish("t", "x");
    bench.tick(9000);
    assertEquals(bench.engine.deadline, Infinity);
    bench.sent();
    assertEquals(bench.engine.deadline, 18_000);
  });
});

describe("pause()", () => {
  it("never lets an answer be late, however long it lasts", () => {
    for (const [name, begin] of WAITS) {
      const bench = new Bench({ replyTimeout: 10_000 });
      begin(bench);
      bench.sent();
      bench.now = 4000;
      assertEquals(bench.engine.deadline, 10_000, name);
      bench.engine.pause(4000);
      assertEquals(bench.engine.deadline, Infinity, name);
      assertEquals(bench.tick(1_000_000), [], name);
      bench.engine.pause(500_000);
      bench.engine.resume(1_000_000);
      assertEquals(bench.engine.deadline, 1_006_000, name);
      assertEquals(bench.tick(1_005_999), [], name);
      fault(bench.tick(1_006_000));
    }
  });

  it("leaves a moment to read what came meanwhile, where the time was nearly up", () => {
    const bench = Bench.online({}, { keepAlive: 0 });
    bench.engine.ping(0);
    bench.sent();
    bench.engine.pause(10_000);
    bench.engine.resume(10_000);
    assertEquals(bench.engine.deadline, 10_100);
    bench.now = 10_050;
    assertEquals(bench.receive(PINGRESP), [PONG]);
    assertEquals(bench.engine.deadline, Infinity);
  });

  it("does not stop keep alive", () => {
    const bench = Bench.online({}, { keepAlive: 10 });
    bench.engine.pause(0);
    assertEquals(bench.engine.deadline, 9000);
    bench.tick(9000);
    assertEquals(bench.sent(), PINGREQ);
    assertEquals(bench.engine.deadline, 18_000);
    bench.tick(18_000);
    assertEquals(bench.sent(), PINGREQ);
    bench.tick(60_000);
    assertEquals([bench.state, bench.sent()], ["online", PINGREQ]);
    bench.engine.resume(60_000);
    assertEquals(bench.tick(60_000), []);
    assertEquals(bench.receive(PINGRESP), [PONG]);
    assertEquals(bench.engine.deadline, 69_000);
  });

  it("and resume() are harmless offline, twice, and one without the other", () => {
    const bench = new Bench();
    bench.engine.pause(0);
    bench.engine.resume(5);
    bench.engine.resume(5);
    bench.engine.pause(10);
    bench.now = 1000;
    bench.open();
    assertEquals(bench.engine.deadline, 11_000, "a new connection is not paused");
    bench.engine.resume(2000);
    assertEquals(bench.engine.deadline, 11_000);
  });
});

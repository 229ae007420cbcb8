import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ConnectionError } from "../errors.ts";
import type { EngineEvent } from "../events.ts";
import type { QoS } from "../packets.ts";
import { type Bench, broke, settled, u16 } from "../../tests/support.ts";
import { again, type Loose, online, server, type Setting, understood } from "../../tests/mqtt5.ts";
import { randomFrom } from "../../tests/random.ts";

function publish(messageId: number, qos: QoS, more: Loose = {}): string {
  return server({
    cmd: "publish",
    topic: "in",
    payload: "x",
    qos,
    messageId,
    retain: false,
    dup: false,
    ...more,
  });
}

function ids(bench: Bench): unknown[] {
  return understood(bench.sent()).map((packet) => packet["messageId"]);
}

/** A server that takes so many messages at a time, counts as the standard says, and at random is slow, refuses, dies. */
class Server {
  readonly #most: number;
  readonly #random: (below: number) => number;
  /** What it has not answered for good: since this connection, or in its session. */
  readonly open = new Map<number, "publish" | "release">();
  #unanswered: string[] = [];
  readonly delivered: string[] = [];
  most = 0;

  constructor(most: number, random: (below: number) => number) {
    this.#most = most;
    this.#random = random;
  }

  take(packet: Loose): void {
    const id = packet["messageId"] as number;
    if (packet["cmd"] === "publish" && packet["qos"] !== 0) {
      if (packet["qos"] === 1 || !this.open.has(id)) this.delivered.push(`${packet["payload"]}`);
      // A copy of what it holds counts once.
      this.open.set(id, "publish");
      this.most = Math.max(this.most, this.open.size);
      const isRefused = this.#random(20) === 0;
      const cmd = packet["qos"] === 1 ? "puback" : "pubrec";
      this.#unanswered.push(server({ cmd, messageId: id, reasonCode: isRefused ? 0x97 : 0 }));
      if (packet["qos"] === 1 || isRefused) this.open.delete(id);
      if (packet["qos"] === 1 || isRefused) this.pending.add(id);
    }
    if (packet["cmd"] === "pubrel") {
      this.#unanswered.push(server({ cmd: "pubcomp", messageId: id, reasonCode: 0 }));
      this.open.delete(id);
      this.pending.add(id);
    }
    assertLessOrEqual(this.open.size + this.pending.size, this.#most);
    this.most = Math.max(this.most, this.open.size + this.pending.size);
  }

  /** Answered here, but the answer has not left: the client may not count on it yet. */
  readonly pending = new Set<number>();

  answers(): string {
    const count = this.#random(this.#unanswered.length + 1);
    const answers = this.#unanswered.splice(0, count);
    for (const answer of answers) this.pending.delete(parseInt(answer.slice(4, 8), 16));
    return answers.join("");
  }

  /** The connection is lost: answers that did not leave are lost with it. */
  lost(): void {
    this.#unanswered = [];
    this.pending.clear();
    // QoS 1 is forgotten; QoS 2 that is held stays in the session.
    for (const [id, state] of this.open) if (state === "publish") this.open.set(id, "release");
  }
}

describe("the server's receive maximum", () => {
  for (const most of [1, 2, 10]) {
    it(`${most} is never exceeded, with 10,000 messages of mixed QoS under cuts [MQTT5-3.3.4-7]`, () => {
      const random = randomFrom(most * 7919);
      const setting: Setting = { keep: true, theirs: { receiveMaximum: most } };
      const bench = online(setting);
      const peer = new Server(most, random);
      const waiting = new Set<number>();
      let published = 0;
      let cuts = 0;
      const handle = (events: readonly EngineEvent[]) => {
        for (const event of events) if (event.type === "settled") assert(waiting.delete(event.id));
      };
      while (published < 10_000 || waiting.size > 0) {
        for (let i = random(20); i > 0 && published < 10_000 && waiting.size < 500; i--) {
          const qos = random(3) as QoS;
          const id = bench.engine.publish("t", `${published++}`, qos);
          if (qos > 0) waiting.add(id);
        }
        for (const packet of understood(bench.sent())) peer.take(packet);
        handle(bench.receive(peer.answers()));
        if (random(50) !== 0) continue;
        cuts++;
        handle(bench.drop());
        peer.lost();
        handle(again(bench, setting));
      }
      assertEquals(peer.most, most, "and it is made use of");
      assert(cuts > 20, `${cuts} cuts`);
      assert(new Set(peer.delivered).size > 6000);
    });
  }

  it("gives a place back with PUBACK, PUBCOMP, and a PUBREC of 0x80 and above [MQTT5-4.9.0-2] [MQTT5-4.3.3-4]", () => {
    const bench = online({ theirs: { receiveMaximum: 1 } });
    const [a, b, c, d] = ([1, 2, 2, 1] as const).map((qos) => bench.engine.publish("t", "", qos));
    assertEquals(ids(bench), [a]);
    bench.receive(server({ cmd: "puback", messageId: a, reasonCode: 0x87 }));
    assertEquals(ids(bench), [b]);
    assertEquals(
      bench.one(server({ cmd: "pubrec", messageId: b, reasonCode: 0x99 })),
      settled(0x50, b!, 0x99),
    );
    // No PUBREL, and never again.
    assertEquals(understood(bench.sent()).map((packet) => [packet["cmd"], packet["messageId"]]), [[
      "publish",
      c,
    ]]);
    bench.receive(server({ cmd: "pubrec", messageId: c, reasonCode: 0x10 }));
    assertEquals(understood(bench.sent()).map((packet) => packet["cmd"]), ["pubrel"]);
    assertEquals(
      bench.one(server({ cmd: "pubcomp", messageId: c, reasonCode: 0x92 })),
      settled(0x70, c!, 0x92),
    );
    assertEquals(ids(bench), [d]);
    assertEquals(
      bench.one(server({ cmd: "puback", messageId: d, reasonCode: 0x10 })),
      settled(0x40, d!, 0x10),
    );
  });

  it("holds no other packet back [MQTT5-3.3.4-8] [MQTT5-4.9.0-3]", () => {
    const bench = online({ theirs: { receiveMaximum: 1 } });
    bench.engine.publish("t", "", 1);
    bench.engine.publish("t", "", 2);
    bench.engine.publish("t", "", 0);
    bench.engine.subscribe([{ topic: "t", qos: 1 }]);
    bench.engine.unsubscribe(["t"]);
    bench.engine.ping(0);
    bench.engine.acknowledge(bench.message(publish(9, 2)));
    bench.receive("62020009");
    assertEquals(
      understood(bench.sent()).map((packet) => packet["cmd"]),
      ["publish", "publish", "subscribe", "unsubscribe", "pingreq", "pubrec", "pubcomp"],
    );
  });

  it("that is smaller on the next connection holds no PUBREL back, and counts it", () => {
    const bench = online({ keep: true, theirs: { receiveMaximum: 4 } });
    const all = ([2, 1, 2, 2, 1] as const).map((qos) => bench.engine.publish("t", "", qos));
    bench.sent();
    for (const messageId of [all[0], all[2]]) {
      bench.receive(server({ cmd: "pubrec", messageId, reasonCode: 0 }));
    }
    bench.drop();
    again(bench, { keep: true, theirs: { receiveMaximum: 3 } });
    const told = () => understood(bench.sent()).map((packet) => `${packet["cmd"]} ${packet["messageId"]}`);
    assertEquals(told(), [`pubrel ${all[0]}`, `pubrel ${all[2]}`, `publish ${all[1]}`]);
    bench.receive(server({ cmd: "pubcomp", messageId: all[0], reasonCode: 0 }));
    assertEquals(told(), [`publish ${all[3]}`]);
    bench.receive(server({ cmd: "pubcomp", messageId: all[2], reasonCode: 0 }));
    assertEquals(told(), [`publish ${all[4]}`]);
    bench.drop();
    again(bench, { keep: true, theirs: { receiveMaximum: 1 } });
    assertEquals(told(), [`publish ${all[1]}`]);
  });

  it("with room for all has each PUBREL leave once, before what is sent again", () => {
    const bench = online({ keep: true, theirs: { receiveMaximum: 3 } });
    const [a, b] = [bench.engine.publish("t", "", 2), bench.engine.publish("t", "", 2)];
    bench.sent();
    bench.receive(server({ cmd: "pubrec", messageId: b, reasonCode: 0 }));
    for (let cut = 0; cut < 2; cut++) {
      bench.drop();
      again(bench, { keep: true, theirs: { receiveMaximum: 3 } });
      assertEquals(
        understood(bench.sent()).map((packet) => [packet["cmd"], packet["messageId"]]),
        [["pubrel", b], ["publish", a]],
      );
    }
    // And each has one place.
    const c = bench.engine.publish("t", "", 1);
    bench.engine.publish("t", "", 1);
    assertEquals(ids(bench), [c]);
  });

  it("counts a message that was abandoned until it is acknowledged, or the connection is gone", () => {
    const setting: Setting = { keep: true, options: { maxInflight: 2 }, theirs: { receiveMaximum: 3 } };
    const bench = online(setting);
    const [a, b, c, d, e, f] = ([1, 2, 1, 1, 1, 1] as const).map((qos) => bench.engine.publish("t", "", qos));
    assertEquals(ids(bench), [a, b]);
    // Each gives its place in our window back, the server has room for one.
    for (const id of [a, b]) bench.engine.abandon(id!);
    assertEquals(ids(bench), [c]);
    bench.one(server({ cmd: "pubrec", messageId: b, reasonCode: 0 }));
    assertEquals(understood(bench.sent()).map((packet) => packet["cmd"]), ["pubrel"]);
    assertEquals(bench.one(server({ cmd: "pubcomp", messageId: b, reasonCode: 0 })), settled(0x70, b!));
    assertEquals(ids(bench), [d]);
    bench.drop();
    again(bench, setting);
    assertEquals(ids(bench), [c, d]);
    bench.engine.abandon(c!);
    assertEquals(ids(bench), [e]);
    bench.engine.abandon(d!);
    assertEquals(ids(bench), [], "the server has three");
    assertEquals(
      bench.one(server({ cmd: "puback", messageId: d, reasonCode: 0x97 })),
      settled(0x40, d!, 0x97),
    );
    assertEquals(ids(bench), [f]);
  });

  it("that abandoned messages use up is waited for no longer than for an acknowledgement", () => {
    const bench = online({ options: { acknowledgeTimeout: 5000 }, theirs: { receiveMaximum: 1 } });
    bench.engine.publish("t", "", 1);
    bench.engine.subscribe([{ topic: "t", qos: 0 }]);
    bench.sent();
    bench.engine.abandon(1);
    bench.engine.publish("t", "", 1);
    bench.one(server({ cmd: "suback", messageId: 2, granted: [0] }));
    assertEquals(bench.sent(), "");
    const [event] = bench.tick(5000);
    assertEquals(
      event?.type === "offline" && event.error instanceof ConnectionError && event.error.code,
      "acknowledgement-timeout",
    );
  });

  it("is not told of a message that was abandoned and that a new server would not take", () => {
    const bench = online({ keep: true });
    const id = bench.engine.publish("t", "", 2);
    bench.sent();
    bench.engine.abandon(id);
    bench.drop();
    const events = again(bench, { keep: true, theirs: { maximumQoS: 1 } });
    assertEquals(events.map(({ type }) => type), ["online"]);
  });

  it("lets late answers, and answers to nothing, be", () => {
    const bench = online();
    const [id] = [bench.engine.publish("t", "", 2)];
    bench.receive(server({ cmd: "pubrec", messageId: id, reasonCode: 0 }));
    bench.sent();
    // Refused behind its acceptance, and refused without having been sent: no PUBREL for either, nothing is settled.
    for (const messageId of [id, 77]) {
      const event = bench.one(server({ cmd: "pubrec", messageId, reasonCode: 0x80 }));
      assertEquals(event, { type: "progress", packet: 0x50, id: messageId, expected: false });
    }
    assertEquals(bench.sent(), "");
    assertEquals(bench.one(server({ cmd: "pubcomp", messageId: id, reasonCode: 0 })), settled(0x70, id!));
  });
});

describe("our receive maximum", () => {
  for (const qos of [1, 2] as const) {
    it(`is told, and a server that exceeds it with QoS ${qos} is told 0x93 [MQTT5-3.3.4-9]`, () => {
      const bench = online({ ours: { receiveMaximum: 3 } });
      for (let id = 1; id <= 3; id++) bench.message(publish(id, qos));
      bench.one(server({ cmd: "publish", topic: "in", payload: "x", qos: 0, retain: false, dup: false }));
      const error = broke(bench.receive(publish(4, qos)), "MQTT5-3.3.4-9");
      assertEquals(error.reason, 0x93);
      assertEquals(bench.sent(), "e0029300");
    });
  }

  it("counts QoS 2 until PUBCOMP: identifiers that the server never releases are no way around it", () => {
    const bench = online({ ours: { receiveMaximum: 3 } });
    for (let id = 1; id <= 3; id++) bench.engine.acknowledge(bench.message(publish(id, 2)));
    assertEquals(understood(bench.sent()).length, 3);
    // Releasing what it has not sent does not help.
    bench.receive("62020009" + "6202000a");
    bench.receive("62020002");
    bench.engine.acknowledge(bench.message(publish(2, 2)));
    broke(bench.receive(publish(4, 1)), "MQTT5-3.3.4-9");
  });

  it("never stops a server that keeps to it", () => {
    const bench = online({ ours: { receiveMaximum: 2 }, keep: true });
    for (let round = 0; round < 1000; round++) {
      const a = u16(round * 2 % 65_534 + 1);
      const b = u16(round * 2 % 65_534 + 2);
      const one = bench.message(publish(parseInt(a, 16), 1));
      const two = bench.message(publish(parseInt(b, 16), 2));
      bench.engine.acknowledge(two);
      bench.engine.acknowledge(one);
      bench.receive(`6202${b}`);
      bench.sent();
      if (round % 100 === 0) {
        bench.message(publish(7, 1));
        bench.drop();
        again(bench, { ours: { receiveMaximum: 2 }, keep: true });
        bench.engine.acknowledge(bench.message(publish(7, 1, { dup: true })));
      }
    }
  });
});

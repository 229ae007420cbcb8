import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Buffer } from "node:buffer";
import { UsageError } from "./errors.ts";
import { PUBACK, PUBCOMP, PUBREC, type QoS, SUBACK, UNSUBACK } from "./packets.ts";
import {
  ACCEPTED,
  Bench,
  broke,
  ending,
  field,
  hex,
  KEEP,
  packet,
  PRESENT,
  progress,
  publish,
  settled,
  u16,
  utf8,
} from "../tests/support.ts";

function usage(command: () => unknown): UsageError {
  return assertThrows(command, UsageError);
}

/** The identifiers of the PUBLISHes with QoS 1 or 2 and one byte of topic, in the order sent. */
function idsOf(sent: string): number[] {
  return [...sent.matchAll(/3[2-5a-d]..000174(....)78/g)].map((match) => parseInt(match[1]!, 16));
}

/** A bench on which everything that has an identifier is under way: 1 and 2 of their QoS, SUBSCRIBE, UNSUBSCRIBE. */
function underWay(): Bench {
  const bench = Bench.online();
  bench.engine.publish("t", "1", 1);
  bench.engine.publish("t", "2", 2);
  bench.engine.subscribe([{ topic: "t", qos: 0 }]);
  bench.engine.unsubscribe(["t"]);
  bench.sent();
  return bench;
}

describe("publish()", () => {
  it("with QoS 0 sends the bytes of the golden file, and gives 0 [MQTT-2.3.1-5] (MM-072)", () => {
    const bench = Bench.online();
    const vectors: [string, string | Uint8Array, boolean, string][] = [
      ["t", "hello", false, "300800017468656c6c6f"],
      ["té", "héllo", false, "300b000374c3a968c3a96c6c6f"],
      ["t", "12345678901234567890", false, "30170001743132333435363738393031323334353637383930"],
      ["t", new Uint8Array([0, 1, 255]), false, "30060001740001ff"],
      ["t", "", false, "3003000174"],
      ["t", "r", true, "310400017472"],
      ["t", "", true, "3103000174"],
    ];
    for (const [topic, payload, retain, expected] of vectors) {
      assertEquals(bench.engine.publish(topic, payload, 0, retain), 0);
      assertEquals(bench.sent(), expected);
    }
    assertEquals(bench.engine.lastId, 0);
  });

  it("writes text and bytes of every length at the boundaries of the remaining length (MM-095)", () => {
    const bench = Bench.online();
    for (const size of [127, 128, 16_383, 16_384, 2_097_151, 2_097_152]) {
      for (const payload of ["x".repeat(size - 3), new Uint8Array(size - 3).fill(0x78)]) {
        bench.engine.publish("t", payload);
        const batch = bench.engine.take(0)!;
        const lengthBytes = size < 128 ? 1 : size < 16_384 ? 2 : size < 2_097_152 ? 3 : 4;
        assertEquals(batch.length, 1 + lengthBytes + size);
        let value = 0;
        for (let i = 0; i < lengthBytes; i++) value += (batch[1 + i]! & 0x7f) * 128 ** i;
        assertEquals(value, size);
        bench.engine.give(batch, bench.now);
      }
    }
  });

  it("writes text in bytes, not characters: U+FEFF kept, an emoji is four [MQTT-1.5.3-3] (MM-066)", () => {
    const bench = Bench.online();
    for (const value of ["é", "€", "😀", "\ufeff", "a\ufeffb", "\u{10ffff}", "\0"]) {
      bench.engine.publish("t", value);
      assertEquals(bench.sent(), publish("t", value));
    }
    for (const topic of ["é", "€/😀", "\ufeff", "\ufefft"]) {
      bench.engine.publish(topic, "x");
      assertEquals(bench.sent(), publish(topic, "x"));
    }
  });

  it("does not mistake one topic for the one before", () => {
    const bench = Bench.online();
    for (const topic of ["a", "b", "a", "a", "ab", "a"]) {
      bench.engine.publish(topic, "x");
      assertEquals(bench.sent(), publish(topic, "x"));
    }
    usage(() => bench.engine.publish("#", "x"));
    bench.engine.publish("a", "x");
    assertEquals(bench.sent(), publish("a", "x"));
  });

  it("refuses topics that must not be sent, and queues nothing [MQTT-3.3.2-2] (MM-071) (MM-078)", () => {
    const bench = Bench.online();
    for (
      const [topic, words] of [
        ["", "Topic may not be empty."],
        ["+", "Publish topic can not contain wildcards."],
        ["a/#", "Publish topic can not contain wildcards."],
        ["a\0b", "U+0000"],
        ["\ud800", "surrogate"],
        ["t".repeat(65_536), "Encoded topic length is larger than 65535"],
        ["€".repeat(21_846), "Encoded topic length is larger than 65535"],
      ] as const
    ) {
      for (const qos of [0, 1, 2] as const) {
        const error = usage(() => bench.engine.publish(topic, "x", qos));
        assertEquals(error.code, "invalid-topic");
        assert(error.message.includes(words), error.message);
      }
    }
    assertEquals([bench.engine.pending, bench.engine.lastId], [0, 0]);
    bench.engine.publish("€".repeat(21_845), "");
  });

  it("refuses payloads and QoS that no packet can carry, and uses no identifier for them (MM-076) (MM-087)", () => {
    const { engine } = Bench.online();
    for (const payload of [null, undefined, [1], {}, 42, true, new ArrayBuffer(2)]) {
      assertEquals(
        usage(() => engine.publish("t", payload as unknown as string, 1)).message,
        "Invalid message data type.",
      );
    }
    assert(usage(() => engine.publish("t", "a\udc00", 1)).message.includes("surrogate"));
    for (const qos of [3, -1, 7]) {
      assertEquals(usage(() => engine.publish("t", "x", qos as QoS)).message, "QoS must be between 1 and 2.");
    }
    for (const qos of ["1", 0.5, NaN, true, null]) {
      assertEquals(usage(() => engine.publish("t", "x", qos as QoS)).message, "QoS must be an integer.");
    }
    assertEquals([engine.pending, engine.lastId], [0, 0]);
  });

  it("refuses what the remaining length cannot say, and uses no identifier for it (MM-093) (MM-094)", () => {
    class Huge extends Uint8Array {
      readonly size: number;
      constructor(size: number) {
        super(0);
        this.size = size;
      }
      override get length(): number {
        return this.size;
      }
    }
    const { engine } = Bench.online();
    const beyond = usage(() => engine.publish("t", new Huge(268_435_456), 1));
    assertEquals(beyond.code, "payload-too-large");
    assertEquals(beyond.message, "Message size larger than protocol max 268435455 bytes.");
    for (const [qos, most] of [[0, 268_435_452], [1, 268_435_450], [2, 268_435_450]] as const) {
      const error = usage(() => engine.publish("t", new Huge(most + 1), qos));
      assertEquals(error.code, "payload-too-large");
      assert(error.message.startsWith("invalid remaining length"), error.message);
    }
    assertEquals([engine.pending, engine.lastId], [0, 0]);
  });

  it("with QoS 0 needs a connection, in every other state (MM-070)", () => {
    const bench = new Bench();
    const refused = () => {
      assertEquals(usage(() => bench.engine.publish("t", "x")).code, "not-connected");
      assertEquals(usage(() => bench.engine.subscribe([{ topic: "t", qos: 0 }])).code, "not-connected");
      assertEquals(usage(() => bench.engine.unsubscribe(["t"])).code, "not-connected");
      assertEquals(usage(() => bench.engine.ping(0)).code, "not-connected");
    };
    refused();
    bench.online();
    bench.engine.closed(null);
    refused();
    bench.pull();
    refused();
    bench.online();
    bench.engine.disconnect();
    refused();
  });

  it("copies bytes: the caller may use the array again, also a Buffer (MM-076)", () => {
    for (const payload of [utf8("one"), Buffer.from("one"), Buffer.from("-one-").subarray(1, 4)]) {
      for (const qos of [0, 1] as const) {
        const bench = new Bench();
        bench.open(KEEP);
        if (qos === 0) {
          bench.receive(ACCEPTED);
          bench.sent();
        }
        bench.engine.publish("t", payload.subarray(), qos);
        const kept = hex(payload);
        payload.fill(0);
        bench.sent();
        if (qos === 1) {
          bench.receive(ACCEPTED);
          assertEquals(bench.sent(), publish("t", "one", { qos }));
        }
        payload.set(utf8("one"));
        assertEquals(kept, "6f6e65");
      }
    }
  });

  it("with QoS 1 is settled by its PUBACK [MQTT-4.3.2-1] (MM-074) (MM-079)", () => {
    const bench = Bench.online();
    assertEquals(bench.engine.publish("t", "hello", 1), 1);
    assertEquals(bench.sent(), "320a000174000168656c6c6f");
    assertEquals(bench.receive("40020001"), [settled(PUBACK, 1)]);
    assertEquals(bench.receive("40020001"), [progress(PUBACK, 1, false)]);
    assertEquals(bench.sent(), "");
  });

  it("with QoS 2 is settled by PUBREC, PUBREL and PUBCOMP [MQTT-4.3.3-1] (MM-088)", () => {
    const bench = Bench.online();
    assertEquals(bench.engine.publish("t", "hello", 2, true), 1);
    assertEquals(bench.sent(), "350a000174000168656c6c6f");
    assertEquals(bench.receive("50020001"), [progress(PUBREC, 1)]);
    assertEquals(bench.sent(), "62020001");
    assertEquals(bench.receive("70020001"), [settled(PUBCOMP, 1)]);
    assertEquals(bench.sent(), "");
  });

  it("answers a PUBREC that comes twice with a PUBREL each time, never with a PUBLISH [MQTT-4.3.3-1]", () => {
    const bench = Bench.online();
    bench.engine.publish("t", "x", 2);
    bench.sent();
    assertEquals(bench.receive("50020001 50020001"), [progress(PUBREC, 1), progress(PUBREC, 1)]);
    assertEquals(bench.sent(), "6202000162020001");
    assertEquals(bench.receive("70020001 70020001"), [settled(PUBCOMP, 1), progress(PUBCOMP, 1, false)]);
    assertEquals(bench.sent(), "");
  });

  it("answers a PUBREC that nobody waits for, so that the server can finish (MM-221)", () => {
    const bench = Bench.online();
    assertEquals(bench.receive("5002000a"), [progress(PUBREC, 10, false)]);
    assertEquals(bench.sent(), "6202000a");
  });

  it("lets acknowledgements of an unknown identifier, and a PUBCOMP before its PUBREC, be (MM-080) (MM-221)", () => {
    const bench = underWay();
    for (
      const [text, event] of [
        ["70020002", progress(PUBCOMP, 2, false)], // before the PUBREC
        ["40020009", progress(PUBACK, 9, false)],
        ["70020009", progress(PUBCOMP, 9, false)],
        ["9003000900", progress(SUBACK, 9, false)],
        ["b0020009", progress(UNSUBACK, 9, false)],
      ] as const
    ) {
      assertEquals(bench.receive(text), [event], text);
      assertEquals(bench.sent(), "", text);
    }
    assertEquals(bench.receive("b0020004 9003000301 50020002 40020001 70020002"), [
      settled(UNSUBACK, 4),
      settled(SUBACK, 3, 1),
      progress(PUBREC, 2),
      settled(PUBACK, 1),
      settled(PUBCOMP, 2),
    ]);
  });

  it("ends the connection at an acknowledgement of the wrong kind: the server takes one thing for another [MQTT-4.3.2-2] [MQTT-4.3.3-2] [MQTT-4.8.0-1] (MM-221)", () => {
    for (
      const [text, statement] of [
        ["50020001", "MQTT-4.3.2-2"],
        ["70020001", "MQTT-4.3.2-2"],
        ["9003000100", "MQTT-4.3.2-2"],
        ["b0020001", "MQTT-4.3.2-2"],
        ["9003000200", "MQTT-4.3.3-2"],
        ["b0020003", "MQTT-4.8.0-1"],
        ["40020003", "MQTT-4.8.0-1"],
        ["50020003", "MQTT-4.8.0-1"],
        ["9003000400", "MQTT-4.8.0-1"],
        ["70020004", "MQTT-4.8.0-1"],
      ] as const
    ) broke(underWay().receive(text), statement);
    const bench = underWay();
    bench.receive("50020002");
    broke(bench.receive("40020002"), "MQTT-4.3.3-2");
  });

  it("with QoS 2 ends with an error at PUBACK, by which a server says that it has QoS 1 only, and frees its place", () => {
    const bench = new Bench({ maxInflightQoS2: 1 });
    bench.online(KEEP);
    for (const text of ["1", "2", "3"]) bench.engine.publish("t", text, 2);
    for (const id of [1, 2, 3]) {
      assertEquals(bench.sent(), publish("t", `${id}`, { qos: 2, id }));
      const event = bench.one(`4002${u16(id)}`);
      assert(event.type === "settled" && event.id === id && event.packet === PUBACK);
      assertEquals([event.error?.code, event.error?.reason], ["qos-not-supported", 0x9b]);
    }
    bench.drop();
    bench.online(KEEP, PRESENT);
    assertEquals(bench.sent(), "", "it is not sent again");
  });

  it("settles many at once in whatever order the server answers (MM-089)", () => {
    const bench = Bench.online();
    for (let i = 0; i < 10; i++) bench.engine.publish("t", "x", 1);
    assertEquals(idsOf(bench.sent()), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    const order = [7, 3, 10, 1, 2, 9, 8, 4, 6, 5];
    assertEquals(
      bench.receive(order.map((id) => `4002${u16(id)}`).join("")),
      order.map((id) => settled(PUBACK, id)),
    );
  });

  it("uses one counter for all packets, from 1 on; QoS 0 takes none [MQTT-2.3.1-1] (MM-085)", () => {
    const bench = Bench.online();
    const { engine } = bench;
    assertEquals(engine.publish("t", "x", 1), 1);
    assertEquals(engine.publish("t", "x", 0), 0);
    assertEquals(engine.subscribe([{ topic: "t", qos: 0 }]), 2);
    assertEquals(engine.unsubscribe(["t"]), 3);
    assertEquals(engine.publish("t", "x", 2), 4);
    assertEquals(engine.lastId, 4);
    bench.drop();
    bench.online(KEEP);
    assertEquals(engine.publish("t", "x", 1), 5, "not begun anew by a connection (MM-086)");
  });

  it("never uses an identifier in flight: the counter wraps at 65535 to 1 and skips [MQTT-2.3.1-2] (MM-085)", () => {
    const bench = Bench.online();
    const { engine } = bench;
    engine.publish("t", "x", 1); // 1 stays
    const sub = engine.subscribe([{ topic: "t", qos: 0 }]); // 2 stays
    engine.publish("t", "x", 2); // 3 stays, released
    bench.receive("50020003");
    for (let id = 4; id <= 65_535; id++) {
      assertEquals(engine.publish("t", "x", 1), id);
      assertEquals(engine.lastId, id);
      bench.sent();
      engine.receive(new Uint8Array([0x40, 2, id >> 8, id & 0xff]), 0);
      assertEquals(engine.next()?.type, "settled");
    }
    assertEquals(engine.publish("t", "x", 1), 4);
    assertEquals(bench.receive(`9003${u16(sub)}00`), [settled(SUBACK, 2, 0)]);
    for (let i = 0; i < 65_535 - 4; i++) {
      const id = engine.publish("t", "x", 1);
      assert(id > 4);
      bench.sent();
      engine.receive(new Uint8Array([0x40, 2, id >> 8, id & 0xff]), 0);
      engine.next();
    }
    assertEquals(engine.publish("t", "x", 1), 2, "free since its SUBACK [MQTT-2.3.1-3]");
    assertEquals(engine.publish("t", "x", 1), 5);
  });

  it("throws no-packet-id when all 65535 are in use, and goes on once one is free", () => {
    const bench = Bench.online();
    const { engine } = bench;
    for (let i = 0; i < 65_533; i++) engine.publish("t", "", 1);
    engine.subscribe([{ topic: "t", qos: 0 }]);
    assertEquals(engine.publish("t", "", 2), 65_535);
    bench.sent();
    for (
      const command of [
        () => engine.publish("t", "", 1),
        () => engine.publish("t", "", 2),
        () => engine.subscribe([{ topic: "t", qos: 0 }]),
        () => engine.unsubscribe(["t"]),
      ]
    ) assertEquals(usage(command).code, "no-packet-id");
    assertEquals(engine.pending, 0);
    engine.publish("t", "", 0);
    assertEquals(bench.receive("40020007"), [settled(PUBACK, 7)]);
    assertEquals(engine.publish("t", "", 1), 7);
    usage(() => engine.publish("t", "", 1));
    assertEquals(bench.receive("9003fffe00"), [settled(SUBACK, 65_534, 0)]);
    assertEquals(engine.unsubscribe(["t"]), 65_534);
  });

  it("holds messages back when the window is full; PUBACK and PUBCOMP make room, PUBREC does not", () => {
    const bench = Bench.online({ maxInflight: 2 });
    const { engine } = bench;
    engine.publish("t", "x", 1);
    engine.publish("t", "x", 2);
    engine.publish("t", "x", 1);
    engine.publish("t", "x", 2);
    assertEquals(idsOf(bench.sent()), [1, 2]);
    bench.receive("50020002");
    assertEquals(bench.sent(), "62020002");
    bench.receive("40020001");
    assertEquals(idsOf(bench.sent()), [3]);
    engine.publish("t", "x", 0);
    assertEquals(bench.sent(), publish("t", "x"), "QoS 0 is not held back");
    bench.receive("70020002");
    assertEquals(idsOf(bench.sent()), [4]);
    assertEquals(bench.receive("40020002"), [progress(PUBACK, 2, false)], "an unknown one makes no room");
    engine.publish("t", "x", 1);
    assertEquals(bench.sent(), "");
  });

  it("holds QoS 2 back at a window of its own, and what was queued behind it as well", () => {
    const bench = Bench.online({ maxInflightQoS2: 1 });
    const { engine } = bench;
    for (const qos of [2, 1, 2, 1] as const) engine.publish("t", "x", qos);
    assertEquals(idsOf(bench.sent()), [1, 2]);
    bench.receive("50020001");
    assertEquals(bench.sent(), "62020001", "PUBREC makes no room");
    bench.receive("70020001");
    assertEquals(idsOf(bench.sent()), [3, 4]);
  });

  it("sends ten messages with QoS 2 at most when nothing else is said, also after a loss", () => {
    const bench = Bench.online({}, KEEP);
    for (let i = 0; i < 12; i++) bench.engine.publish("t", "x", 2);
    assertEquals(idsOf(bench.sent()).length, 10);
    bench.engine.closed(null);
    bench.pull();
    bench.online(KEEP, PRESENT);
    assertEquals(idsOf(bench.sent()).length, 10);
  });

  it("does not count an acknowledgement for a message that waits in the queue", () => {
    const bench = Bench.online({ maxInflight: 1 });
    bench.engine.publish("t", "x", 1);
    bench.engine.publish("t", "x", 1);
    bench.engine.publish("t", "x", 2);
    bench.sent();
    assertEquals(bench.receive("40020002 50020003 70020003").map((event) => event.type), [
      "progress",
      "progress",
      "progress",
    ]);
    bench.sent();
    assertEquals(bench.receive("40020001"), [settled(PUBACK, 1)]);
    assertEquals(idsOf(bench.sent()), [2]);
    assertEquals(bench.receive("40020002"), [settled(PUBACK, 2)]);
    assertEquals(idsOf(bench.sent()), [3]);
  });

  it("keeps a long queue in order through a small window", () => {
    const bench = Bench.online({ maxInflight: 3 });
    const { engine } = bench;
    const seen: number[] = [];
    for (let i = 0; i < 5000; i++) engine.publish("t", "x", 1);
    for (let round = 0; round < 20_000 && seen.length < 8000; round++) {
      for (const id of idsOf(bench.sent())) {
        seen.push(id);
        bench.receive(`4002${u16(id)}`);
        if (seen.length <= 3000) engine.publish("t", "x", 1);
      }
    }
    assertEquals(seen, Array.from({ length: 8000 }, (_, i) => i + 1));
  });

  it("sends a queue in batches: take() goes on with it", () => {
    const bench = new Bench({ maxInflight: 65_535 });
    for (let i = 0; i < 5000; i++) bench.engine.publish("t", "x".repeat(100), 1);
    bench.online(KEEP);
    assert(bench.engine.pending < 2 * 64 * 1024);
    let batches = 0;
    let size = 0;
    for (let batch = bench.engine.take(0); batch !== null; batch = bench.engine.take(0)) {
      batches++;
      size += batch.length;
      bench.engine.give(batch, bench.now);
    }
    assertEquals(size, 5000 * 107);
    assert(batches > 5, `${batches}`);
  });

  it("with QoS 1 and 2 is kept while offline, and sent in order on the next connection", () => {
    const bench = new Bench();
    assertEquals(bench.engine.publish("t", "x", 1), 1);
    assertEquals(bench.engine.publish("t", "x", 2), 2);
    assertEquals(bench.sent(), "");
    bench.open();
    assertEquals(bench.engine.publish("t", "x", 1), 3);
    bench.sent();
    bench.receive(ACCEPTED);
    assertEquals(bench.sent(), [1, 2, 1].map((qos, i) => publish("t", "x", { qos, id: i + 1 })).join(""));
  });

  it("with QoS 1 and 2 is kept through connections that the server refuses, and never marked as sent before", () => {
    const bench = new Bench();
    bench.engine.publish("t", "x", 1);
    for (const answer of ["20020003", "d000"]) {
      bench.open();
      bench.sent();
      assertEquals(bench.receive(answer).length, 1);
    }
    bench.open(KEEP);
    bench.drop();
    bench.online(KEEP, "20020100");
    assertEquals(bench.sent(), publish("t", "x", { qos: 1 }));
  });
});

describe("subscribe()", () => {
  it("sends one SUBSCRIBE, and SUBACK settles it with one code for each filter [MQTT-3.8.4-4] (MM-101) (MM-107)", () => {
    const bench = Bench.online();
    const filters = [{ topic: "a/b", qos: 0 }, { topic: "c/+", qos: 1 }, { topic: "d/#", qos: 2 }] as const;
    assertEquals(bench.engine.subscribe(filters), 1);
    assertEquals(bench.sent(), "821400010003612f62000003632f2b010003642f2302");
    assertEquals(bench.receive("90050001 00 80 01"), [settled(SUBACK, 1, 0, 0x80, 1)]);
  });

  it("pairs answers by identifier [MQTT-2.3.1-7] (MM-110)", () => {
    const bench = Bench.online();
    bench.engine.subscribe([{ topic: "a", qos: 0 }]);
    bench.engine.subscribe([{ topic: "b", qos: 1 }, { topic: "c", qos: 1 }]);
    assertEquals(bench.receive("900400020102 9003000100 9003000100"), [
      settled(SUBACK, 2, 1, 2),
      settled(SUBACK, 1, 0),
      progress(SUBACK, 1, false),
    ]);
  });

  it("takes other packets before the answer (MM-111) (MM-112)", () => {
    const bench = Bench.online();
    bench.engine.subscribe([{ topic: "a", qos: 0 }]);
    assertEquals(bench.receive(publish("a", "x") + "d000" + "9003000100").map((event) => event.type), [
      "message",
      "pong",
      "settled",
    ]);
  });

  it("ends the connection when the number of codes is wrong [MQTT-3.8.4-5] (MM-109)", () => {
    for (const answer of ["900400010000", "9005000100 0000"]) {
      const bench = Bench.online();
      bench.engine.subscribe([{ topic: "a", qos: 0 }]);
      assert(broke(bench.receive(answer), "MQTT-3.8.4-5").summary.startsWith("invalid SUBACK"));
    }
    const bench = Bench.online();
    bench.engine.subscribe([{ topic: "a", qos: 0 }, { topic: "b", qos: 0 }]);
    broke(bench.receive("9003000100"), "MQTT-3.8.4-5");
  });

  it("refuses no filters, bad filters and bad QoS, before a byte or an identifier [MQTT-3.8.3-3] [MQTT-3.8.3-4] (MM-103) (MM-105)", () => {
    const { engine } = Bench.online();
    assertEquals(usage(() => engine.subscribe([])).code, "invalid-argument");
    for (const topic of ["", "a/#/b", "a+", "#x", "a\0", "\ud800", "x".repeat(65_536), "$share/g"]) {
      const error = usage(() => engine.subscribe([{ topic: "fine", qos: 0 }, { topic, qos: 0 }]));
      assertEquals(error.code, "invalid-filter");
    }
    for (const qos of [3, -1, 0x80, 1.5]) {
      const error = usage(() => engine.subscribe([{ topic: "a", qos: qos as QoS }]));
      assertEquals(error.code, "invalid-argument");
    }
    assertEquals([engine.pending, engine.lastId], [0, 0]);
  });
});

describe("unsubscribe()", () => {
  it("sends one UNSUBSCRIBE, and UNSUBACK settles it [MQTT-3.10.4-4] (MM-115) (MM-120)", () => {
    const bench = Bench.online();
    bench.engine.unsubscribe(["a/b", "c/+", "d/#"]);
    assertEquals(bench.sent(), "a21100010003612f620003632f2b0003642f23");
    assertEquals(bench.receive(publish("a/b", "x") + "b0020001").map((event) => event.type), [
      "message",
      "settled",
    ]);
    assertEquals(bench.receive("b0020001"), [progress(UNSUBACK, 1, false)]);
  });

  it("refuses no filters and bad filters, before a byte [MQTT-3.10.3-2] (MM-118)", () => {
    const { engine } = Bench.online();
    assertEquals(usage(() => engine.unsubscribe([])).code, "invalid-argument");
    assertEquals(usage(() => engine.unsubscribe(["a", "b+"])).code, "invalid-filter");
    assertEquals([engine.pending, engine.lastId], [0, 0]);
  });

  it("frees the identifier with its answer [MQTT-2.3.1-3]", () => {
    const bench = Bench.online();
    bench.engine.unsubscribe(["a"]);
    assertEquals(bench.sent(), packet(0xa2, "0001" + field("a")));
    bench.receive("b0020001");
    for (let i = 0; i < 65_534; i++) bench.engine.publish("t", "", 1);
    assertEquals(bench.engine.publish("t", "", 1), 1);
  });
});

describe("abandon()", () => {
  it("takes a message that was not sent out of the queue, with its identifier", () => {
    const bench = Bench.online({ maxInflight: 1 });
    for (const text of ["1", "2", "3"]) bench.engine.publish("t", text, 1);
    bench.engine.abandon(2);
    assertEquals(bench.engine.freeIds, 65_533);
    assertEquals(bench.sent(), publish("t", "1", { qos: 1, id: 1 }));
    bench.receive("40020001");
    assertEquals(bench.sent(), publish("t", "3", { qos: 1, id: 3 }));
  });

  it("frees the place in the window at once, and the identifier with the late acknowledgement", () => {
    const bench = Bench.online({ maxInflight: 1 });
    bench.engine.publish("t", "1", 1);
    bench.engine.publish("t", "2", 1);
    assertEquals(bench.sent(), publish("t", "1", { qos: 1, id: 1 }));
    bench.engine.abandon(1);
    bench.engine.abandon(1);
    assertEquals(bench.sent(), publish("t", "2", { qos: 1, id: 2 }));
    assertEquals(bench.engine.freeIds, 65_533);
    assertEquals(bench.receive("40020001"), [settled(PUBACK, 1)]);
    assertEquals(bench.engine.freeIds, 65_534);
  });

  it("never sends it again, in the same session or another, while a release goes on [MQTT-4.3.3-2]", () => {
    const bench = new Bench({ republish: true });
    bench.online(KEEP);
    bench.engine.publish("t", "1", 1);
    bench.engine.publish("t", "2", 2);
    bench.engine.publish("t", "3", 2);
    bench.sent();
    bench.receive("50020003");
    assertEquals(bench.sent(), "62020003");
    for (const id of [1, 2, 3]) bench.engine.abandon(id);
    bench.drop();
    bench.online(KEEP, PRESENT);
    assertEquals(bench.sent(), "62020003");
    assertEquals(bench.receive("50020002"), [progress(PUBREC, 2)], "a late PUBREC is answered");
    assertEquals(bench.sent(), "62020002");
    bench.drop();
    assertEquals(bench.online(KEEP).map(({ type }) => type), ["online"], "none of them is told lost");
    assertEquals(bench.sent(), "");
    assertEquals(bench.engine.freeIds, 65_535);
  });

  it("also holds for a message that waits to be sent again", () => {
    const bench = Bench.online({ maxInflight: 1 }, KEEP);
    bench.engine.publish("t", "1", 1);
    bench.sent();
    bench.engine.abandon(1);
    bench.engine.publish("t", "2", 1);
    bench.engine.publish("t", "3", 1);
    bench.sent();
    bench.drop();
    bench.online(KEEP, PRESENT);
    bench.engine.abandon(2);
    assertEquals(bench.sent(), publish("t", "3", { qos: 1, id: 3 }));
  });

  it("does nothing for any other identifier", () => {
    const bench = Bench.online();
    bench.engine.subscribe([{ topic: "t", qos: 0 }]);
    for (const id of [0, 1, 7]) bench.engine.abandon(id);
    bench.sent();
    assertEquals(bench.one("9003000100").type, "settled");
  });
});

describe("oneAtATime", () => {
  it("sends a message only when all before it is answered, requests included", () => {
    const bench = Bench.online();
    bench.engine.oneAtATime = true;
    bench.engine.subscribe([{ topic: "s", qos: 0 }]);
    bench.engine.publish("t", "1", 1);
    bench.engine.publish("t", "2", 2);
    assert(!bench.sent().includes("0001743"));
    bench.receive("9003000100");
    assertEquals(bench.sent(), publish("t", "1", { qos: 1, id: 2 }));
    bench.receive("40020002");
    assertEquals(bench.sent(), publish("t", "2", { qos: 2, id: 3 }));
    bench.engine.publish("t", "3", 1);
    assertEquals(bench.sent(), "");
    bench.engine.oneAtATime = false;
    assertEquals(bench.sent(), publish("t", "3", { qos: 1, id: 4 }));
  });
});

describe("what was sent first and is not answered", () => {
  it("is named with the end of the connection: a message or a request, and none that was abandoned", () => {
    const bench = Bench.online();
    for (const text of ["1", "2"]) bench.engine.publish("t", text, 1);
    bench.engine.subscribe([{ topic: "t", qos: 0 }]);
    bench.sent();
    bench.receive("40020001");
    bench.engine.abandon(2);
    assertEquals(ending(bench.drop()).unanswered, 3);
    bench.online();
    assertEquals(ending(bench.drop()).unanswered, 0);
  });
});

import { assert, assertEquals, assertFalse, assertLess, assertMatch, assertStrictEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Buffer } from "node:buffer";
import { type Message, PUBLISH, PUBREL } from "./packets.ts";
import {
  Bench,
  bytes,
  fault,
  hex,
  KEEP,
  PRESENT,
  progress,
  publish,
  remaining,
  text,
  u16,
} from "../tests/support.ts";

describe("a message", () => {
  it("with QoS 0 is delivered and not answered [MQTT-3.3.4-1] (MM-125)", () => {
    const bench = Bench.online();
    const message = bench.message("300a000472782f307a65726f");
    assertEquals([message.topic, text(message.payload), message.qos, message.id], ["rx/0", "zero", 0, 0]);
    bench.engine.acknowledge(message);
    assertEquals(bench.sent(), "");
  });

  it("tells retain and duplicate (MM-131)", () => {
    const bench = Bench.online();
    const message = bench.message(publish("t", "x", { qos: 1, dup: true, retain: true }));
    assertEquals([message.duplicate, message.retain], [true, true]);
    assertEquals(bench.message(publish("t", "x", { retain: true })).retain, true);
  });

  it("with QoS 1 is answered when it is acknowledged, not before, and once [MQTT-4.3.2-2] (MM-129)", () => {
    const bench = Bench.online();
    const message = bench.message("320b000472782f3100016f6e65");
    assertEquals(bench.sent(), "");
    bench.engine.acknowledge(message);
    assertEquals(bench.sent(), "40020001");
    bench.engine.acknowledge(message);
    assertEquals(bench.sent(), "");
  });

  it("with QoS 1 is a new one each time it comes, also with an identifier used before [MQTT-4.3.2-2]", () => {
    const bench = Bench.online();
    for (const dup of [false, true, false]) {
      bench.engine.acknowledge(bench.message(publish("t", "x", { qos: 1, id: 5, dup })));
      assertEquals(bench.sent(), "40020005");
    }
  });

  it("with QoS 2 is delivered once, answered by PUBREC, and by PUBCOMP when it is released [MQTT-4.3.3-2] (MM-133)", () => {
    const bench = Bench.online();
    const message = bench.message("340b000472782f32000174776f");
    assertEquals(bench.sent(), "");
    bench.engine.acknowledge(message);
    assertEquals(bench.sent(), "50020001");
    bench.engine.acknowledge(message);
    assertEquals(bench.sent(), "");
    assertEquals(bench.receive("62020001"), [progress(PUBREL, 1)]);
    assertEquals(bench.sent(), "70020001");
    assertEquals(
      bench.message("340b000472782f32000174776f").id,
      1,
      "the identifier is free for a new message",
    );
  });

  it("with QoS 2 that comes again before its PUBREL is answered again, not delivered [MQTT-4.3.3-2]", () => {
    const bench = Bench.online();
    const again = publish("t", "x", { qos: 2, id: 9, dup: true });
    const message = bench.message(publish("t", "x", { qos: 2, id: 9 }));
    assertEquals(bench.receive(again), [progress(PUBLISH, 9)], "while the application has it");
    assertEquals(bench.sent(), "");
    bench.engine.acknowledge(message);
    assertEquals(bench.sent(), "50020009");
    assertEquals(bench.receive(again, again), [progress(PUBLISH, 9), progress(PUBLISH, 9)]);
    assertEquals(bench.sent(), "5002000950020009");
    bench.receive("62020009");
    assertEquals(bench.sent(), "70020009");
    bench.engine.acknowledge(message);
    assertEquals(bench.sent(), "");
  });

  it("with QoS 2 that comes again is answered in its turn [MQTT-4.6.0-3]", () => {
    const bench = Bench.online();
    const one = bench.message(publish("t", "1", { qos: 2, id: 1 }));
    bench.engine.acknowledge(one);
    assertEquals(bench.sent(), "50020001");
    const two = bench.message(publish("t", "2", { qos: 2, id: 2 }));
    const again = publish("t", "1", { qos: 2, id: 1, dup: true });
    assertEquals(bench.receive(again, again).length, 2);
    assertEquals(bench.sent(), "", "2 came before");
    bench.engine.acknowledge(two);
    assertEquals(bench.sent(), "5002000250020001", "one PUBREC for both copies that waited");
  });

  it("can have any identifier", () => {
    const bench = Bench.online();
    for (const id of [1, 255, 256, 65_535]) {
      bench.engine.acknowledge(bench.message(publish("t", "x", { qos: 1, id })));
      assertEquals(bench.sent(), `4002${u16(id)}`);
      bench.engine.acknowledge(bench.message(publish("t", "x", { qos: 2, id })));
      assertEquals(bench.sent(), `5002${u16(id)}`);
      bench.receive(`6202${u16(id)}`);
      assertEquals(bench.sent(), `7002${u16(id)}`);
    }
  });

  it("keeps U+FEFF in topic and payload [MQTT-1.5.3-3]", () => {
    const message = Bench.online().message(publish("\ufeff/t", "\ufeffx"));
    assertEquals([message.topic, hex(message.payload)], ["\ufeff/t", "efbbbf78"]);
  });

  it("comes with a payload that is a view of the chunk, a plain Uint8Array also of a Buffer", () => {
    const bench = Bench.online();
    const chunk = Buffer.from(publish("t", "hello"), "hex");
    bench.engine.receive(chunk, 0);
    const [message] = bench.pull();
    assert(message?.type === "message");
    assertStrictEquals(message.payload.buffer, chunk.buffer);
    assertStrictEquals(Object.getPrototypeOf(message.payload), Uint8Array.prototype);
    const kept = message.payload.slice();
    chunk.fill(0);
    assertEquals(text(kept), "hello");
  });

  it("of a megabyte may come byte by byte (MM-179)", () => {
    const bench = Bench.online();
    const size = 1 << 20;
    const stream = new Uint8Array(4 + size).fill(0x61);
    stream.set(bytes(`30${remaining(size)}`));
    stream.set([0, 1], 4);
    let count = 0;
    for (let i = 0; i < stream.length; i++) {
      bench.engine.receive(stream.subarray(i, i + 1), i);
      for (let event = bench.engine.next(); event !== null; event = bench.engine.next()) {
        assert(event.type === "message");
        assertEquals(event.payload.length, size - 3);
        count++;
      }
    }
    assertEquals(count, 1);
  });
});

describe("PUBREL", () => {
  it("that nobody waits for is answered all the same [MQTT-4.3.3-2]", () => {
    const bench = Bench.online();
    assertEquals(bench.receive("6202000c"), [progress(PUBREL, 12, false)]);
    assertEquals(bench.sent(), "7002000c");
  });
});

describe("acknowledge()", () => {
  it("answers in the order of arrival, whatever the order of the calls [MQTT-4.6.0-2] [MQTT-4.6.0-3]", () => {
    const bench = Bench.online();
    const qos = [1, 2, 1, 1, 2, 2];
    const messages = qos.map((q, i) => bench.message(publish("t", "x", { qos: q, id: 10 + i })));
    const answers = qos.map((q, i) => `${q === 1 ? 40 : 50}02${u16(10 + i)}`);
    bench.engine.acknowledge(messages[2]!);
    bench.engine.acknowledge(messages[1]!);
    bench.engine.acknowledge(messages[1]!);
    assertEquals(bench.sent(), "");
    bench.engine.acknowledge(messages[0]!);
    assertEquals(bench.sent(), answers.slice(0, 3).join(""));
    bench.engine.acknowledge(messages[5]!);
    bench.engine.acknowledge(messages[4]!);
    assertEquals(bench.sent(), "");
    bench.engine.acknowledge(messages[3]!);
    assertEquals(bench.sent(), answers.slice(3).join(""));
  });

  it("works with thousands that are never all done", () => {
    const bench = Bench.online();
    const waiting = [];
    let expected = "", sent = "";
    for (let i = 0; i < 5000; i++) {
      const id = i % 65_535 + 1;
      waiting.push(bench.message(publish("t", "x", { qos: 1, id })));
      if (waiting.length < 3) continue;
      bench.engine.acknowledge(waiting.shift()!);
      sent += bench.sent();
      expected += `4002${u16(id - 2)}`;
    }
    assertEquals(sent, expected);
  });

  it("of a message of an earlier connection does nothing with QoS 1", () => {
    const bench = Bench.online({}, KEEP);
    const old = bench.message(publish("t", "old", { qos: 1, id: 3 }));
    bench.drop();
    bench.engine.acknowledge(old);
    bench.online(KEEP, PRESENT);
    bench.engine.acknowledge(old);
    assertEquals(bench.sent(), "");
    const message = bench.message(publish("t", "new", { qos: 1, id: 3, dup: true }));
    bench.engine.acknowledge(old);
    assertEquals(bench.sent(), "");
    bench.engine.acknowledge(message);
    assertEquals(bench.sent(), "40020003");
  });

  it("is not answered while the connection ends, and does no harm then", () => {
    const bench = Bench.online({}, KEEP);
    const one = bench.message(publish("t", "1", { qos: 1 }));
    bench.engine.closed(null);
    bench.engine.acknowledge(one);
    assertEquals(bench.sent(), "");
    bench.pull();
    bench.engine.acknowledge(one);
    assertEquals(bench.engine.pending, 0);
  });
});

describe("next()", () => {
  it("decodes one packet a call: what is not pulled is not answered", () => {
    const bench = Bench.online();
    bench.engine.receive(bytes("62020001 62020002"), 0);
    assertEquals(bench.engine.next(), progress(PUBREL, 1, false));
    assertEquals(bench.sent(), "70020001");
    assertEquals(bench.engine.next(), progress(PUBREL, 2, false));
    assertEquals(bench.sent(), "70020002");
    assertEquals(bench.engine.next(), null);
  });

  it("gives several packets of one chunk in order (MM-232)", () => {
    const bench = Bench.online();
    const events = bench.receive(
      publish("a", "1") + publish("b", "2", { qos: 1 }) + "d000" + publish("c", "3"),
    );
    assertEquals(events.map((event) => event.packet), [0x30, 0x30, 0xd0, 0x30]);
  });

  it("gives a PINGRESP nobody asked for (MM-175)", () => {
    assertEquals(Bench.online().receive("d000"), [{ type: "pong", packet: 0xd0 }]);
  });
});

describe("a PUBLISH over the limit", () => {
  const large = (qos: number, size: number) =>
    publish("large", new Uint8Array(size), { qos, id: 5, retain: true });

  it("is passed over and told where it may be skipped, and acknowledged as any other", () => {
    for (const qos of [0, 1, 2] as const) {
      for (const step of [1, 7, 1_000_000]) {
        const bench = Bench.online({ maxPacketSize: 20, tooLarge: "skip" });
        const stream = bytes(publish("t", "before") + large(qos, 300) + publish("t", "behind"));
        const events = [];
        for (let at = 0; at < stream.length; at += step) {
          bench.engine.receive(stream.slice(at, at + step), 0);
          events.push(...bench.pull());
        }
        assertEquals(events.map(({ type }) => type), ["message", "skipped", "message"]);
        const [, skipped] = events;
        assert(skipped?.type === "skipped");
        assertEquals(skipped.size, large(qos, 300).length / 2);
        const { topic, payload, retain } = skipped.message;
        assertEquals([topic, payload.length, retain], ["large", 0, true]);
        bench.engine.acknowledge(skipped.message);
        assertEquals(bench.sent(), ["", "40020005", "50020005"][qos]!);
      }
    }
  });

  it("takes its time, as long as bytes of it come", () => {
    const bench = Bench.online({ maxPacketSize: 1000, tooLarge: "skip", replyTimeout: 5000 });
    bench.receive("30" + remaining(1_000_003) + "000174");
    for (let at = 0; at < 900_000; at += 100_000) {
      bench.now += 4000;
      bench.receive(new Uint8Array(100_000));
      assertEquals(bench.tick(bench.now), []);
    }
    assertMatch(fault(bench.tick(bench.now + 5000)).message, /receive 100000 bytes/);
  });

  it("is the only packet over the limit that is", () => {
    const bench = Bench.online({ maxPacketSize: 20, tooLarge: "skip" });
    bench.engine.subscribe(Array.from({ length: 30 }, () => ({ topic: "t", qos: 0 as const })));
    bench.sent();
    assertEquals(fault(bench.receive("9020" + "0001" + "00".repeat(30))).code, "packet-too-large");
    const strict = Bench.online({ maxPacketSize: 20 });
    assertEquals(fault(strict.receive(large(0, 300))).code, "packet-too-large");
  });
});

describe("answers that the peer does not take", () => {
  it("stop what is pulled at 64 KiB, until they leave", () => {
    for (const flood of ["62020001", "50020001", publish("t", "", { qos: 1 })]) {
      const bench = Bench.online();
      bench.engine.receive(bytes(flood.repeat(40_000)), 0);
      let pulled = 0;
      for (let event = bench.engine.next(); event !== null; event = bench.engine.next()) {
        pulled++;
        if (event.type === "message") bench.engine.acknowledge(event);
      }
      assertEquals([pulled, bench.engine.pending, bench.engine.congested], [16_384, 65_536, true]);
      bench.engine.take(0);
      assertFalse(bench.engine.congested);
      bench.pull();
      assertEquals(bench.state, "online");
    }
  });

  it("hide no end of the connection", () => {
    const bench = Bench.online();
    bench.engine.receive(bytes("62020001".repeat(20_000)), 0);
    bench.pull();
    assertEquals(fault(bench.drop()).code, "closed");
  });
});

describe("refuse()", () => {
  it("leaves messages with QoS 1 and 2 to the server: neither given nor acknowledged, until the next connection", () => {
    const bench = Bench.online({}, KEEP);
    const [taken] = bench.receive(publish("t", "0", { qos: 1, id: 1 }));
    assertEquals(bench.engine.refused, undefined);
    bench.engine.refuse();
    const rest = publish("t", "1", { qos: 1, id: 2 }) + publish("t", "2", { qos: 2, id: 3 });
    const events = bench.receive(rest + publish("t", "3"));
    assertEquals(events.map(({ type }) => type), ["progress", "progress", "message"]);
    assertEquals([bench.engine.refused, bench.engine.unacknowledged, bench.sent()], [2, true, ""]);
    bench.engine.acknowledge(taken as Message);
    assertEquals([bench.engine.unacknowledged, bench.sent()], [false, "40020001"]);
    bench.drop();
    bench.online(KEEP, PRESENT);
    const again = bench.receive(rest);
    assertEquals(again.map(({ type }) => type), ["message", "message"]);
    assertEquals(bench.engine.refused, undefined);
  });
});

describe("QoS 2 identifiers", () => {
  it("that are all held and sent again take time in proportion to their number", () => {
    const bench = Bench.online();
    const all = (dup: boolean) => {
      let stream = "";
      for (let id = 1; id <= 65_535; id++) stream += publish("t", "", { qos: 2, id, dup });
      return bytes(stream);
    };
    const [first, again] = [all(false), all(true)];
    const started = performance.now();
    bench.engine.receive(first, 0);
    const messages = bench.pull();
    bench.engine.receive(again, 0);
    assertEquals(bench.pull().length, 65_535);
    // From the last to the first: each is early but one.
    for (const message of messages.reverse()) bench.engine.acknowledge(message as Message);
    assertLess(performance.now() - started, 3000);
    assertEquals(bench.engine.pending, 4 * 65_535);
  });
});

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Buffer } from "node:buffer";
import { PUBLISH, PUBREL } from "./packets.ts";
import {
  Bench,
  bytes,
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

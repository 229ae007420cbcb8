import { assert, assertEquals, assertLessOrEqual, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import { MqttError, ProtocolError } from "./errors.ts";
import type { EngineEvent } from "./events.ts";
import { cut, serverPacketArb } from "../tests/arbitraries.ts";
import {
  Bench,
  broke,
  bytes,
  describeEvent,
  ending,
  field,
  KEEP,
  packet,
  PRESENT,
  publish,
  remaining,
} from "../tests/support.ts";

/** What a server must not send behind CONNACK, and the statement it breaks. */
const FAULTS: readonly (readonly [name: string, stream: string, statement: string])[] = [
  ["five bytes of remaining length (MM-210)", "308080808001", "section 2.2.3"],
  ["five bytes of remaining length that say 0 (MM-210)", "308080808000", "section 2.2.3"],
  ["a topic longer than its packet (MM-211)", "30050004617879", "MQTT-3.3.2-1"],
  ["QoS 1 without room for the identifier (MM-212)", "3203000161", "MQTT-2.3.1-1"],
  ["QoS 2 with half an identifier (MM-212)", "340400016100", "MQTT-2.3.1-1"],
  ["PUBLISH without a topic length (MM-213)", "3000", "section 3.3.2"],
  ["PUBLISH with half a topic length (MM-213)", "300100", "section 3.3.2"],
  ["an empty topic (MM-214)", "30020000", "MQTT-4.7.3-1"],
  ["a topic with + (MM-215)", publish("a/+", "x"), "MQTT-3.3.2-2"],
  ["a topic with # (MM-215)", publish("#", "x"), "MQTT-3.3.2-2"],
  ["a topic with U+0000 (MM-215)", packet(0x30, field(bytes("610062"))), "MQTT-1.5.3-2"],
  ["a topic that is not UTF-8 (MM-128)", packet(0x30, field(bytes("c328"))), "MQTT-1.5.3-1"],
  ["a topic with a surrogate (MM-128)", packet(0x30, field(bytes("eda080"))), "MQTT-1.5.3-1"],
  ["QoS 3 (MM-216)", "36070001740001787a", "MQTT-3.3.1-4"],
  ["QoS 1 with identifier 0 (MM-217)", "3205000174000078", "MQTT-2.3.1-1"],
  ["QoS 2 with identifier 0 (MM-217)", "34050001740000", "MQTT-2.3.1-1"],
  ["DUP with QoS 0 (MM-218)", "380400017478", "MQTT-3.3.1-2"],
  ["flags in PINGRESP (MM-219)", "d100", "MQTT-2.2.2-2"],
  ["flags in PUBACK (MM-219)", "41020001", "MQTT-2.2.2-2"],
  ["flags in PUBREC (MM-219)", "52020001", "MQTT-2.2.2-2"],
  ["PUBREL without its flag (MM-219)", "60020001", "MQTT-2.2.2-2"],
  ["flags in PUBCOMP (MM-219)", "78020001", "MQTT-2.2.2-2"],
  ["flags in SUBACK (MM-219)", "9103000100", "MQTT-2.2.2-2"],
  ["flags in UNSUBACK (MM-219)", "b1020001", "MQTT-2.2.2-2"],
  ["flags in CONNACK (MM-219)", "22020000", "MQTT-2.2.2-2"],
  ["CONNECT (MM-220)", "101200044d5154540402003c0006676f6c64656e", "MQTT-4.8.0-1"],
  ["SUBSCRIBE (MM-171)", "820600010001740000", "MQTT-4.8.0-1"],
  ["UNSUBSCRIBE (MM-171)", "a2050001000174", "MQTT-4.8.0-1"],
  ["PINGREQ (MM-220)", "c000", "MQTT-4.8.0-1"],
  ["DISCONNECT (MM-220)", "e000", "MQTT-4.8.0-1"],
  ["type 0 (MM-220)", "0000", "MQTT-4.8.0-1"],
  ["type 15 (MM-220)", "f000", "MQTT-4.8.0-1"],
  ["a second CONNACK (MM-222)", "20020000", "section 3.2"],
  ["PUBACK of three bytes (MM-081)", "4003000100", "section 3.4.1"],
  ["PUBACK without identifier", "4000", "section 3.4.1"],
  ["PUBACK with identifier 0", "40020000", "MQTT-2.3.1-1"],
  ["PUBREC of one byte", "500100", "section 3.5.1"],
  ["PUBREL of three bytes", "6203000100", "section 3.6.1"],
  ["PUBREL with identifier 0", "62020000", "MQTT-2.3.1-1"],
  ["PUBCOMP of four bytes", "700400010000", "section 3.7.1"],
  ["SUBACK without a code (MM-109)", "90020001", "MQTT-3.8.4-5"],
  ["SUBACK with code 3 (MM-108)", "9003000103", "MQTT-3.9.3-2"],
  ["SUBACK with code 0x81 (MM-108)", "9003000181", "MQTT-3.9.3-2"],
  ["SUBACK with one code too many (MM-109)", "900400010000", "MQTT-3.8.4-5"],
  ["UNSUBACK with a code (MM-123)", "b003000200", "section 3.11.1"],
  ["PINGRESP of one byte (MM-176)", "d00100", "section 3.13.1"],
  ["a packet over the limit (MM-096)", `30${remaining(10_065_542)}`, "MQTT-4.8.0-2"],
  ["the largest packet there is (MM-096)", "30ffffff7f", "MQTT-4.8.0-2"],
];

/** An engine online, with a SUBSCRIBE 1, an UNSUBSCRIBE 2, a QoS 1 message 3 and QoS 2 messages 4 and 5 under way. */
function busy(): Bench {
  const bench = Bench.online({}, KEEP);
  bench.engine.subscribe([{ topic: "t", qos: 0 }]);
  bench.engine.unsubscribe(["t"]);
  for (const qos of [1, 2, 2] as const) bench.engine.publish("t", "x", qos);
  bench.sent();
  return bench;
}

describe("a server's fault", () => {
  for (const [name, stream, statement] of FAULTS) {
    it(`ends the connection: ${name} [${statement}]`, () => {
      const bench = busy();
      const events = bench.receive(publish("t", "before") + stream + publish("t", "behind"));
      assertEquals(
        events.map((event) => event.type),
        ["message", "offline"],
        "what came before is delivered",
      );
      const error = broke(events, statement);
      assert(error.message.endsWith(`[${statement}]`));
      assertEquals([bench.state, bench.engine.deadline, bench.sent()], ["offline", Infinity, ""]);
      assertEquals(bench.receive("d000"), []);
      assertEquals(bench.drop(), []);

      // Byte by byte it is the same fault, and it is found before what lies behind it is needed.
      const slow = busy();
      const found: EngineEvent[] = [];
      for (const byte of bytes(stream)) found.push(...slow.receive(new Uint8Array([byte])));
      assertEquals(found.map(describeEvent), events.slice(1).map(describeEvent));

      bench.online(KEEP, PRESENT);
      assert(bench.sent().startsWith("3a"), "the session goes on");
    });
  }

  it("is a packet that no limit would keep out, when its header alone is wrong [MQTT-4.8.0-1]", () => {
    const bench = busy();
    broke(bench.receive("c0ffffff7f"), "MQTT-4.8.0-1");
    broke(busy().receive("40ffffff7f"), "section 3.4.1");
  });

  it("of garbage behind a packet is found at the garbage (MM-223)", () => {
    const bench = busy();
    const events = bench.receive("9003000100" + "00" + "40020003");
    assertEquals(events.map((event) => event.type), ["settled", "offline"]);
    broke(events, "MQTT-4.8.0-1");
  });
});

describe("maxPacketSize", () => {
  it("is what counts, and may change between packets (MM-096)", () => {
    const bench = Bench.online({ maxPacketSize: 10 });
    assertEquals(bench.engine.maxPacketSize, 10);
    assertEquals(bench.receive(publish("t", "12345")).length, 1);
    bench.engine.maxPacketSize = 11;
    assertEquals(bench.receive(publish("t", "123456")).length, 1);
    const error = broke(bench.receive("300a"), "MQTT-4.8.0-2");
    assertEquals(error.summary, "a packet of 12 bytes arrives, the limit is 11");
  });

  it("is ten megabytes and a topic by default", () => {
    const bench = Bench.online();
    assertEquals(bench.receive(`30${remaining(10_065_541)}`), [], "and five bytes of header");
    broke(Bench.online().receive(`30${remaining(10_065_542)}`), "MQTT-4.8.0-2");
  });
});

/** All events of the stream, and what is sent because of them. */
function replay(chunks: readonly Uint8Array[], lazy = false): string[] {
  const bench = busy();
  const log: string[] = [];
  const pull = () => {
    for (let event = bench.engine.next(); event !== null; event = bench.engine.next()) {
      log.push(describeEvent(event));
      if (event.type === "message") bench.engine.acknowledge(event);
      const sent = bench.sent();
      if (sent !== "") log.push(sent);
    }
  };
  for (const chunk of chunks) {
    bench.engine.receive(chunk, 0);
    if (!lazy) pull();
  }
  bench.engine.closed(null);
  pull();
  return lazy ? log.filter((line) => !/^[0-9a-f]+$/.test(line)) : log;
}

describe("a stream", () => {
  it("means the same however it is cut: at every position, and byte by byte (MM-224) [MQTT-4.2]", () => {
    const stream = bytes(
      publish("rx/0", "zero") + "d000" + publish("rx/é", "😀", { qos: 1, id: 9, retain: true }) +
        "9003000102" +
        publish("rx/2", "x".repeat(200), { qos: 2, id: 10 }) + "62020009" + "50020004" + "b0020002" +
        publish("rx/2", "x".repeat(200), { qos: 2, id: 10, dup: true }) + "40020003" + "6202000a" +
        "70020004",
    );
    const expected = replay([stream]);
    const events = expected.filter((line) => !/^[0-9a-f]+$/.test(line));
    assertEquals(events.length, 13);
    for (let at = 0; at <= stream.length; at++) {
      assertEquals(replay([stream.slice(0, at), stream.slice(at)]), expected, `cut at ${at}`);
      assertEquals(
        replay([stream.slice(0, at), stream.slice(at)], true),
        events,
        `cut at ${at}, pulled at the end`,
      );
    }
    assertEquals(replay(cut(stream, Array.from(stream, (_, i) => i))), expected);
  });

  it("of random packets means the same however it is cut (MM-224)", () => {
    fc.assert(
      fc.property(
        fc.array(serverPacketArb, { maxLength: 12 }),
        fc.array(fc.nat(1_000_000), { maxLength: 12 }),
        (packets, places) => {
          const stream = bytes(packets.join(""));
          const expected = replay([stream]);
          assertEquals(expected.filter((line) => line.startsWith("offline")).length, 1);
          assertMatch(
            expected.at(-1)!,
            /^offline (closed Connection closed by broker|unexpected-packet .* answers a )/,
          );
          assertEquals(replay(cut(stream, places)), expected);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("that ends anywhere ends with what arrived whole, and one offline (MM-224)", () => {
    const packets = [
      publish("a", "1"),
      publish("b", "2", { qos: 1 }),
      "d000",
      "40020003",
      publish("c", "x".repeat(130)),
    ];
    const stream = bytes(packets.join(""));
    let whole = 0, next = packets[0]!.length / 2;
    for (let end = 0; end <= stream.length; end++) {
      while (whole < packets.length && end >= next) next += (packets[++whole]?.length ?? 0) / 2;
      const bench = busy();
      bench.engine.receive(stream.slice(0, end), 0);
      bench.engine.closed(null);
      const events = bench.pull();
      assertEquals(events.length, whole + 1, `end at ${end}`);
      assertEquals(ending(events).error?.message, "Connection closed by broker");
    }
  });
});

/** Feeds chunks; checks that nothing throws and that there is one end, the last event. */
function survives(bench: Bench, chunks: readonly Uint8Array[]): void {
  const events: EngineEvent[] = [];
  for (const chunk of chunks) {
    bench.engine.receive(chunk, bench.now++);
    for (let event = bench.engine.next(); event !== null; event = bench.engine.next()) {
      events.push(event);
      if (event.type === "message") bench.engine.acknowledge(event);
    }
    bench.engine.tick(bench.now);
    bench.sent();
  }
  events.push(...bench.drop());
  const { error } = ending(events);
  assert(error instanceof MqttError);
  assertLessOrEqual(events.length, chunks.reduce((sum, chunk) => sum + chunk.length, 1));
  assertEquals([bench.state, bench.engine.next(), bench.sent()], ["offline", null, ""]);
  bench.online(KEEP);
}

describe("bytes of any kind", () => {
  it("end in events and one offline: random ones", () => {
    const chunksArb = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 });
    fc.assert(
      fc.property(fc.boolean(), chunksArb, (online, chunks) => {
        const bench = online ? busy() : new Bench();
        if (!online) bench.open();
        survives(bench, chunks);
      }),
      { numRuns: 500 },
    );
  });

  it("end in events and one offline: packets with a right header and a random body", () => {
    const packetArb = fc
      .tuple(
        fc.constantFrom(0x20, 0x30, 0x31, 0x32, 0x34, 0x3a, 0x40, 0x50, 0x62, 0x70, 0x90, 0xb0, 0xd0),
        fc.uint8Array({ maxLength: 12 }),
      )
      .map(([first, body]) =>
        packet(first, [...body].map((byte) => byte.toString(16).padStart(2, "0")).join(""))
      );
    fc.assert(
      fc.property(fc.array(packetArb, { maxLength: 6 }), (packets) => {
        survives(busy(), packets.map(bytes));
      }),
      { numRuns: 500 },
    );
  });

  it("end in events and one offline: valid streams that were changed", () => {
    fc.assert(
      fc.property(
        fc.array(serverPacketArb, { minLength: 1, maxLength: 8 }),
        fc.array(fc.tuple(fc.constantFrom("set", "insert", "remove"), fc.nat(), fc.nat(255)), {
          minLength: 1,
          maxLength: 4,
        }),
        fc.array(fc.nat(), { maxLength: 4 }),
        (packets, changes, places) => {
          const stream = [...bytes(packets.join(""))];
          for (const [change, where, value] of changes) {
            const at = where % (stream.length + 1);
            if (change === "set") stream.splice(at, 1, value);
            else if (change === "insert") stream.splice(at, 0, value);
            else stream.splice(at, 1);
          }
          survives(busy(), cut(new Uint8Array(stream), places));
        },
      ),
      { numRuns: 500 },
    );
  });

  it("never make the engine hold more than the limit", () => {
    for (let first = 0; first < 256; first++) {
      const bench = Bench.online({ maxPacketSize: 1000 });
      const events = bench.receive(bytes(`${first.toString(16).padStart(2, "0")}ffff7f`));
      assert(ending(events).error instanceof ProtocolError);
    }
  });
});

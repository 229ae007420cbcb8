/**
 * mqtt-packet, which MQTT.js stands on, as a second opinion: what our engine writes it must read as the same fields,
 * and write as the same bytes; what it writes as a server our engine must read as the same fields. Where the two
 * differ, the table of differences names the statement that proves us right.
 */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Engine, type Filter, type QoS, RefusedError, v4 } from "@minimqtt/core";
import fc from "fast-check";
import { generate, type Packet } from "mqtt-packet";
import { Buffer } from "node:buffer";
import { fromHex, toHex } from "../../src/wire/bytes.ts";
import { assertSame, online, OPTIONS, read, received, statementOf, STRICTER } from "./oracle.ts";

function readOne(bytes: Uint8Array): Packet {
  const { packets, error } = read(bytes);
  assertEquals([packets.length, error], [1, undefined]);
  return packets[0]!;
}

function taken(engine: Engine): Uint8Array {
  return engine.take(0) ?? new Uint8Array(0);
}

/** Characters of 1 to 4 bytes, and those that decoders like to swallow. */
const unit = fc.constantFrom(
  "a",
  "Z",
  "0",
  " ",
  "/",
  "$",
  "\x01",
  "\x7f",
  "é",
  "\u07ff",
  "€",
  "\ufeff",
  "\uffff",
  "😀",
);
const textArb = fc.string({ unit, maxLength: 20 });
const topicArb = fc.string({ unit, minLength: 1, maxLength: 20 });
const filterArb = fc.oneof(
  topicArb.filter((topic) => !topic.startsWith("$")),
  fc.constantFrom("#", "+", "a/+/b/#"),
);
const qosArb = fc.constantFrom<QoS>(0, 1, 2);
const idArb = fc.oneof(fc.constantFrom(1, 255, 256, 65_535), fc.integer({ min: 1, max: 65_535 }));
const bytesArb = fc.uint8Array({ maxLength: 40 });

/** Body lengths on both sides of every boundary of the remaining length. */
const BOUNDARIES = [
  126,
  127,
  128,
  129,
  16_382,
  16_383,
  16_384,
  16_385,
  2_097_150,
  2_097_151,
  2_097_152,
  2_097_153,
];

describe("mqtt-packet agrees on what we write:", () => {
  it("CONNECT with every combination of fields and flags", () => {
    const willArb = fc.record({
      topic: topicArb,
      payload: fc.oneof(textArb, bytesArb),
      qos: qosArb,
      retain: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.record({ clientId: textArb, cleanSession: fc.boolean(), keepAlive: fc.nat(65_535) }),
        fc.option(fc.tuple(textArb, fc.option(fc.oneof(textArb, bytesArb), { nil: undefined })), {
          nil: undefined,
        }),
        fc.option(willArb, { nil: undefined }),
        (basic, credentials, will) => {
          const cleanSession = basic.cleanSession || basic.clientId === "";
          const [username, password] = credentials ?? [];
          const engine = new Engine({ codec: v4 });
          engine.opened(
            {
              ...basic,
              cleanSession,
              ...(username === undefined ? {} : { username }),
              ...(password === undefined ? {} : { password }),
              ...(will === undefined ? {} : { will }),
            },
            1000,
            0,
          );
          const bytes = taken(engine);
          const found = readOne(bytes);
          assert(found.cmd === "connect");
          assertEquals(
            [found.protocolId, found.protocolVersion, found.clientId, found.clean, found.keepalive],
            ["MQTT", 4, basic.clientId, cleanSession, basic.keepAlive],
          );
          assertEquals(found.username, username);
          assertEquals(
            found.password && toHex(found.password),
            password === undefined ? undefined : hexOf(password),
          );
          assertEquals(
            found.will && [
              found.will.topic,
              toHex(found.will.payload as Buffer),
              found.will.qos,
              found.will.retain,
            ],
            will && [will.topic, hexOf(will.payload), will.qos, will.retain],
          );
          assertEquals(toHex(generate(found)), toHex(bytes));
        },
      ),
      { numRuns: 300 },
    );
  });

  it("PUBLISH with every flag, in text and in bytes", () => {
    fc.assert(
      fc.property(
        topicArb,
        fc.oneof(textArb, bytesArb),
        qosArb,
        fc.boolean(),
        (topic, payload, qos, retain) => {
          const engine = online();
          const id = engine.publish(topic, payload, qos, retain);
          const bytes = taken(engine);
          const found = readOne(bytes);
          assert(found.cmd === "publish");
          assertEquals([found.topic, found.qos, found.retain, found.dup], [topic, qos, retain, false]);
          assertEquals(toHex(found.payload as Buffer), hexOf(payload));
          assertEquals(found.messageId, qos === 0 ? undefined : id);
          assertEquals(toHex(generate(found)), toHex(bytes));
        },
      ),
      { numRuns: 300 },
    );
  });

  it("PUBLISH and PUBREL that are sent again", () => {
    const engine = online();
    for (const qos of [1, 2, 2] as const) engine.publish("t", "x", qos);
    taken(engine);
    received(fromHex("50020003"), engine);
    engine.closed(null);
    engine.next();
    engine.opened(OPTIONS, 1000, 0);
    taken(engine);
    received(fromHex("20020100"), engine);
    const { packets } = read(taken(engine));
    assertEquals(packets.map((found) => [found.cmd, found.messageId, found.cmd === "publish" && found.dup]), [
      ["publish", 1, true],
      ["publish", 2, true],
      ["pubrel", 3, false],
    ]);
  });

  it("PUBLISH at every boundary of the remaining length", () => {
    for (const size of BOUNDARIES) {
      const engine = online();
      engine.publish("t", new Uint8Array(size - 3));
      const bytes = taken(engine);
      const found = readOne(bytes);
      assertEquals([found.cmd, found.length], ["publish", size]);
      assert(Buffer.compare(generate(found), bytes) === 0);
    }
  });

  it("SUBSCRIBE and UNSUBSCRIBE with lists of any length", () => {
    const listArb = fc.array(fc.record({ topic: filterArb, qos: qosArb }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(listArb, (filters: Filter[]) => {
        const engine = online();
        const topics = filters.map(({ topic }) => topic);
        engine.subscribe(filters);
        const subscribe = taken(engine);
        engine.unsubscribe(topics);
        const unsubscribe = taken(engine);
        const one = readOne(subscribe);
        assert(one.cmd === "subscribe");
        assertEquals([one.messageId, one.subscriptions.map(({ topic, qos }) => ({ topic, qos }))], [
          1,
          filters,
        ]);
        assertEquals(toHex(generate(one)), toHex(subscribe));
        const two = readOne(unsubscribe);
        assert(two.cmd === "unsubscribe");
        assertEquals([two.messageId, two.unsubscriptions], [2, topics]);
        assertEquals(toHex(generate(two)), toHex(unsubscribe));
      }),
      { numRuns: 100 },
    );
  });

  it("PUBACK, PUBREC, PUBREL, PUBCOMP, PINGREQ and DISCONNECT", () => {
    fc.assert(
      fc.property(idArb, (id) => {
        const engine = online();
        for (const qos of [1, 2] as const) {
          const [message] = received(generate({ ...MESSAGE, qos, messageId: id }), engine);
          assert(message?.type === "message");
          engine.acknowledge(message);
        }
        received(generate({ cmd: "pubrel", messageId: id }), engine);
        received(generate({ cmd: "pubrec", messageId: id }), engine);
        engine.ping(0);
        engine.disconnect();
        const bytes = taken(engine);
        const { packets } = read(bytes);
        assertEquals(packets.map((found) => [found.cmd, found.messageId]), [
          ["puback", id],
          ["pubrec", id],
          ["pubcomp", id],
          ["pubrel", id],
          ["pingreq", undefined],
          ["disconnect", undefined],
        ]);
        assertEquals(toHex(Buffer.concat(packets.map((found) => generate(found)))), toHex(bytes));
      }),
      { numRuns: 50 },
    );
  });
});

const MESSAGE = { cmd: "publish", topic: "t", payload: "x", dup: false, retain: false } as const;

describe("we agree on what mqtt-packet writes:", () => {
  it("CONNACK with every code", () => {
    for (let returnCode = 0; returnCode < 256; returnCode++) {
      for (const sessionPresent of [false, true]) {
        const engine = new Engine({ codec: v4 });
        engine.opened(OPTIONS, 1000, 0);
        const [event] = received(generate({ cmd: "connack", returnCode, sessionPresent }), engine);
        if (returnCode === 0) {
          assert(event?.type === "online");
          assertEquals(event.connack.sessionPresent, sessionPresent);
        } else {
          assert(event?.type === "offline" && event.error instanceof RefusedError);
          assertEquals(event.error.returnCode, returnCode);
        }
      }
    }
  });

  it("PUBLISH with every flag", () => {
    fc.assert(
      fc.property(
        topicArb,
        bytesArb,
        qosArb,
        fc.boolean(),
        fc.boolean(),
        idArb,
        (topic, payload, qos, again, retain, id) => {
          const dup = again && qos > 0;
          const [message] = received(
            generate({
              cmd: "publish",
              topic,
              payload: Buffer.from(payload),
              qos,
              dup,
              retain,
              messageId: id,
            }),
          );
          assertEquals(message, {
            type: "message",
            packet: 0x30,
            topic,
            payload,
            qos,
            retain,
            duplicate: dup,
            id: qos === 0 ? 0 : id,
          });
        },
      ),
      { numRuns: 300 },
    );
  });

  it("PUBLISH at every boundary of the remaining length", () => {
    for (const size of BOUNDARIES) {
      const [message] = received(generate({ ...MESSAGE, qos: 0, payload: Buffer.alloc(size - 3, 7) }));
      assert(message?.type === "message");
      assertEquals([message.payload.length, message.payload.at(-1)], [size - 3, 7]);
    }
  });

  it("PUBACK, PUBREC, PUBREL, PUBCOMP, UNSUBACK and PINGRESP", () => {
    fc.assert(
      fc.property(idArb, (messageId) => {
        for (const cmd of ["puback", "pubrec", "pubrel", "pubcomp", "unsuback"] as const) {
          const [event] = received(generate({ cmd, messageId } as Packet));
          assert(event?.type === "progress");
          assertSame(event, { cmd, messageId } as Packet);
        }
      }),
      { numRuns: 50 },
    );
    assertEquals(received(generate({ cmd: "pingresp" })), [{ type: "pong", packet: 0xd0 }]);
  });

  it("SUBACK with every list of codes", () => {
    const grantedArb = fc.array(fc.constantFrom(0, 1, 2, 128), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(grantedArb, (granted) => {
        const engine = online();
        const id = engine.subscribe(granted.map(() => ({ topic: "t", qos: 2 })));
        assertEquals(received(generate({ cmd: "suback", messageId: id, granted }), engine), [
          { type: "settled", packet: 0x90, id, reasons: granted, properties: undefined },
        ]);
      }),
      { numRuns: 50 },
    );
  });
});

describe("where mqtt-packet and we differ,", () => {
  for (const [statement, streams] of Object.entries(STRICTER)) {
    it(`it takes what we refuse [${statement}]`, () => {
      for (const stream of streams) {
        const bytes = fromHex(stream);
        const { packets, error } = read(bytes);
        assertEquals([packets.length, error], [1, undefined], stream);
        assertEquals(statementOf(received(bytes)), statement, stream);
      }
    });
  }

  it("a stream of any packets is read the same up to there", () => {
    const typeArb = fc.constantFrom(
      0x20,
      0x30,
      0x30,
      0x32,
      0x34,
      0x3a,
      0x40,
      0x50,
      0x62,
      0x70,
      0x90,
      0xb0,
      0xd0,
    );
    const firstArb = fc.oneof({ weight: 4, arbitrary: typeArb }, { weight: 1, arbitrary: fc.nat(255) });
    const bodyArb = fc.oneof(
      fc.uint8Array({ maxLength: 10 }),
      fc.tuple(fc.constantFrom("a", "b/c", "é"), fc.uint8Array({ maxLength: 6 })).map(([topic, rest]) => {
        const name = new TextEncoder().encode(topic);
        return Uint8Array.of(0, name.length, ...name, ...rest);
      }),
      fc.tuple(fc.nat(2), fc.nat(3), fc.constantFrom([], [0], [1, 0x80], [3])).map(([high, low, rest]) =>
        Uint8Array.of(high, low, ...rest)
      ),
    );
    const packetArb = fc.tuple(firstArb, bodyArb).map(([first, body]) =>
      Uint8Array.of(first, body.length, ...body)
    );
    const seen = new Set<string>();
    fc.assert(
      fc.property(fc.array(packetArb, { minLength: 1, maxLength: 5 }), (packets) => {
        const stream = Buffer.concat(packets);
        const theirs = read(stream);
        const ours = received(stream);
        const end = ours.at(-1)?.type === "offline" ? ours.length - 1 : ours.length;
        for (let i = 0; i < end; i++) assertSame(ours[i]!, theirs.packets[i]);
        const statement = statementOf(ours);
        if (statement === undefined) {
          assertEquals([theirs.packets.length, theirs.error], [packets.length, undefined]);
        } else if (theirs.packets.length > end || theirs.error === undefined) {
          assert(statement in STRICTER, `${statement}: ${toHex(stream)}`);
          seen.add(statement);
        }
      }),
      { numRuns: 3000 },
    );
    assert(seen.size > 5, [...seen].join(", "));
  });
});

function hexOf(payload: string | Uint8Array): string {
  return toHex(typeof payload === "string" ? new TextEncoder().encode(payload) : payload);
}

import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import process from "node:process";
import { v5 } from "./mod.ts";
import { Bench, broke, bytes, field, hex, packet, u16 } from "../../tests/support.ts";
import { again, connack, type Loose, online, server, toOracle, understood } from "../../tests/mqtt5.ts";
import { randomFrom } from "../../tests/random.ts";

/** Packets that a server may send, to be spoiled. */
const GOOD: readonly string[] = [
  ...["publish", "text"].map((payload) =>
    server({ cmd: "publish", topic: "a/b", payload, qos: 0, retain: false, dup: false })
  ),
  publish({ topicAlias: 1 }),
  publish({ contentType: "t", userProperties: { a: "b", c: ["d", "é"] }, subscriptionIdentifier: [1, 300] }),
  publish({ payloadFormatIndicator: true, responseTopic: "r", correlationData: bytes("0102") }, 1),
  publish({ messageExpiryInterval: 7 }, 2),
  ...["puback", "pubrec", "pubcomp"].flatMap((cmd) => [
    server({ cmd, messageId: 1, reasonCode: 0 }),
    server({
      cmd,
      messageId: 2,
      reasonCode: cmd === "pubcomp" ? 0x92 : 0x97,
      properties: { reasonString: "no" },
    }),
  ]),
  "62020001",
  "6203000292",
  server({ cmd: "suback", messageId: 3, granted: [1, 0x80], properties: { userProperties: { a: "b" } } }),
  server({ cmd: "unsuback", messageId: 4, granted: [0, 0x11] }),
  "d000",
  server({ cmd: "auth", reasonCode: 0x18, properties: { authenticationMethod: "m" } }),
  server({ cmd: "disconnect", reasonCode: 0x8b, properties: { serverReference: "x" } }),
  connack({ receiveMaximum: 5, topicAliasMaximum: 3 }),
];

function publish(properties: Loose, qos = 0): string {
  return server({
    cmd: "publish",
    topic: "a",
    payload: "x",
    qos,
    messageId: 9,
    retain: false,
    dup: false,
    properties: toOracle(properties),
  });
}

/** Spoils a stream: some bytes changed, put in, or taken out. */
function spoil(stream: Uint8Array, random: (below: number) => number): Uint8Array {
  const array = [...stream];
  for (let times = random(4); times > 0; times--) {
    const at = random(array.length);
    const kind = random(4);
    if (kind === 0) array[at] = random(256);
    else if (kind === 1) array[at] = array[at]! ^ 1 << random(8);
    else if (kind === 2) array.splice(at, random(3), ...Array.from({ length: random(3) }, () => random(256)));
    else array.splice(at, random(20));
  }
  return new Uint8Array(array);
}

const LIMIT = 500;

/** What a client has under way when the spoiled stream comes. */
function busy(random: (below: number) => number): Bench {
  const ours = { authenticationMethod: "m", topicAliasMaximum: random(3), receiveMaximum: 2 + random(4) };
  const bench = new Bench({ codec: v5, maxPacketSize: LIMIT });
  bench.open({ cleanSession: random(2) === 0, properties: ours });
  bench.sent();
  if (random(10) === 0) return bench;
  bench.receive(connack({ authenticationMethod: "m", topicAliasMaximum: 3, receiveMaximum: 5 }));
  bench.engine.publish("a", "x", 1);
  bench.engine.publish("b", "x", 2);
  bench.engine.subscribe([{ topic: "a", qos: 1 }, { topic: "b", qos: 1 }]);
  bench.engine.unsubscribe(["a", "b"]);
  if (random(2) === 0) bench.engine.authenticate(0x19);
  bench.sent();
  return bench;
}

/** One spoiled stream: events or one error, and what leaves is whole packets. Gives how it ended. */
function round(random: (below: number) => number): string {
  const bench = busy(random);
  const good = Array.from({ length: 1 + random(6) }, () => GOOD[random(GOOD.length)]).join("");
  const stream = spoil(bytes(good), random);
  let ends = 0;
  let code = "goes on";
  for (let at = 0; at < stream.length;) {
    const size = 1 + random(stream.length);
    for (const event of bench.receive(stream.slice(at, at + size))) {
      assertEquals(ends, 0, "nothing behind the end");
      if (event.type === "message") {
        assert(event.topic.length > 0);
        // Whatever can be asked for can be had.
        JSON.stringify(event.properties ?? {});
        bench.engine.acknowledge(event);
      }
      if (event.type === "offline") {
        ends++;
        code = event.error?.code ?? "null";
      }
    }
    at += size;
  }
  assertEquals(bench.state === "offline", ends === 1);
  assertLessOrEqual(bench.engine.pending, 5 * (stream.length + 2));
  const packets = understood(bench.sent());
  if (ends === 1) {
    const isFault = ["malformed-packet", "unexpected-packet", "packet-too-large"].includes(code);
    assertEquals(packets.map(({ cmd }) => cmd), isFault ? ["disconnect"] : []);
  }
  // It can go on as if nothing had been.
  bench.drop();
  again(bench, { keep: true }, false);
  return code;
}

describe("a hostile server", () => {
  const rounds = Number(process.env["MUTATIONS"] ?? 20_000);
  const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 32));

  it(`gets events or one error out of spoiled streams, never a throw, a hang or growth (MUTATIONS, SEED)`, () => {
    const ends = new Map<string, number>();
    for (let i = 0; i < rounds; i++) {
      const own = (seed + i) >>> 0;
      let end;
      try {
        end = round(randomFrom(own));
      } catch (error) {
        throw new Error(`SEED=${own} MUTATIONS=1 shows it again`, { cause: error });
      }
      ends.set(end, (ends.get(end) ?? 0) + 1);
    }
    if (rounds < 20_000) return;
    for (
      const end of [
        "goes on",
        "malformed-packet",
        "unexpected-packet",
        "packet-too-large",
        "disconnected-by-server",
      ]
    ) assert(ends.has(end), `${end} was not reached with SEED=${seed}: ${[...ends].join(" ")}`);
  });

  it("cannot have a packet above our maximum taken in: it is told 0x95, before the body has come [MQTT5-3.1.2-24]", () => {
    const bench = online({ options: { maxPacketSize: 100 } });
    const message = (size: number) => packet(0x30, field("a") + "00" + "78".repeat(size - 2 - 4));
    assertEquals(bench.message(message(100)).payload.length, 94);
    const error = broke(bench.receive(message(101).slice(0, 4)), "MQTT5-3.1.2-24");
    assertEquals([error.code, error.reason], ["packet-too-large", 0x95]);
    assertEquals(bench.sent(), "e0029500");
    // What the server was told counts, not what it would be told now.
    const other = online({ options: { maxPacketSize: 100 } });
    other.engine.maxPacketSize = 1000;
    broke(other.receive(message(101)), "MQTT5-3.1.2-24");
    // A message is passed over only for a server that does not know better.
    for (const limit of [100, 50]) {
      const skipping = online({ options: { maxPacketSize: 100, tooLarge: "skip" } });
      skipping.engine.maxPacketSize = limit;
      assertEquals(broke(skipping.receive(message(limit + 1)), "MQTT5-3.1.2-24").reason, 0x95);
    }
  });

  it("cannot acknowledge one thing as another", () => {
    for (
      const [answer, qos, statement] of [
        ["50020001", 1, "MQTT5-4.3.2-4"],
        ["70020001", 1, "MQTT5-4.3.2-4"],
        ["5003000197", 1, "MQTT5-4.3.2-4"],
        ["90040001 00 01", 2, "MQTT5-4.3.3-8"],
        ["40020001", undefined, "MQTT5 section 2.1.2"],
      ] as const
    ) {
      const bench = online();
      if (qos === undefined) bench.engine.subscribe([{ topic: "t", qos: 0 }]);
      else bench.engine.publish("t", "", qos);
      bench.sent();
      assertEquals(broke(bench.receive(answer), statement).reason, 0x82);
      assertEquals(bench.sent(), "e0028200");
    }
    // A message with QoS 2 that was acknowledged has arrived, whatever the server thinks it was.
    const bench = online();
    const id = bench.engine.publish("t", "", 2);
    bench.sent();
    const event = bench.one(server({ cmd: "puback", messageId: id, reasonCode: 0x10 }));
    assert(event.type === "settled");
    assertEquals([event.reasons, event.error?.code], [[0x10], "qos-not-supported"]);
  });

  it("cannot give a reason in words where we asked for none [MQTT5-3.1.2-29]", () => {
    const quiet = { ours: { requestProblemInformation: false } };
    const words = { properties: { reasonString: "because" } };
    for (
      const told of [
        { cmd: "puback", messageId: 1, reasonCode: 0, ...words },
        { cmd: "pubrel", messageId: 1, reasonCode: 0, properties: { userProperties: { a: "b" } } },
        { cmd: "suback", messageId: 1, granted: [0], ...words },
        { cmd: "unsuback", messageId: 1, granted: [0], ...words },
      ]
    ) {
      assertEquals(broke(online(quiet).receive(server(told)), "MQTT5-3.1.2-29").reason, 0x82);
      online().receive(server(told));
    }
    // In these it may.
    online({ ...quiet, theirs: { reasonString: "welcome" } }).message(
      publish({ userProperties: { a: "b" } }),
    );
    const events = online(quiet).receive(server({ cmd: "disconnect", reasonCode: 0x8b, ...words }));
    assertEquals(events.length, 1);
  });

  it("is told 0x99 where a payload is not the text that it is said to be", () => {
    const said = (payload: string) => packet(0x30, field("a") + "020101" + payload);
    for (const good of ["", "61", hex(new TextEncoder().encode("é€😀\ufeff"))]) online().message(said(good));
    for (const bad of ["c3", "ff", "eda080", "61f5"]) {
      const bench = online();
      const error = broke(bench.receive(said(bad)), "MQTT5 section 3.3.2.3.2");
      assertEquals(error.reason, 0x99);
      assertEquals(bench.sent(), "e0029900");
      online().message(packet(0x30, field("a") + "020100" + bad));
    }
  });

  it("cannot use reason codes that the packet does not have", () => {
    const allowed: Readonly<Record<string, readonly [statement: string, ...codes: number[]]>> = {
      "20": [
        "3.2.2-8",
        ...[
          0,
          0x80,
          0x81,
          0x82,
          0x83,
          0x84,
          0x85,
          0x86,
          0x87,
          0x88,
          0x89,
          0x8a,
          0x8c,
          0x90,
          0x95,
          0x97,
          0x99,
        ],
        ...[0x9a, 0x9b, 0x9c, 0x9d, 0x9f],
      ],
      "40": ["3.4.2-1", 0, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
      "50": ["3.5.2-1", 0, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
      "62": ["3.6.2-1", 0, 0x92],
      "70": ["3.7.2-1", 0, 0x92],
      "90": ["3.9.3-2", 0, 1, 2, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2],
      "b0": ["3.11.3-2", 0, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91],
      "e0": [
        "3.14.2-1",
        ...[
          0,
          0x80,
          0x81,
          0x82,
          0x83,
          0x87,
          0x89,
          0x8b,
          0x8c,
          0x8d,
          0x8e,
          0x8f,
          0x90,
          0x93,
          0x94,
          0x95,
          0x96,
          0x97,
        ],
        ...[0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2],
      ],
    };
    for (const [first, [statement, ...codes]] of Object.entries(allowed)) {
      for (let code = 0; code < 256; code++) {
        const text = code.toString(16).padStart(2, "0");
        const body = first === "20"
          ? `00${text}00`
          : first === "e0"
          ? text
          : first === "90" || first === "b0"
          ? `000100${text}`
          : `0001${text}`;
        const bench = first === "20" ? new Bench({ codec: v5 }) : online();
        if (first === "20") bench.open();
        const events = bench.receive(packet(parseInt(first, 16), body));
        if (!codes.includes(code)) assertEquals(broke(events, `MQTT5-${statement}`).reason, 0x82);
        else if (first !== "e0" && (first !== "20" || code === 0)) assertEquals(bench.state, "online");
      }
    }
  });

  it("cannot send what only a client sends, wrong flags, or too little", () => {
    for (const first of [0x00, 0x10, 0x82, 0xa2, 0xc0]) {
      const error = broke(online().receive(packet(first, "00")), "MQTT5 section 2.1.2");
      assertEquals([error.firstByte, error.reason], [first, 0x82]);
    }
    for (const first of [0x41, 0x52, 0x60, 0x6a, 0x7f, 0x98, 0xb2, 0xd1, 0xe1, 0xff]) {
      assertEquals(broke(online().receive(packet(first, "0001")), "MQTT5-2.1.3-1").reason, 0x81);
    }
    broke(online().receive("3605000161000100"), "MQTT5-3.3.1-4");
    broke(online().receive("3804000161 00"), "MQTT5-3.3.1-2");
    const shortest = { 0x30: 3, 0x32: 5, 0x34: 5, 0x40: 2, 0x50: 2, 0x62: 2, 0x70: 2, 0x90: 4, 0xb0: 4 };
    for (const [first, least] of Object.entries(shortest)) {
      for (let length = 0; length < least; length++) {
        const text = packet(Number(first), "00".repeat(length));
        assertEquals(broke(online().receive(text), `MQTT5 section 3.${Number(first) >> 4}.1`).reason, 0x81);
      }
    }
    broke(online().receive("d00100"), "MQTT5 section 3.13.1");
    broke(online().receive("20030000" + "00"), "MQTT5 section 3.2");
    for (const body of ["0005616100", "000161", "000161" + "05" + "0000"]) {
      broke(online().receive(packet(0x30, body)), "MQTT5 section 3.3.2");
    }
    broke(online().receive("30ffffffff01"), "MQTT5-1.5.5-1");
  });

  it("cannot answer a request with another number of codes [MQTT5-3.8.4-6] [MQTT5-3.11.3-1]", () => {
    for (const [count, codes] of [[2, 1], [1, 2], [3, 2]] as const) {
      const bench = online();
      const id = bench.engine.subscribe(new Array(count).fill({ topic: "t", qos: 0 }));
      broke(
        bench.receive(server({ cmd: "suback", messageId: id, granted: new Array(codes).fill(0) })),
        "MQTT5-3.8.4-6",
      );
      const other = online();
      const messageId = other.engine.unsubscribe(new Array(count).fill("t"));
      const answer = server({ cmd: "unsuback", messageId, granted: new Array(codes).fill(0) });
      broke(other.receive(answer), "MQTT5-3.11.3-1");
    }
  });

  it("does not make us hold more, however many packets it floods us with and does not read", () => {
    const bench = online();
    for (let i = 1; i <= 1000; i++) {
      bench.receive(`6202${u16(i)}` + `5002${u16(i)}` + server({ cmd: "pingresp" }));
    }
    // Five bytes for each of seven that came, and nothing else.
    assertEquals(bench.engine.pending, 1000 * 10);
  });
});

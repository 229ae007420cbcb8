/**
 * Random packets of a server, in hex.
 *
 * @module
 */
import fc from "fast-check";
import { packet, publish, u16 } from "./support.ts";

/** Any well-formed text; `fc.string({ unit: "binary" })` takes seconds to build its tables. */
export const textArb: fc.Arbitrary<string> = fc
  .array(fc.oneof(fc.nat(0x7f), fc.nat(0x7ff), fc.nat(0xffff), fc.nat(0x10_ffff)), { maxLength: 200 })
  .map((codes) => codes.map((code) => code >> 11 === 0x1b ? "" : String.fromCodePoint(code)).join(""));

/** Topics with characters of 1 to 4 bytes. */
export const topicArb: fc.Arbitrary<string> = fc.string({
  unit: fc.constantFrom("a", "b", "/", "$", " ", "\x01", "é", "€", "\ufeff", "😀"),
  minLength: 1,
  maxLength: 12,
});

export const idArb: fc.Arbitrary<number> = fc.oneof(
  fc.integer({ min: 1, max: 6 }),
  fc.integer({ min: 1, max: 65_535 }),
);

export const payloadArb: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 20 }),
  fc.integer({ min: 100, max: 300 }).map((size) => new Uint8Array(size).fill(0x78)),
);

export const publishArb: fc.Arbitrary<string> = fc
  .record({
    topic: topicArb,
    payload: payloadArb,
    qos: fc.nat(2),
    id: idArb,
    dup: fc.boolean(),
    retain: fc.boolean(),
  })
  .map(({ topic, payload, ...options }) =>
    publish(topic, payload, { ...options, dup: options.dup && options.qos > 0 })
  );

/** Any packet that a server may send behind CONNACK. */
export const serverPacketArb: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: publishArb },
  {
    weight: 3,
    arbitrary: fc.tuple(fc.constantFrom(0x40, 0x50, 0x62, 0x70, 0xb0), idArb)
      .map(([first, id]) => packet(first, u16(id))),
  },
  { weight: 1, arbitrary: fc.constant("d000") },
);

/** Cuts an array at the given places, in any order. */
export function cut(stream: Uint8Array, places: readonly number[]): Uint8Array[] {
  const sorted = [...new Set(places.map((place) => place % (stream.length + 1)))].sort((a, b) => a - b);
  return [0, ...sorted].map((start, i) => stream.slice(start, sorted[i] ?? stream.length));
}

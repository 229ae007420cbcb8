/**
 * The fields that packets are made of, in both versions: how they are written, and how a topic is read.
 *
 * @module
 */
import { ProtocolError } from "./errors.ts";
import type { Outbox } from "./outbox.ts";
import { type ConnectOptions, type PacketId, type Payload, PUBLISH, PUBREL } from "./packets.ts";
import { decodeText, writeText } from "./text.ts";
import { utf8Length } from "./topic.ts";
import { TopicCache } from "./topic_cache.ts";

/** How every fault of a PUBLISH begins. */
export const PUBLISHED = "Malformed PUBLISH";

/** The names of the packets that a server sends in both versions, by type. */
export const NAMES: Readonly<Record<number, string>> = {
  2: "CONNACK",
  3: "PUBLISH",
  4: "PUBACK",
  5: "PUBREC",
  6: "PUBREL",
  7: "PUBCOMP",
  9: "SUBACK",
  11: "UNSUBACK",
  13: "PINGRESP",
};

/** What a packet is made of: a number is a byte, text and bytes stand behind their length. */
export type Parts = readonly (number | Payload)[];

/** Appends a packet whose body is `parts`. */
export function writePacket(out: Outbox, first: number, parts: Parts): void {
  const at = begin(out, first, sizeOfParts(parts));
  writeParts(out.bytes, at, parts);
}

/** How many bytes `parts` take. */
export function sizeOfParts(parts: Parts): number {
  let size = 0;
  for (const part of parts) size += typeof part === "number" ? 1 : 2 + sizeOf(part);
  return size;
}

/** Writes `parts` at `at`; there is room for them. */
export function writeParts(bytes: Uint8Array, at: number, parts: Parts): void {
  for (const part of parts) {
    if (typeof part === "number") bytes[at++] = part;
    else at = writeField(bytes, at, part);
  }
}

/** Reserves a packet and writes its fixed header; gives where the body begins. */
export function begin(out: Outbox, first: number, remaining: number): number {
  const at = out.reserve(1 + lengthBytes(remaining) + remaining);
  const { bytes } = out;
  bytes[at] = first;
  return writeLength(bytes, at + 1, remaining);
}

/** How many bytes a remaining length takes. */
export function lengthBytes(length: number): number {
  return length < 0x80 ? 1 : length < 0x4000 ? 2 : length < 0x20_0000 ? 3 : 4;
}

/** Writes a remaining length; gives where it ends. */
export function writeLength(bytes: Uint8Array, at: number, length: number): number {
  for (; length >= 0x80; length >>= 7) bytes[at++] = length & 0x7f | 0x80;
  bytes[at++] = length;
  return at;
}

/** Writes two bytes; gives where they end. */
export function writeNumber(bytes: Uint8Array, at: number, value: number): number {
  bytes[at] = value >> 8;
  bytes[at + 1] = value;
  return at + 2;
}

/** Writes text or bytes behind their length in two bytes; gives where they end. */
export function writeField(bytes: Uint8Array, at: number, field: Payload): number {
  const length = sizeOf(field);
  at = writeNumber(bytes, at, length);
  if (typeof field === "string") writeText(bytes, at, field);
  else bytes.set(field, at);
  return at + length;
}

/** Reads two bytes. */
export function readNumber(bytes: Uint8Array, at: number): number {
  return bytes[at]! << 8 | bytes[at + 1]!;
}

/** Reads a packet identifier of the packet with this first byte. */
export function readId(bytes: Uint8Array, at: number, first: number): PacketId {
  const id = readNumber(bytes, at);
  if (id === 0) throw malformed(`invalid ${NAMES[first >> 4]}: packet identifier 0`, "MQTT-2.3.1-1");
  return id;
}

/**
 * Checks a first byte: a packet without a name may not come from a server, and its flags are fixed.
 *
 * @throws {ProtocolError} with the statements of MQTT 3.1.1.
 */
export function checkHeader(first: number, name: string | undefined): void {
  const type = first & 0xf0;
  const flags = first & 0x0f;
  const fixed = type === PUBREL ? 0x02 : 0;
  if (name === undefined) {
    const summary = `a server never sends a packet of type ${first >> 4} (first byte ${hex(first)})`;
    throw new ProtocolError("unexpected-packet", summary, "MQTT-4.8.0-1", first);
  }
  if (type === PUBLISH) {
    if ((flags & 0x06) === 0x06) throw malformed(`${PUBLISHED}: QoS 3`, "MQTT-3.3.1-4");
    if ((flags & 0x0e) === 0x08) throw malformed(`${PUBLISHED}: DUP with QoS 0`, "MQTT-3.3.1-2");
  } else if (flags !== fixed) {
    throw malformed(`invalid ${name}: flags ${flags}, expected ${fixed}`, "MQTT-2.2.2-2");
  }
}

/**
 * What CONNECT says of will, user name and password: flags and fields, with what stands before the will.
 */
export function connectFields(
  { clientId, cleanSession, username, password, will }: ConnectOptions,
  beforeWill: Parts = [],
): [flags: number, fields: Parts] {
  let flags = cleanSession ? 0x02 : 0;
  const fields: (number | Payload)[] = [clientId];
  if (will !== undefined) {
    flags |= 0x04 | (will.qos ?? 0) << 3 | (will.retain ? 0x20 : 0);
    fields.push(...beforeWill, will.topic, will.payload);
  }
  if (username !== undefined) {
    flags |= 0x80;
    fields.push(username);
  }
  if (password !== undefined) {
    flags |= 0x40;
    fields.push(password);
  }
  return [flags, fields];
}

/** A byte, for people. */
export function hex(byte: number): string {
  return `0x${byte.toString(16).padStart(2, "0")}`;
}

/** The packet is none. */
export function malformed(summary: string, statement: string): ProtocolError {
  return new ProtocolError("malformed-packet", summary, statement);
}

function sizeOf(field: Payload): number {
  return typeof field === "string" ? utf8Length(field) : field.length;
}

function readTopic(bytes: Uint8Array): string {
  let topic;
  try {
    topic = decodeText(bytes);
  } catch {
    throw malformed(`${PUBLISHED}: the topic is not valid UTF-8`, "MQTT-1.5.3-1");
  }
  if (topic === "") throw malformed(`${PUBLISHED}: empty topic`, "MQTT-4.7.3-1");
  if (topic.includes("\0")) throw malformed(`${PUBLISHED}: U+0000 in the topic`, "MQTT-1.5.3-2");
  if (/[+#]/.test(topic)) throw malformed(`${PUBLISHED}: wildcard in the topic`, "MQTT-3.3.2-2");
  return topic;
}

/** Reads topics that arrive; throws {@link ProtocolError}, with the statements of MQTT 3.1.1. */
export const TOPICS: TopicCache = /* @__PURE__ */ new TopicCache(readTopic);

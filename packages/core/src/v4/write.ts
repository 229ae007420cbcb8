/**
 * The packets a client sends in MQTT 3.1.1.
 *
 * @module
 */
import type { Wire } from "../codec.ts";
import type { Outbox } from "../outbox.ts";
import {
  CONNECT,
  DISCONNECT,
  type Payload,
  PINGREQ,
  PUBLISH,
  PUBREL,
  SUBSCRIBE,
  UNSUBSCRIBE,
} from "../packets.ts";
import { writeText } from "../text.ts";
import { utf8Length } from "../topic.ts";

/** The writing half of the wire. */
export const writing: Pick<Wire, keyof Wire & `write${string}`> = {
  writeConnect(out, options) {
    const { keepAlive, username, password, will } = options;
    let flags = options.cleanSession ? 0x02 : 0;
    const fields: Payload[] = [options.clientId];
    if (will !== undefined) {
      flags |= 0x04 | (will.qos ?? 0) << 3 | (will.retain ? 0x20 : 0);
      fields.push(will.topic, will.payload);
    }
    if (username !== undefined) {
      flags |= 0x80;
      fields.push(username);
    }
    if (password !== undefined) {
      flags |= 0x40;
      fields.push(password);
    }
    writeParts(out, CONNECT, ["MQTT", 4, flags, keepAlive >> 8, keepAlive, ...fields]);
  },

  writePublish(out, topic, payload, qos, retain, duplicate, id) {
    const size = 2 + topic.length + (qos === 0 ? 0 : 2) + payload.length;
    let at = begin(out, PUBLISH | (duplicate ? 0x08 : 0) | (qos << 1) | (retain ? 1 : 0), size);
    const bytes = out.bytes;
    at = writeField(bytes, at, topic);
    if (qos !== 0) at = writeNumber(bytes, at, id);
    bytes.set(payload, at);
  },

  writeSubscribe(out, id, filters) {
    writeParts(out, SUBSCRIBE, [id >> 8, id, ...filters.flatMap(({ topic, qos }) => [topic, qos])]);
  },

  writeUnsubscribe(out, id, filters) {
    writeParts(out, UNSUBSCRIBE, [id >> 8, id, ...filters]);
  },

  writeAcknowledgement(out, type, id) {
    const at = out.reserve(4);
    out.bytes[at] = type === PUBREL ? type | 0x02 : type;
    out.bytes[at + 1] = 2;
    writeNumber(out.bytes, at + 2, id);
  },

  writePing(out) {
    writeParts(out, PINGREQ, []);
  },

  writeDisconnect(out) {
    writeParts(out, DISCONNECT, []);
  },
};

/** Appends a packet whose body is `parts`: a number is a byte, text and bytes stand behind their length. */
function writeParts(out: Outbox, first: number, parts: readonly (number | Payload)[]): void {
  let size = 0;
  for (const part of parts) size += typeof part === "number" ? 1 : 2 + sizeOf(part);
  let at = begin(out, first, size);
  for (const part of parts) {
    if (typeof part === "number") out.bytes[at++] = part;
    else at = writeField(out.bytes, at, part);
  }
}

/** Reserves a packet and writes its fixed header; gives where the body begins. */
function begin(out: Outbox, first: number, remaining: number): number {
  const lengthBytes = remaining < 0x80 ? 1 : remaining < 0x4000 ? 2 : remaining < 0x20_0000 ? 3 : 4;
  let at = out.reserve(1 + lengthBytes + remaining);
  const bytes = out.bytes;
  bytes[at++] = first;
  for (; remaining >= 0x80; remaining >>= 7) bytes[at++] = remaining & 0x7f | 0x80;
  bytes[at++] = remaining;
  return at;
}

function writeNumber(bytes: Uint8Array, at: number, value: number): number {
  bytes[at] = value >> 8;
  bytes[at + 1] = value;
  return at + 2;
}

/** Text or bytes behind their length in two bytes; gives where they end. */
function writeField(bytes: Uint8Array, at: number, field: Payload): number {
  const length = sizeOf(field);
  at = writeNumber(bytes, at, length);
  if (typeof field === "string") writeText(bytes, at, field);
  else bytes.set(field, at);
  return at + length;
}

function sizeOf(field: Payload): number {
  return typeof field === "string" ? utf8Length(field) : field.length;
}

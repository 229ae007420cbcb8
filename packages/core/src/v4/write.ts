/**
 * The packets a client sends in MQTT 3.1.1.
 *
 * @module
 */
import type { Outbox } from "../outbox.ts";
import {
  CONNECT,
  type ConnectOptions,
  DISCONNECT,
  type Filter,
  type PacketId,
  type Payload,
  PINGREQ,
  PUBLISH,
  PUBREL,
  type QoS,
  SUBSCRIBE,
  UNSUBSCRIBE,
} from "../packets.ts";
import { writeText } from "../text.ts";
import { utf8Length } from "../topic.ts";

export function writeConnect(out: Outbox, options: ConnectOptions): void {
  const { clientId, username, password, will } = options;
  const idLength = sizeOf(clientId);
  let flags = options.cleanSession ? 0x02 : 0;
  let size = 12 + idLength;
  let topicLength = 0, willLength = 0, usernameLength = 0, passwordLength = 0;
  if (will !== undefined) {
    flags |= 0x04 | ((will.qos ?? 0) << 3) | (will.retain ? 0x20 : 0);
    topicLength = sizeOf(will.topic);
    willLength = sizeOf(will.payload);
    size += 4 + topicLength + willLength;
  }
  if (username !== undefined) {
    flags |= 0x80;
    usernameLength = sizeOf(username);
    size += 2 + usernameLength;
  }
  if (password !== undefined) {
    flags |= 0x40;
    passwordLength = sizeOf(password);
    size += 2 + passwordLength;
  }
  let at = begin(out, CONNECT, size);
  const bytes = out.bytes;
  at = writeField(bytes, at, "MQTT", 4);
  bytes[at++] = 4;
  bytes[at++] = flags;
  at = writeNumber(bytes, at, options.keepAlive);
  at = writeField(bytes, at, clientId, idLength);
  if (will !== undefined) {
    at = writeField(bytes, at, will.topic, topicLength);
    at = writeField(bytes, at, will.payload, willLength);
  }
  if (username !== undefined) at = writeField(bytes, at, username, usernameLength);
  if (password !== undefined) writeField(bytes, at, password, passwordLength);
}

export function writePublish(
  out: Outbox,
  topic: Uint8Array,
  payload: Uint8Array,
  qos: QoS,
  retain: boolean,
  duplicate: boolean,
  id: PacketId,
): void {
  const size = 2 + topic.length + (qos === 0 ? 0 : 2) + payload.length;
  let at = begin(out, PUBLISH | (duplicate ? 0x08 : 0) | (qos << 1) | (retain ? 1 : 0), size);
  const bytes = out.bytes;
  at = writeField(bytes, at, topic, topic.length);
  if (qos !== 0) at = writeNumber(bytes, at, id);
  bytes.set(payload, at);
}

export function writeSubscribe(out: Outbox, id: PacketId, filters: readonly Filter[]): void {
  let size = 2;
  for (const filter of filters) size += 3 + sizeOf(filter.topic);
  let at = begin(out, SUBSCRIBE, size);
  at = writeNumber(out.bytes, at, id);
  for (const { topic, qos } of filters) {
    at = writeField(out.bytes, at, topic, sizeOf(topic));
    out.bytes[at++] = qos;
  }
}

export function writeUnsubscribe(out: Outbox, id: PacketId, filters: readonly string[]): void {
  let size = 2;
  for (const filter of filters) size += 2 + sizeOf(filter);
  let at = begin(out, UNSUBSCRIBE, size);
  at = writeNumber(out.bytes, at, id);
  for (const filter of filters) at = writeField(out.bytes, at, filter, sizeOf(filter));
}

export function writeAcknowledgement(out: Outbox, type: number, id: PacketId): void {
  const at = out.reserve(4);
  out.bytes[at] = type === PUBREL ? type | 0x02 : type;
  out.bytes[at + 1] = 2;
  writeNumber(out.bytes, at + 2, id);
}

export function writePing(out: Outbox): void {
  begin(out, PINGREQ, 0);
}

export function writeDisconnect(out: Outbox): void {
  begin(out, DISCONNECT, 0);
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
function writeField(bytes: Uint8Array, at: number, field: Payload, length: number): number {
  return writeRaw(bytes, writeNumber(bytes, at, length), field, length);
}

function writeRaw(bytes: Uint8Array, at: number, field: Payload, length: number): number {
  if (typeof field === "string") writeText(bytes, at, field);
  else bytes.set(field, at);
  return at + length;
}

function sizeOf(field: Payload): number {
  return typeof field === "string" ? utf8Length(field) : field.length;
}

/**
 * The 27 properties of MQTT 5, in one table: what each is called, how it is encoded, in which packets a client sends it
 * and a server does. Writing, reading and checking follow from it.
 *
 * @module
 */
import { checkInteger } from "../checks.ts";
import { ProtocolError, UsageError } from "../errors.ts";
import { hex, malformed, type Parts, readNumber, sizeOfParts, writeParts } from "../fields.ts";
import { decodeText } from "../text.ts";
import { checkText, checkTopic } from "../topic.ts";

// How a value is encoded. What comes behind PAIRS may come more than once.
const FLAG = 0;
const BIT = 1;
const TWO = 2;
const FOUR = 3;
const LENGTH = 4;
const TEXT = 5;
const BYTES = 6;
const PAIRS = 7;
const LENGTHS = 8;

// Packets, as bits by their type. A will is none, but has properties of its own.
const WILL = 1;
const CONNECT = 1 << 1;
const CONNACK = 1 << 2;
const PUBLISH = 1 << 3;
const ANSWERS = 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 9 | 1 << 11;
const SUBSCRIBE = 1 << 8;
const UNSUBSCRIBE = 1 << 10;
const DISCONNECT = 1 << 14;
const AUTH = 1 << 15;
const ASKED = CONNECT | WILL | PUBLISH | SUBSCRIBE | UNSUBSCRIBE | DISCONNECT | AUTH;
const TOLD = CONNACK | PUBLISH | ANSWERS | DISCONNECT | AUTH;

type Row = readonly [id: number, name: string, kind: number, sent: number, received: number, least?: number];

/** Those that stand first are sent first: `wire.ts` finds them there. */
const TABLE: readonly Row[] = [
  [2, "messageExpiryInterval", FOUR, PUBLISH | WILL, PUBLISH],
  [17, "sessionExpiryInterval", FOUR, CONNECT | DISCONNECT, CONNACK],
  [11, "subscriptionIdentifier", LENGTH, SUBSCRIBE, 0, 1],
  // Of messages that arrive: one for each subscription that matches.
  [11, "subscriptionIdentifiers", LENGTHS, 0, PUBLISH, 1],
  [1, "payloadFormatIndicator", FLAG, PUBLISH | WILL, PUBLISH],
  [3, "contentType", TEXT, PUBLISH | WILL, PUBLISH],
  [8, "responseTopic", TEXT, PUBLISH | WILL, PUBLISH],
  [9, "correlationData", BYTES, PUBLISH | WILL, PUBLISH],
  [18, "assignedClientIdentifier", TEXT, 0, CONNACK],
  [19, "serverKeepAlive", TWO, 0, CONNACK],
  [21, "authenticationMethod", TEXT, CONNECT | AUTH, CONNACK | AUTH],
  [22, "authenticationData", BYTES, CONNECT | AUTH, CONNACK | AUTH],
  [23, "requestProblemInformation", FLAG, CONNECT, 0],
  [24, "willDelayInterval", FOUR, WILL, 0],
  [25, "requestResponseInformation", FLAG, CONNECT, 0],
  [26, "responseInformation", TEXT, 0, CONNACK],
  [28, "serverReference", TEXT, 0, CONNACK | DISCONNECT],
  [31, "reasonString", TEXT, DISCONNECT | AUTH, CONNACK | ANSWERS | DISCONNECT | AUTH],
  [33, "receiveMaximum", TWO, CONNECT, CONNACK, 1],
  [34, "topicAliasMaximum", TWO, CONNECT, CONNACK],
  // Ours is the wire's affair: it chooses and writes them.
  [35, "topicAlias", TWO, 0, PUBLISH, 1],
  [36, "maximumQoS", BIT, 0, CONNACK],
  [37, "retainAvailable", FLAG, 0, CONNACK],
  [38, "userProperties", PAIRS, ASKED, TOLD],
  [39, "maximumPacketSize", FOUR, CONNECT, CONNACK, 1],
  [40, "wildcardSubscriptionAvailable", FLAG, 0, CONNACK],
  [41, "subscriptionIdentifiersAvailable", FLAG, 0, CONNACK],
  [42, "sharedSubscriptionAvailable", FLAG, 0, CONNACK],
];

/** Identifiers that mean more to us than to the application. */
const PAYLOAD_FORMAT = 1;
const RESPONSE_TOPIC = 8;
/** The identifier of the property that the wire writes by itself. */
export const TOPIC_ALIAS = 35;

/** The type of a will's properties in {@link encode}: they stand in CONNECT, beside CONNECT's own. */
export const WILL_TYPE = 0x00;

/**
 * The properties of a packet of ours as bytes, without their length; `first` is the packet's first byte.
 *
 * @throws {UsageError} for one that the packet does not have, and a value that is none.
 */
export function encode(first: number, properties: object): Uint8Array {
  const values = properties as Readonly<Record<string, unknown>>;
  const rows = TABLE.filter(([, , , sent]) => (sent & 1 << (first >> 4)) !== 0);
  for (const name of Object.keys(values)) {
    if (values[name] !== undefined && !rows.some((row) => row[1] === name)) {
      throw invalid(`misplaced ${name}`);
    }
  }
  const parts = rows.flatMap((row) => values[row[1]] === undefined ? [] : encodeOne(row, values[row[1]]));
  const bytes = new Uint8Array(sizeOfParts(parts));
  writeParts(bytes, 0, parts);
  return bytes;
}

function encodeOne([id, name, kind, , , least = 0]: Row, value: unknown): Parts {
  if (kind <= LENGTH && kind > BIT) {
    checkInteger(value, name, least, kind === TWO ? 65_535 : kind === FOUR ? 4_294_967_295 : 268_435_455);
    if (kind === LENGTH) return [id, ...encodeLength(value)];
    const two = [value >> 8, value];
    return kind === TWO ? [id, ...two] : [id, value >>> 24, value >>> 16, ...two];
  }
  if (kind === TEXT) return [id, checkedText(value, name)];
  if (kind === FLAG && typeof value === "boolean") return [id, Number(value)];
  if (kind === BYTES && value instanceof Uint8Array && value.length <= 65_535) return [id, value];
  if (kind === PAIRS && Array.isArray(value)) {
    return value.flatMap((pair) => [id, checkedText(pair?.[0], name), checkedText(pair[1], name)]);
  }
  throw invalid(`invalid ${name}`);
}

function checkedText(text: unknown, name: string): string {
  if (name === "responseTopic") checkTopic(text);
  else checkText(text, name, `${name} is too long`);
  return text;
}

/** A number as a variable byte integer. */
export function encodeLength(value: number): number[] {
  const bytes: number[] = [];
  for (; value >= 0x80; value >>= 7) bytes.push(value & 0x7f | 0x80);
  return [...bytes, value];
}

// Where reading is: one packet is read at a time.
let bytes: Uint8Array;
let at: number;
let stop: number;
let first: number;

/** What {@link readProperties} has seen of a PUBLISH that has to be known at once. */
export const seen = {
  /** The topic alias; 0 when there is none. */
  alias: 0,
  /** Whether the payload is said to be text. */
  isText: false,
  /** Whether there is anything that the application may want to know. */
  any: false,
};

/**
 * Checks the properties that begin at `start` with their length, and end the packet at `end` at the latest; gives where
 * they end. `packet` is the packet's first byte. What they are goes into `into`, if there is one.
 *
 * @throws {ProtocolError} for whatever the standard does not allow there.
 */
export function readProperties(
  array: Uint8Array,
  start: number,
  end: number,
  packet: number,
  into?: Record<string, unknown>,
): number {
  bytes = array;
  at = start;
  stop = end;
  first = packet;
  const length = readLength();
  need(length);
  stop = at + length;
  const type = 1 << (packet >> 4);
  let found = 0;
  seen.alias = 0;
  seen.isText = seen.any = false;
  while (at < stop) {
    const id = bytes[at++]!;
    const row = RECEIVED[id];
    if (row === undefined) throw malformed(`unknown property ${hex(id)}`, "MQTT5 section 2.2.2.2");
    const [, name, kind, , received, least = 0] = row;
    if ((received & type) === 0) throw malformed(`misplaced ${name}`, sectionOf(first));
    if (kind < PAIRS) {
      const bit = 1 << TABLE.indexOf(row);
      if ((found & bit) !== 0) throw broken(`a second ${name}`, sectionOf(first));
      found |= bit;
    }
    const value = readValue(kind, into !== undefined);
    if (typeof value === "number" && (value < least || (kind <= BIT && value > 1))) {
      throw id === TOPIC_ALIAS
        ? broken(`${name} is 0`, "MQTT5-3.3.2-8", 0x94)
        : broken(`${name} is ${value}`, sectionOf(first));
    }
    if (id === TOPIC_ALIAS) {
      seen.alias = value as number;
      continue;
    }
    seen.any = true;
    if (id === PAYLOAD_FORMAT) seen.isText = value === true;
    if (id === RESPONSE_TOPIC) checkResponseTopic(value as string ?? decodeText(field()));
    if (into === undefined) continue;
    if (kind < PAIRS) into[name] = value;
    else ((into[name] ??= []) as unknown[]).push(value);
  }
  return stop;
}

function readValue(kind: number, isWanted: boolean): unknown {
  if (kind === TEXT) return readText(isWanted);
  if (kind === PAIRS) return [readText(isWanted), readText(isWanted)];
  if (kind === LENGTHS) return readLength();
  if (kind === BYTES) {
    skipField();
    return field();
  }
  const size = kind === TWO ? 2 : kind === FOUR ? 4 : 1;
  need(size);
  let number = 0;
  for (const last = at + size; at < last; at++) number = number * 256 + bytes[at]!;
  // What is no flag is told by the number.
  return kind === FLAG && number < 2 ? number === 1 : number;
}

/** There are so many bytes. */
function need(size: number): void {
  if (at + size > stop) throw malformed("a property is cut off", sectionOf(first));
}

/** Where the field that was read last begins; it ends at `at`. */
let fieldStart = 0;

/** Moves over a field behind its length. */
function skipField(): void {
  need(2);
  const length = readNumber(bytes, at);
  fieldStart = at += 2;
  need(length);
  at += length;
}

/** The field that was read last. */
function field(): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + fieldStart, at - fieldStart);
}

/** Moves over text, which is decoded only if it is wanted, or cannot be checked otherwise. */
function readText(isWanted: boolean): string | undefined {
  skipField();
  if (!isWanted) {
    let i = fieldStart;
    while (i < at && bytes[i]! > 0 && bytes[i]! < 0x80) i++;
    if (i === at) return undefined;
  }
  let text;
  try {
    text = decodeText(field());
  } catch {
    throw malformed("text that is not valid UTF-8", "MQTT5-1.5.4-1");
  }
  if (text.includes("\0")) throw malformed("U+0000 in text", "MQTT5-1.5.4-2");
  return text;
}

function checkResponseTopic(topic: string): void {
  if (/^$|[+#]/.test(topic)) throw broken("invalid response topic", "MQTT5-3.3.2-14");
}

/** Reads a variable byte integer, in as few bytes as it takes. */
function readLength(): number {
  let value = 0;
  for (let shift = 0; shift < 28; shift += 7) {
    need(1);
    const byte = bytes[at++]!;
    value += (byte & 0x7f) << shift;
    if (byte >= 0x80) continue;
    if (byte === 0 && shift > 0) break;
    return value;
  }
  throw malformed("invalid length", "MQTT5-1.5.5-1");
}

/** The caller asks for what there is not. */
export function invalid(text: string): UsageError {
  return new UsageError("invalid-argument", text);
}

/** A valid packet that may not come. */
export function broken(summary: string, statement: string, reason = 0x82): ProtocolError {
  return Object.assign(new ProtocolError("unexpected-packet", summary, statement), { reason });
}

/** Where the standard describes a packet. */
export function sectionOf(first: number): string {
  return `MQTT5 section 3.${first >> 4}.2`;
}

/** The rows of what a server sends, by identifier. */
const RECEIVED: Readonly<Record<number, Row>> =
  /* @__PURE__ */ (() =>
    Object.fromEntries(TABLE.filter((row) => row[4] !== 0).map((row) => [row[0], row])))();

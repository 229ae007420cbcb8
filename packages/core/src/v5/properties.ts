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
  [35, "topicAlias", TWO, 0, PUBLISH],
  [36, "maximumQoS", BIT, 0, CONNACK],
  [37, "retainAvailable", FLAG, 0, CONNACK],
  [38, "userProperties", PAIRS, ASKED, TOLD],
  [39, "maximumPacketSize", FOUR, CONNECT, CONNACK, 1],
  [40, "wildcardSubscriptionAvailable", FLAG, 0, CONNACK],
  [41, "subscriptionIdentifiersAvailable", FLAG, 0, CONNACK],
  [42, "sharedSubscriptionAvailable", FLAG, 0, CONNACK],
];

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
      throw invalid(`there is no property ${name} in this packet`);
    }
  }
  const parts = rows.flatMap((row) => values[row[1]] === undefined ? [] : encodeOne(row, values[row[1]]));
  const bytes = new Uint8Array(sizeOfParts(parts));
  writeParts(bytes, 0, parts);
  return bytes;
}

function encodeOne([id, name, kind, , , least = 0]: Row, value: unknown): Parts {
  if (kind === FLAG) {
    if (typeof value !== "boolean") throw invalid(`${name} must be true or false`);
    return [id, Number(value)];
  }
  if (kind === TEXT) {
    if (name === "responseTopic") checkTopic(value);
    else checkText(value, name, tooLong(name));
    return [id, value as string];
  }
  if (kind === BYTES) {
    if (!(value instanceof Uint8Array)) throw invalid(`${name} must be a Uint8Array`);
    if (value.length > 65_535) throw invalid(tooLong(name));
    return [id, value];
  }
  if (kind === PAIRS) {
    if (!Array.isArray(value)) throw invalid(`${name} must be a list of pairs`);
    return value.flatMap((pair) => {
      for (let i = 0; i < 2; i++) checkText(pair?.[i], name, tooLong(name));
      return [id, pair[0], pair[1]];
    });
  }
  if (kind === LENGTH) {
    checkInteger(value, name, least, 268_435_455);
    return [id, ...encodeLength(value)];
  }
  checkInteger(value, name, least, kind === TWO ? 65_535 : 4_294_967_295);
  const two = [value >> 8, value];
  return kind === TWO ? [id, ...two] : [id, value >>> 24, value >>> 16, ...two];
}

/** A number as a variable byte integer. */
export function encodeLength(value: number): number[] {
  const bytes: number[] = [];
  for (; value >= 0x80; value >>= 7) bytes.push(value & 0x7f | 0x80);
  return [...bytes, value];
}

/** Where reading is: one packet is read at a time. */
let at = 0;

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
 * they end. `first` is the packet's first byte. What they are goes into `into`, if there is one.
 *
 * @throws {ProtocolError} for whatever the standard does not allow there.
 */
export function readProperties(
  bytes: Uint8Array,
  start: number,
  end: number,
  first: number,
  into?: Record<string, unknown>,
): number {
  at = start;
  const length = readLength(bytes, end, first);
  if (length > end - at) throw short(first);
  const stop = at + length;
  const packet = 1 << (first >> 4);
  let found = 0;
  seen.alias = 0;
  seen.isText = seen.any = false;
  while (at < stop) {
    const id = bytes[at++]!;
    const row = RECEIVED[id];
    if (row === undefined) throw malformed(`there is no property ${hex(id)}`, "MQTT5 section 2.2.2.2");
    const [, name, kind, , received, least = 0] = row;
    if ((received & packet) === 0) throw malformed(`no ${name} may be there`, sectionOf(first));
    if (kind < PAIRS) {
      const bit = 1 << TABLE.indexOf(row);
      if ((found & bit) !== 0) throw broken(`${name} is there twice`, sectionOf(first));
      found |= bit;
    }
    let value: unknown;
    if (kind <= FOUR) {
      const size = kind === TWO ? 2 : kind === FOUR ? 4 : 1;
      if (at + size > stop) throw short(first);
      let number = 0;
      for (const last = at + size; at < last; at++) number = number * 256 + bytes[at]!;
      if (number < least || (kind < TWO && number > 1)) {
        throw broken(`${name} is ${number}`, sectionOf(first));
      }
      value = kind === FLAG ? number === 1 : number;
      if (id === 35) {
        if (number === 0) throw broken("the topic alias is 0", "MQTT5-3.3.2-8", 0x94);
        seen.alias = number;
        continue;
      }
      if (id === 1) seen.isText = number === 1;
    } else if (kind === TEXT) {
      value = readText(bytes, stop, first, into !== undefined);
      if (id === 8) checkResponseTopic(value as string ?? decodeText(last(bytes)));
    } else if (kind === BYTES) {
      readField(bytes, stop, first);
      value = last(bytes);
    } else if (kind === PAIRS) {
      const key = readText(bytes, stop, first, into !== undefined);
      value = [key, readText(bytes, stop, first, into !== undefined)];
    } else {
      value = readLength(bytes, stop, first);
      if (value === 0) throw broken("a subscription identifier is 0", sectionOf(first));
    }
    seen.any = true;
    if (into === undefined) continue;
    if (kind < PAIRS) into[name] = value;
    else ((into[name] ??= []) as unknown[]).push(value);
  }
  return stop;
}

/** Where the field that was read last begins; it ends at `at`. */
let fieldStart = 0;

/** Moves over a field behind its length. */
function readField(bytes: Uint8Array, stop: number, first: number): void {
  if (at + 2 > stop) throw short(first);
  fieldStart = at + 2;
  at = fieldStart + readNumber(bytes, at);
  if (at > stop) throw short(first);
}

function last(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + fieldStart, at - fieldStart);
}

/** Moves over text, which is decoded only if it is wanted, or cannot be checked otherwise. */
function readText(bytes: Uint8Array, stop: number, first: number, isWanted: boolean): string | undefined {
  readField(bytes, stop, first);
  if (!isWanted) {
    let i = fieldStart;
    while (i < at && bytes[i]! > 0 && bytes[i]! < 0x80) i++;
    if (i === at) return undefined;
  }
  let text;
  try {
    text = decodeText(last(bytes));
  } catch {
    throw malformed("a property is not valid UTF-8", "MQTT5-1.5.4-1");
  }
  if (text.includes("\0")) throw malformed("U+0000 in a property", "MQTT5-1.5.4-2");
  return text;
}

function checkResponseTopic(topic: string): void {
  if (topic === "") throw broken("the response topic is empty", "MQTT5-4.7.3-1");
  if (/[+#]/.test(topic)) throw broken("wildcard in the response topic", "MQTT5-3.3.2-14");
}

/** Reads a variable byte integer, in as few bytes as it takes [MQTT5-1.5.5-1]. */
function readLength(bytes: Uint8Array, stop: number, first: number): number {
  let value = 0;
  for (let shift = 0; shift < 28; shift += 7) {
    if (at >= stop) throw short(first);
    const byte = bytes[at++]!;
    value += (byte & 0x7f) << shift;
    if (byte >= 0x80) continue;
    if (byte === 0 && shift > 0) break;
    return value;
  }
  throw malformed("invalid variable byte integer", "MQTT5-1.5.5-1");
}

/** The caller asks for what there is not. */
export function invalid(text: string): UsageError {
  return new UsageError("invalid-argument", text);
}

/** A valid packet that may not come. */
export function broken(summary: string, statement: string, reason = 0x82): ProtocolError {
  return new ProtocolError("unexpected-packet", summary, statement, undefined, reason);
}

function short(first: number): ProtocolError {
  return malformed("a property runs over its end", sectionOf(first));
}

/** Where the standard describes a packet. */
export function sectionOf(first: number): string {
  return `MQTT5 section 3.${first >> 4}.2`;
}

function tooLong(name: string): string {
  return `${name} is longer than 65535 bytes`;
}

/** The rows of what a server sends, by identifier. */
const RECEIVED: readonly (Row | undefined)[] = /* @__PURE__ */ byId();

function byId(): readonly (Row | undefined)[] {
  const rows: (Row | undefined)[] = new Array(43).fill(undefined);
  for (const row of TABLE) if (row[4] !== 0) rows[row[0]] = row;
  return rows;
}

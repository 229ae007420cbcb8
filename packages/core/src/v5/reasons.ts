/**
 * Reason codes of MQTT 5 in one table: in which packets a server may send each. And what some are called.
 *
 * @module
 */
import { RefusedError } from "../errors.ts";
import type { RefusedCode } from "../errors.ts";
import { hex } from "../fields.ts";
import type { RefusalProperties } from "../properties.ts";
import { broken } from "./properties.ts";

// Packets, as bits by their type.
const CONNACK = 1 << 2;
const TAKEN = 1 << 4 | 1 << 5;
const RELEASED = 1 << 6 | 1 << 7;
const SUBACK = 1 << 9;
const UNSUBACK = 1 << 11;
const DISCONNECT = 1 << 14;
const AUTH = 1 << 15;
const REQUESTED = SUBACK | UNSUBACK;
const ENDED = CONNACK | DISCONNECT;
const ALL = ENDED | TAKEN | REQUESTED;

/** Below 0x80: all is well. */
const SUCCESSES: Readonly<Record<number, number>> = {
  0: ALL | RELEASED | AUTH,
  1: SUBACK,
  2: SUBACK,
  0x10: TAKEN,
  0x11: UNSUBACK,
  0x18: AUTH,
};

/** From 0x80 on, in order. */
const FAILURES: readonly number[] = [
  ALL,
  ENDED,
  ENDED,
  ALL,
  CONNACK,
  CONNACK,
  CONNACK,
  ALL,
  // 0x88: server unavailable
  CONNACK,
  ENDED,
  CONNACK,
  DISCONNECT,
  ENDED,
  DISCONNECT,
  DISCONNECT,
  REQUESTED | DISCONNECT,
  // 0x90: topic name invalid
  ENDED | TAKEN,
  TAKEN | REQUESTED,
  RELEASED,
  DISCONNECT,
  DISCONNECT,
  ENDED,
  DISCONNECT,
  ENDED | TAKEN | SUBACK,
  // 0x98: administrative action
  DISCONNECT,
  ENDED | TAKEN,
  ENDED,
  ENDED,
  ENDED,
  ENDED,
  SUBACK | DISCONNECT,
  ENDED,
  // 0xa0: maximum connect time
  DISCONNECT,
  SUBACK | DISCONNECT,
  SUBACK | DISCONNECT,
];

/** What a server that does not let us in, or throws us out, most often means; any other is told by its number. */
const NAMES: Readonly<Record<number, string>> = {
  0x84: "Incorrect Protocol Version",
  0x85: "ID Rejected",
  0x86: "Incorrect username/password",
  0x87: "Unauthorized",
  0x88: "Server unavailable",
  0x89: "Server busy",
  0x8b: "Server shutting down",
  0x8e: "Session taken over",
};

/**
 * Gives the code back if a packet with this first byte may carry it.
 *
 * @throws {ProtocolError}
 */
export function checkReason(first: number, reason: number): number {
  const type = first >> 4;
  const packets = reason < 0x80 ? SUCCESSES[reason] : FAILURES[reason - 0x80];
  if (((packets ?? 0) & 1 << type) !== 0) return reason;
  const rule = type === 2 ? "2-8" : type === 9 || type === 11 ? "3-2" : "2-1";
  throw broken(`reason ${hex(reason)} in a packet of type ${type}`, `MQTT5-3.${type}.${rule}`);
}

/** What the server says by a code, and by what it sends along. */
export function refused(
  code: RefusedCode,
  what: string,
  reason: number,
  properties: RefusalProperties,
): RefusedError {
  const words = properties.reasonString;
  const text = `${what} - ${NAMES[reason] ?? hex(reason)}${words === undefined ? "" : `: ${words}`}`;
  return Object.assign(new RefusedError(code, text, reason, reason), { properties });
}

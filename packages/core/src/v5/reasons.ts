/**
 * Reason codes of MQTT 5 in one table: what each is called, and in which packets a server may send it.
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
const FAILURES: readonly (readonly [name: string, packets: number])[] = [
  ["Unspecified error", ALL],
  ["Malformed packet", ENDED],
  ["Protocol error", ENDED],
  ["Implementation specific error", ALL],
  ["Unsupported protocol version", CONNACK],
  ["Client identifier not valid", CONNACK],
  ["Bad user name or password", CONNACK],
  ["Not authorized", ALL],
  ["Server unavailable", CONNACK],
  ["Server busy", ENDED],
  ["Banned", CONNACK],
  ["Server shutting down", DISCONNECT],
  ["Bad authentication method", ENDED],
  ["Keep alive timeout", DISCONNECT],
  ["Session taken over", DISCONNECT],
  ["Topic filter invalid", REQUESTED | DISCONNECT],
  ["Topic name invalid", ENDED | TAKEN],
  ["Packet identifier in use", TAKEN | REQUESTED],
  ["Packet identifier not found", RELEASED],
  ["Receive maximum exceeded", DISCONNECT],
  ["Topic alias invalid", DISCONNECT],
  ["Packet too large", ENDED],
  ["Message rate too high", DISCONNECT],
  ["Quota exceeded", ENDED | TAKEN | SUBACK],
  ["Administrative action", DISCONNECT],
  ["Payload format invalid", ENDED | TAKEN],
  ["Retain not supported", ENDED],
  ["QoS not supported", ENDED],
  ["Use another server", ENDED],
  ["Server moved", ENDED],
  ["Shared subscriptions not supported", SUBACK | DISCONNECT],
  ["Connection rate exceeded", ENDED],
  ["Maximum connect time", DISCONNECT],
  ["Subscription identifiers not supported", SUBACK | DISCONNECT],
  ["Wildcard subscriptions not supported", SUBACK | DISCONNECT],
];

/**
 * Gives the code back if a packet with this first byte may carry it.
 *
 * @throws {ProtocolError}
 */
export function checkReason(first: number, reason: number): number {
  const type = first >> 4;
  const packets = reason < 0x80 ? SUCCESSES[reason] : FAILURES[reason - 0x80]?.[1];
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
  const words = [what, FAILURES[reason - 0x80]?.[0] ?? "no reason", properties.reasonString];
  const text = words.filter((word) => word !== undefined).join(" - ");
  return new RefusedError(code, text, reason, reason, properties);
}

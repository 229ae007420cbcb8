/**
 * The bytes on the bus: commands to the module and its replies. Pure functions; what they are sent over is in link.ts.
 *
 * A command is `E0 opcode count {length bytes}... EE` and zeros up to a multiple of four: the module's SPI receiver
 * takes whole words only and would lose the tail. A reply is the same with bit 7 set in the opcode, or `EF 00 EE`,
 * which says that something was wrong and not what.
 *
 * @module
 */

import type { Command } from "./commands.ts";

/** First byte of a frame. */
export const START = 0xe0;
/** Last byte of a frame, before the padding. */
export const END = 0xee;
/** First byte of the reply that says no. */
export const REFUSED = 0xef;
/** Set in the opcode of a reply. */
export const REPLY_FLAG = 0x80;

/** A frame is no longer than this: what the module's buffers hold. */
export const MAX_FRAME = 4092;
/** The most that one SEND_DATA carries: the frame is exactly {@link MAX_FRAME} then. */
export const MAX_SEND = 4083;
/** The most to ask of one GET_DATABUF: the module does not check, and overruns its buffer above 4086. */
export const MAX_READ = 4000;

/** Bytes in front of a reply that are skipped; more of them mean that host and module are out of step. */
const MAX_FILLER = 4;

/** The length of a command's frame, padding included. */
export function frameSize(command: Command, parameters: readonly Uint8Array[]): number {
  let size = 4 + parameters.length * (command.wide ? 2 : 1);
  for (const { length } of parameters) size += length;
  return (size + 3) & ~3;
}

/**
 * Puts a command's frame at the beginning of `into`, padding included and zeroed, and gives that part of it.
 *
 * A one-byte length of a longer parameter wraps: there are two commands, for certificates, whose lengths the module
 * does not look at.
 *
 * @throws {RangeError} The frame is longer than `into`.
 */
export function encodeCommand(
  command: Command,
  parameters: readonly Uint8Array[] = [],
  into: Uint8Array = new Uint8Array(frameSize(command, parameters)),
): Uint8Array {
  const size = frameSize(command, parameters);
  if (size > into.length) throw new RangeError(`${command.name} takes ${size} bytes, of ${into.length}`);
  into[0] = START;
  into[1] = command.code;
  into[2] = parameters.length;
  let at = 3;
  for (const parameter of parameters) {
    if (command.wide) into[at++] = parameter.length >> 8;
    into[at++] = parameter.length;
    into.set(parameter, at);
    at += parameter.length;
  }
  into[at++] = END;
  into.fill(0, at, size);
  return into.subarray(0, size);
}

/** What the bytes of a reply are, as far as they have come. */
export type Reply =
  /** A whole reply. The parameters are views of the bytes. */
  | { readonly kind: "reply"; readonly parameters: readonly Uint8Array[] }
  /** The module says that it could not. */
  | { readonly kind: "refused" }
  /** Not all of it has come: there must be so many bytes at least. */
  | { readonly kind: "more"; readonly needed: number }
  /** No reply to this command. */
  | { readonly kind: "garbled"; readonly problem: string };

/** Reads the reply to `command`, from the first byte of the window on. Everything is checked that can be. */
export function decodeReply(command: Command, bytes: Uint8Array): Reply {
  let at = 0;
  while (at < bytes.length && bytes[at] !== START && bytes[at] !== REFUSED) at++;
  if (at > MAX_FILLER) return garbled(`no start within ${MAX_FILLER + 1} bytes, but ${hex(bytes)}`);
  const first = at;
  const has = (count: number) => first + count <= bytes.length;
  const more = (count: number): Reply => ({ kind: "more", needed: first + count });
  if (!has(3)) return more(3);
  if (bytes[at] === REFUSED) {
    return bytes[at + 1] === 0 && bytes[at + 2] === END
      ? { kind: "refused" }
      : garbled(`${hex(bytes.subarray(at, at + 3))} where EF 00 EE is the only error there is`);
  }
  const opcode = bytes[at + 1]!;
  const expected = command.code | REPLY_FLAG;
  if (opcode !== expected) return garbled(`it answers ${hex([opcode])}, not ${hex([expected])}`);
  const count = bytes[at + 2]!;
  if (command.count !== undefined && count !== command.count) {
    return garbled(`${count} parameters, expected ${command.count}`);
  }
  at += 3;
  const parameters: Uint8Array[] = [];
  const prefix = command.wideReply ? 2 : 1;
  // Two counts stand for "failed" with nothing behind them: see SCAN_NETWORKS.
  const present = count >= FAILED_COUNT ? 0 : count;
  for (let index = 0; index < present; index++) {
    if (at + prefix > bytes.length) return more(at + prefix + 1 - first);
    const length = command.wideReply ? bytes[at]! << 8 | bytes[at + 1]! : bytes[at]!;
    at += prefix;
    if (at + length + 1 > MAX_FRAME) {
      return garbled(`a parameter of ${length} bytes, which no frame can hold`);
    }
    if (at + length > bytes.length) return more(at + length + 1 - first);
    parameters.push(bytes.subarray(at, at + length));
    at += length;
  }
  if (at >= bytes.length) return more(at + 1 - first);
  if (bytes[at] !== END) return garbled(`it ends with ${hex([bytes[at]!])}, not EE`);
  return { kind: "reply", parameters: count >= FAILED_COUNT ? NO_LIST : parameters };
}

/** The parameters of a reply that means "failed": this very array, not just an empty one. */
export const NO_LIST: readonly Uint8Array[] = Object.freeze([]);

/** From this count on a reply means "failed": a negative number in an unsigned byte. */
const FAILED_COUNT = 0xfe;

/**
 * Whether bytes that were read without a question begin with a reply. Resynchronising reads a window of zeros: such a
 * beginning says that the module had a reply waiting, which has now gone.
 */
export function isReply(bytes: Uint8Array): boolean {
  return bytes[0] === START && (bytes[1] ?? 0) >= REPLY_FLAG || bytes[0] === REFUSED && bytes[1] === 0;
}

function garbled(problem: string): Reply {
  return { kind: "garbled", problem };
}

/** The first bytes for an error text. Nothing that the host has sent is among them, only what came from the module. */
function hex(bytes: Iterable<number>): string {
  return Array.from(bytes).slice(0, 8).map((byte) => byte.toString(16).padStart(2, "0").toUpperCase()).join(
    " ",
  );
}

/**
 * Commands and replies as the firmware handles them: fields at offsets that earlier length bytes determine, in a
 * buffer that was zeroed before. It checks neither lengths nor the number of parameters nor END.
 *
 * Written without a look at the driver's frames: two readings of the protocol, so that a wrong one shows.
 *
 * @module
 */

/** First byte of commands and replies. */
export const START = 0xe0;
/** Behind the last parameter. */
export const END = 0xee;
/** First byte of a reply that says no more than "error". */
export const ERR = 0xef;
/** Size of the firmware's buffers. */
export const FRAME_LIMIT = 4092;

/** A command in the firmware's receive buffer. */
export class Frame {
  /** What was clocked: at most 4092 bytes. Behind them the buffer is zero. */
  readonly bytes: Uint8Array;

  /** Takes the bytes that have arrived, and owns them. */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** The command's number. */
  get opcode(): number {
    return this.byte(1);
  }

  /** The number of parameters, as the host says. */
  get count(): number {
    return this.byte(2);
  }

  /** The byte at an offset; 0 behind the end. */
  byte(offset: number): number {
    return this.bytes[offset] ?? 0;
  }

  /** A 16-bit number, high byte first. */
  big16(offset: number): number {
    return this.byte(offset) << 8 | this.byte(offset + 1);
  }

  /** A 16-bit number, low byte first. */
  little16(offset: number): number {
    return this.byte(offset) | this.byte(offset + 1) << 8;
  }

  /** A 32-bit number, low byte first. */
  little32(offset: number): number {
    return (this.little16(offset) | this.little16(offset + 2) << 16) >>> 0;
  }

  /** A copy of `length` bytes; zero behind the end. */
  slice(offset: number, length: number): Uint8Array<ArrayBuffer> {
    const copy = new Uint8Array(length);
    copy.set(this.bytes.subarray(offset, offset + length));
    return copy;
  }

  /** An IPv4 address. */
  address(offset: number): string {
    return this.slice(offset, 4).join(".");
  }

  /** Text that ends at its length or at the first NUL, as C's strings do. */
  text(offset: number, length: number): string {
    const bytes = this.slice(offset, length);
    const end = bytes.indexOf(0);
    return decoder.decode(end < 0 ? bytes : bytes.subarray(0, end));
  }
}

/** What a command answers: the number of parameters and the parameters, or `null` for ERR. */
export type Body = Uint8Array | null;

/** Bytes of a parameter. */
export type Param = Uint8Array | readonly number[];

/** A body whose lengths have 8 bits. */
export function params(...values: readonly Param[]): Uint8Array {
  const body = new Uint8Array(1 + values.reduce((sum, { length }) => sum + 1 + length, 0));
  body[0] = values.length;
  let at = 1;
  for (const value of values) {
    body[at] = value.length;
    body.set(value, at + 1);
    at += 1 + value.length;
  }
  return body;
}

/** A body whose lengths have 16 bits. */
export function wideParams(...values: readonly Param[]): Uint8Array {
  const body = new Uint8Array(1 + values.reduce((sum, { length }) => sum + 2 + length, 0));
  body[0] = values.length;
  let at = 1;
  for (const value of values) {
    body[at] = value.length >> 8;
    body[at + 1] = value.length & 0xff;
    body.set(value, at + 2);
    at += 2 + value.length;
  }
  return body;
}

/** A 16-bit number, low byte first. */
export function little16(value: number): number[] {
  return [value & 0xff, value >> 8 & 0xff];
}

/** A 16-bit number, high byte first. */
export function big16(value: number): number[] {
  return [value >> 8 & 0xff, value & 0xff];
}

/** A 32-bit number, low byte first. */
export function little32(value: number): number[] {
  return [value & 0xff, value >> 8 & 0xff, value >> 16 & 0xff, value >>> 24];
}

/** The four bytes of a dotted address. */
export function addressBytes(address: string): number[] {
  return address.split(".").map(Number);
}

/** The whole reply, as it is put into the send buffer. */
export function reply(opcode: number, body: Body, pads: boolean): Uint8Array {
  const length = body === null ? 3 : body.length + 3;
  const frame = new Uint8Array(pads ? length + 3 & ~3 : length);
  if (body === null) frame.set([ERR, 0x00, END]);
  else {
    frame[0] = START;
    frame[1] = opcode | 0x80;
    frame.set(body, 2);
    frame[length - 1] = END;
  }
  return frame;
}

const decoder = new TextDecoder();

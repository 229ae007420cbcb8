/**
 * The messages between a bus's client and its server; the table of them is in `mod.ts`.
 *
 * @module
 */

/** Requests by name. */
export const Opcode = {
  window: 1,
  status: 2,
  reset: 3,
  wifi: 4,
  select: 6,
  transfer: 7,
  deselect: 8,
} as const;

/** Set in the opcode of a reply: the request was wrong, or came at the wrong moment. */
export const REFUSED = 0x80;

/** The largest message, opcode and payload; sixteen times what fits into a window. */
export const MOST_BYTES = 65_536;

/** One message. */
export interface Message {
  readonly opcode: number;
  readonly payload: Uint8Array;
}

/** The bytes of a message. */
export function encodeMessage(opcode: number, payload: Uint8Array = nothing): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(5 + payload.length);
  new DataView(bytes.buffer).setUint32(0, 1 + payload.length, true);
  bytes[4] = opcode;
  bytes.set(payload, 5);
  return bytes;
}

/** Puts messages together from chunks of any size. */
export class MessageReader {
  #bytes: Uint8Array = nothing;

  /**
   * Takes a chunk and gives the messages that are whole now. Their payloads are theirs.
   *
   * @throws {RangeError} for a length of 0 or above {@link MOST_BYTES}. There is no going on after it.
   */
  *take(chunk: Uint8Array): Generator<Message, void> {
    let bytes = chunk;
    if (this.#bytes.length > 0) {
      bytes = new Uint8Array(this.#bytes.length + chunk.length);
      bytes.set(this.#bytes);
      bytes.set(chunk, this.#bytes.length);
    }
    this.#bytes = bytes;
    while (bytes.length >= 4) {
      const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
      if (length === 0 || length > MOST_BYTES) {
        throw new RangeError(`expected a message of 1 to ${MOST_BYTES} bytes, got one of ${length}`);
      }
      if (bytes.length < 4 + length) return;
      const payload = bytes.slice(5, 4 + length);
      const opcode = bytes[4]!;
      this.#bytes = bytes = bytes.subarray(4 + length);
      yield { opcode, payload };
    }
  }
}

const nothing = new Uint8Array(0);

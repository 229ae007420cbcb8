/**
 * Splits the byte stream in packets, in place.
 *
 * A packet that lies within one chunk is handed out as a range of that chunk. Only a packet that spans chunks is
 * copied, once, into an array of its exact size, which its header tells: any input takes linear time, and what is
 * held is bounded by the limit for packets and by the chunks the caller has pushed.
 *
 * @module
 */
import { ProtocolError } from "./errors.ts";
import { MAX_FIELD_LENGTH, PUBLISH } from "./packets.ts";
import { Queue } from "./queue.ts";

const BETWEEN = 0;
const HEADER = 1;
const BODY = 2;

/** What is kept of a PUBLISH that is passed over: enough for the longest topic and the packet identifier. */
const KEPT_OF_SKIPPED = 2 + MAX_FIELD_LENGTH + 2;

/** What judges a packet by its first byte and remaining length; throws to refuse it. */
export type HeaderCheck = (first: number, remaining: number) => void;

/** The incoming stream, with a cursor on one whole packet at a time. */
export class Inbox {
  /** The array that holds the packet under the cursor. */
  bytes: Uint8Array = NOTHING;
  /** The packet's first byte: type and flags. */
  first = 0;
  /** Where the packet's body begins in `bytes`. */
  start = 0;
  /** Where it ends. */
  end = 0;
  /** The whole length of a packet over the limit, of which only the beginning is there; 0 for any other. */
  skipped = 0;

  /** The longest packet taken, in bytes, fixed header included. */
  limit: number;
  /** Whether a PUBLISH over the limit is passed over; every other packet over it is refused. */
  readonly #skips: boolean;
  readonly #check: HeaderCheck;

  #chunk: Uint8Array = NOTHING;
  #at = 0;
  /** Chunks behind the one being read. */
  readonly #later = new Queue<Uint8Array>();
  #state: 0 | 1 | 2 = BETWEEN;
  #remaining = 0;
  #shift = 0;
  #body: Uint8Array = NOTHING;
  #filled = 0;
  /** The length of the whole packet that is passed over, and how many bytes of it are not kept and still to come. */
  #oversize = 0;
  #surplus = 0;

  /**
   * Takes the limit for one packet in bytes, what checks a header before its body is waited for, and whether a PUBLISH
   * over the limit is to be passed over.
   */
  constructor(limit: number, check: HeaderCheck, skips = false) {
    this.limit = limit;
    this.#check = check;
    this.#skips = skips;
  }

  /** Appends a chunk of the stream. The inbox and the packets it hands out are views of it: it must not change. */
  push(chunk: Uint8Array): void {
    // Not a Buffer, whose slice() does not copy: what is cut from the stream is cut as plain arrays.
    const bytes = chunk.constructor === Uint8Array
      ? chunk
      : new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length);
    if (!this.unread) {
      this.#chunk = bytes;
      this.#at = 0;
    } else if (bytes.length > 0) {
      this.#later.push(bytes);
    }
  }

  /** Whether there are bytes that {@link next} has not looked at. */
  get unread(): boolean {
    return this.#at < this.#chunk.length || this.#later.first !== undefined;
  }

  /** How many bytes the packet that has begun still lacks, as far as is known; 0 between packets. */
  get missing(): number {
    if (this.#state === BETWEEN) return 0;
    return this.#state === HEADER ? 1 : this.#body.length - this.#filled + this.#surplus;
  }

  /** Forgets all bytes. */
  clear(): void {
    this.bytes = this.#chunk = this.#body = NOTHING;
    this.start =
      this.end =
      this.#at =
      this.skipped =
      this.#oversize =
      this.#surplus =
        0;
    this.#later.clear();
    this.#state = BETWEEN;
  }

  /**
   * Moves the cursor to the next whole packet. False: there is none yet.
   *
   * @throws {ProtocolError} for a remaining length of more than four bytes, a packet over the limit, and whatever the
   * header check refuses. The stream cannot be read any further then.
   */
  next(): boolean {
    for (;;) {
      if (this.#at === this.#chunk.length && !this.#turn()) {
        this.bytes = NOTHING;
        return false;
      }
      if (this.#state === BETWEEN) {
        this.first = this.#chunk[this.#at++]!;
        this.#remaining = this.#shift = 0;
        this.#state = HEADER;
      } else if (this.#state === HEADER) {
        if (this.#readLength()) return true;
      } else if (this.#fill()) return true;
    }
  }

  /** Reads the remaining length; true when the body is at hand as well. */
  #readLength(): boolean {
    const chunk = this.#chunk;
    let at = this.#at;
    for (;;) {
      if (at === chunk.length) {
        this.#at = at;
        return false;
      }
      const byte = chunk[at++]!;
      this.#remaining += (byte & 0x7f) << this.#shift;
      if (byte < 0x80) break;
      this.#shift += 7;
      if (this.#shift > 21) {
        throw new ProtocolError("malformed-packet", "invalid remaining length encoding", "section 2.2.3");
      }
    }
    const remaining = this.#remaining;
    this.#check(this.first, remaining);
    const size = 2 + this.#shift / 7 + remaining;
    let kept = remaining;
    if (size > this.limit) {
      if (this.#skips && (this.first & 0xf0) === PUBLISH) {
        this.#oversize = size;
        kept = Math.min(remaining, KEPT_OF_SKIPPED);
        this.#surplus = remaining - kept;
      } else {
        throw new ProtocolError(
          "packet-too-large",
          `a packet of ${size} bytes arrives, the limit is ${this.limit}`,
          "MQTT-4.8.0-2",
        );
      }
    }
    if (this.#oversize === 0 && at + remaining <= chunk.length) {
      this.skipped = 0;
      this.bytes = chunk;
      this.start = at;
      this.end = this.#at = at + remaining;
      this.#state = BETWEEN;
      return true;
    }
    this.#at = at;
    this.#body = new Uint8Array(kept);
    this.#filled = 0;
    this.#state = BODY;
    return false;
  }

  /** Moves bytes of the chunk to the body being put together; true when it is whole. */
  #fill(): boolean {
    const body = this.#body;
    const stop = Math.min(this.#at + body.length - this.#filled, this.#chunk.length);
    body.set(this.#chunk.subarray(this.#at, stop), this.#filled);
    this.#filled += stop - this.#at;
    this.#at = stop;
    if (this.#filled < body.length) return false;
    if (this.#surplus > 0) {
      const passed = Math.min(this.#surplus, this.#chunk.length - this.#at);
      this.#surplus -= passed;
      this.#at += passed;
      if (this.#surplus > 0) return false;
    }
    this.skipped = this.#oversize;
    this.#oversize = 0;
    this.bytes = body;
    this.start = 0;
    this.end = body.length;
    this.#body = NOTHING;
    this.#state = BETWEEN;
    return true;
  }

  /** Goes on to the next chunk, and lets go of the one that is used up. */
  #turn(): boolean {
    const chunk = this.#later.shift();
    this.#chunk = chunk ?? NOTHING;
    this.#at = 0;
    return chunk !== undefined;
  }
}

const NOTHING = new Uint8Array(0);

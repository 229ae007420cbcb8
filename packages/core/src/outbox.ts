/**
 * Outgoing bytes: packets are appended to one growing array, and handed out in one batch.
 *
 * @module
 */

/** An idle connection holds little; a busy one soon has what it needs. */
const SMALLEST = 256;
/** A larger array is not kept: it came from a large packet, and the next one may be long in coming. */
const KEPT = 131_072;

/** Gathers packets between two writes. Two arrays serve for ever: one fills while the other is being written. */
export class Outbox {
  /** The array that writers fill, from {@link reserve}'s offset on. */
  bytes: Uint8Array = NOTHING;
  /** How many bytes of `bytes` are waiting to be sent. */
  length = 0;
  #spare: Uint8Array = NOTHING;
  #lent: Uint8Array | undefined;

  /** Makes room for `size` more bytes and counts them in; gives the offset where they begin. */
  reserve(size: number): number {
    const at = this.length;
    const needed = at + size;
    if (needed > this.bytes.length) this.#grow(needed);
    this.length = needed;
    return at;
  }

  /** Hands out all that waits, as one view that stays untouched until it comes back by {@link give}. */
  take(): Uint8Array | null {
    if (this.length === 0) return null;
    const batch = this.bytes.subarray(0, this.length);
    this.bytes = this.#spare;
    this.#spare = NOTHING;
    this.length = 0;
    this.#lent = batch;
    return batch;
  }

  /** Takes the last batch's array back, once, to use it again, unless it had to grow large for a large packet. */
  give(batch: Uint8Array): void {
    if (batch !== this.#lent) return;
    this.#lent = undefined;
    if (batch.buffer.byteLength > KEPT) return;
    const whole = new Uint8Array(batch.buffer);
    if (this.bytes === NOTHING) this.bytes = whole;
    else this.#spare = whole;
  }

  /** Drops what waits. */
  clear(): void {
    this.length = 0;
    if (this.bytes.length > KEPT) this.bytes = NOTHING;
  }

  #grow(needed: number): void {
    const bytes = new Uint8Array(Math.max(SMALLEST, this.bytes.length * 2, needed));
    bytes.set(this.bytes.subarray(0, this.length));
    this.bytes = bytes;
  }
}

const NOTHING = new Uint8Array(0);

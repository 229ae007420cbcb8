/**
 * Topics are repeated: a connection that receives a million messages sees a few of them again and again. A small
 * direct-mapped cache compares bytes and gives the string it made before, and so spares a decode, a check and a
 * string for most messages.
 *
 * @module
 */

/** A power of two. With `LONGEST` it bounds the cache to 16 KiB. */
const SLOTS = 128;
const LONGEST = 128;

/** Turns ranges of bytes to text by `make`, once for each range that is seen often. */
export class TopicCache {
  readonly #make: (bytes: Uint8Array) => string;
  readonly #keys: (Uint8Array | undefined)[] = new Array(SLOTS);
  readonly #texts: string[] = new Array(SLOTS).fill("");

  /** Takes the function that decodes and checks; what it throws is not cached. */
  constructor(make: (bytes: Uint8Array) => string) {
    this.#make = make;
  }

  /** The text of `bytes[start..end)`. */
  get(bytes: Uint8Array, start: number, end: number): string {
    const length = end - start;
    if (length === 0 || length > LONGEST) return this.#make(bytes.subarray(start, end));
    const slot = (length * 31 + bytes[end - 1]! * 7 + bytes[start + (length >> 1)]! * 3 + bytes[start]!) &
      (SLOTS - 1);
    const key = this.#keys[slot];
    if (key !== undefined && key.length === length) {
      let i = 0;
      while (i < length && key[i] === bytes[start + i]) i++;
      if (i === length) return this.#texts[slot]!;
    }
    const text = this.#make(bytes.subarray(start, end));
    this.#keys[slot] = new Uint8Array(bytes.subarray(start, end));
    this.#texts[slot] = text;
    return text;
  }
}

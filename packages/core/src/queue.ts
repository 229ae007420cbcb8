/**
 * First in, first out. An array's own `shift()` moves all that remains; here any item costs the same, however many wait.
 *
 * @module
 */

/** Items in the order in which they came. What has left is not held. */
export class Queue<T extends object> {
  #items: (T | undefined)[];
  #head = 0;

  /** Takes what waits from the beginning. */
  constructor(items: T[] = []) {
    this.#items = items;
  }

  /** The item that leaves next. */
  get first(): T | undefined {
    return this.#items[this.#head];
  }

  /** Adds an item at the end. */
  push(item: T): void {
    this.#items.push(item);
  }

  /** Takes the item that leaves next. */
  shift(): T | undefined {
    // An array that is emptied by pop() keeps its storage.
    if (this.#items.length === 1) return this.#items.pop();
    const { first } = this;
    if (first === undefined) return undefined;
    this.#items[this.#head++] = undefined;
    if (this.#head === this.#items.length) this.clear();
    else if (this.#head >= 1024 && this.#head * 2 >= this.#items.length) {
      this.#items.splice(0, this.#head);
      this.#head = 0;
    }
    return first;
  }

  /** All that waits, in order. */
  *[Symbol.iterator](): Iterator<T> {
    for (let i = this.#head; i < this.#items.length; i++) yield this.#items[i]!;
  }

  /** Drops all items. */
  clear(): void {
    this.#items = [];
    this.#head = 0;
  }
}

/**
 * Messages that wait for their turn to be sent, and which of them makes room for a newer one.
 *
 * @module
 */
import { Queue } from "@minimqtt/core/internal";

/** What a backlog needs to know of a message. */
export interface Waiting {
  readonly topic: string;
  /** Whether it still waits: one that does not is passed over. */
  readonly waits: boolean;
}

/** Fewer leftovers than this are not worth a look. */
const SOME = 64;

/** A queue out of which any message may be taken. */
export class Backlog<T extends Waiting> {
  #queue = new Queue<T>();
  /** How many messages wait, and how many that do not are still in the queue. */
  #waiting = 0;
  #leftovers = 0;
  /** The newest message of each topic, where that is what counts. */
  readonly #newest: Map<string, T> | undefined;
  /** Those for whose topic a newer one waits, oldest first. */
  #superseded: T[] = [];

  /** `byTopic`: {@link oldest} spares the newest message of each topic. */
  constructor(byTopic: boolean) {
    this.#newest = byTopic ? new Map() : undefined;
  }

  /** How many wait. */
  get length(): number {
    return this.#waiting;
  }

  /** The message whose turn is next. */
  get first(): T | undefined {
    let first = this.#queue.first;
    while (first !== undefined && !first.waits) {
      this.#queue.shift();
      this.#leftovers--;
      first = this.#queue.first;
    }
    return first;
  }

  push(message: T): void {
    this.#queue.push(message);
    this.#waiting++;
    if (this.#newest === undefined) return;
    const older = this.#newest.get(message.topic);
    if (older !== undefined) {
      this.#superseded.push(older);
      // Most of them have left in their turn.
      if (this.#superseded.length > SOME + 2 * this.#waiting) {
        this.#superseded = this.#superseded.filter(({ waits }) => waits);
      }
    }
    this.#newest.set(message.topic, message);
  }

  /** Takes the first message out: its turn has come. */
  shift(): T | undefined {
    const { first } = this;
    if (first === undefined) return undefined;
    this.#queue.shift();
    this.#left(first);
    return first;
  }

  /** A message does not wait any more, wherever it is in the queue. */
  removed(message: T): void {
    this.#left(message);
    if (++this.#leftovers <= SOME + this.#waiting) return;
    this.#queue = new Queue([...this.#queue].filter(({ waits }) => waits));
    this.#leftovers = 0;
  }

  /** The message that a newer one may take the place of. */
  get oldest(): T | undefined {
    let oldest = this.#superseded.shift();
    while (oldest !== undefined && !oldest.waits) oldest = this.#superseded.shift();
    return oldest ?? this.first;
  }

  #left(message: T): void {
    this.#waiting--;
    if (this.#newest?.get(message.topic) === message) this.#newest.delete(message.topic);
  }
}

/**
 * Tells in the status when nothing is read any more because somebody does not read what is there: the program would
 * else seem to be well, and hear nothing.
 *
 * @module
 */
import type { Millis } from "@minimqtt/core";
import type { StatusBoard, Unread } from "./status.ts";
import type { Subscriptions } from "./subscriptions.ts";

/** How long nobody may begin to read. */
const PATIENCE: Millis = 1000;

/** How long one who reads may be at work on a single message, or on what it took at once. */
const LONG_WORK: Millis = 30_000;

/** Watches the reading of one client. */
export class UnreadWatch {
  readonly #board: StatusBoard;
  readonly #subscriptions: Subscriptions;
  /** When to look again while a queue is full; and how many waited when it was looked last. */
  #lookAt: Millis | undefined;
  #waiting = 0;

  constructor(board: StatusBoard, subscriptions: Subscriptions) {
    this.#board = board;
    this.#subscriptions = subscriptions;
  }

  /**
   * Takes whether any queue is full; gives when to be called again. It is to be called whenever that may have changed,
   * and looks at the subscriptions seldom.
   */
  look(isFull: boolean, now: Millis): Millis {
    if (!isFull) {
      if (this.#lookAt !== undefined) this.#tell(undefined);
      this.#lookAt = undefined;
      return Infinity;
    }
    if (this.#lookAt !== undefined && now < this.#lookAt) return this.#lookAt;
    const fullest = this.#subscriptions.fullest;
    if (fullest === undefined) return this.#lookAt = now + PATIENCE;
    const { filters, waiting, isRead } = fullest;
    if (this.#lookAt === undefined || (isRead && waiting !== this.#waiting)) {
      this.#waiting = waiting;
      return this.#lookAt = now + (isRead ? LONG_WORK : PATIENCE);
    }
    this.#tell({ filters, messages: waiting });
    return this.#lookAt = Infinity;
  }

  #tell(unread: Unread | undefined): void {
    const { current } = this.#board;
    if (current.state !== "online" || (current.unread === undefined) === (unread === undefined)) return;
    const { skipped: _, unread: __, ...online } = current;
    const place = `connected to ${current.broker}`;
    if (unread === undefined) {
      return this.#board.set({ ...online, text: `${place}: messages are read again` });
    }
    const { filters, messages } = unread;
    const whose = filters.length === 0 ? "the messages" : `the subscription to ${filters.join(", ")}`;
    const text =
      `${place}, but nobody reads ${whose}: ${messages} wait, and nothing more is taken from the broker`;
    this.#board.set({ ...online, unread, text });
  }
}

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
  /** Since when nothing could be taken in, and nobody has taken anything out; how many waited then. */
  #since: Millis | undefined;
  #waiting = 0;

  constructor(board: StatusBoard, subscriptions: Subscriptions) {
    this.#board = board;
    this.#subscriptions = subscriptions;
  }

  /** Whether more may be taken in now; gives when to look again. */
  look(mayRead: boolean, now: Millis): Millis {
    if (mayRead) {
      if (this.#since !== undefined) this.#tell(undefined);
      this.#since = undefined;
      return Infinity;
    }
    const fullest = this.#subscriptions.fullest;
    if (fullest === undefined) return Infinity;
    const { filters, waiting, isRead } = fullest;
    if (this.#since === undefined || waiting !== this.#waiting) this.#since = now;
    this.#waiting = waiting;
    const until = this.#since + (isRead ? LONG_WORK : PATIENCE);
    if (now < until) return until;
    this.#tell({ filters, messages: waiting });
    return Infinity;
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

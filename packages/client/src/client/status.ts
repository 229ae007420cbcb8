/**
 * How the connection of a `Client` is, for programs and for people.
 *
 * @module
 */
import type { Millis } from "@minimqtt/core";
import { abortable } from "../link/abortable.ts";

/** How a client's connection is. `text` says the same in words that a user interface can show. */
export type Status =
  | {
    /** An attempt to connect is under way. */
    readonly state: "connecting";
    /** Host and port. */
    readonly broker: string;
    /** How many attempts were made since there was a connection, this one included. */
    readonly attempt: number;
    readonly text: string;
  }
  | {
    /** The broker has accepted the connection. */
    readonly state: "online";
    /** Host and port. */
    readonly broker: string;
    /** Whether the broker had the session still. */
    readonly resumed: boolean;
    /** A message that was passed over just now, because it is over `receiving.maxPacketSize`; its packet's bytes. */
    readonly skipped?: { readonly topic: string; readonly size: number };
    /** How many published messages were given up just now, by what the broker or the network did. */
    readonly failed?: number;
    readonly text: string;
  }
  | {
    /** There is no connection; the next attempt is made by itself. */
    readonly state: "waiting";
    /** Host and port of the broker that will be tried next. */
    readonly broker: string;
    /** What went wrong. */
    readonly error: Error;
    /** Milliseconds until the next attempt. */
    readonly retryIn: Millis;
    /** What was unanswered when connections ended: it may be what the broker hangs up at. */
    readonly unanswered?: string;
    /** How many published messages were given up with the connection, by what the broker or the network did. */
    readonly failed?: number;
    readonly text: string;
  }
  | {
    /** The client has ended, for ever. */
    readonly state: "closed";
    /** Why; null after `close()`. */
    readonly error: Error | null;
    /** How many published messages were given up with it. */
    readonly givenUp: number;
    readonly text: string;
  };

/** What one who does not look may miss. */
const MOST = 64;

/** Tells the status to all who want to know. */
export class StatusBoard {
  #current!: Status;
  readonly #readers = new Set<StatusReader>();

  /** What it is now; there must have been one. */
  get current(): Status {
    return this.#current;
  }

  set(status: Status): void {
    this.#current = status;
    for (const reader of this.#readers) reader.tell(status);
  }

  /** What it is now, then every change, until the client is closed; rejects when the signal is aborted. */
  read(signal?: AbortSignal): AsyncIterableIterator<Status> {
    const reader = new StatusReader(this.#current, signal, () => this.#readers.delete(reader));
    this.#readers.add(reader);
    return reader;
  }
}

class StatusReader implements AsyncIterableIterator<Status> {
  readonly #news: Status[];
  readonly #signal: AbortSignal | undefined;
  readonly #leave: () => void;
  /** Each call of {@link next} that waits; all look again when there is news, in the order of the calls. */
  #waiting: (() => void)[] = [];
  #ended = false;

  constructor(first: Status, signal: AbortSignal | undefined, leave: () => void) {
    this.#news = [first];
    this.#signal = signal;
    this.#leave = leave;
  }

  tell(status: Status): void {
    if (this.#news.length === MOST) this.#news.shift();
    this.#news.push(status);
    this.#wake();
  }

  async next(): Promise<IteratorResult<Status, undefined>> {
    while (!this.#ended) {
      const value = this.#news.shift();
      if (value === undefined) {
        await this.#wait();
        continue;
      }
      if (value.state === "closed") this.#end();
      return { done: false, value };
    }
    return { done: true, value: undefined };
  }

  return(): Promise<IteratorResult<Status, undefined>> {
    this.#end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #wait(): Promise<void> {
    try {
      await abortable(new Promise<void>((resolve) => this.#waiting.push(resolve)), this.#signal);
    } catch (error) {
      this.#end();
      throw error;
    }
  }

  #end(): void {
    this.#ended = true;
    this.#leave();
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

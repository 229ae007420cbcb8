/**
 * A clock that stands still until it is told to go on: an hour of keep alive takes microseconds.
 *
 * @module
 */
import type { Millis } from "@minimqtt/core";

interface Timer {
  readonly at: Millis;
  readonly wake: () => void;
}

/** Fulfils the clients' `Clock`. */
export class FakeClock {
  #now: Millis;
  readonly #timers = new Set<Timer>();

  /** Takes the moment to begin with, in milliseconds. */
  constructor(now: Millis = 0) {
    this.#now = now;
  }

  /** The moment at which the clock stands. */
  now(): Millis {
    return this.#now;
  }

  /** Calls `wake` when the clock has come to `at`; gives what cancels it. */
  timer(at: Millis, wake: () => void): () => void {
    const timer = { at, wake };
    this.#timers.add(timer);
    if (at <= this.#now) settled().then(() => this.#timers.delete(timer) && wake());
    return () => {
      this.#timers.delete(timer);
    };
  }

  /** Calls `wake` when what can run through promises alone has run. */
  turn(wake: () => void): void {
    void settled().then(wake);
  }

  /** How many timers are armed. */
  get armed(): number {
    return this.#timers.size;
  }

  /** Lets `ms` pass: every timer on the way is called at its moment, and what it starts runs before the next. */
  async advance(ms: Millis): Promise<void> {
    const target = this.#now + ms;
    await settled();
    for (let next = this.#next(target); next !== undefined; next = this.#next(target)) {
      this.#fire(next);
      await settled();
    }
    this.#now = target;
    await settled();
  }

  /**
   * Lets time jump from timer to timer until `promise` has settled, and gives what it gives.
   *
   * @throws {Error} when nothing is armed any more and it still has not settled: it would hang for ever.
   */
  async run<T>(promise: Promise<T>): Promise<T> {
    let pending = true;
    const done = () => pending = false;
    promise.then(done, done);
    for (;;) {
      await settled();
      if (!pending) return await promise;
      const next = this.#next(Infinity);
      if (next === undefined) {
        throw new Error("nothing will happen any more, and the promise has not settled");
      }
      this.#fire(next);
    }
  }

  #next(until: Millis): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.at <= until && (next === undefined || timer.at < next.at)) next = timer;
    }
    return next;
  }

  #fire(timer: Timer): void {
    this.#timers.delete(timer);
    this.#now = Math.max(this.#now, timer.at);
    timer.wake();
  }
}

/** Resolves when everything that can run without time passing has run: a turn of the event loop, and no time. */
export function settled(): Promise<void> {
  return new Promise((resolve) => soon(resolve));
}

/** Where the runtime cannot be asked for its next turn, a message to oneself takes one: a timer would take its time. */
const soon: (wake: () => void) => void =
  (globalThis as { setImmediate?: (wake: () => void) => void }).setImmediate ??
    ((wake) => {
      const { port1, port2 } = new MessageChannel();
      const onmessage = () => {
        port1.close();
        wake();
      };
      Object.assign(port1, { onmessage });
      port2.postMessage(null);
    });

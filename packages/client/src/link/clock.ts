/**
 * Time, as a value that can be replaced: tests of an hour's keep alive take microseconds.
 *
 * @module
 */
import type { Millis } from "@minimqtt/core";

/** Where a client takes its time from. */
export interface Clock {
  /** Monotonic milliseconds; their zero means nothing. */
  now(): Millis;
  /** Calls `wake` once when `now()` has reached `at`; gives the function that cancels it. */
  timer(at: Millis, wake: () => void): () => void;
  /** Calls `wake` once when what runs at present, promises included, has run: in the event loop's next turn. */
  turn(wake: () => void): void;
}

/** The runtime's own clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  timer(at, wake) {
    // A longer wait would overflow and fire at once: whoever is woken early looks at the clock and waits again.
    const handle = setTimeout(wake, Math.min(Math.ceil(Math.max(0, at - performance.now())), 0x7fff_ffff));
    return () => clearTimeout(handle);
  },
  turn: (globalThis as { setImmediate?: (wake: () => void) => void }).setImmediate ??
    ((wake) => setTimeout(wake, 0)),
};

/** Resolves in the next turn of the event loop. */
export function nextTurn(clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.turn(resolve));
}

/** Resolves when `at` has come, early when `signal` is aborted; look at both afterwards. */
export function sleep(clock: Clock, at: Millis, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      cancel();
      signal?.removeEventListener("abort", done);
      resolve();
    };
    let cancel = () => {};
    // For ever is no time that a clock comes to.
    if (at < Infinity) {
      cancel = clock.timer(at, () => clock.now() < at ? cancel = clock.timer(at, done) : done());
    }
    signal?.addEventListener("abort", done);
    if (signal?.aborted) done();
  });
}

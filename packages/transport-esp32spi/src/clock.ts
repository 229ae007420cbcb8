/**
 * Time, as a value that can be replaced: a reset of 750 ms takes microseconds in a test.
 *
 * @module
 */

/** Where the driver takes its time from. */
export interface Clock {
  /** Monotonic milliseconds; their zero means nothing. */
  now(): number;
  /**
   * Resolves after so many milliseconds, early when `signal` is aborted (it does not reject then). With 0 or less
   * after everything that is due now: other tasks and the network have had a turn.
   */
  sleep(time: number, signal?: AbortSignal): Promise<void>;
}

/** The runtime's own clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  sleep: (time, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      if (time <= 0) return turn(resolve);
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, time);
      signal?.addEventListener("abort", done);
    }),
};

/** Far cheaper than a timer of 0 ms, which takes a millisecond or more. */
const turn = (globalThis as { setImmediate?: (wake: () => void) => void }).setImmediate ??
  ((wake: () => void) => setTimeout(wake, 0));

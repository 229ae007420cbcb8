import type { Clock } from "../src/clock.ts";
import { systemClock } from "../src/clock.ts";

/**
 * A clock whose time stands still while anything runs, and jumps to the next sleeper's time when nothing does: an hour
 * of waiting takes a turn of the event loop.
 */
export class VirtualClock implements Clock {
  #now = 0;
  #sleepers: { readonly at: number; readonly wake: () => void }[] = [];
  #running = false;

  now(): number {
    return this.#now;
  }

  sleep(time: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const sleeper = {
        at: this.#now + Math.max(0, time),
        wake: () => {
          signal?.removeEventListener("abort", sleeper.wake);
          this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
          resolve();
        },
      };
      signal?.addEventListener("abort", sleeper.wake);
      this.#sleepers.push(sleeper);
      if (!this.#running) this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#sleepers.length > 0) {
      await systemClock.sleep(0);
      const next = this.#sleepers.reduce<{ at: number; wake: () => void } | undefined>(
        (first, other) => first && first.at <= other.at ? first : other,
        undefined,
      );
      if (!next) break;
      this.#now = Math.max(this.#now, next.at);
      next.wake();
    }
    this.#running = false;
  }
}

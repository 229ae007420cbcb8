/**
 * The way to a peer and back: how long a byte is on it, and how many go in a second. What is sent counts as under way
 * until its acknowledgement has come back.
 *
 * @module
 */

import type { Clock } from "../../clock.ts";

/** A way through a network. */
export interface Path {
  /** Milliseconds until the acknowledgement of a byte has come back, beside the time that its sending takes; 0 when absent. */
  readonly roundTrip?: number;
  /** Bytes in a second; no limit when absent. */
  readonly rate?: number;
}

/** The largest piece that travels, and is acknowledged, as one: the chip's maximum segment size. */
export const SEGMENT = 1436;

/** What is due at times that only grow, done in that order. */
class Schedule {
  readonly #clock: Clock;
  readonly #due: { readonly at: number; readonly act: () => void }[] = [];
  readonly #over = new AbortController();
  #idle: (() => void)[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(at: number, act: () => void): void {
    this.#due.push({ at, act });
    if (this.#due.length === 1) void this.#run();
  }

  /** Resolves when nothing is due any more. */
  async empty(): Promise<void> {
    if (this.#due.length > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  stop(): void {
    this.#over.abort();
  }

  async #run(): Promise<void> {
    while (this.#due.length > 0 && !this.#over.signal.aborted) {
      const { at, act } = this.#due[0]!;
      const time = at - this.#clock.now();
      if (time > 0) await this.#clock.sleep(time, this.#over.signal);
      if (this.#over.signal.aborted) return;
      act();
      this.#due.shift();
    }
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}

/** A path in use by one connection. */
export class Line {
  readonly #clock: Clock;
  readonly #path: Path;
  readonly #out: Schedule;
  readonly #back: Schedule;
  #free = 0;

  /** Takes the clock, and what the path is like; that may change. */
  constructor(clock: Clock, path: Path) {
    this.#clock = clock;
    this.#path = path;
    this.#out = new Schedule(clock);
    this.#back = new Schedule(clock);
  }

  /** Sends bytes along: `arrive` takes each piece at the other end, `acknowledged` is called when word of it is back. */
  send(
    bytes: Uint8Array,
    arrive: (piece: Uint8Array) => void,
    acknowledged: (size: number) => void,
  ): void {
    const { roundTrip = 0, rate = Infinity } = this.#path;
    for (let at = 0; at < bytes.length; at += SEGMENT) {
      const piece = bytes.subarray(at, at + SEGMENT);
      this.#free = Math.max(this.#free, this.#clock.now()) + 1000 * piece.length / rate;
      const there = this.#free + roundTrip / 2;
      this.#out.add(there, () => {
        arrive(piece);
        this.#back.add(there + roundTrip / 2, () => acknowledged(piece.length));
      });
    }
  }

  /** Resolves when all has arrived that was sent. */
  arrived(): Promise<void> {
    return this.#out.empty();
  }

  /** Whatever is on the way is lost. */
  cut(): void {
    this.#out.stop();
    this.#back.stop();
  }
}

/**
 * What the programs that try at random share: numbers that a seed repeats, a clock that notices when nothing but
 * promises runs for ever, a connection that fails as real ones do, and a wait that has a bound.
 */
import process from "node:process";
import type { Connection, Millis } from "@minimqtt/core";
import { ConnectionError } from "@minimqtt/core";
import { FakeClock, settled } from "../src/player/fake_clock.ts";

/** Numbers from 0 up to 1, the same for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** What is drawn from one seed. */
export interface Chance {
  /** A number from 0 up to 1. */
  readonly random: () => number;
  /** One of a list; undefined only when it is empty. */
  readonly pick: <T>(list: readonly T[]) => T;
}

/** The same draws for the same seed. */
export function chance(seed: number): Chance {
  const random = randomFrom(seed);
  return { random, pick: (list) => list[Math.floor(random() * list.length)]! };
}

/** The seeds of a run, one after the other from a first one that is drawn; SEED gives one, or a first and a number. */
export function seeds(count: number): number[] {
  const [given, many = "1"] = process.env["SEED"]?.split(",") ?? [];
  const first = given === undefined ? Math.floor(Math.random() * 0x4000_0000) : Number(given);
  return Array.from({ length: given === undefined ? count : Number(many) }, (_, i) => first + i);
}

/** So many failures tell enough. */
const ENOUGH = 5;

/** Runs `play` with each seed; failures name theirs. A seed that hangs is the last one that TRACE=1 shows. */
export async function withSeeds(count: number, play: (seed: number) => Promise<void>): Promise<void> {
  const all = seeds(count);
  console.log(`seeds ${all[0]} to ${all.at(-1)}; SEED repeats one`);
  const failures: Error[] = [];
  for (const seed of all) {
    if (process.env["TRACE"] !== undefined) console.log(`SEED=${seed}`);
    try {
      await play(seed);
    } catch (cause) {
      failures.push(new Error(`SEED=${seed}: ${cause instanceof Error ? cause.message : cause}`, { cause }));
      if (failures.length === ENOUGH) break;
    }
  }
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) {
    throw new AggregateError(
      failures,
      failures.map(({ message }) => message).join("\n"),
    );
  }
}

/** More looks at the clock than these in one turn of the event loop, or at one moment, are no work any more. */
const SPIN = 2_000_000;

/** A fake clock that ends the process when the event loop, or time itself, stands still: no test could. */
export class WatchedClock extends FakeClock {
  #looks = 0;
  #moment = 0;
  #looksNow = 0;
  readonly #name: () => string;

  /** `name` tells what runs. */
  constructor(name: () => string) {
    super();
    this.#name = name;
  }

  override now(): Millis {
    if (++this.#looks === 1) void settled().then(() => this.#looks = 0);
    const now = super.now();
    if (now !== this.#moment) {
      this.#moment = now;
      this.#looksNow = 0;
    }
    if (this.#looks > SPIN || ++this.#looksNow > 2 * SPIN) {
      console.error(new Error(`the event loop stands still: ${this.#name()}`));
      process.exit(1);
    }
    return now;
  }
}

/** Lets time pass until the promise has settled, at most `most`; gives whether it has. */
export async function settles(clock: FakeClock, promise: Promise<unknown>, most: Millis): Promise<boolean> {
  let done = false;
  const finish = () => {
    done = true;
  };
  promise.then(finish, finish);
  await settled();
  const until = clock.now() + most;
  for (let step = 1; !done && clock.now() < until; step = Math.min(2 * step, 1000)) {
    await clock.advance(Math.min(step, until - clock.now()));
  }
  return done;
}

/** A connection that can be made to misbehave towards its client. */
export class UnrulyConnection implements Connection {
  readonly #inner: Connection;
  #closed = false;
  /** Writes fail from now on, and nothing else tells of it. */
  failsWrites = false;
  #stalled: Promise<void> | undefined;
  #go: (() => void) | undefined;

  constructor(inner: Connection) {
    this.#inner = inner;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get isStalled(): boolean {
    return this.#stalled !== undefined;
  }

  /** Writes do not end from now on. */
  stall(): void {
    this.#stalled ??= new Promise((resolve) => this.#go = resolve);
  }

  /** They do again. */
  go(): void {
    this.#go?.();
    this.#stalled = this.#go = undefined;
  }

  read(): Promise<Uint8Array | null> {
    return this.#inner.read();
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#stalled !== undefined) await this.#stalled;
    if (this.failsWrites) throw new ConnectionError("write-failed", "writing fails");
    return this.#inner.write(bytes);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.go();
    await this.#inner.close();
  }
}

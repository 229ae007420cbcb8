/**
 * How fast a transport is, measured before it is judged: a serial radio must not fail for being slow, so what the cases
 * send and how long they wait follow from this.
 *
 * @module
 */

import { outcome, pattern } from "./bytes.ts";
import type { TransportFixture } from "./fixture.ts";

/** What was measured over one connection. */
export interface Pace {
  /** Of the slower direction. */
  readonly bytesPerSecond: number;
  /** Milliseconds until a byte has gone there and one has come back. */
  readonly roundTrip: number;
  /** Why it could not be measured: then it is taken for fast, and the cases say what is wrong. */
  readonly unknown?: string;
}

/** The pace of a transport, measured when it is first asked for. */
export function paceOf(fixture: TransportFixture): Promise<Pace> {
  const known = paces.get(fixture) ?? measure(fixture);
  paces.set(fixture, known);
  return known;
}

/** Milliseconds in which something must happen that should happen at once, and that needs so many bytes to pass. */
export function limitFor({ bytesPerSecond, roundTrip }: Pace, fixture: TransportFixture, bytes = 0): number {
  const own = fixture.limit ?? LIMIT + TURNS * roundTrip;
  return Math.ceil(own + SLACK * bytes * 1000 / bytesPerSecond);
}

/** How many of so many bytes a case sends: no more than pass in a few seconds, and no fewer than a hundred. */
export function amountFor({ bytesPerSecond }: Pace, bytes: number): number {
  return Math.min(bytes, Math.max(LEAST, Math.floor(bytesPerSecond * BUDGET)));
}

/** Milliseconds that something may take that should happen at once, where the fixture does not say. */
export const LIMIT = 10_000;

/** A case may take so many times as long as measured for its bytes, and so many round trips besides. */
const SLACK = 4;
const TURNS = 100;

/** Seconds of bytes that a case sends each way at most, and bytes that it sends at least. */
const BUDGET = 3;
const LEAST = 100;

/** Bytes to measure with: they double until they take long enough, or are enough. */
const FIRST = 128;
const ENOUGH = 1_048_576;
const LONG_ENOUGH = 40;

/** Milliseconds without a byte after which there is nothing to measure. */
const SLOWEST = 3000;

const FAST: Pace = { bytesPerSecond: Infinity, roundTrip: 0 };

const paces = new WeakMap<TransportFixture, Promise<Pace>>();

async function measure(fixture: TransportFixture): Promise<Pace> {
  const limit = fixture.limit ?? LIMIT;
  const open: { close(): Promise<unknown> }[] = [];
  try {
    const within = async <Value>(promise: Promise<Value>, time = limit): Promise<Value> => {
      const done = await outcome(promise, time);
      if (!done) throw new Error(`nothing came within ${time} ms`);
      if ("error" in done) throw done.error;
      return done.value;
    };
    const listener = await within(fixture.listen());
    open.unshift(listener);
    const accepting = listener.accept();
    accepting.catch(() => undefined);
    const connection = await within(fixture.transport.connect(listener.address));
    open.unshift(connection);
    const peer = await within(accepting);
    open.unshift(peer);
    const pass = async (from: typeof connection, to: typeof connection, bytes: number): Promise<number> => {
      const start = performance.now();
      const writing = from.write(pattern(bytes));
      writing.catch(() => undefined);
      for (let got = 0; got < bytes;) {
        const chunk = await within(to.read(), Math.min(limit, SLOWEST));
        if (!chunk?.length) throw new Error("bytes were missing");
        got += chunk.length;
      }
      await within(writing);
      return performance.now() - start;
    };
    const roundTrip = await pass(connection, peer, 1) + await pass(peer, connection, 1);
    let bytesPerSecond = Infinity;
    for (const [from, to] of [[connection, peer], [peer, connection]] as const) {
      for (let bytes = FIRST;; bytes *= 2) {
        // A machine that is busy with something else must not make the transport look slow.
        let time = Infinity;
        for (let attempt = 0; attempt < 3 && time >= LONG_ENOUGH; attempt++) {
          time = Math.min(time, await pass(from, to, bytes));
        }
        if (time < LONG_ENOUGH && bytes < ENOUGH) continue;
        bytesPerSecond = Math.min(bytesPerSecond, bytes * 1000 / Math.max(time, 0.001));
        break;
      }
    }
    return { bytesPerSecond, roundTrip };
  } catch (error) {
    return { ...FAST, unknown: error instanceof Error ? error.message : String(error) };
  } finally {
    // Both ends at once: each may wait for the other.
    await outcome(Promise.all(open.map(async (one) => await one.close())), limit);
  }
}

/**
 * What the tests of the transport suite stand on: connections that are watched and cleared away afterwards, amounts and
 * time limits that follow the transport's own pace, and failures that name the rule.
 *
 * @module
 */

import { ConnectionError } from "@minimqtt/core";
import type { Connection, ConnectionCode, DialOptions } from "@minimqtt/core";
import type { Level } from "../case.ts";
import { outcome, pattern, PERIOD } from "./bytes.ts";
import type { Outcome } from "./bytes.ts";
import type { Capability, Listener, TransportFixture } from "./fixture.ts";
import { Link } from "./link.ts";
import type { Expectation, Judge, Watched } from "./link.ts";
import { amountFor, limitFor } from "./pace.ts";
import type { Pace } from "./pace.ts";
import { FixtureBroken, isVerdict, RuleBroken } from "./rules.ts";

/** One test of the suite. */
export interface RuleCase {
  /** The number of the rule it tests, and its own, which stays: `4.2`. Rule 0 is the shape of a transport. */
  readonly id: string;
  /** What holds, as a sentence. */
  readonly name: string;
  /** Who must pass it: every transport (`core`, where absent), or those that are pressed. */
  readonly level?: Level;
  /** What the transport and the peer must be able to do. */
  readonly needs?: readonly Capability[];
  /** The test itself; rejects when the rule is broken. */
  run(arena: Arena): Promise<void>;
}

/** The surroundings of one test. */
export class Arena implements Judge {
  /** The transport under test and its surroundings. */
  readonly fixture: TransportFixture;
  /** The length of {@link piece}: whole {@link PERIOD}s, so that the same piece may follow a piece. */
  readonly pieceLength: number;
  readonly #rule: number;
  readonly #pace: Pace;
  readonly #connections: Connection[] = [];
  readonly #listeners: Listener[] = [];
  readonly #expectations = new WeakMap<Promise<unknown>, Expectation>();
  #verdict: Error | undefined;

  /** Takes the number of the rule that the test is about: it is named where nothing else is to blame. */
  constructor(rule: number, fixture: TransportFixture, pace: Pace) {
    this.#rule = rule;
    this.#pace = pace;
    this.fixture = fixture;
    this.pieceLength = PERIOD * Math.max(1, Math.floor(this.amount(PIECE_PERIODS * PERIOD) / PERIOD));
  }

  /** Runs a test, and closes what it has opened. The first rule that was broken is the verdict. */
  async try(run: RuleCase["run"]): Promise<void> {
    try {
      await run(this);
    } catch (error) {
      throw this.#verdict ?? error;
    } finally {
      for (const opened of [this.#connections, this.#listeners]) {
        await outcome(Promise.all(opened.map(async (one) => await one.close())), this.limit());
      }
    }
    if (this.#verdict) throw this.#verdict;
  }

  broken(rule: number, text: string, cause?: unknown): Error {
    const error = new RuleBroken(rule, text, cause);
    this.#verdict ??= error;
    return error;
  }

  expect(promise: Promise<unknown>, expectation: Expectation): void {
    this.#expectations.set(promise, expectation);
  }

  /** So many bytes, or as many as pass in a few seconds where that is less. */
  amount(bytes: number): number {
    return amountFor(this.#pace, bytes);
  }

  /** Milliseconds in which something must happen that should happen at once and needs so many bytes to pass. */
  limit(bytes = 0): number {
    return limitFor(this.#pace, this.fixture, bytes);
  }

  /** Some bytes of the {@link pattern}, from its beginning, that are this call's alone. */
  piece(): Uint8Array {
    return pattern(this.pieceLength);
  }

  /** Listens at a new address. */
  async listen(): Promise<Listener> {
    const done = await outcome(this.fixture.listen(), this.limit());
    if (!done) throw new FixtureBroken(`listen() did not settle within ${this.limit()} ms`);
    if ("error" in done) throw new FixtureBroken(`listen() rejected: ${done.error}`, done.error);
    this.#listeners.push(done.value);
    return done.value;
  }

  /** Dials: nothing stands in the way, so it must succeed. */
  async dial(listener: Listener, options?: DialOptions): Promise<Connection> {
    const dialling = this.fixture.transport.connect(listener.address, options);
    this.expect(dialling, { blame: () => 0, bytes: () => 0 });
    const connection = await this.within(dialling, "connect()");
    for (const method of ["read", "write", "close"] as const) {
      if (typeof connection?.[method] === "function") continue;
      throw this.broken(0, `connect() resolved to something without a method ${method}`);
    }
    return connection;
  }

  /** Opens a connection: this end, by the transport under test, and the other one, both watched. */
  async pair(listener?: Listener, options?: DialOptions): Promise<[Link["near"], Link["far"]]> {
    const place = listener ?? await this.listen();
    const accepting = this.beside(place.accept());
    const connection = await this.dial(place, options);
    this.keep(connection);
    const done = await outcome(accepting, this.limit());
    if (!done) throw this.broken(0, "connect() resolved, and nothing had come to the listener");
    if ("error" in done) throw new FixtureBroken(`accept() rejected: ${done.error}`, done.error);
    const { near, far } = new Link(this, connection, done.value, options?.signal);
    this.keep(done.value);
    return [near, far];
  }

  /**
   * Sees that a piece of so many bytes arrives, either way, and that the peer sees the end after `close`: where it does
   * not, nothing can be said of what a test is about.
   */
  async works(length: number = this.pieceLength, listener?: Listener): Promise<void> {
    const [connection, peer] = await this.pair(listener);
    for (const [from, to] of [[connection, peer], [peer, connection]] as const) {
      const writing = this.beside(from.write(pattern(length)));
      await this.receive(to, length);
      await this.within(writing, "write()");
    }
    const closing = this.beside(connection.close());
    await this.drain(peer);
    await this.within(peer.close(), "the peer's close()");
    await this.within(closing, "close()");
  }

  /** Closes a connection that nobody watches. */
  close(connection: Connection): Promise<void> {
    const closing = this.beside(connection.close());
    this.expect(closing, { blame: () => 8, bytes: () => 0 });
    return closing;
  }

  /** Sees to it that connections are closed after the test. */
  keep(...connections: Connection[]): void {
    this.#connections.push(...connections);
  }

  /** Lets something go on beside the test; that it fails is noticed where it is awaited, if it is. */
  beside<Value>(promise: Promise<Value>): Promise<Value> {
    promise.catch(() => undefined);
    return promise;
  }

  /** Fails the test unless `condition` holds; `text` says what is wrong. */
  check(condition: boolean, text: string): asserts condition {
    if (!condition) throw this.broken(this.#rule, text);
  }

  /** Waits until `promise` has settled, for `limit` milliseconds at most; `what` names it in failures. */
  async settles<Value>(promise: Promise<Value>, what: string, limit?: number): Promise<Outcome<Value>> {
    const expectation = this.#expectations.get(promise);
    const time = limit ?? this.limit(expectation?.bytes());
    const done = await outcome(promise, time);
    if (!done) throw this.broken(this.#blame(promise), `${what} did not settle within ${time} ms`);
    if ("error" in done && isVerdict(done.error)) throw done.error;
    return done;
  }

  /** Waits for `promise`, for `limit` milliseconds at most (its own by default); `what` names it in failures. */
  async within<Value>(promise: Promise<Value>, what: string, limit?: number): Promise<Value> {
    const done = await this.settles(promise, what, limit);
    if ("value" in done) return done.value;
    throw this.broken(this.#blame(promise), `${what} rejected: ${done.error}`, done.error);
  }

  /** Waits until `promise` rejects with a `ConnectionError` of this code. */
  async rejects(promise: Promise<unknown>, code: ConnectionCode, what: string): Promise<ConnectionError> {
    const done = await this.settles(promise, what);
    this.check("error" in done, `${what} resolved, expected a rejection with ${code}`);
    const { error } = done;
    this.check(
      error instanceof ConnectionError,
      `${what} rejected with ${error}, expected a ConnectionError`,
    );
    this.check(error.code === code, `${what} rejected with the code ${error.code}, expected ${code}`);
    return error;
  }

  /** Reads until `count` bytes have come, and checks that they are the {@link pattern} from `position` on. */
  async receive(from: Watched, count: number, position = 0): Promise<void> {
    const end = position + count;
    while (position < end) {
      const bytes = await this.within(from.read(), `read() at byte ${position} of ${end}`);
      if (!bytes) {
        throw this.broken(from.missing(), `the stream ended after ${position} bytes, expected ${end}`);
      }
      this.compare(bytes, position, from.blame());
      position += bytes.length;
    }
    if (position > end) throw this.broken(from.blame(), `${position} bytes came, expected ${end}`);
  }

  /** Waits for the end of the stream, which must be next. */
  async receiveEnd(from: Watched): Promise<void> {
    const bytes = await this.within(from.read(), "read() at the end of the stream");
    if (!bytes) return;
    throw this.broken(from.blame(), `${bytes.length} more bytes came, expected the end of the stream`);
  }

  /** Reads and forgets until the stream has ended in one way or another. */
  async drain(from: Watched): Promise<void> {
    for (;;) {
      const done = await this.settles(from.read(), "read()");
      if ("error" in done || done.value === null) return;
    }
  }

  /** Checks that `bytes` are the {@link pattern} from `position` on; `rule` is broken where they are not. */
  compare(bytes: Uint8Array, position: number, rule: number = this.#rule): void {
    for (let index = 0; index < bytes.length; index++) {
      const expected = (position + index) % PERIOD;
      if (bytes[index] === expected) continue;
      throw this.broken(rule, `byte ${position + index} is ${bytes[index]}, expected ${expected}`);
    }
  }

  /**
   * Writes piece after piece to an end whose other end does not read, until `write` waits. Gives the count of bytes of
   * all writes, and the last write, which is pending.
   */
  async fill(into: Connection): Promise<{ readonly count: number; readonly pending: Promise<void> }> {
    const piece = this.piece();
    const most = (this.fixture.slack ?? 0) + HELD_BACK + piece.length;
    for (let count = piece.length;; count += piece.length) {
      const pending = this.beside(into.write(piece));
      // Silence for this long counts as waiting. Too short on a slow machine only means that less is filled in.
      const done = await outcome(pending, QUIET);
      if (!done) return { count, pending };
      if ("error" in done) await this.within(pending, "write()");
      if (count <= most) continue;
      throw this.broken(
        7,
        `write() took ${count} bytes, and none was read; expected it to wait ` +
          `(the fixture's slack is ${this.fixture.slack ?? 0} bytes: what fits between the two ends)`,
      );
    }
  }

  #blame(promise: Promise<unknown>): number {
    return this.#expectations.get(promise)?.blame() ?? this.#rule;
  }
}

/** A piece is so many times the pattern: just below 64 KiB. */
const PIECE_PERIODS = 256;

/** What a transport may hold back itself, beside one write and the fixture's `slack` (rule 7). */
const HELD_BACK = 524_288;

/** Milliseconds without progress that count as waiting. */
const QUIET = 300;

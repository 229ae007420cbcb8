/**
 * What the tests of the transport suite stand on: connections that are cleared away afterwards, time limits, and
 * failures that name the rule.
 *
 * @module
 */

import { ConnectionError } from "@minimqtt/core";
import type { Connection, ConnectionCode } from "@minimqtt/core";
import type { Capability, Listener, Peer, TransportFixture } from "./fixture.ts";

/** One test of the suite. */
export interface RuleCase {
  /** The number of the rule it tests, and its own, which stays: `4.2`. Rule 0 is the shape of a transport. */
  readonly id: string;
  /** What holds, as a sentence. */
  readonly name: string;
  /** What the transport and the peer must be able to do. */
  readonly needs?: readonly Capability[];
  /** The test itself; rejects when the rule is broken. */
  run(arena: Arena): Promise<void>;
}

/** What became of a promise. */
export type Outcome<Value> = { readonly value: Value } | { readonly error: unknown };

/** The surroundings of one test. */
export class Arena {
  /** The transport under test and its surroundings. */
  readonly fixture: TransportFixture;
  readonly #rule: number;
  readonly #limit: number;
  readonly #connections: Connection[] = [];
  readonly #listeners: Listener[] = [];

  /** Takes the number of the rule for the texts of failures. */
  constructor(rule: number, fixture: TransportFixture) {
    this.#rule = rule;
    this.#limit = fixture.limit ?? 10_000;
    this.fixture = fixture;
  }

  /** Closes what the test has opened, without a judgement. */
  async clear(): Promise<void> {
    await outcome(Promise.all(this.#connections.map((connection) => connection.close())), this.#limit);
    await outcome(Promise.all(this.#listeners.map((listener) => listener.close())), this.#limit);
  }

  /** Listens at a new address. */
  async listen(): Promise<Listener> {
    const listener = await this.within(this.fixture.listen(), "the fixture's listen()");
    this.#listeners.push(listener);
    return listener;
  }

  /** Opens a connection: this end, by the transport under test, and the other one. */
  async pair(listener?: Listener): Promise<[Connection, Peer]> {
    const place = listener ?? await this.listen();
    const accepting = place.accept();
    const connection = await this.within(this.fixture.transport.connect(place.address), "connect()");
    const peer = await this.within(accepting, "the fixture's accept()");
    this.keep(connection, peer);
    return [connection, peer];
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
    if (!condition) throw this.failure(text);
  }

  /** An error that names the rule. */
  failure(text: string, cause?: unknown): Error {
    return new Error(`${this.#rule === 0 ? "transport shape" : `rule ${this.#rule}`}: ${text}`, { cause });
  }

  /** Waits until `promise` has settled, for `limit` milliseconds at most; `what` names it in failures. */
  async settles<Value>(
    promise: Promise<Value>,
    what: string,
    limit: number = this.#limit,
  ): Promise<Outcome<Value>> {
    const done = await outcome(promise, limit);
    this.check(done !== undefined, `${what} did not settle within ${limit} ms`);
    return done;
  }

  /** Waits for `promise`, for `limit` milliseconds at most (the fixture's by default); `what` names it in failures. */
  async within<Value>(promise: Promise<Value>, what: string, limit: number = this.#limit): Promise<Value> {
    const done = await this.settles(promise, what, limit);
    if ("value" in done) return done.value;
    throw this.failure(`${what} rejected: ${done.error}`, done.error);
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
  async receive(from: Connection, count: number, position = 0): Promise<void> {
    const end = position + count;
    while (position < end) {
      const bytes = await this.within(from.read(), `read() at byte ${position} of ${end}`);
      this.check(bytes !== null, `the stream ended after ${position} bytes, expected ${end}`);
      this.compare(bytes, position);
      position += bytes.length;
    }
    this.check(position === end, `${position} bytes came, expected ${end}`);
  }

  /** Waits for the end of the stream, which must be next. */
  async receiveEnd(from: Connection): Promise<void> {
    const bytes = await this.within(from.read(), "read() at the end of the stream");
    this.check(bytes === null, `${bytes?.length} more bytes came, expected the end of the stream`);
  }

  /** Reads and forgets until the stream has ended in one way or another. */
  async drain(from: Connection): Promise<void> {
    for (;;) {
      const done = await this.settles(from.read(), "read()");
      if ("error" in done || done.value === null) return;
    }
  }

  /** Checks that `bytes` are the {@link pattern} from `position` on, and not empty. */
  compare(bytes: Uint8Array, position: number): void {
    this.check(bytes.length > 0, "read() resolved to an empty array");
    for (let index = 0; index < bytes.length; index++) {
      const expected = (position + index) % PERIOD;
      if (bytes[index] !== expected) {
        throw this.failure(`byte ${position + index} is ${bytes[index]}, expected ${expected}`);
      }
    }
  }

  /**
   * Writes {@link PIECE} after `PIECE` to an end whose other end does not read, until `write` waits. Gives the count of
   * bytes of all writes, and the last write, which is pending.
   */
  async fill(into: Connection): Promise<{ readonly count: number; readonly pending: Promise<void> }> {
    const most = (this.fixture.slack ?? 0) + HELD_BACK + PIECE.length;
    for (let count = PIECE.length;; count += PIECE.length) {
      const pending = this.beside(into.write(PIECE));
      // Silence for this long counts as waiting. Too short on a slow machine only means that less is filled in.
      const done = await outcome(pending, QUIET);
      if (!done) return { count, pending };
      if ("error" in done) throw this.failure(`write() rejected: ${done.error}`, done.error);
      this.check(count <= most, `write() took ${count} bytes, and none was read; expected it to wait`);
    }
  }
}

/** Bytes that tell their position: the byte at position n is n modulo 251. */
export function pattern(length: number, position = 0): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++) bytes[index] = (position + index) % PERIOD;
  return bytes;
}

/** Waits so many milliseconds. */
export function pause(time: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, time));
}

/** Waits for `promise`, so many milliseconds at most; gives `undefined` when it has not settled by then. */
export async function outcome<Value>(
  promise: Promise<Value>,
  limit: number,
): Promise<Outcome<Value> | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => timer = setTimeout(() => resolve(undefined), limit));
  try {
    return await Promise.race([promise.then((value) => ({ value }), (error: unknown) => ({ error })), late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Bytes that the program holds outside the heap of the language, where arrays of bytes are, after garbage was collected;
 * undefined where the runtime does not tell.
 */
export function heldMemory(): number | undefined {
  const { Bun, process } = runtime;
  if (Bun) Bun.gc(true);
  else {
    if (!process?.getBuiltinModule) return undefined;
    process.getBuiltinModule("node:v8").setFlagsFromString("--expose-gc");
    process.getBuiltinModule("node:vm").runInNewContext("gc")();
  }
  return process?.memoryUsage().external;
}

/** How many sockets the program has open; always 0 where the system does not tell. */
export function openSockets(): number {
  const files = runtime.process?.getBuiltinModule?.("node:fs");
  if (!files?.existsSync(DESCRIPTORS)) return 0;
  return files.readdirSync(DESCRIPTORS).filter((name) => {
    try {
      return files.readlinkSync(`${DESCRIPTORS}/${name}`).startsWith("socket:");
    } catch {
      // Closed meanwhile: the descriptor by which the folder was read.
      return false;
    }
  }).length;
}

/** What Deno, Bun and Node tell of the program; a browser has none of it. */
const runtime = globalThis as {
  readonly Bun?: { gc(now: true): void };
  readonly process?: {
    memoryUsage(): { readonly external: number };
    getBuiltinModule?<Name extends keyof Builtin>(name: Name): Builtin[Name];
  };
};

/** The parts of modules that are used; imported by their names, they would keep the suite out of browsers. */
interface Builtin {
  readonly "node:fs": {
    existsSync(path: string): boolean;
    readdirSync(path: string): string[];
    readlinkSync(path: string): string;
  };
  readonly "node:v8": { setFlagsFromString(flags: string): void };
  readonly "node:vm": { runInNewContext(code: "gc"): () => void };
}

/** Where Linux lists what a program has open. */
const DESCRIPTORS = "/proc/self/fd";

const PERIOD = 251;

/** A piece of the {@link pattern} after which the same piece may follow. */
export const PIECE: Uint8Array = pattern(256 * PERIOD);

/** What a transport may hold back itself, beside one write and the fixture's `slack` (rule 7). */
const HELD_BACK = 524_288;

/** Milliseconds without progress that count as waiting. */
const QUIET = 300;

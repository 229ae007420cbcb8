/**
 * The two ends of a connection under test, watched: each call passes through here, and what has happened before it says
 * which rule is broken when it goes wrong. So a case need not know all rules, only what it is about.
 *
 * Some things are wrong whatever happened (an empty array, a second read that gets bytes, a `close` that rejects): they
 * are reported at once, even where the case looks the other way. Whether others are wrong (nothing comes, a rejection,
 * other bytes) only the case can say; for these {@link Watched.blame} names the rule.
 *
 * @module
 */

import { ConnectionError } from "@minimqtt/core";
import type { Connection } from "@minimqtt/core";
import type { Peer } from "./fixture.ts";
import { FixtureBroken, isVerdict } from "./rules.ts";

/** Whoever is told of what is wrong. */
export interface Judge {
  /** Takes a broken rule down, and gives the error to throw. */
  broken(rule: number, text: string, cause?: unknown): Error;
  /** Remembers what a call stands on until somebody waits for it. */
  expect(promise: Promise<unknown>, expectation: Expectation): void;
}

/** What is known of a call that has not settled yet. */
export interface Expectation {
  /** The rule that is broken when it does not settle, or settles otherwise than it should. */
  blame(): number;
  /** The bytes that may have to pass before it settles. */
  bytes(): number;
}

/** One end of a {@link Link}. */
export interface Watched extends Connection {
  /** The rule that is broken when other bytes are read from here than expected. */
  blame(): number;
  /** The rule that is broken when the end is read from here, and bytes were expected. */
  missing(): number;
}

/** A connection, and what has happened to it. */
export class Link {
  /** The end made by the transport under test. */
  readonly near: Watched;
  /** The fixture's. */
  readonly far: Watched & Required<Peer>;
  readonly #judge: Judge;
  readonly #connection: Connection;
  readonly #peer: Peer;
  /** The signal that `connect` was given: once it has resolved, an abort must change nothing (rule 10). */
  readonly #signal: AbortSignal | undefined;
  #reads = 0;
  #writes = 0;
  #isClosed = false;
  #hasEnded = false;
  #hasFailed = false;
  #got = 0;
  #given = 0;
  #peerIs: "there" | "ended" | "gone" | "reset" = "there";
  /** Bytes that the peer was to send. */
  #owed = 0;

  /** Watches a connection that `connect` has opened, and the other end. */
  constructor(judge: Judge, connection: Connection, peer: Peer, signal?: AbortSignal) {
    this.#judge = judge;
    this.#connection = connection;
    this.#peer = peer;
    this.#signal = signal;
    const far = { blame: () => this.#blameOutgoing(), bytes: () => this.#given };
    this.near = {
      read: () => {
        const second = this.#reads > 0;
        const failed = this.#hasFailed;
        return this.#expect(this.#read(), {
          blame: () => second ? 4 : failed && !this.#isClosed ? 9 : this.#blameIncoming(),
          bytes: () => Math.max(0, this.#owed - this.#got),
        });
      },
      write: (bytes) => {
        const { length } = bytes;
        const second = this.#writes > 0;
        return this.#expect(this.#write(bytes), {
          blame: () =>
            !second && (this.#peerIs === "reset" || this.#peerIs === "gone") ? 9 : this.#blameOutgoing(),
          bytes: () => length,
        });
      },
      close: () => this.#expect(this.#close(), { blame: () => 8, bytes: () => 0 }),
      blame: () => this.#isAborted ? 10 : 11,
      missing: () => this.#blameIncoming(),
    };
    this.far = {
      read: () => this.#expect(peer.read(), far),
      write: (bytes) => {
        const { length } = bytes;
        const blame = () => this.#isAborted ? 10 : this.#isClosed ? 8 : 11;
        return this.#expect(this.#send(bytes), { blame, bytes: () => length });
      },
      end: () => {
        this.#peerIs = "ended";
        return peer.end?.() ?? Promise.reject(new FixtureBroken(lacking("end", "halfClose")));
      },
      reset: () => {
        this.#peerIs = "reset";
        if (!peer.reset) throw new FixtureBroken(lacking("reset", "reset"));
        peer.reset();
      },
      close: () => {
        if (this.#peerIs !== "reset") this.#peerIs = "gone";
        const blame = () => this.#isAborted ? 10 : this.#isClosed ? 8 : 5;
        return this.#expect(peer.close(), { blame, bytes: () => this.#owed });
      },
      blame: () => this.#isAborted ? 10 : 6,
      missing: () => this.#blameOutgoing(),
    };
  }

  get #isAborted(): boolean {
    return this.#signal?.aborted === true;
  }

  /** Nothing has happened that could make a call reject. */
  get #isWell(): boolean {
    return !this.#isClosed && (this.#peerIs === "there" || this.#peerIs === "ended");
  }

  #broken(rule: number, text: string, cause?: unknown): Error {
    return this.#judge.broken(rule, text, cause);
  }

  #expect<Value>(promise: Promise<Value>, expectation: Expectation): Promise<Value> {
    this.#judge.expect(promise, expectation);
    // Whether it is awaited or not is the case's affair.
    promise.catch(() => undefined);
    return promise;
  }

  #blameIncoming(): number {
    if (this.#isAborted) return 10;
    if (this.#isClosed) return 8;
    if (this.#peerIs === "there") return this.#hasEnded ? 5 : 11;
    if (this.#got < this.#owed) return 3;
    return this.#peerIs === "reset" ? 9 : 5;
  }

  #blameOutgoing(): number {
    return this.#isAborted ? 10 : this.#isClosed ? 8 : 6;
  }

  async #read(): Promise<Uint8Array | null> {
    const was = {
      second: this.#reads > 0,
      closed: this.#isClosed,
      ended: this.#hasEnded,
      failed: this.#hasFailed,
    };
    this.#reads++;
    try {
      const bytes = await this.#connection.read();
      if (bytes !== null && !(bytes instanceof Uint8Array)) {
        throw this.#broken(0, `read() resolved to ${typeof bytes}, expected a Uint8Array or null`);
      }
      if (bytes?.length === 0) throw this.#broken(1, "read() resolved to an empty array");
      if (bytes) {
        if (was.closed) throw this.#broken(8, "read() resolved to bytes after close()");
        if (was.ended) throw this.#broken(5, "read() resolved to bytes after it had resolved to null");
        this.#got += bytes.length;
        return bytes;
      }
      if (this.#isClosed) return null;
      if (was.second) throw this.#broken(4, "read() resolved to null though another was pending");
      if (was.failed) throw this.#broken(9, "read() resolved to null after it had rejected with read-failed");
      if (this.#peerIs === "there") {
        throw this.#broken(this.#isAborted ? 10 : 5, "read() resolved to null though the peer had not ended");
      }
      this.#hasEnded = true;
      return null;
    } catch (error) {
      if (isVerdict(error)) throw error;
      const rejected = `read() rejected with ${saying(error)}`;
      if (!(error instanceof ConnectionError)) {
        throw this.#broken(9, `${rejected}, expected a ConnectionError`, error);
      }
      if (this.#isClosed) throw this.#broken(8, `${rejected} at close(), expected null`, error);
      if (was.ended) throw this.#broken(5, `${rejected} after it had resolved to null`, error);
      if (error.code !== "read-failed") {
        throw this.#broken(was.second ? 4 : 9, `${rejected}, expected the code read-failed`, error);
      }
      if (was.second) throw error;
      if (this.#isWell) {
        const rule = this.#isAborted ? 10 : this.#peerIs === "ended" ? 5 : 9;
        throw this.#broken(rule, `${rejected}, and nothing had broken`, error);
      }
      this.#hasFailed = true;
      throw error;
    } finally {
      this.#reads--;
    }
  }

  async #write(bytes: Uint8Array): Promise<void> {
    const was = { second: this.#writes > 0, closed: this.#isClosed };
    this.#writes++;
    try {
      const { length } = bytes;
      await this.#connection.write(bytes);
      if (was.closed) throw this.#broken(8, "write() resolved after close()");
      this.#given += length;
    } catch (error) {
      if (isVerdict(error)) throw error;
      const rejected = `write() rejected with ${saying(error)}`;
      if (!(error instanceof ConnectionError)) {
        throw this.#broken(9, `${rejected}, expected a ConnectionError`, error);
      }
      const codes: string[] = was.closed
        ? ["closed"]
        : this.#isClosed
        ? ["write-failed", "closed"]
        : ["write-failed"];
      if (!codes.includes(error.code)) {
        const rule = was.closed ? 8 : was.second ? 6 : 9;
        throw this.#broken(rule, `${rejected}, expected the code ${codes.join(" or ")}`, error);
      }
      if (!was.second && this.#isWell) {
        const rule = this.#isAborted ? 10 : this.#peerIs === "ended" ? 5 : 6;
        throw this.#broken(rule, `${rejected}, and nothing had broken`, error);
      }
      throw error;
    } finally {
      this.#writes--;
    }
  }

  async #close(): Promise<void> {
    this.#isClosed = true;
    try {
      await this.#connection.close();
    } catch (error) {
      throw this.#judge.broken(8, `close() rejected with ${saying(error)}`, error);
    }
  }

  async #send(bytes: Uint8Array): Promise<void> {
    this.#owed += bytes.length;
    await this.#peer.write(bytes);
  }
}

function lacking(method: string, capability: string): string {
  return `its peer has no ${method}(): give it one, or say in lacks.${capability} why there is none`;
}

function saying(error: unknown): string {
  return error instanceof ConnectionError ? `${error.name} ${error.code} (${error.message})` : String(error);
}

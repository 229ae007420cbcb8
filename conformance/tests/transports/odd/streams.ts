/**
 * An odd transport: the two ends are a pair of Node's `Duplex` streams in this program, as `docs/writing-a-transport.md`
 * would have it written.
 *
 * @module
 */

import { ConnectionError, UsageError } from "@minimqtt/core";
import type { Connection, Transport } from "@minimqtt/core";
import { Duplex } from "node:stream";
import { once } from "node:events";
import type { Listener, Peer, TransportFixture } from "../../../src/fixtures/mod.ts";

/** One end of a pair: what is written to it can be read at the other, when that has room. */
class End extends Duplex {
  other!: End;
  readonly #copies: boolean;
  #taken: (() => void) | undefined;

  /** An end that does not copy hands the writer's own array through. */
  constructor(copies: boolean) {
    super({ allowHalfOpen: true });
    this.#copies = copies;
  }

  override _read(): void {
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.();
  }

  override _write(bytes: Uint8Array, _encoding: string, done: (error?: Error) => void): void {
    if (this.other.destroyed) return done(new Error("the other end has gone"));
    if (bytes.length === 0) return done();
    this.other.#taken = done;
    this.other.push(this.#copies ? Uint8Array.from(bytes) : bytes);
  }

  override _final(done: () => void): void {
    this.other.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const { other } = this;
    if (!other.readableEnded && !other.destroyed) other.push(null);
    other.#taken = undefined;
    this.#taken?.();
    other.failWaiting();
    done(error);
  }

  /** A write that waits for an end that has gone waits in vain. */
  failWaiting(): void {
    if (this.writableNeedDrain) this.destroy(new Error("the other end has gone"));
  }
}

/** A connection over any `Duplex`. */
export class StreamConnection implements Connection {
  readonly #stream: Duplex;
  #failure: Error | undefined;
  #ended = false;
  #wake: (() => void) | undefined;
  #isWriting = false;
  #giveUp: ((error: Error) => void) | undefined;
  #closing: Promise<unknown> | undefined;

  constructor(stream: Duplex) {
    this.#stream = stream.on("error", (error) => this.#failure = error)
      .on("readable", () => this.#wake?.()).on("end", () => this.#end()).on("close", () => {
        this.#end();
        this.#giveUp?.(this.#failure ?? new Error("the stream is closed"));
      });
  }

  async read(): Promise<Uint8Array | null> {
    if (this.#wake) throw new ConnectionError("read-failed", "another read is pending");
    while (!this.#closing) {
      const bytes: Uint8Array | null = this.#stream.read();
      if (bytes) return bytes;
      if (this.#failure) {
        throw new ConnectionError("read-failed", "connection lost", { cause: this.#failure });
      }
      if (this.#ended) break;
      await new Promise<void>((resolve) => this.#wake = resolve);
      this.#wake = undefined;
    }
    return null;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#closing) throw new ConnectionError("closed", "the connection is closed");
    if (this.#isWriting) throw new ConnectionError("write-failed", "another write is pending");
    this.#isWriting = true;
    const cause = await new Promise<unknown>((resolve) => {
      this.#giveUp = resolve;
      this.#stream.write(bytes, (error) => resolve(error));
    });
    this.#isWriting = false;
    if (cause) throw new ConnectionError(this.#closing ? "closed" : "write-failed", `${cause}`, { cause });
  }

  async close(): Promise<void> {
    this.#closing ??= this.#stream.destroyed ? Promise.resolve() : once(this.#stream, "close");
    const timer = setTimeout(() => this.#stream.destroy(), 1000);
    this.#wake?.();
    this.#stream.end().removeAllListeners("readable").resume();
    await this.#closing.catch(() => undefined);
    clearTimeout(timer);
  }

  #end(): void {
    this.#ended = true;
    this.#wake?.();
  }
}

/** The fixture; either side may hand its arrays through, which is a mistake. */
export function streamsFixture(copies: { readonly near: boolean; readonly far: boolean }): TransportFixture {
  const places = new Map<number, (stream: Duplex) => void>();
  const transport: Transport = {
    name: "streams",
    schemes: [{ name: "mqtt", port: 1883, secure: false }],
    async connect({ port, secure }, { signal } = {}) {
      signal?.throwIfAborted();
      if (secure) throw new UsageError("invalid-argument", "a pair of streams encrypts nothing");
      await undefined;
      signal?.throwIfAborted();
      const accept = places.get(port);
      if (!accept) {
        throw new ConnectionError("dial-failed", `nobody at ${port}`, { cause: new Error("nobody there") });
      }
      const [near, far] = [new End(copies.near), new End(copies.far)];
      [near.other, far.other] = [far, near];
      accept(far);
      return new StreamConnection(near);
    },
  };
  let count = 0;
  return {
    transport,
    listen(): Promise<Listener> {
      const port = ++count;
      const waiting: Peer[] = [];
      const accepting: ((peer: Peer) => void)[] = [];
      places.set(port, (stream) => {
        const peer = new StreamPeer(stream);
        const accept = accepting.shift();
        if (accept) accept(peer);
        else waiting.push(peer);
      });
      return Promise.resolve({
        address: { host: "streams", port },
        accept() {
          const peer = waiting.shift();
          return peer ? Promise.resolve(peer) : new Promise((resolve) => accepting.push(resolve));
        },
        close() {
          places.delete(port);
          return Promise.resolve();
        },
      });
    },
    slack: 4 * 65_536,
    lacks: {
      reset: "a stream in this program is never reset",
      unknown: "there are no host names",
      silent: "connect() always has an answer at once",
    },
  };
}

/** The other end: as its own connection, and it can end its direction only. */
class StreamPeer extends StreamConnection implements Peer {
  readonly #stream: Duplex;

  constructor(stream: Duplex) {
    super(stream);
    this.#stream = stream;
  }

  end(): Promise<void> {
    return new Promise((resolve) => this.#stream.end(resolve));
  }
}

/** For the runner. */
export const fixture: TransportFixture = streamsFixture({ near: true, far: true });

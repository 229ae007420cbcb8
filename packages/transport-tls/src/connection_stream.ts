/**
 * Any connection of the contract as a stream of Node's, which is what `node:tls` encrypts onto.
 *
 * @module
 */

import type { Connection } from "@minimqtt/core";
import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";

/** Milliseconds after a failed write in which the peer's last bytes are read. */
const LAST_WORDS = 100;

type Done = (error?: Error | null) => void;

/** The stream; it owns the connection, and closes it when it ends. */
export class ConnectionStream extends Duplex {
  /** How many bytes have been read. */
  bytesRead = 0;
  /** What the connection has failed of, first of all. */
  failure: Error | undefined;
  readonly #connection: Connection;
  #above: Duplex | undefined;
  #wanted = false;
  #drained: (() => void) | undefined;

  /** Takes a connection that is open. */
  constructor(connection: Connection) {
    super({ allowHalfOpen: true });
    this.#connection = connection;
    for (const event of ["drain", "close"]) this.on(event, () => this.#drained?.());
  }

  /**
   * Lets nothing be read while `above` is paused. The TLS on this stream should see to that; Deno's goes on reading and
   * keeps what comes.
   */
  heed(above: Duplex): void {
    this.#above = above;
    above.on("resume", () => {
      if (this.#wanted) this._read();
    });
  }

  /**
   * Resolves when most of what was written has been taken by the connection, or there is nothing to wait for any more.
   * The TLS on this stream should see to that as well; Bun's does not.
   */
  drained(): Promise<void> | undefined {
    if (!this.writableNeedDrain || this.destroyed) return undefined;
    return new Promise((resolve) => this.#drained = resolve);
  }

  /** Called when the reader wants bytes, and then not again before it got some. */
  override _read(): void {
    this.#wanted = this.#above?.isPaused() ?? false;
    if (this.#wanted) return;
    this.#connection.read().then(
      (bytes) => {
        this.bytesRead += bytes?.length ?? 0;
        this.push(bytes);
      },
      (error) => {
        this.failure ??= error;
        this.destroy(error);
      },
    );
  }

  /** Called for one chunk at a time. */
  override _write(bytes: Uint8Array, _encoding: string, done: Done): void {
    // A failure ends reading too, and the reason for it may lie unread: an alert, say.
    this.#connection.write(bytes).then(() => done(), (error) => {
      this.failure ??= error;
      setTimeout(done, LAST_WORDS, error);
    });
  }

  /** Called for the chunks that have queued up behind another. */
  override _writev(chunks: { chunk: Uint8Array }[], done: Done): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), "", done);
  }

  /** Called when everything has been written: TLS has said good-bye by then. */
  override _final(done: Done): void {
    this.#connection.close().then(() => done());
  }

  /** Called at the end of all things. */
  override _destroy(error: Error | null, done: Done): void {
    this.#connection.close().then(() => done(error));
  }
}

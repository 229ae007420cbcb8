/**
 * TLS over a connection that is no socket of `node:net`.
 *
 * @module
 */

import { ConnectionError } from "@minimqtt/core";
import type { Connection } from "@minimqtt/core";
import type { ConnectionStream } from "./connection_stream.ts";

/** The encrypted connection, with the stream below it, and the connection that carries both. */
export class LayeredConnection implements Connection {
  readonly #above: Connection;
  readonly #stream: ConnectionStream;
  readonly #below: Connection;
  #writing = false;
  #closing = false;

  /** Takes the three, which belong together. */
  constructor(above: Connection, stream: ConnectionStream, below: Connection) {
    this.#above = above;
    this.#stream = stream;
    this.#below = below;
  }

  /** As the contract says. */
  async read(): Promise<Uint8Array | null> {
    try {
      return await this.#above.read();
    } catch (error) {
      // The stream below has one error for both directions, and it may have been a write that failed.
      if (!(error instanceof ConnectionError) || error.code !== "write-failed") throw error;
      throw new ConnectionError("read-failed", `connection lost: ${error.message}`, { cause: error });
    }
  }

  /** As the contract says: resolves when the connection below has taken the bytes, or nearly all. */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.#writing && !this.#closing) {
      throw new ConnectionError("write-failed", "another write is pending");
    }
    this.#writing = true;
    try {
      await this.#above.write(bytes);
      await this.#stream.drained();
    } catch (error) {
      // Bun ends the TLS above a stream that broke without a word of why.
      throw error instanceof ConnectionError && !error.cause && !this.#closing ? this.#broken() : error;
    } finally {
      this.#writing = false;
    }
    if (this.#stream.destroyed) throw this.#broken();
  }

  /** As the contract says; the connection below is closed as well. */
  async close(): Promise<void> {
    this.#closing = true;
    await this.#above.close();
    await this.#below.close();
  }

  #broken(): ConnectionError {
    if (this.#closing) return new ConnectionError("closed", "the connection was closed");
    const cause = this.#stream.failure ?? new Error("the connection below has ended");
    return new ConnectionError("write-failed", `write failed: ${cause.message}`, { cause });
  }
}

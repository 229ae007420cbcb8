/**
 * The contract's connection on a socket of Deno's own.
 *
 * @module
 */

import { ConnectionError } from "@minimqtt/core";
import type { Connection } from "@minimqtt/core";

/** Bytes per slab: twice 64 KiB is a fifth faster in bulk than once, and four times wins little more. */
const SLAB = 131_072;

/** Less room than this is not worth a read. */
const LEAST = 4096;

/** Milliseconds that closing waits for the peer. */
const PATIENCE = 1000;

/** The part of `Deno.TcpConn` and `Deno.TlsConn` that is used; declared here so that it type-checks everywhere. */
export interface DenoSocket {
  /** Puts bytes into `buffer` and gives their count, or `null` at the end. */
  read(buffer: Uint8Array): Promise<number | null>;
  /** Sends some of `bytes` and gives their count. */
  write(bytes: Uint8Array): Promise<number>;
  /** Sends the end. */
  closeWrite(): Promise<void>;
  /** Releases the socket; what is pending rejects. Throws when it is released already. */
  close(): void;
}

/** A connection over a socket of Deno's. */
export class DenoConnection implements Connection {
  readonly #socket: DenoSocket;
  /** Filled from left to right and never again: its parts belong to the caller (rule 2). */
  #slab = new Uint8Array(0);
  #used = 0;
  #reading: Promise<unknown> | undefined;
  #writing: Promise<unknown> | undefined;
  #failure: ConnectionError | undefined;
  #closing: Promise<void> | undefined;

  /** Takes a socket that is connected, and owns it from here on. */
  constructor(socket: DenoSocket) {
    this.#socket = socket;
  }

  /** As the contract says. Chunks have at most 128 KiB; a chunk that is kept keeps the 128 KiB it is part of. */
  async read(): Promise<Uint8Array | null> {
    if (this.#reading) throw new ConnectionError("read-failed", "another read is pending");
    if (this.#closing) return null;
    if (this.#failure) throw this.#failure;
    if (this.#slab.length - this.#used < LEAST) {
      this.#slab = new Uint8Array(SLAB);
      this.#used = 0;
    }
    try {
      const reading = this.#socket.read(this.#slab.subarray(this.#used));
      this.#reading = reading;
      const count = await reading;
      if (this.#closing || count === null) return null;
      return this.#slab.subarray(this.#used, this.#used += count);
    } catch (cause) {
      if (this.#closing) return null;
      throw this.#failure = new ConnectionError("read-failed", `connection lost: ${text(cause)}`, { cause });
    } finally {
      this.#reading = undefined;
    }
  }

  /** As the contract says: resolves when the system has taken all bytes. */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.#closing) throw new ConnectionError("closed", "the connection is closed");
    if (this.#writing) throw new ConnectionError("write-failed", "another write is pending");
    try {
      for (let sent = 0; sent < bytes.length;) {
        const writing = this.#socket.write(sent ? bytes.subarray(sent) : bytes);
        this.#writing = writing;
        sent += await writing;
      }
    } catch (cause) {
      if (this.#closing) throw new ConnectionError("closed", "the connection was closed", { cause });
      throw new ConnectionError("write-failed", `write failed: ${text(cause)}`, { cause });
    } finally {
      this.#writing = undefined;
    }
  }

  /** As the contract says: what was written goes out, then the end; what still comes is thrown away. */
  close(): Promise<void> {
    return this.#closing ??= this.#shut();
  }

  async #shut(): Promise<void> {
    const timer = setTimeout(() => this.#release(), PATIENCE);
    try {
      while (this.#writing) await this.#writing;
      await this.#socket.closeWrite();
      await this.#reading;
      const nowhere = new Uint8Array(SLAB);
      while (await this.#socket.read(nowhere) !== null);
    } catch {
      // Broken, or out of time: there is nobody left to be orderly with.
    }
    clearTimeout(timer);
    this.#release();
  }

  #release(): void {
    try {
      this.#socket.close();
    } catch {
      // Released already.
    }
  }
}

function text(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

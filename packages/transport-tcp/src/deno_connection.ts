/**
 * The contract's connection on a socket of Deno's own.
 *
 * @module
 */

import { ConnectionError } from "@minimqtt/core";
import type { Connection } from "@minimqtt/core";

/**
 * Bytes per slab. A read that waits holds its slab, so a connection on which little happens has a small one. A read that
 * fills all the room it had makes the next slab four times as long; one that brings next to nothing of what a slab has
 * room for makes it small again. At the most twice 64 KiB: a fifth faster in bulk than once, and four times wins little.
 */
const SMALLEST = 4096;
const LARGEST = 131_072;
const GROWTH = 4;

/** The part of a slab that is not worth a read any more, or that was not worth the slab. */
const LITTLE = 1 / 32;

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
  #size = SMALLEST;
  #reading: Promise<unknown> | undefined;
  #writing: Promise<unknown> | undefined;
  #failure: ConnectionError | undefined;
  #closing: Promise<void> | undefined;

  /** Takes a socket that is connected, and owns it from here on. */
  constructor(socket: DenoSocket) {
    this.#socket = socket;
  }

  /** As the contract says. Chunks have at most 128 KiB; a chunk that is kept keeps the slab it is part of: 4 to 128 KiB. */
  async read(): Promise<Uint8Array | null> {
    if (this.#reading) throw new ConnectionError("read-failed", "another read is pending");
    if (this.#closing) return null;
    if (this.#failure) throw this.#failure;
    const room = this.#room();
    try {
      const reading = this.#socket.read(room);
      this.#reading = reading;
      const count = await reading;
      if (this.#closing || count === null) return null;
      this.#used += count;
      if (count === room.length) this.#size = Math.min(this.#slab.length * GROWTH, LARGEST);
      else if (count < this.#slab.length * LITTLE) this.#size = SMALLEST;
      return room.subarray(0, count);
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

  /** Where the next bytes go: the rest of the slab, or a new one where that is used up or not the right size any more. */
  #room(): Uint8Array {
    const left = this.#slab.length - this.#used;
    if (this.#slab.length !== this.#size || left <= this.#size * LITTLE) {
      this.#slab = new Uint8Array(this.#size);
      this.#used = 0;
    }
    return this.#slab.subarray(this.#used);
  }

  async #shut(): Promise<void> {
    const timer = setTimeout(() => this.#release(), PATIENCE);
    try {
      while (this.#writing) await this.#writing;
      await this.#socket.closeWrite();
      await this.#reading;
      const nowhere = new Uint8Array(LARGEST);
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

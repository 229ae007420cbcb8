/**
 * The contract's connection on a stream socket of `node:net`: push turned into pull.
 *
 * @module
 */

import { ConnectionError } from "@minimqtt/core";
import type { Connection } from "@minimqtt/core";
import type { Socket } from "node:net";

/** Bytes nobody has read yet at which the socket is paused. */
const ENOUGH = 131_072;

/**
 * As long as the system takes everything, a write is over before the event loop has turned: one write awaited after the
 * other would let no timer and no other socket have a turn, and no read either. After so many bytes written it gets one.
 */
const BURST = 262_144;

/** What a write counts for, however few its bytes are. */
const OVERHEAD = 1024;

/** Milliseconds that closing waits for the peer. */
const PATIENCE = 1000;

/** What a failed read rejects with, by the socket's error. */
export type ReadError = (cause: Error) => ConnectionError;

interface Waiting<Value> {
  resolve(value: Value): void;
  reject(error: ConnectionError): void;
}

/** A connection over a `net.Socket`, or a `tls.TLSSocket`, which must have been made with `allowHalfOpen`. */
export class NodeConnection implements Connection {
  readonly #socket: Socket;
  readonly #readError: ReadError;
  #chunks: Uint8Array[] = [];
  #held = 0;
  #failure: Error | undefined;
  #burst = 0;
  #ended = false;
  #released = false;
  #reader: Waiting<Uint8Array | null> | undefined;
  #writer: Waiting<void> | undefined;
  #closing: Promise<void> | undefined;

  /** Takes a socket that is connected, and owns it from here on; `readError` where `read-failed` is not all there is. */
  constructor(socket: Socket, readError: ReadError = connectionLost) {
    this.#socket = socket;
    this.#readError = readError;
    socket.on("data", this.#arrived);
    socket.on("end", this.#onEnd);
    socket.on("error", this.#onError);
    socket.on("close", this.#onClose);
  }

  /** As the contract says. Chunks have at most the size of the runtime's own: 64 KiB on Node, 512 KiB on Bun. */
  read(): Promise<Uint8Array | null> {
    if (this.#reader) return Promise.reject(new ConnectionError("read-failed", "another read is pending"));
    const chunk = this.#chunks.shift();
    if (chunk) {
      this.#held -= chunk.length;
      if (this.#held === 0) this.#socket.resume();
      return Promise.resolve(chunk);
    }
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
      if (this.#ended || this.#released || this.#closing) this.#endReading();
    });
  }

  /** As the contract says: resolves when the system has taken all bytes. */
  write(bytes: Uint8Array): Promise<void> {
    if (this.#closing) return Promise.reject(new ConnectionError("closed", "the connection is closed"));
    if (this.#writer) return Promise.reject(new ConnectionError("write-failed", "another write is pending"));
    // Deno's node:tls would call it an error.
    if (bytes.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#writer = { resolve, reject };
      this.#socket.write(bytes, (error) => {
        this.#burst += OVERHEAD + bytes.length;
        if (error || this.#burst < BURST) return this.#endWriting(error);
        this.#burst = 0;
        setImmediate(() => this.#endWriting());
      });
    });
  }

  /** As the contract says: what was written goes out, then the end; what still comes is thrown away. */
  close(): Promise<void> {
    return this.#closing ??= new Promise((resolve) => {
      const socket = this.#socket;
      this.#chunks = [];
      if (this.#released) return resolve();
      const timer = setTimeout(() => socket.destroy(), PATIENCE);
      socket.once("close", () => {
        clearTimeout(timer);
        resolve();
      });
      socket.end();
      socket.resume();
      this.#reader?.resolve(null);
      this.#reader = undefined;
    });
  }

  /**
   * Gives the socket back, for somebody who puts a layer of their own on it; this connection must not be used any more.
   * Gives nothing, and goes on, when bytes have been received already.
   */
  surrender(): Socket | undefined {
    if (this.#chunks.length > 0 || this.#ended || this.#failure) return undefined;
    const socket = this.#socket;
    socket.pause();
    socket.off("data", this.#arrived);
    socket.off("end", this.#onEnd);
    socket.off("error", this.#onError);
    socket.off("close", this.#onClose);
    return socket;
  }

  readonly #arrived = (chunk: Uint8Array): void => {
    if (this.#closing) return;
    if (this.#reader) {
      this.#reader.resolve(chunk);
      this.#reader = undefined;
      return;
    }
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    if (this.#held >= ENOUGH) this.#socket.pause();
  };

  readonly #onEnd = (): void => {
    this.#ended = true;
    this.#endReading();
  };

  /** The first error is the reason, others follow from it. Node lets a socket of TLS live on with a broken record. */
  readonly #onError = (error: Error): void => {
    this.#failure ??= error;
    this.#socket.destroy();
  };

  readonly #onClose = (): void => {
    this.#released = true;
    this.#endReading();
    this.#endWriting();
  };

  #endReading(): void {
    const reader = this.#reader;
    const cause = this.#failure;
    this.#reader = undefined;
    if (!cause || this.#closing) return reader?.resolve(null);
    reader?.reject(this.#readError(cause));
  }

  #endWriting(error?: Error | null): void {
    const writer = this.#writer;
    const cause = this.#failure ?? error;
    this.#writer = undefined;
    // Node reports success for a write that was under way when the socket was destroyed.
    if (!cause && !this.#socket.destroyed) return writer?.resolve();
    const [code, text] = this.#closing
      ? ["closed", "the connection was closed"] as const
      : ["write-failed", `write failed: ${cause?.message}`] as const;
    writer?.reject(new ConnectionError(code, text, { cause }));
  }
}

/** The error of a read that failed: `read-failed`. */
export function connectionLost(cause: Error): ConnectionError {
  return new ConnectionError("read-failed", `connection lost: ${cause.message}`, { cause });
}

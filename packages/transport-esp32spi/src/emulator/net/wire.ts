/**
 * A real socket behind the emulated IP stack: what has arrived waits in a bounded queue, what was sent counts as under
 * way until it is acknowledged: by the path to the peer, or without one by this machine, which takes it for the peer.
 *
 * @module
 */

import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Line } from "./path.ts";

/** What a connection is here: a socket, or a stream in this process. */
export type Peer = Duplex & Partial<Pick<Socket, "setNoDelay" | "remoteAddress" | "remotePort">>;

/** The receive and the send window of the chip's IP stack. */
export const WINDOW = 5744;

/** The largest TLS record. */
export const RECORD = 16_384;

/** One end of a connection. */
export class Wire {
  readonly #socket: Peer;
  readonly #window: number;
  readonly #line: Line | undefined;
  #queue: Uint8Array[] = [];
  #length = 0;
  #ended = false;
  #broken = false;
  #underWay = 0;
  #silent = false;
  #onProgress: (() => void) | undefined;

  /**
   * Takes a socket that is connected, and owns it. At most about `window` bytes wait; `arrived` is called after bytes,
   * the end or an error. `line` is the way to the peer, where it takes time.
   */
  constructor(socket: Peer, window: number, arrived: () => void, line?: Line) {
    this.#socket = socket;
    this.#window = window;
    this.#line = line;
    socket.setNoDelay?.(true);
    socket.on("data", (chunk: Uint8Array) => {
      this.#queue.push(chunk);
      this.#length += chunk.length;
      if (this.#length >= window) socket.pause();
      if (!this.#silent) arrived();
    });
    const end = () => {
      this.#ended = true;
      if (!this.#silent) arrived();
    };
    socket.on("end", end);
    socket.on("close", () => {
      this.#broken = true;
      this.#progressed();
      end();
    });
    socket.on("error", () => {
      this.#broken = true;
      this.#progressed();
      end();
    });
  }

  /** Bytes that wait in the stack: no more than its window, whatever the system has taken in. */
  get length(): number {
    return this.#silent ? 0 : Math.min(this.#length, this.#window);
  }

  /** Bytes that wait of the chunk that came first: for TLS what is left of a record. */
  get first(): number {
    return this.#silent ? 0 : Math.min(this.#queue[0]?.length ?? 0, this.#window);
  }

  /** The byte that is next, which stays. */
  get next(): number | undefined {
    return this.#silent ? undefined : this.#queue[0]?.[0];
  }

  /** Whether the peer has ended, or the connection broke, and nothing waits any more. */
  get ended(): boolean {
    return this.#ended && this.#length === 0 && !this.#silent;
  }

  /** Whether nothing can be sent any more. */
  get broken(): boolean {
    return this.#broken && !this.#silent;
  }

  /** Bytes sent that were not acknowledged yet. */
  get underWay(): number {
    return this.#underWay;
  }

  /** The peer's address and port. */
  get remote(): readonly [string, number] {
    return [this.#socket.remoteAddress?.replace(/^::ffff:/, "") ?? "0.0.0.0", this.#socket.remotePort ?? 0];
  }

  /** The cable is cut, and neither end notices. */
  silence(): void {
    this.#silent = true;
  }

  /** Takes up to `length` bytes out of the queue. */
  take(length: number): Uint8Array {
    const count = Math.min(length, this.length);
    const bytes = new Uint8Array(count);
    for (let at = 0; at < count;) {
      const chunk = this.#queue[0]!;
      const part = chunk.subarray(0, count - at);
      bytes.set(part, at);
      at += part.length;
      if (part.length === chunk.length) this.#queue.shift();
      else this.#queue[0] = chunk.subarray(part.length);
    }
    this.#length -= count;
    if (this.#length < this.#window) this.#socket.resume();
    return bytes;
  }

  /** Sends bytes, which are the wire's from here on. */
  send(bytes: Uint8Array): void {
    if (this.#silent || this.#broken) return;
    this.#underWay += bytes.length;
    if (!this.#line) return this.#write(bytes, () => this.#acknowledged(bytes.length));
    this.#line.send(bytes, (piece) => this.#write(piece), (size) => this.#acknowledged(size));
  }

  /** Resolves when something was acknowledged, or the connection broke. */
  progress(): Promise<void> {
    return new Promise((resolve) => this.#onProgress = resolve);
  }

  /** Closes: what was sent still goes out, what has arrived is gone. */
  close(): void {
    this.#queue = [];
    this.#length = 0;
    if (this.#silent) return this.destroy();
    this.#socket.removeAllListeners("data");
    this.#socket.resume();
    void (this.#line?.arrived() ?? Promise.resolve()).then(() => this.#end());
  }

  /** Closes at once: the chip has lost its power. */
  destroy(): void {
    this.#line?.cut();
    this.#socket.destroy();
  }

  /** Ends the stream, and does not wait for ever for the peer's end. */
  #end(): void {
    const socket = this.#socket;
    const destroySoon = () =>
      socket.writableFinished ? socket.destroy() : socket.once("finish", () => socket.destroy());
    socket.end();
    const timer = setTimeout(() => socket.destroy(), LINGER);
    timer.unref?.();
    socket.once("close", () => clearTimeout(timer));
    // With half-open sockets the system does not close by itself when the peer never ends.
    socket.once("end", destroySoon);
    if (this.#ended) destroySoon();
  }

  #write(bytes: Uint8Array, taken?: () => void): void {
    if (!this.#broken && !this.#silent) this.#socket.write(bytes, taken);
  }

  #acknowledged(size: number): void {
    this.#underWay -= size;
    this.#progressed();
  }

  #progressed(): void {
    const resolve = this.#onProgress;
    this.#onProgress = undefined;
    resolve?.();
  }
}

/** Milliseconds that a closed connection may go on sending what it had. */
const LINGER = 1000;

/**
 * The contract's connection on a WebSocket: push turned into pull, messages into a stream.
 *
 * @module
 */

import { ConnectionError } from "@minimqtt/core";
import type { Connection } from "@minimqtt/core";
import type { Breakable } from "./breaking_off.ts";
import { causeOf } from "./socket.ts";
import type { Socket, SocketEvent } from "./socket.ts";

const OPEN = 1;
const CLOSED = 3;

/** Close codes of an end in good order: normal, going away, none given (RFC 6455, section 7.4.1). */
const ORDERLY = [1000, 1001, 1005];

/** Bytes that the runtime may hold back, and after which a loop of writes has to give other things a turn. */
const ENOUGH = 262_144;

/** What a message counts for, however few its bytes are. */
const OVERHEAD = 256;

/** Milliseconds between two looks at what the runtime holds back. */
const LONGEST_WAIT = 31;

/** Milliseconds that closing waits for the peer. */
const PATIENCE = 1000;

/** How much may be in one piece. */
export interface Limits {
  /** The most bytes that wait for a reader. */
  readonly maxUnread: number;
  /** The most bytes of a message that is sent. */
  readonly maxMessageSize: number;
}

/** A connection over a WebSocket. */
export class WsConnection implements Connection {
  readonly #socket: Socket;
  readonly #breakOff: () => void;
  readonly #limits: Limits;
  /** What came last, oldest first; and what came before it, oldest last: `shift()` of a long array takes its time. */
  #arrived: Uint8Array[] = [];
  #ready: Uint8Array[] = [];
  #held = 0;
  #reader: { resolve(bytes: Uint8Array | null): void; reject(error: unknown): void } | undefined;
  /** How reading ended: in good order (null), or not. */
  #end: ConnectionError | null | undefined;
  #cause: unknown;
  #writing = false;
  #burst = 0;
  #closing: Promise<void> | undefined;
  #wake = () => {};
  #released = () => {};

  /** Takes a socket that is opening, and owns it from here on. */
  constructor({ socket, breakOff }: Breakable, limits: Limits) {
    this.#socket = socket;
    this.#breakOff = breakOff;
    this.#limits = limits;
    socket.addEventListener("message", ({ data }) => this.#take(data));
    socket.addEventListener("error", (event) => this.#cause = causeOf(event.error ?? event));
    socket.addEventListener("close", (event) => {
      this.#cause ??= causeOf(event);
      this.#finish(reason(event));
      this.#released();
      this.#wake();
    });
  }

  /** As the contract says. A chunk is a message of the peer's. */
  read(): Promise<Uint8Array | null> {
    if (this.#reader) return Promise.reject(new ConnectionError("read-failed", "another read is pending"));
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
      this.#deliver();
    });
  }

  /** As the contract says: resolves when the runtime holds back little enough. A write is one message or several. */
  async write(bytes: Uint8Array): Promise<void> {
    this.#check();
    if (this.#writing) throw new ConnectionError("write-failed", "another write is pending");
    const most = this.#limits.maxMessageSize;
    for (let sent = 0; sent < bytes.length; sent += most) {
      this.#socket.send(bytes.subarray(sent, sent + most) as Uint8Array<ArrayBuffer>);
    }
    this.#burst += OVERHEAD + bytes.length;
    if (this.#burst < ENOUGH && this.#socket.bufferedAmount <= ENOUGH) return;
    this.#burst = 0;
    this.#writing = true;
    try {
      // There is no event for it. The first look comes with the next turn of the event loop.
      for (let wait = 0;; wait = Math.min(wait * 2 + 1, LONGEST_WAIT)) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, wait);
          this.#wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
        this.#check();
        if (this.#socket.bufferedAmount <= ENOUGH) return;
      }
    } finally {
      this.#writing = false;
    }
  }

  /** As the contract says: what was written goes out, then the closing handshake; what still comes is thrown away. */
  close(): Promise<void> {
    if (this.#closing) return this.#closing;
    this.#closing = new Promise((resolve) => {
      if (this.#socket.readyState === CLOSED) return resolve();
      const timer = setTimeout(() => {
        this.#breakOff();
        resolve();
      }, PATIENCE);
      this.#released = () => {
        clearTimeout(timer);
        resolve();
      };
      this.#socket.close();
    });
    this.#arrived = this.#ready = [];
    this.#finish(null);
    this.#wake();
    return this.#closing;
  }

  #take(data: unknown): void {
    if (this.#end !== undefined) return;
    if (typeof data === "string") {
      return this.#fail("a text message came, expected binary ones [MQTT-6.0.0-1]");
    }
    const bytes = new Uint8Array(data as ArrayBuffer);
    if (bytes.length === 0) return;
    // A single message is in memory already, however long it is.
    if (this.#held >= this.#limits.maxUnread) {
      return this.#fail(`${this.#held} bytes came that nobody has read: read faster, or raise maxUnread`);
    }
    this.#held += bytes.length + OVERHEAD;
    this.#arrived.push(bytes);
    this.#deliver();
  }

  #fail(text: string): void {
    this.#cause = new Error(text);
    this.#finish(text);
    this.#socket.close();
  }

  /** Ends reading, behind what has arrived: in good order for null, else for this reason. */
  #finish(text: string | null): void {
    if (this.#closing) this.#end = null;
    else if (this.#end === undefined) {
      this.#end = text === null ? null : new ConnectionError("read-failed", text, { cause: this.#cause });
    }
    this.#deliver();
  }

  #deliver(): void {
    const reader = this.#reader;
    if (!reader) return;
    if (this.#ready.length === 0) [this.#ready, this.#arrived] = [this.#arrived.reverse(), this.#ready];
    const bytes = this.#ready.pop();
    if (bytes) {
      this.#held -= bytes.length + OVERHEAD;
      reader.resolve(bytes);
    } else if (this.#end === undefined) return;
    else if (this.#end) reader.reject(this.#end);
    else reader.resolve(null);
    this.#reader = undefined;
  }

  /** Throws unless writing is possible. A write that waits learns of the end, and why, by the event for it. */
  #check(): void {
    if (this.#closing) throw new ConnectionError("closed", "the connection is closed");
    const { readyState } = this.#socket;
    if (this.#end === undefined && (readyState === OPEN || this.#writing)) return;
    const cause = this.#cause ?? new Error(`the WebSocket's readyState is ${readyState}`);
    throw new ConnectionError("write-failed", "the WebSocket has ended", { cause });
  }
}

/** Why a socket has closed, or null when the peer ended it in good order. */
function reason({ code, reason, wasClean }: SocketEvent): string | null {
  // On Deno the code of a connection that broke is 0, elsewhere 1006.
  if (!wasClean || !code) return "the WebSocket broke off";
  return ORDERLY.includes(code) ? null : `the peer closed the WebSocket with code ${code}: ${reason}`;
}

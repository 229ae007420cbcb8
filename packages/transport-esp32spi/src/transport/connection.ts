/**
 * One connection through the co-processor: the contract of `@minimqtt/core` made of questions, since the module says
 * nothing by itself.
 *
 * @module
 */

import { ConnectionError } from "@minimqtt/core";
import type { Connection } from "@minimqtt/core";
import type { EspSpiControl } from "../driver/control.ts";
import { MAX_READ, MAX_SEND } from "../wire/frames.ts";
import type { EspSocket } from "../driver/slots.ts";
import type { FirmwareVersion } from "../wire/versions.ts";
import { LegacyPace } from "./pace.ts";

/** A connection over one socket of the module. */
export class EspConnection implements Connection {
  readonly #control: EspSpiControl;
  readonly #socket: EspSocket;
  readonly #idle: number;
  /** Before 3.0.0: how much to write, and when. */
  readonly #pace: LegacyPace | undefined;
  #firstWrite: number | undefined;
  /** What arrived while a write looked whether the peer is there. */
  readonly #early: Uint8Array[] = [];
  readonly #over = new AbortController();
  #resting: AbortController | undefined;
  #quiet = 0;
  #nextAsk = 0;
  #askPause = 0;
  #ended = false;
  #failure: ConnectionError | undefined;
  #endRead: (() => void) | undefined;
  #endWrite: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  /** Takes an open socket, and how long to rest between two looks at most. */
  constructor(control: EspSpiControl, socket: EspSocket, version: FirmwareVersion, idle: number) {
    this.#control = control;
    this.#socket = socket;
    this.#idle = idle;
    // Before 3.0.0 a full send buffer costs the connection: small pieces, with time to leave in between.
    this.#pace = version.waitsToSend ? undefined : new LegacyPace(control.connectTime(socket) ?? 0);
    this.#stir();
  }

  /** Waits for bytes. */
  read(): Promise<Uint8Array | null> {
    if (this.#closing) return Promise.resolve(null);
    if (this.#endRead) {
      return Promise.reject(
        new ConnectionError("read-failed", "Another read() of this connection is pending."),
      );
    }
    return new Promise((resolve, reject) => {
      this.#endRead = () => resolve(null);
      this.#receive().finally(() => this.#endRead = undefined).then(resolve, reject);
    });
  }

  /** Sends all bytes. */
  write(bytes: Uint8Array): Promise<void> {
    if (this.#closing) return Promise.reject(closed());
    if (this.#endWrite) {
      return Promise.reject(
        new ConnectionError("write-failed", "Another write() of this connection is pending."),
      );
    }
    return new Promise((resolve, reject) => {
      this.#endWrite = () => reject(closed());
      this.#send(bytes).finally(() => this.#endWrite = undefined).then(resolve, reject);
    });
  }

  /** Ends the connection. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #receive(): Promise<Uint8Array | null> {
    for (;;) {
      const early = this.#early.shift();
      if (early) return early;
      if (this.#failure) throw this.#failure;
      if (this.#ended || this.#closing) return null;
      const bytes = await this.#look();
      if (bytes.length > 0) {
        this.#stir();
        // A write may have looked in between, and have got what comes before these.
        this.#early.push(bytes);
      } else if (!this.#ended && !this.#failure) await this.#rest();
    }
  }

  /** One look for bytes; asks from time to time whether the peer is still there. */
  async #look(): Promise<Uint8Array> {
    const ask = this.#control.clock.now() >= this.#nextAsk;
    // The pin is only a hint: on some boards it stays LOW.
    if (!ask && await this.#control.dataWaiting() === false) return NOTHING;
    return await this.#take(ask);
  }

  /** Takes what has arrived, and notes the end. */
  async #take(ask: boolean): Promise<Uint8Array> {
    if (ask) this.#askLater(Math.min(2 * this.#askPause, RARE_ASK));
    try {
      const bytes = await this.#control.socketReceive(this.#socket, MAX_READ, ask);
      if (bytes === null) this.#ended = true;
      else if (bytes.length > 0) this.#noteAnswer();
      return bytes ?? NOTHING;
    } catch (cause) {
      // Reading and writing may notice the same end.
      if (!this.#ended && !this.#closing) {
        this.#failure ??= new ConnectionError("read-failed", `Reading failed: ${text(cause)}`, { cause });
      }
      return NOTHING;
    }
  }

  /** Rests before the next look: not at all at first, then longer each time. */
  async #rest(): Promise<void> {
    const time = this.#quiet < EAGER ? 0 : Math.min(this.#idle, 2 ** (this.#quiet - EAGER));
    this.#quiet++;
    this.#resting = new AbortController();
    await this.#control.clock.sleep(time, this.#resting.signal);
    this.#resting = undefined;
  }

  /** Something happens: the next look is due at once, and the question whether the peer has ended soon. */
  #stir(): void {
    this.#quiet = 0;
    this.#resting?.abort();
    this.#askLater(FIRST_ASK);
  }

  #askLater(pause: number): void {
    this.#askPause = pause;
    this.#nextAsk = this.#control.clock.now() + pause;
  }

  async #send(bytes: Uint8Array): Promise<void> {
    const { clock } = this.#control;
    let wait = 0;
    for (let sent = 0; sent < bytes.length;) {
      if (this.#closing) throw closed();
      const chunk = bytes.subarray(sent, sent + (this.#pace?.size ?? MAX_SEND));
      const pause = (this.#pace?.next(chunk.length) ?? 0) - clock.now();
      if (pause > 0) {
        await clock.sleep(pause, this.#over.signal);
        continue;
      }
      const taken = await this.#write(chunk);
      sent += taken;
      this.#firstWrite ??= clock.now();
      this.#pace?.note(chunk.length, taken, clock.now());
      if (taken > 0) this.#stir();
      if (taken === chunk.length || taken > 0 && this.#pace) {
        wait = 0;
        continue;
      }
      // The module took less: the peer does not read, or is not there any more.
      if (taken === 0 && !await this.#isAlive()) throw this.#writeFailure(this.#failure);
      wait = Math.min(2 * wait + FIRST_WAIT, LONGEST_WAIT);
      await clock.sleep(wait, this.#over.signal);
    }
  }

  /** The peer has said something: the first time, an answer to what was written first. */
  #noteAnswer(): void {
    if (this.#firstWrite === undefined) return;
    if (this.#firstWrite > 0) this.#pace?.answered(this.#control.clock.now() - this.#firstWrite);
    this.#firstWrite = 0;
  }

  async #write(chunk: Uint8Array): Promise<number> {
    try {
      return await this.#control.socketWrite(this.#socket, chunk, this.#over.signal);
    } catch (cause) {
      throw this.#closing ? closed() : this.#writeFailure(cause);
    }
  }

  #writeFailure(cause: unknown): ConnectionError {
    const why = cause ? text(cause) : "the peer has closed the connection";
    return new ConnectionError("write-failed", `Writing failed: ${why}`, {
      cause: cause ?? new Error("SEND_DATA_TCP took nothing, and GET_CLIENT_STATE_TCP says closed"),
    });
  }

  /** Whether the connection lives. What has arrived must be taken before that can be asked, and waits for `read`. */
  async #isAlive(): Promise<boolean> {
    for (let taken = 0; taken < EARLY_LIMIT && !this.#ended && !this.#failure;) {
      const bytes = await this.#take(true);
      if (bytes.length === 0) break;
      this.#early.push(bytes);
      taken += bytes.length;
    }
    this.#stir();
    return !this.#ended && !this.#failure;
  }

  async #close(): Promise<void> {
    const { clock } = this.#control;
    this.#over.abort();
    this.#stir();
    this.#endRead?.();
    this.#endWrite?.();
    const patience = new AbortController();
    const stopped = this.#stop().finally(() => patience.abort());
    // The module may be busy for longer; it is stopped when its turn comes.
    await Promise.race([stopped, clock.sleep(CLOSE_LIMIT, patience.signal)]);
  }

  /** Never rejects. */
  async #stop(): Promise<void> {
    const { clock } = this.#control;
    try {
      // Closed with bytes unread the module would reset the connection, and what was written might not arrive.
      const end = clock.now() + DRAIN_LIMIT;
      let empty = 0;
      for (let reads = 0; reads < DRAIN_READS && empty < DRAINED && clock.now() < end; reads++) {
        if (this.#ended || this.#failure) break;
        const bytes = await this.#control.socketRead(this.#socket, MAX_READ);
        empty = bytes.length > 0 ? 0 : empty + 1;
        if (empty === 1) await clock.sleep(0);
      }
    } catch {
      // It has gone in another way.
    }
    await this.#control.socketClose(this.#socket).catch(() => undefined);
  }
}

function closed(): ConnectionError {
  return new ConnectionError("closed", "The connection is closed.");
}

function text(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

const NOTHING = new Uint8Array(0);

/** Looks without a rest, before they become rarer. */
const EAGER = 8;
/**
 * Milliseconds until the question whether the peer is there: after the last byte, later. Not more often than of use: each
 * is a chance to lose bytes that arrive together with the end right then.
 */
const FIRST_ASK = 30;
const RARE_ASK = 1000;
/** Milliseconds before a write that the module did not take is tried again: this, then more, then this. */
const FIRST_WAIT = 10;
const LONGEST_WAIT = 100;
/** Bytes that a write takes in at most to find out whether the peer is there. */
const EARLY_LIMIT = 16_384;
/**
 * Milliseconds that close takes at most, of which to take in what nobody wants any more; looks for it, and how many of
 * them in a row must be empty.
 */
const CLOSE_LIMIT = 1000;
const DRAIN_LIMIT = 500;
const DRAIN_READS = 250;
const DRAINED = 2;

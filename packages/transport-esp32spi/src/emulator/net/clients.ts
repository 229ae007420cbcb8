/**
 * The firmware's client objects on top of a {@link Wire}: how each version reads, writes and notices an end.
 *
 * @module
 */

import type { Awaitable } from "../../bus.ts";
import type { Clock } from "../../clock.ts";
import type { Firmware } from "../firmware.ts";
import { WINDOW, type Wire } from "./wire.ts";

/** What a slot's client can do. */
export interface Client {
  /** AVAIL_DATA. */
  available(): number;
  /** GET_DATABUF: up to `size` bytes. */
  read(size: number): Uint8Array;
  /** GET_DATA with its peek flag: the next byte, which stays; undefined when there is none. */
  peek(): number | undefined;
  /** SEND_DATA: how many bytes were taken. */
  write(bytes: Uint8Array): Awaitable<number>;
  /** SEND_DATA without data: waits, since 3.0.0, where the socket cannot be written (trap 30). */
  writeNothing(): Awaitable<void>;
  /** Whether it calls itself connected. Asking may change the answer, as it does in the firmware. */
  connected(): boolean;
  /** Whether bytes would be lost if it were dropped now. */
  readonly unread: boolean;
  /** The peer's address and port. */
  readonly remote: readonly [string, number];
  /** The cable is cut, and neither end notices. */
  silence(): void;
  /** STOP_CLIENT. */
  stop(): void;
  /** Power is lost. */
  destroy(): void;
}

/** Makes the client for a connection. */
export function client(wire: Wire, tls: boolean, firmware: Firmware, clock: Clock): Client {
  return tls ? new TlsClient(wire, firmware, clock) : new TcpClient(wire, firmware, clock);
}

/** What plain and TLS clients have in common. */
abstract class WireClient {
  protected readonly wire: Wire;
  protected readonly firmware: Firmware;
  protected readonly clock: Clock;
  /** The firmware's own idea, which lags behind the truth. */
  protected open = true;

  constructor(wire: Wire, firmware: Firmware, clock: Clock) {
    this.wire = wire;
    this.firmware = firmware;
    this.clock = clock;
  }

  get remote(): readonly [string, number] {
    return this.wire.remote;
  }

  silence(): void {
    this.wire.silence();
  }

  stop(): void {
    this.open = false;
    this.wire.close();
  }

  destroy(): void {
    this.open = false;
    this.wire.destroy();
  }

  writeNothing(): Awaitable<void> {
    const full = this.wire.underWay >= WINDOW && !this.wire.broken && this.open;
    return this.firmware.modern && full ? this.#room(SEND_PATIENCE).then(() => undefined) : undefined;
  }

  /**
   * Hands over `bytes` as there is room in the send window; gives how many, fewer when nothing has moved for `limit`
   * milliseconds. At once where there is room.
   */
  protected send(bytes: Uint8Array, limit: number): Awaitable<number> {
    const sent = this.#fit(bytes);
    return sent === bytes.length || this.wire.broken ? sent : this.#sendRest(bytes, sent, limit);
  }

  #fit(bytes: Uint8Array): number {
    const count = Math.max(0, Math.min(bytes.length, WINDOW - this.wire.underWay));
    if (count > 0) this.wire.send(bytes.subarray(0, count));
    return count;
  }

  async #sendRest(bytes: Uint8Array, start: number, limit: number): Promise<number> {
    let sent = start;
    while (sent < bytes.length && !this.wire.broken && this.open) {
      if (!await this.#room(limit)) break;
      sent += this.#fit(bytes.subarray(sent));
    }
    return sent;
  }

  /** Whether something was acknowledged within `limit` milliseconds. */
  async #room(limit: number): Promise<boolean> {
    const patience = new AbortController();
    const stuck = this.clock.sleep(limit, patience.signal).then(() => patience.signal.aborted);
    const moved = await Promise.race([this.wire.progress().then(() => true), stuck]);
    patience.abort();
    return moved;
  }
}

/** Plain TCP. */
class TcpClient extends WireClient implements Client {
  /** Modern: the read buffer in front of the stack, filled when it is empty. */
  #buffer = nothing;

  get unread(): boolean {
    return this.#buffer.length + this.wire.length > 0;
  }

  available(): number {
    return this.#buffer.length + this.wire.length;
  }

  read(size: number): Uint8Array {
    if (!this.firmware.modern) return this.wire.take(size);
    const bytes = new Uint8Array(Math.min(size, this.available()));
    for (let at = 0; at < bytes.length;) {
      if (this.#buffer.length === 0) this.#buffer = this.wire.take(READ_BUFFER);
      const part = this.#buffer.subarray(0, bytes.length - at);
      bytes.set(part, at);
      at += part.length;
      this.#buffer = this.#buffer.subarray(part.length);
    }
    return bytes;
  }

  peek(): number | undefined {
    if (!this.firmware.modern) return this.wire.next;
    if (this.#buffer.length === 0) this.#buffer = this.wire.take(READ_BUFFER);
    return this.#buffer[0];
  }

  connected(): boolean {
    // Looks into the stack alone: what waits in the read buffer does not count (trap 11). Versions before 2.0.0 only
    // ask for the number of bytes, and learn of an end when a write fails (trap 13).
    if (this.firmware.peeks && this.wire.ended) this.open = false;
    return this.open;
  }

  write(bytes: Uint8Array): Awaitable<number> {
    if (!this.open) return 0;
    if (this.wire.broken) {
      this.open = false;
      return 0;
    }
    if (this.firmware.modern) return this.send(bytes, SEND_PATIENCE);
    // Legacy: what fits, once; and a full window kills the connection (trap 14).
    const room = WINDOW - this.wire.underWay;
    if (room <= 0) {
      this.stop();
      return 0;
    }
    const part = bytes.subarray(0, room);
    this.wire.send(part);
    return part.length;
  }
}

/** TLS: the same wire, but what is counted is what is left of a decrypted record. */
class TlsClient extends WireClient implements Client {
  get unread(): boolean {
    return this.wire.first > 0;
  }

  available(): number {
    if (this.wire.ended) this.open = false;
    return this.wire.first;
  }

  read(size: number): Uint8Array {
    return this.wire.take(Math.min(size, this.available()));
  }

  peek(): number | undefined {
    return this.wire.next;
  }

  connected(): boolean {
    if (this.firmware.modern && this.wire.ended) this.open = false;
    return this.open;
  }

  write(bytes: Uint8Array): Awaitable<number> {
    if (!this.open) return 0;
    if (this.wire.broken) {
      this.open = false;
      return 0;
    }
    if (!this.firmware.modern) {
      if (this.wire.underWay >= WINDOW) return 0;
      this.wire.send(bytes);
      return bytes.length;
    }
    const sent = this.send(bytes, TLS_PATIENCE);
    return typeof sent === "number" ? sent : sent.then((count) => this.#allOrNothing(count, bytes.length));
  }

  #allOrNothing(count: number, length: number): number {
    if (count === length) return count;
    this.stop();
    return 0;
  }
}

const nothing: Uint8Array = new Uint8Array(0);

/** Size of modern firmware's read buffer. */
const READ_BUFFER = 1436;

/** Milliseconds without progress after which SEND_DATA gives up, plain. */
const SEND_PATIENCE = 10_000;

/** The same with TLS. */
const TLS_PATIENCE = 30_000;

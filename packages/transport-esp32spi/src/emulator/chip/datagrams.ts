/**
 * A slot's UDP object: it collects one datagram to be sent, and holds one that has come. It outlives its socket.
 *
 * @module
 */

import type { Firmware } from "../firmware.ts";
import type { Outside } from "../net/outside.ts";
import { type Endpoint, Udp } from "../net/udp.ts";

/** The firmware's UDP object. */
export class Datagrams {
  readonly #modern: boolean;
  #socket: Udp | undefined;
  /** Sockets that the firmware has lost sight of. */
  readonly #leaked: Udp[] = [];
  #remote: Endpoint = ["0.0.0.0", 0];
  /** Being collected; modern firmware has no buffer before it is needed. */
  #collected: Uint8Array | undefined;
  #current: Uint8Array = nothing;

  /** Makes one without a socket. */
  constructor(firmware: Firmware) {
    this.#modern = firmware.modern;
    if (!this.#modern) this.#collected = nothing;
  }

  /** Whether something has come, fetched from the stack or not. */
  get waiting(): boolean {
    return this.#current.length > 0 || this.#socket?.next !== undefined;
  }

  /** Where the next datagram goes: to who was named last, or who has sent the last one that was fetched. */
  get remote(): Endpoint {
    return this.#remote;
  }

  /** START_SERVER: opens a socket at a port; whether it could. Legacy firmware leaves an older one open. */
  async listen(port: number, outside: Outside, arrived: () => void): Promise<boolean> {
    if (this.#modern) this.stop();
    else if (this.#socket) this.#leaked.push(this.#socket);
    this.#socket = await Udp.open(port, outside, arrived) ?? undefined;
    if (this.#modern && this.#socket) this.#collected = nothing;
    return this.#socket !== undefined;
  }

  /** START_CLIENT: says where the next datagram goes, and empties it. Modern firmware opens a socket if there is none. */
  async aim(to: Endpoint, outside: Outside, arrived: () => void): Promise<boolean> {
    this.#remote = to;
    this.#collected = nothing;
    if (!this.#modern) return true;
    this.#socket ??= await Udp.open(0, outside, arrived) ?? undefined;
    return this.#socket !== undefined;
  }

  /** INSERT_DATABUF: appends; whether it took something. Modern firmware sends what is full and begins anew. */
  insert(bytes: Uint8Array): boolean {
    if (this.#collected === undefined) return false;
    const all = new Uint8Array(this.#collected.length + bytes.length);
    all.set(this.#collected);
    all.set(bytes, this.#collected.length);
    if (!this.#modern) {
      const before = this.#collected.length;
      this.#collected = all.subarray(0, LEGACY_BUFFER);
      return this.#collected.length > before;
    }
    let rest: Uint8Array = all;
    for (; rest.length > MODERN_BUFFER; rest = rest.subarray(MODERN_BUFFER)) {
      void this.#socket?.send(rest.subarray(0, MODERN_BUFFER), this.#remote);
    }
    this.#collected = rest;
    return bytes.length > 0;
  }

  /** SEND_UDP_DATA: sends what was collected, and keeps it; whether it went out. */
  async send(): Promise<boolean> {
    return await this.#socket?.send(this.#collected ?? nothing, this.#remote) ?? false;
  }

  /** AVAIL_DATA: what is left of the datagram at hand; with nothing left, fetches the next one. */
  available(): number {
    if (this.#current.length === 0) {
      const packet = this.#socket?.take();
      if (packet) {
        this.#current = packet.bytes.slice(0, this.#modern ? MODERN_BUFFER : LEGACY_BUFFER);
        this.#remote = packet.from;
      }
    }
    return this.#current.length;
  }

  /** Up to `size` bytes of the datagram at hand. */
  read(size: number): Uint8Array {
    const bytes = this.#current.subarray(0, size);
    this.#current = this.#current.subarray(bytes.length);
    return bytes;
  }

  /** The next byte of it, which stays. */
  peek(): number | undefined {
    return this.#current[0];
  }

  /** STOP_CLIENT: closes the socket. */
  stop(): void {
    this.#socket?.stop();
    this.#socket = undefined;
    if (!this.#modern) return;
    this.#collected = undefined;
    this.#current = nothing;
  }

  /** Power is lost. */
  destroy(): void {
    this.stop();
    for (const socket of this.#leaked) socket.stop();
  }
}

const nothing: Uint8Array = new Uint8Array(0);

/** What fits into one datagram, either way. */
const MODERN_BUFFER = 1460;
const LEGACY_BUFFER = 1500;

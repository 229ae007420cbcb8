/**
 * The sockets of the 7x commands: the IP stack's own, by descriptor, with its error numbers.
 *
 * @module
 */

import { createServer } from "node:net";
import type { Server } from "node:net";
import type { Outside } from "./outside.ts";
import { type Endpoint, Udp } from "./udp.ts";
import { WINDOW, Wire } from "./wire.ts";

/** Error numbers of the chip's C library. */
export const Errno = {
  none: 0,
  badDescriptor: 9,
  again: 11,
  invalid: 22,
  tooMany: 23,
  reset: 104,
  refused: 111,
  unreachable: 118,
  inProgress: 119,
  notConnected: 128,
} as const;

/** Types of sockets. */
export const SocketKind = { stream: 1, datagram: 2 } as const;

/** One of them. */
export class RawSocket {
  /** A value of {@link SocketKind}. */
  readonly kind: number;
  /** Whether calls that would wait answer {@link Errno.again} instead. */
  nonBlocking = false;
  /** What SETSOCKOPT has set, by name. */
  readonly options: Map<number, Uint8Array> = new Map();
  readonly #outside: Outside;
  readonly #arrived: () => void;
  #port = 0;
  #wire: Wire | undefined;
  #udp: Udp | undefined;
  #from: Endpoint = ["0.0.0.0", 0];
  #to: Endpoint | undefined;
  #server: Server | undefined;
  readonly #accepted: RawSocket[] = [];
  #connecting: Promise<number> | undefined;
  #failed = false;
  #waiters: (() => void)[] = [];

  /** Makes a socket; one that was accepted has its connection already. */
  constructor(kind: number, outside: Outside, arrived: () => void) {
    this.kind = kind;
    this.#outside = outside;
    this.#arrived = () => {
      arrived();
      for (const wake of this.#waiters.splice(0)) wake();
    };
  }

  /** The peer's address and port, if there is one. */
  get remote(): readonly [string, number] | undefined {
    return this.#wire?.remote ?? (this.#udp && this.#from);
  }

  /** Bytes that can be read at once. */
  get available(): number {
    return this.#wire?.length ?? this.#udp?.next?.bytes.length ?? 0;
  }

  /** Whether reading, or accepting, would not wait. */
  get readable(): boolean {
    return this.available > 0 || this.#wire?.ended === true || this.#accepted.length > 0;
  }

  /** Whether sending would not wait. */
  get writable(): boolean {
    if (this.kind === SocketKind.datagram) return true;
    return this.#wire !== undefined && !this.#wire.broken && this.#wire.underWay < WINDOW;
  }

  /** Whether it is broken. */
  get failed(): boolean {
    return this.#failed || this.#wire?.broken === true;
  }

  /** Gives it a port of ours. */
  async bind(port: number): Promise<number> {
    this.#port = port;
    if (this.kind === SocketKind.stream) return Errno.none;
    this.#udp = await Udp.open(port, this.#outside, this.#arrived) ?? undefined;
    return this.#udp ? Errno.none : Errno.invalid;
  }

  /** Waits for connections. */
  listen(): Promise<number> {
    const { host, port } = this.#outside.listenAt(this.#port);
    const server = this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      const peer = new RawSocket(SocketKind.stream, this.#outside, () => undefined);
      peer.#wire = new Wire(socket, WINDOW, () => peer.#arrived());
      this.#accepted.push(peer);
      this.#arrived();
    });
    return new Promise((resolve) => {
      server.once("error", () => resolve(Errno.invalid));
      server.listen(port, host, () => resolve(Errno.none));
    });
  }

  /** The next connection, or an error's number. */
  async accept(): Promise<RawSocket | number> {
    if (this.#server === undefined) return Errno.invalid;
    if (!await this.#until(() => this.#accepted.length > 0)) return Errno.again;
    return this.#accepted.shift()!;
  }

  /** Connects; for datagrams says where to. */
  async connect(address: string, port: number, off: AbortSignal): Promise<number> {
    if (this.kind === SocketKind.datagram) {
      this.#udp ??= await Udp.open(this.#port, this.#outside, this.#arrived) ?? undefined;
      this.#to = [address, port];
      return this.#udp ? Errno.none : Errno.invalid;
    }
    this.#connecting ??= this.#dial(address, port, off);
    return this.nonBlocking ? Errno.inProgress : await this.#connecting;
  }

  /** Sends; gives how many bytes were taken, or -1 with an error's number. */
  async send(bytes: Uint8Array): Promise<readonly [number, number]> {
    if (this.kind === SocketKind.datagram) return await this.#sendPacket(bytes, this.#to);
    const wire = this.#wire;
    if (wire === undefined) return [-1, Errno.notConnected];
    if (wire.broken) return [-1, Errno.reset];
    if (!this.writable && this.nonBlocking) return [-1, Errno.again];
    while (wire.underWay >= WINDOW && !wire.broken) await wire.progress();
    const part = bytes.subarray(0, this.nonBlocking ? WINDOW - wire.underWay : bytes.length);
    wire.send(part);
    return [part.length, Errno.none];
  }

  /** Sends a datagram somewhere. */
  async sendTo(bytes: Uint8Array, address: string, port: number): Promise<readonly [number, number]> {
    this.#udp ??= await Udp.open(this.#port, this.#outside, this.#arrived) ?? undefined;
    return await this.#sendPacket(bytes, [address, port]);
  }

  /** Up to `size` bytes, which at the end of the stream are none, or an error's number. */
  async receive(size: number): Promise<Uint8Array | number> {
    if (this.#wire === undefined && this.#udp === undefined) return Errno.notConnected;
    if (!await this.#until(() => this.readable)) return Errno.again;
    if (this.#wire) return this.#wire.take(size);
    const packet = this.#udp?.take();
    if (packet) this.#from = packet.from;
    return packet?.bytes.slice(0, size) ?? new Uint8Array(0);
  }

  /** Closes it. */
  close(): void {
    this.#wire?.close();
    this.#release();
  }

  /** Wi-Fi is gone: connections are closed, servers are not. */
  drop(): void {
    this.#wire?.destroy();
  }

  /** Power is lost. */
  destroy(): void {
    this.#wire?.destroy();
    this.#release();
  }

  #release(): void {
    this.#udp?.stop();
    this.#server?.close();
    for (const peer of this.#accepted) peer.destroy();
    this.#arrived();
  }

  async #dial(address: string, port: number, off: AbortSignal): Promise<number> {
    const socket = await this.#outside.dial(address, port, undefined, off);
    if (socket === null) {
      this.#failed = true;
      return Errno.refused;
    }
    this.#wire = new Wire(socket, WINDOW, this.#arrived);
    return Errno.none;
  }

  async #sendPacket(bytes: Uint8Array, to: Endpoint | undefined): Promise<readonly [number, number]> {
    if (this.#udp === undefined || to === undefined) return [-1, Errno.notConnected];
    return await this.#udp.send(bytes.slice(), to) ? [bytes.length, Errno.none] : [-1, Errno.invalid];
  }

  /** Waits until something holds; where nothing may wait, gives whether it holds now. */
  async #until(there: () => boolean): Promise<boolean> {
    while (!there()) {
      if (this.nonBlocking) return false;
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
    return true;
  }
}

/**
 * A slot's UDP socket: one packet is collected to be sent, one at a time is read.
 *
 * @module
 */

import { createSocket } from "node:dgram";
import type { Socket } from "node:dgram";
import type { Outside } from "./outside.ts";

/** One datagram that has arrived. */
interface Packet {
  readonly bytes: Uint8Array;
  readonly from: readonly [string, number];
}

/** The firmware's UDP object. */
export class Udp {
  readonly #socket: Socket;
  readonly #outside: Outside;
  #target: readonly [string, number] | undefined;
  #collected: Uint8Array[] = [];
  #waiting: Packet[] = [];
  #current: Packet | undefined;
  #read = 0;

  private constructor(socket: Socket, outside: Outside, arrived: () => void) {
    this.#socket = socket;
    this.#outside = outside;
    socket.on("message", (bytes: Uint8Array, { address, port }) => {
      // The stack keeps few packets; what comes on top is lost, as UDP may.
      if (this.#waiting.length < MOST_PACKETS) this.#waiting.push({ bytes, from: [address, port] });
      arrived();
    });
    socket.on("error", () => undefined);
  }

  /** Opens a socket at a port, 0 for any; gives null when that fails. */
  static open(port: number, outside: Outside, arrived: () => void): Promise<Udp | null> {
    const socket = createSocket("udp4");
    const udp = new Udp(socket, outside, arrived);
    const { host: address, port: real } = outside.listenAt(port);
    return new Promise((resolve) => {
      socket.once("error", () => resolve(null));
      socket.bind({ address, port: real }, () => resolve(udp));
    });
  }

  /** Where what is collected will go. */
  aim(address: string, port: number): void {
    this.#target = [address, port];
    this.#collected = [];
  }

  /** INSERT_DATABUF: appends to the packet. */
  collect(bytes: Uint8Array): void {
    this.#collected.push(bytes);
  }

  /** SEND_UDP_DATA: whether the packet went out. */
  flush(): Promise<boolean> {
    const bytes = new Uint8Array(this.#collected.flatMap((part) => [...part]));
    this.#collected = [];
    const place = this.#target && this.#outside.route(...this.#target);
    if (!place) return Promise.resolve(this.#target !== undefined);
    return new Promise((resolve) =>
      this.#socket.send(bytes, place.port, place.host, (error) => resolve(!error))
    );
  }

  /** What is left of the current packet; takes the next one when nothing is. */
  available(): number {
    if (this.#left === 0 && this.#waiting.length > 0) {
      this.#current = this.#waiting.shift();
      this.#read = 0;
    }
    return this.#left;
  }

  /** Up to `size` bytes of the current packet. */
  read(size: number): Uint8Array {
    const bytes = this.#current?.bytes.slice(this.#read, this.#read + size) ?? new Uint8Array(0);
    this.#read += bytes.length;
    return bytes;
  }

  /** The next byte, which stays. */
  peek(): number | undefined {
    return this.#current?.bytes[this.#read];
  }

  /** Whom the current packet came from. */
  get remote(): readonly [string, number] {
    return this.#current?.from ?? ["0.0.0.0", 0];
  }

  /** Closes the socket. */
  stop(): void {
    try {
      this.#socket.close();
    } catch {
      // Closed already.
    }
  }

  get #left(): number {
    return (this.#current?.bytes.length ?? 0) - this.#read;
  }
}

/** Packets that wait at most. */
const MOST_PACKETS = 6;

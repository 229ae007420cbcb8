/**
 * A real socket for datagrams behind the emulated IP stack.
 *
 * @module
 */

import { createSocket } from "node:dgram";
import type { Socket } from "node:dgram";
import type { Outside } from "./outside.ts";

/** An IPv4 address and a port. */
export type Endpoint = readonly [address: string, port: number];

/** One datagram that has arrived. */
export interface Packet {
  /** What is in it. */
  readonly bytes: Uint8Array;
  /** Who has sent it. */
  readonly from: Endpoint;
}

/** A bound socket. */
export class Udp {
  readonly #socket: Socket;
  readonly #outside: Outside;
  readonly #waiting: Packet[] = [];

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

  /** The datagram that is next. */
  get next(): Packet | undefined {
    return this.#waiting[0];
  }

  /** Takes it out of the stack. */
  take(): Packet | undefined {
    return this.#waiting.shift();
  }

  /** Whether a datagram went out; one that nobody gets does. */
  send(bytes: Uint8Array, to: Endpoint): Promise<boolean> {
    const place = this.#outside.route(...to);
    if (!place) return Promise.resolve(true);
    return new Promise((resolve) =>
      this.#socket.send(bytes, place.port, place.host, (error) => resolve(!error))
    );
  }

  /** Closes the socket. */
  stop(): void {
    try {
      this.#socket.close();
    } catch {
      // Closed already.
    }
  }
}

/** Packets that wait at most. */
const MOST_PACKETS = 6;

/**
 * A real TCP peer for the emulated module to connect to.
 *
 * @module
 */

import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";

/** Listens on loopback and keeps the connections that come. */
export class Peer {
  /** Where it listens. */
  readonly port: number;
  readonly #stop: () => void;
  readonly #connections: Socket[] = [];
  readonly #received: Uint8Array[] = [];
  #wake = () => {};

  private constructor(port: number, stop: () => void) {
    this.port = port;
    this.#stop = stop;
  }

  /** Starts one. With `reads` false it never takes what is sent to it. */
  static async start({ reads = true } = {}): Promise<Peer> {
    const server = createServer(
      { allowHalfOpen: true, pauseOnConnect: !reads },
      (socket) => peer.#take(socket, reads),
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const peer = new Peer((server.address() as AddressInfo).port, () => server.close());
    return peer;
  }

  /** The connection that came as this one, from 0. */
  async connection(index: number = 0): Promise<Socket> {
    await this.#until(() => this.#connections.length > index);
    return this.#connections[index]!;
  }

  /** So many bytes, of all connections. */
  async received(count: number): Promise<Uint8Array> {
    const all = () => new Uint8Array(this.#received.flatMap((chunk) => [...chunk]));
    await this.#until(() => all().length >= count);
    return all();
  }

  /** Resolves when a connection has ended, in whatever way. */
  async ended(index: number = 0): Promise<void> {
    const socket = await this.connection(index);
    await this.#until(() => socket.readableEnded || socket.destroyed);
  }

  /** Closes all. */
  stop(): void {
    for (const socket of this.#connections) socket.destroy();
    this.#stop();
  }

  #take(socket: Socket, reads: boolean): void {
    this.#connections.push(socket);
    socket.on("error", () => undefined);
    if (reads) socket.on("data", (chunk: Uint8Array) => this.#note(() => this.#received.push(chunk)));
    for (const event of ["end", "close"]) socket.on(event, () => this.#note(() => undefined));
    this.#note(() => undefined);
  }

  #note(act: () => void): void {
    act();
    this.#wake();
  }

  async #until(there: () => boolean): Promise<void> {
    while (!there()) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }
}

/** Lets the event loop turn until something holds. */
export async function until(there: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 20_000;
  while (!await there()) {
    if (performance.now() > end) throw new Error("what the test waits for has not come");
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** A port that nobody listens at. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/**
 * Peers for transports over stream sockets: a listener by `node:net` on loopback, at a port of the system's choice.
 * Pull by `socket.read()`, unlike the transports' own way, so that both ends do not share their mistakes.
 *
 * @module
 */

import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import type { Address } from "@minimqtt/core";
import type { Listener, Peer } from "../transport/fixture.ts";

/**
 * Listens on `host`, or at the path of a Unix domain socket; `make` makes another kind of server, such as one for TLS,
 * with the options it is given, and `event` is how it calls a connection that is ready.
 */
export async function listen(
  host: string,
  make: (options: { allowHalfOpen: true; noDelay: true }) => Server = createServer,
  event = "connection",
): Promise<Listener> {
  const server = make({ allowHalfOpen: true, noDelay: true });
  const waiting: Peer[] = [];
  const accepting: ((peer: Peer) => void)[] = [];
  // Below a socket of TLS there is one of TCP, and that is the one that can be reset.
  const below = new Map<number | undefined, Socket>();
  server.on("connection", (socket: Socket) => below.set(socket.remotePort, socket));
  server.on(event, (socket: Socket) => {
    const peer = new NetPeer(socket, below.get(socket.remotePort) ?? socket);
    below.delete(socket.remotePort);
    const accept = accepting.shift();
    if (accept) accept(peer);
    else waiting.push(peer);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    if (host.startsWith("/")) server.listen(host, resolve);
    else server.listen(0, host, resolve);
  });
  const place = server.address() as AddressInfo | string;
  return {
    address: typeof place === "string"
      ? { host: "localhost", port: NO_PORT, path: place }
      : { host, port: place.port },
    accept() {
      const peer = waiting.shift();
      return peer ? Promise.resolve(peer) : new Promise((resolve) => accepting.push(resolve));
    },
    async close() {
      // Not waiting for the server's "close": it comes when the last connection has ended, and tests end those later.
      if (server.listening) server.close();
      // What has not become a connection of the server's by now never will: nobody else would end its socket.
      for (const socket of below.values()) socket.destroy();
      below.clear();
      for (const peer of waiting.splice(0)) await peer.close();
    },
  };
}

/** Dials such a listener without any transport: the bare stream. */
export async function dialBare({ host, port, path }: Address): Promise<Peer> {
  const where = path === undefined ? { host, port } : { path };
  const socket = connect({ ...where, allowHalfOpen: true, noDelay: true });
  await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  return new NetPeer(socket, socket);
}

/** An address has a port; that of a Unix domain socket means nothing. */
const NO_PORT = 1;

class NetPeer implements Peer {
  readonly #socket: Socket;
  readonly #below: Socket;
  #failure: Error | undefined;
  #ended = false;
  #closed = false;
  #wake: (() => void) | undefined;
  #giveUp: ((error: Error) => void) | undefined;

  constructor(socket: Socket, below: Socket) {
    this.#socket = socket;
    this.#below = below;
    socket.on("readable", () => this.#wake?.());
    socket.on("end", () => {
      this.#ended = true;
      this.#wake?.();
    });
    socket.on("error", (error) => this.#failure = error);
    socket.on("close", () => {
      this.#closed = true;
      this.#wake?.();
      this.#giveUp?.(this.#failure ?? new Error("closed"));
    });
  }

  async read(): Promise<Uint8Array | null> {
    for (;;) {
      const bytes: Uint8Array | null = this.#socket.read();
      if (bytes) return bytes;
      if (this.#failure) throw this.#failure;
      if (this.#ended || this.#closed) return null;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#giveUp = reject;
      this.#socket.write(bytes, (error) => error ? reject(error) : resolve());
    });
  }

  end(): Promise<void> {
    return new Promise((resolve) => this.#socket.end(resolve));
  }

  reset(): void {
    this.#below.resetAndDestroy();
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#closed) return resolve();
      this.#socket.once("close", resolve);
      this.#socket.destroySoon();
    });
  }
}

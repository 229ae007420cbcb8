/**
 * A slot's TCP server.
 *
 * @module
 */

import { createServer } from "node:net";
import type { Server as NetServer } from "node:net";
import type { Client } from "./clients.ts";
import type { Outside } from "./outside.ts";
import type { Peer } from "./wire.ts";

/** The firmware's server object. */
export class Server {
  readonly #server: NetServer;
  /** Connections that no slot has yet. */
  readonly #fresh: Client[] = [];
  /** Connections that were given out. */
  #known: Client[] = [];

  private constructor(server: NetServer, wrap: (peer: Peer) => Client, arrived: () => void) {
    this.#server = server;
    server.on("connection", (socket) => {
      if (this.#fresh.length >= BACKLOG) return void socket.destroy();
      this.#fresh.push(wrap(socket));
      arrived();
    });
  }

  /** Listens at a port; gives null when that fails. `wrap` makes the firmware's client of a connection. */
  static listen(
    port: number,
    outside: Outside,
    wrap: (peer: Peer) => Client,
    arrived: () => void,
  ): Promise<Server | null> {
    const place = outside.listenAt(port);
    const server = createServer({ allowHalfOpen: true });
    return new Promise((resolve) => {
      server.once("error", () => resolve(null));
      server.listen(place.port, place.host, () => resolve(new Server(server, wrap, arrived)));
    });
  }

  /** Whether there is a connection that no slot has. */
  get waiting(): boolean {
    return this.#fresh.length > 0;
  }

  /** A connection that no slot has yet. */
  accept(): Client | undefined {
    const client = this.#fresh.shift();
    if (client) this.#known.push(client);
    return client;
  }

  /** Before 3.0.0, without "accept": a connection that has sent something, known or not. */
  speaking(): Client | undefined {
    this.#known = this.#known.filter((client) => client.unread || client.connected());
    this.#known.push(...this.#fresh.splice(0));
    return this.#known.find((client) => client.connected() && client.available() > 0);
  }

  /** Before 2.0.0, SEND_DATA on the server's own slot: to all its clients; gives the sum of what they took. */
  broadcast(bytes: Uint8Array): number {
    // There a write never waits.
    return this.#known.reduce((sum, client) => sum + (client.write(bytes) as number), 0);
  }

  /** Stops listening, and closes what nobody has taken. */
  stop(): void {
    this.#server.close();
    for (const client of this.#fresh) client.destroy();
  }
}

/** Connections that may wait for somebody to take them. */
const BACKLOG = 4;

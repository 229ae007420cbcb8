/**
 * A slot's TCP server.
 *
 * @module
 */

import { createServer } from "node:net";
import type { Server as NetServer } from "node:net";
import type { Client } from "./clients.ts";
import type { Outside } from "./outside.ts";
import { WINDOW, Wire } from "./wire.ts";

/** The firmware's server object. */
export class Server {
  readonly #server: NetServer;
  /** Connections that no slot has yet. */
  readonly #fresh: Client[] = [];
  /** Connections that were given out. */
  #known: Client[] = [];

  private constructor(server: NetServer, wrap: (wire: Wire) => Client, arrived: () => void) {
    this.#server = server;
    server.on("connection", (socket) => {
      if (this.#fresh.length >= BACKLOG) return void socket.destroy();
      this.#fresh.push(wrap(new Wire(socket, WINDOW, arrived)));
      arrived();
    });
  }

  /** Listens at a port; gives null when that fails. `wrap` makes the firmware's client of a connection. */
  static listen(
    port: number,
    outside: Outside,
    wrap: (wire: Wire) => Client,
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

  /**
   * AVAIL_DATA on a server: with `accept` a connection that no slot has yet; without it one that has sent something,
   * known or not.
   */
  next(accept: boolean): Client | undefined {
    this.#known = this.#known.filter((client) => client.unread || client.connected());
    if (accept) {
      const client = this.#fresh.shift();
      if (client) this.#known.push(client);
      return client;
    }
    this.#known.push(...this.#fresh.splice(0));
    return this.#known.find((client) => client.connected() && client.available() > 0);
  }

  /** Stops listening, and closes what nobody has taken. */
  stop(): void {
    this.#server.close();
    for (const client of this.#fresh) client.destroy();
  }
}

/** Connections that may wait for somebody to take them. */
const BACKLOG = 4;

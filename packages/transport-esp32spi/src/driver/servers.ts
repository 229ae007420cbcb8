/**
 * The module's TCP servers. The firmware can start one and never stops it: a slot that was ever a server's listens until
 * the module restarts, whatever STOP_CLIENT_TCP says, and answers as a server's. So a slot that is given up stays apart,
 * for the next server.
 *
 * @module
 */

import { ConnectionError } from "@minimqtt/core";
import * as commands from "../wire/commands.ts";
import type { Session } from "../wire/session.ts";
import type { EspSocket, Sockets } from "./sockets.ts";
import { portArgument, readNumber } from "../wire/values.ts";

/** A TCP server of the module. It dies with the module's restart. */
export interface EspServer {
  /** The number of the module's socket that it has, from 0. */
  readonly number: number;
  /** Where it listens. */
  readonly port: number;
}

/** The servers that this host has started. */
export class Servers {
  readonly #session: Session;
  readonly #sockets: Sockets;
  readonly #open = new Map<number, EspServer>();

  /** Takes the conversation with the module, and the books of the slots. */
  constructor(session: Session, sockets: Sockets) {
    this.#session = session;
    this.#sockets = sockets;
  }

  /** The module has restarted: none of them exists any more. */
  forget(): void {
    this.#open.clear();
  }

  /** See `EspSpiControl.startServer`. */
  async start(port: number): Promise<EspServer> {
    const portBytes = portArgument(port);
    // GET_SOCKET reserves nothing: nothing may come between it and START_SERVER.
    return await this.#session.exclusive(async () => {
      const { listening } = this.#sockets;
      const spare = [...listening].filter(([number]) => !this.#open.has(number));
      const same = spare.find(([, listensAt]) => listensAt === port);
      const number = (same ?? spare[0])?.[0] ?? await this.#sockets.free();
      const server = { number, port };
      if (!same || !await this.#sockets.listens(number)) {
        // Whatever comes of it, from here on the slot may be a server's; at which port is known when it says so.
        const before = listening.has(number);
        listening.set(number, undefined);
        const parameters = [portBytes, Uint8Array.of(number), TCP];
        if (readNumber((await this.#session.command(commands.startServer, parameters))[0]) !== 1) {
          if (!before) listening.delete(number);
          throw new ConnectionError(
            "radio-refused",
            `The co-processor could not listen at port ${port}: is another of its servers there?`,
          );
        }
        listening.set(number, port);
      }
      this.#open.set(number, server);
      return server;
    });
  }

  /** See `EspSpiControl.serverState`. */
  state(server: EspServer): Promise<boolean> {
    return this.#session.exclusive(async () =>
      this.#isOpen(server) && await this.#sockets.listens(server.number)
    );
  }

  /** See `EspSpiControl.acceptClient`. */
  accept(server: EspServer): Promise<EspSocket | null> {
    return this.#session.exclusive(async () => {
      if (!this.#isOpen(server)) {
        throw new ConnectionError("closed", "This server of the co-processor was stopped.");
      }
      const version = await this.#session.version();
      const accepts = version.atLeast(2);
      const slot = Uint8Array.of(server.number);
      const parameters = accepts ? [slot, ACCEPT] : [slot];
      const number = readNumber((await this.#session.command(commands.acceptClient, parameters))[0]);
      if (number === NONE) return null;
      if (number >= version.sockets || this.#sockets.listening.has(number)) {
        throw new ConnectionError("radio-garbled", `AVAIL_DATA_TCP: ${number} is no socket of a client's.`);
      }
      // Without "accept" the module names a client that has sent something, taken already or not.
      return accepts || !this.#sockets.holds(number) ? this.#sockets.adopt(number) : null;
    });
  }

  /** See `EspSpiControl.stopServer`. */
  stop(server: EspServer): void {
    if (this.#isOpen(server)) this.#open.delete(server.number);
  }

  #isOpen(server: EspServer): boolean {
    return this.#open.get(server.number) === server;
  }
}

/** The mode of START_SERVER_TCP. */
const TCP = Uint8Array.of(0);
const ACCEPT = Uint8Array.of(1);
/** AVAIL_DATA on a server: nobody is there. */
const NONE = 255;

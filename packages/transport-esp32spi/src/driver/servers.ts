/**
 * The module's TCP servers. The firmware can start one and never stops it: a slot that was ever a server's listens until
 * the module restarts, whatever STOP_CLIENT_TCP says, and answers as a server's. So a slot that is given up stays apart,
 * for the next server: from 3.0.0 on for one at the same port only, as it cannot be moved. What the methods promise is
 * said at `EspSpiControl`.
 *
 * @module
 */

import { ConnectionError } from "@minimqtt/core";
import * as commands from "../wire/commands.ts";
import type { Turn, Turns } from "../wire/turns.ts";
import { portArgument, readNumber } from "../wire/values.ts";
import type { EspSocket, Slots } from "./slots.ts";

/** A TCP server of the module. It dies with the module's restart. */
export interface EspServer {
  /** The number of the module's socket that it has, from 0. */
  readonly number: number;
  /** Where it listens. */
  readonly port: number;
}

/** The servers that this host has started. */
export class Servers {
  readonly #turns: Turns;
  readonly #slots: Slots;
  readonly #open = new Map<number, EspServer>();

  /** Takes the queue for the bus, and the books of the slots. */
  constructor(turns: Turns, slots: Slots) {
    this.#turns = turns;
    this.#slots = slots;
  }

  /** The module has restarted: none of them exists any more. */
  forget(): void {
    this.#open.clear();
  }

  async start(port: number): Promise<EspServer> {
    const portBytes = portArgument(port);
    // GET_SOCKET reserves nothing: nothing may come between it and START_SERVER, so both are in one turn.
    return await this.#turns.take(async (turn) => {
      const same = this.#spare().find(([, listensAt]) => listensAt === port);
      const server = same && await this.#slots.listens(turn, same[0])
        ? { number: same[0], port }
        : { number: await this.#begin(turn, port, portBytes, same?.[0]), port };
      this.#open.set(server.number, server);
      return server;
    });
  }

  state(server: EspServer): Promise<boolean> {
    return this.#turns.take(async (turn) =>
      this.#isOpen(server) && await this.#slots.listens(turn, server.number)
    );
  }

  accept(server: EspServer): Promise<EspSocket | null> {
    return this.#turns.take(async (turn) => {
      if (!this.#isOpen(server)) {
        throw new ConnectionError("closed", "This server of the co-processor was stopped.");
      }
      const version = await turn.version();
      const accepts = version.atLeast(2);
      const slot = Uint8Array.of(server.number);
      const parameters = accepts ? [slot, ACCEPT] : [slot];
      const number = readNumber((await turn.command(commands.acceptClient, parameters))[0]);
      if (number === NONE) return null;
      if (number >= version.sockets || this.#slots.listening.has(number)) {
        throw new ConnectionError("radio-garbled", `AVAIL_DATA_TCP: ${number} is no socket of a client's.`);
      }
      // Without "accept" the module names a client that has sent something, taken already or not.
      return accepts || !this.#slots.holds(number) ? this.#slots.adopt(number) : null;
    });
  }

  stop(server: EspServer): void {
    if (this.#isOpen(server)) this.#open.delete(server.number);
  }

  /** Slots that listen, and where nobody here wants it. */
  #spare(): [number, number | undefined][] {
    return [...this.#slots.listening].filter(([number]) => !this.#open.has(number));
  }

  /** Starts one in the slot given, or in one that is found. */
  async #begin(turn: Turn, port: number, portBytes: Uint8Array, slot: number | undefined): Promise<number> {
    const { listening } = this.#slots;
    const number = slot ?? await this.#place(turn, port);
    // Whatever comes of it, from here on the slot may be a server's; at which port is known when it says so.
    const before = listening.has(number);
    listening.set(number, undefined);
    const answer = readNumber(
      (await turn.command(commands.startServer, [portBytes, Uint8Array.of(number), TCP]))[0],
    );
    // Before 2.0.0 the answer is yes even where the port is taken: the state tells.
    const started = answer === 1 && await this.#slots.listens(turn, number);
    if (started) {
      listening.set(number, port);
      return number;
    }
    if (!before) listening.delete(number);
    if (answer === 1) await this.#slots.giveUp(turn, number);
    throw new ConnectionError(
      "radio-refused",
      `The co-processor could not listen at port ${port}: is another of its servers there?`,
    );
  }

  /** A slot for a server at a port where none of ours has been. */
  async #place(turn: Turn, port: number): Promise<number> {
    const movable = !(await turn.version()).modern;
    if (movable) {
      const [spare] = this.#spare();
      if (spare) return spare[0];
    }
    try {
      return await this.#slots.free(turn);
    } catch (error) {
      const [spare] = this.#spare();
      const none = error instanceof ConnectionError && error.code === "no-socket";
      if (!none || !spare) throw error;
      if (movable) return spare[0];
      throw new ConnectionError(
        "radio-refused",
        `No server at port ${port}: all sockets of the co-processor are in use, and one that has listened elsewhere ` +
          "cannot be moved without a reset.",
        { cause: error },
      );
    }
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

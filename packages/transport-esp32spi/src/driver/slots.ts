/**
 * The books of the module's sockets: numbered slots that it hands out without reserving them, frees by rules that differ
 * from version to version, and never checks the numbers of.
 *
 * @module
 */

import { ConnectionError } from "@minimqtt/core";
import * as commands from "../wire/commands.ts";
import type { Turn, Turns } from "../wire/turns.ts";
import { readNumber } from "../wire/values.ts";

/** What goes through a socket: TCP, TLS that the module does, UDP. */
export type SocketMode = "tcp" | "tls" | "udp";

/** An open socket of the module. It dies with the module's restart: it is never mistaken for a later one of its number. */
export interface EspSocket {
  /** The module's number for it, from 0. */
  readonly number: number;
  /** What goes through it. */
  readonly mode: SocketMode;
}

/** Who has which slot. */
export class Slots {
  readonly #turns: Turns;
  readonly #open = new Map<number, EspSocket>();
  /** Slots that were given up, and may not have been freed. */
  readonly #unfreed = new Set<number>();
  /** Slots that are servers' until the module restarts, with the ports where these are known. */
  readonly listening: Map<number, number | undefined> = new Map();

  /** Takes the queue for the bus. */
  constructor(turns: Turns) {
    this.#turns = turns;
  }

  /** The open sockets. */
  get open(): readonly EspSocket[] {
    return [...this.#open.values()];
  }

  /** The module has restarted: none of them exists any more. */
  forget(): void {
    this.#open.clear();
    this.#unfreed.clear();
    this.listening.clear();
  }

  /** Gives a free slot to `work`, which makes it a socket of that mode; frees it again when that fails. */
  async start(
    turn: Turn,
    mode: SocketMode,
    work: (socket: EspSocket) => Promise<void>,
  ): Promise<EspSocket> {
    // GET_SOCKET reserves nothing: nothing may come between it and START_CLIENT, so both are in one turn.
    const socket: EspSocket = { number: await this.free(turn), mode };
    this.#open.set(socket.number, socket);
    try {
      await work(socket);
      return socket;
    } catch (error) {
      await this.drop(turn, socket);
      throw error;
    }
  }

  /** A turn on the bus for an open socket. What went wrong in the middle of a stream leaves nothing to go on with. */
  use<Result>(
    socket: EspSocket,
    work: (turn: Turn) => Promise<Result>,
    signal?: AbortSignal,
  ): Promise<Result> {
    return this.#turns.take(async (turn) => {
      signal?.throwIfAborted();
      if (!this.isOpen(socket)) {
        throw new ConnectionError("closed", "This socket of the co-processor is closed.");
      }
      try {
        return await work(turn);
      } catch (error) {
        await this.drop(turn, socket);
        throw error;
      }
    });
  }

  /** Whether it is still this host's. */
  isOpen(socket: EspSocket): boolean {
    return this.#open.get(socket.number) === socket;
  }

  /** Whether this host has an open socket of this number. */
  holds(number: number): boolean {
    return this.#open.has(number);
  }

  /** Takes over a client that came to a server. */
  adopt(number: number): EspSocket {
    const socket: EspSocket = { number, mode: "tcp" };
    this.#open.set(number, socket);
    this.#unfreed.delete(number);
    return socket;
  }

  /** Closes a socket, if it is open, and frees its slot. */
  close(socket: EspSocket): Promise<void> {
    if (!this.isOpen(socket)) return Promise.resolve();
    return this.#turns.take(async (turn) => {
      if (!this.isOpen(socket)) return;
      this.#open.delete(socket.number);
      await this.#stop(turn, socket.number);
    });
  }

  /** Gives up a socket and frees its slot, which some versions do not do by themselves. Never rejects. */
  async drop(turn: Turn, socket: EspSocket): Promise<void> {
    if (!this.isOpen(socket)) return;
    this.#open.delete(socket.number);
    // Failing here as well changes nothing: it is made up for before the next socket is opened.
    await this.#stop(turn, socket.number).catch(() => undefined);
  }

  /** Ends all of them. What connects to a network ends all connections. */
  async dropAll(turn: Turn): Promise<void> {
    for (const socket of this.open) await this.drop(turn, socket);
  }

  /** A slot for a new socket. */
  async free(turn: Turn): Promise<number> {
    const { sockets } = await turn.version();
    for (const slot of [...this.#unfreed]) await this.#stop(turn, slot);
    for (let tries = 0; tries < 3; tries++) {
      const number = readNumber(await turn.value(commands.getSocket));
      if (number < sockets) {
        // The module holds it for free: what was to make it a server's has not come through.
        this.listening.delete(number);
        const holder = this.#open.get(number);
        if (!holder) return number;
        // The module holds it for free, so the connection in it may be gone; if it is not, starting another would close it.
        if (await isEstablished(turn, holder)) continue;
        await this.drop(turn, holder);
        return number;
      }
      // The module does not check numbers: one too high would make it write outside its memory.
      if (number !== NONE) {
        throw new ConnectionError("radio-garbled", `GET_SOCKET: ${number}, there are ${sockets} sockets.`);
      }
      // What another program, or a lost reply, has left behind.
      for (let slot = 0; slot < sockets; slot++) {
        if (this.#open.has(slot) || this.listening.has(slot)) continue;
        if (await this.listens(turn, slot)) this.listening.set(slot, undefined);
        else await this.#stop(turn, slot);
      }
    }
    throw new ConnectionError("no-socket", `All ${sockets} sockets of the co-processor are in use.`);
  }

  /** Whether a slot is a server's, by the module. */
  async listens(turn: Turn, number: number): Promise<boolean> {
    return readNumber(await turn.value(commands.getServerState, Uint8Array.of(number))) === 1;
  }

  /** Frees the slot of what has not become a server. */
  async giveUp(turn: Turn, number: number): Promise<void> {
    await this.#stop(turn, number).catch(() => undefined);
  }

  async #stop(turn: Turn, number: number): Promise<void> {
    this.#unfreed.add(number);
    await turn.command(commands.stopClient, [Uint8Array.of(number)]);
    this.#unfreed.delete(number);
  }
}

/** Whether the connection in a slot lives; asking may free the slot. */
export async function isEstablished(turn: Turn, { number }: EspSocket): Promise<boolean> {
  return readNumber(await turn.value(commands.getClientState, Uint8Array.of(number))) === ESTABLISHED;
}

/** GET_CLIENT_STATE: the only two answers there are, this one and 0. */
const ESTABLISHED = 4;
/** GET_SOCKET: no slot is free. */
const NONE = 255;

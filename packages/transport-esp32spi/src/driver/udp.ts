/**
 * Datagrams. The firmware collects one in a buffer of the slot, empties it only when it is told where the next one goes,
 * and forgets that place for the sender's of each datagram it fetches: so every datagram is told its place anew. Before
 * 2.0.0 only START_SERVER makes the socket; it does no harm later. What the functions promise is said at
 * `EspSpiControl`.
 *
 * @module
 */

import { ConnectionError, UsageError } from "@minimqtt/core";
import * as commands from "../wire/commands.ts";
import type { Turn, Turns } from "../wire/turns.ts";
import { invalid, ipv4Argument, portArgument, readNumber, textArgument } from "../wire/values.ts";
import { resolve } from "./names.ts";
import type { EspSocket, Slots } from "./slots.ts";
import { available, type Endpoint, MODES, readData, remote } from "./sockets.ts";

/** A datagram that has come. */
export interface Datagram extends Endpoint {
  /** What is in it. */
  readonly bytes: Uint8Array;
}

/** A place to send to: the four bytes of the address, the two of the port. */
type Target = readonly [address: Uint8Array, port: Uint8Array];

/** The sockets for datagrams. */
export class Udp {
  readonly #turns: Turns;
  readonly #slots: Slots;
  readonly #targets = new WeakMap<EspSocket, Target>();

  /** Takes the queue for the bus, and the books of the slots. */
  constructor(turns: Turns, slots: Slots) {
    this.#turns = turns;
    this.#slots = slots;
  }

  /** A socket that sends to one place. */
  async open(host: string, port: number, signal?: AbortSignal): Promise<EspSocket> {
    textArgument("host", host, 1, 255);
    const portBytes = portArgument(port);
    return await this.#turns.take(async (turn) => {
      signal?.throwIfAborted();
      const target = [await resolve(turn, host), portBytes] as const;
      const socket = await this.#listen(turn, ANY_PORT);
      this.#targets.set(socket, target);
      return socket;
    });
  }

  /** A socket that waits for datagrams at a port, and for those to a group where one is given. */
  async listen(port: number, group?: string): Promise<EspSocket> {
    const portBytes = portArgument(port);
    const address = group === undefined ? undefined : ipv4Argument("group", group);
    if (address && (address[0]! < 224 || address[0]! > 239)) {
      throw invalid(`group must be from 224.0.0.0 to 239.255.255.255, not ${group}`);
    }
    return await this.#turns.take((turn) => this.#listen(turn, portBytes, address));
  }

  async send(socket: EspSocket, bytes: Uint8Array, signal?: AbortSignal): Promise<number> {
    const target = this.#targets.get(socket);
    if (!target) throw invalid("This socket has no place to send to: use socketSendTo");
    return await this.#send(socket, bytes, target, signal);
  }

  async sendTo(socket: EspSocket, bytes: Uint8Array, address: string, port: number): Promise<number> {
    const target = [ipv4Argument("address", address), portArgument(port)] as const;
    return await this.#send(socket, bytes, target);
  }

  receiveFrom(socket: EspSocket): Promise<Datagram | null> {
    return this.#slots.use(socket, async (turn) => {
      const size = await available(turn, socket);
      if (size === 0) return null;
      const from = await remote(turn, socket);
      return { ...from, bytes: await readData(turn, socket, size) };
    });
  }

  async #listen(turn: Turn, port: Uint8Array, group?: Uint8Array): Promise<EspSocket> {
    return await this.#slots.start(turn, "udp", async ({ number }) => {
      const slot = Uint8Array.of(number);
      const parameters = group ? [group, port, slot, MULTICAST] : [port, slot, DATAGRAMS];
      if (readNumber((await turn.command(commands.startServer, parameters))[0]) === 1) return;
      const where = readPort(port) === 0 ? "a socket for datagrams" : `port ${readPort(port)} for datagrams`;
      throw new ConnectionError("radio-refused", `The co-processor could not open ${where}.`);
    });
  }

  async #send(socket: EspSocket, bytes: Uint8Array, target: Target, signal?: AbortSignal): Promise<number> {
    if (bytes.length < 1 || bytes.length > MAX_DATAGRAM) {
      throw new UsageError(
        "invalid-argument",
        `A datagram must have 1 to ${MAX_DATAGRAM} bytes, not ${bytes.length}.`,
      );
    }
    return await this.#slots.use(socket, async (turn) => {
      const slot = Uint8Array.of(socket.number);
      const [aimed] = await turn.command(commands.startClient, [...target, slot, DATAGRAMS], "plain");
      const inserted = aimed?.[0] === 1 && await said(turn, commands.insertData, slot, bytes);
      return inserted && await said(turn, commands.sendUdp, slot) ? bytes.length : 0;
    }, signal);
  }
}

/** Whether the module says 1. */
async function said(
  turn: Turn,
  command: commands.Command,
  ...parameters: Uint8Array[]
): Promise<boolean> {
  return readNumber(await turn.value(command, ...parameters)) === 1;
}

function readPort([high, low]: Uint8Array): number {
  return high! << 8 | low!;
}

/** What the firmware takes in one datagram; behind it a second one begins, silently. */
export const MAX_DATAGRAM = 1460;
/** The modes of START_CLIENT and START_SERVER. */
const DATAGRAMS = Uint8Array.of(MODES.udp);
const MULTICAST = Uint8Array.of(3);
const ANY_PORT = new Uint8Array(2);

/**
 * Connections: opened, written, read, asked whether they live. What the methods promise is said at `EspSpiControl`. Who
 * has which slot is in slots.ts, datagrams are in udp.ts.
 *
 * @module
 */

import { ConnectionError } from "@minimqtt/core";
import * as commands from "../wire/commands.ts";
import type { Pace } from "../wire/commands.ts";
import { MAX_READ, MAX_SEND } from "../wire/frames.ts";
import type { Turn, Turns } from "../wire/turns.ts";
import {
  invalid,
  littleEndian16,
  parseIPv4,
  portArgument,
  readIPv4,
  readNumber,
  textArgument,
} from "../wire/values.ts";
import type { FirmwareVersion } from "../wire/versions.ts";
import type { Certificates } from "./certificates.ts";
import { resolve } from "./names.ts";
import { isEstablished } from "./slots.ts";
import type { EspSocket, Slots, SocketMode } from "./slots.ts";

/** The connections through the module. */
export class Sockets {
  readonly #slots: Slots;
  readonly #turns: Turns;
  readonly #certificates: Certificates;
  readonly #connectTimes = new WeakMap<EspSocket, number>();

  /** Takes the books of the slots, the queue for the bus, and what the module has to identify itself by. */
  constructor(slots: Slots, turns: Turns, certificates: Certificates) {
    this.#slots = slots;
    this.#turns = turns;
    this.#certificates = certificates;
  }

  async open(host: string, port: number, mode: "tcp" | "tls", signal?: AbortSignal): Promise<EspSocket> {
    const name = textArgument("host", host, 1, 255);
    const portBytes = portArgument(port);
    return await this.#turns.take(async (turn) => {
      signal?.throwIfAborted();
      if (mode === "tls" && this.#slots.open.some((other) => other.mode === "tls")) {
        throw new ConnectionError(
          "no-socket",
          "The co-processor has memory for one TLS connection at a time, and one is open. Close it, or do TLS here.",
        );
      }
      const version = await turn.version();
      // By name the firmware before 2.0.0 looks up the four bytes of the address that it has found.
      const byAddress = mode === "tcp" && (parseIPv4(host) !== undefined || !version.atLeast(2));
      const where = byAddress ? [await resolve(turn, host)] : [name, new Uint8Array(4)];
      return await this.#slots.start(turn, mode, async (socket) => {
        const target = [...where, portBytes, Uint8Array.of(socket.number), Uint8Array.of(MODES[mode])];
        const before = this.#turns.clock.now();
        const [answer] = await turn.command(commands.startClient, target, pace(mode, byAddress, version));
        this.#connectTimes.set(socket, this.#turns.clock.now() - before);
        // Failure is no value but the lack of one. And before 3.0.0 a failed handshake counts as success there.
        const asks = mode === "tls" || !version.modern;
        if (answer?.[0] === 1 && (!asks || await isEstablished(turn, socket))) return;
        const hint = mode === "tls" && version.modern && this.#certificates.used ? CERTIFICATE_HINT : "";
        throw new ConnectionError(
          "dial-failed",
          `The co-processor could not connect to ${host}:${port}.${hint}`,
        );
      });
    });
  }

  connectTime(socket: EspSocket): number | undefined {
    return this.#connectTimes.get(socket);
  }

  async write(socket: EspSocket, bytes: Uint8Array, signal?: AbortSignal): Promise<number> {
    // An empty write makes the module stall for up to 10 s.
    if (bytes.length < 1 || bytes.length > MAX_SEND) {
      throw invalid(`A write must have 1 to ${MAX_SEND} bytes, not ${bytes.length}`);
    }
    return await this.#slots.use(socket, async (turn) => {
      const parameters = [Uint8Array.of(socket.number), bytes];
      const pace = socket.mode === "tls" ? "sendSecure" : "send";
      const [count] = await turn.command(commands.sendData, parameters, pace);
      const taken = readNumber(count);
      if (taken > bytes.length) {
        throw new ConnectionError(
          "radio-garbled",
          `SEND_DATA_TCP: ${taken} bytes taken, of ${bytes.length}.`,
        );
      }
      return taken;
    }, signal);
  }

  read(socket: EspSocket, size: number): Promise<Uint8Array> {
    return this.#slots.use(socket, (turn) => this.#read(turn, socket, size));
  }

  receive(socket: EspSocket, size: number, ask: boolean): Promise<Uint8Array | null> {
    return this.#slots.use(socket, async (turn) => {
      const bytes = await this.#read(turn, socket, size);
      // A socket for datagrams has no state: its answer is always 0, and before 3.1.0 the question frees it.
      if (socket.mode === "udp" || !ask || bytes.length > 0) return bytes;
      if (await isEstablished(turn, socket)) return bytes;
      await this.#slots.drop(turn, socket);
      return null;
    });
  }

  available(socket: EspSocket): Promise<number> {
    return this.#slots.use(socket, (turn) => available(turn, socket));
  }

  connected(socket: EspSocket): Promise<boolean> {
    if (!this.#slots.isOpen(socket)) return Promise.resolve(false);
    if (socket.mode === "udp") return Promise.resolve(true);
    return this.#slots.use(socket, async (turn) => {
      // Asking for the state would throw away what waits to be read, when the peer has closed behind it.
      if (await available(turn, socket) > 0 || await isEstablished(turn, socket)) return true;
      await this.#slots.drop(turn, socket);
      return false;
    });
  }

  remote(socket: EspSocket): Promise<Endpoint> {
    return this.#slots.use(socket, (turn) => remote(turn, socket));
  }

  async #read(turn: Turn, socket: EspSocket, size: number): Promise<Uint8Array> {
    // More than its buffer holds makes the module overrun it.
    let asked = Math.min(size, MAX_READ);
    // A datagram is fetched by the question how long it is; what is read without asking is what is left of the last one.
    const asks = socket.mode === "udp" || this.#turns.session.wholeWindows;
    if (asks) asked = Math.min(asked, await available(turn, socket));
    return asked === 0 ? new Uint8Array(0) : await readData(turn, socket, asked);
  }
}

/** Where the other end of a socket is. */
export interface Endpoint {
  /** Its IPv4 address. */
  readonly address: string;
  /** Its port. */
  readonly port: number;
}

/** How many bytes wait: of a connection, or of the datagram that is next. */
export async function available(turn: Turn, socket: EspSocket): Promise<number> {
  return readNumber(await turn.value(commands.getAvailable, Uint8Array.of(socket.number)));
}

/** Who the other end is; for datagrams, who sent the last one that came. */
export async function remote(turn: Turn, socket: EspSocket): Promise<Endpoint> {
  const [address, port] = await turn.command(commands.getRemoteData, [Uint8Array.of(socket.number)]);
  if (port?.length !== 2) throw new ConnectionError("radio-garbled", "GET_REMOTE_DATA: no port.");
  return { address: readIPv4(address), port: port[0]! << 8 | port[1]! };
}

/** Takes so many bytes at most of what waits. */
export async function readData(turn: Turn, socket: EspSocket, asked: number): Promise<Uint8Array> {
  const parameters = [Uint8Array.of(socket.number), littleEndian16(asked)];
  const [bytes] = await turn.command(commands.getData, parameters, "plain", HEADER + asked);
  if (!bytes || bytes.length > asked) {
    throw new ConnectionError(
      "radio-garbled",
      `GET_DATABUF_TCP: ${bytes?.length} bytes, asked for ${asked}.`,
    );
  }
  return bytes;
}

/** How long a dial may take: from 3.0.0 on the firmware gives up on an address after 3 s. */
function pace(mode: "tcp" | "tls", byAddress: boolean, version: FirmwareVersion): Pace {
  if (mode === "tls") return "handshake";
  if (!version.modern) return "dial";
  return byAddress ? "dialAddress" : "dialName";
}

/** The numbers of START_CLIENT. */
export const MODES: Readonly<Record<SocketMode, number>> = { tcp: 0, udp: 1, tls: 2 };
/** What a reply with a two-byte length has beside the bytes. */
const HEADER = 6;
/** Trap 39. */
const CERTIFICATE_HINT =
  " It has a client certificate, with which firmware from 3.0.0 on trusts no server, on a socket that had no TLS " +
  "connection before it was set (trap 39): open and close one such connection first, or do TLS here, by transport-tls.";

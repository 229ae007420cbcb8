/**
 * The module's sockets: numbered slots that it hands out without reserving them, frees by rules that differ from version
 * to version, and never checks the numbers of. So the host keeps the books.
 *
 * @module
 */

import { ConnectionError } from "@minimqtt/core";
import * as commands from "../wire/commands.ts";
import { MAX_READ, MAX_SEND } from "../wire/frames.ts";
import type { Session } from "../wire/session.ts";
import {
  invalid,
  littleEndian16,
  parseIPv4,
  portArgument,
  readIPv4,
  readNumber,
  textArgument,
} from "../wire/values.ts";

/** What goes through a socket: TCP, TLS that the module does, UDP. */
export type SocketMode = "tcp" | "tls" | "udp";

/** An open socket of the module. It dies with the module's restart: it is never mistaken for a later one of its number. */
export interface EspSocket {
  /** The module's number for it, from 0. */
  readonly number: number;
  /** What goes through it. */
  readonly mode: SocketMode;
}

/** The sockets that this host has opened. */
export class Sockets {
  readonly #session: Session;
  readonly #open = new Map<number, EspSocket>();
  /** Slots that were given up, and may not have been freed. */
  readonly #unfreed = new Set<number>();
  /** Slots that are servers' until the module restarts, with the ports where these are known. */
  readonly listening: Map<number, number | undefined> = new Map();

  /** Takes the conversation with the module. */
  constructor(session: Session) {
    this.#session = session;
  }

  /** The module has restarted: none of them exists any more. */
  forget(): void {
    this.#open.clear();
    this.#unfreed.clear();
    this.listening.clear();
  }

  /** See `EspSpiControl.socketOpen`. */
  async open(host: string, port: number, mode: SocketMode, signal?: AbortSignal): Promise<EspSocket> {
    const address = parseIPv4(host);
    const name = textArgument("host", host, 1, 255);
    const portBytes = portArgument(port);
    // The module would answer, and never use the slot again.
    if (!Object.hasOwn(MODES, mode)) throw invalid(`mode must be tcp, tls or udp, not ${mode}`);
    // GET_SOCKET reserves nothing: nothing may come between it and START_CLIENT.
    return await this.#session.exclusive(async () => {
      signal?.throwIfAborted();
      if (mode === "tls" && [...this.#open.values()].some((other) => other.mode === "tls")) {
        throw new ConnectionError(
          "no-socket",
          "The co-processor has memory for one TLS connection at a time, and one is open. Close it, or do TLS here.",
        );
      }
      const number = await this.free();
      const where = [portBytes, Uint8Array.of(number), Uint8Array.of(MODES[mode])];
      const parameters = address && mode !== "tls"
        ? [address, ...where]
        : [name, new Uint8Array(4), ...where];
      const socket = { number, mode };
      this.#open.set(number, socket);
      try {
        const [answer] = await this.#session.command(
          commands.startClient,
          parameters,
          mode === "tls" ? "handshake" : "dial",
        );
        // Failure is no value but the lack of one. And before 3.0.0 a failed handshake counts as success there.
        const asks = mode === "tls" || mode === "tcp" && !(await this.#session.version()).modern;
        if (answer?.[0] !== 1 || asks && await this.#state(socket) !== ESTABLISHED) {
          throw new ConnectionError("dial-failed", `The co-processor could not connect to ${host}:${port}.`);
        }
        return socket;
      } catch (error) {
        await this.#drop(socket);
        throw error;
      }
    });
  }

  /** See `EspSpiControl.socketWrite`. */
  async write(socket: EspSocket, bytes: Uint8Array, signal?: AbortSignal): Promise<number> {
    // An empty write makes the module stall for up to 10 s.
    if (bytes.length < 1 || bytes.length > MAX_SEND) {
      throw invalid(`A write must have 1 to ${MAX_SEND} bytes, not ${bytes.length}`);
    }
    return await this.#turn(socket, async () => {
      const parameters = [Uint8Array.of(socket.number), bytes];
      if (socket.mode === "udp") {
        const inserted = readNumber((await this.#session.command(commands.insertData, parameters))[0]);
        const sent = inserted === 1 ? await this.#session.command(commands.sendUdp, [parameters[0]!]) : [];
        return sent[0]?.[0] === 1 ? bytes.length : 0;
      }
      const pace = socket.mode === "tls" ? "sendSecure" : "send";
      const [count] = await this.#session.command(commands.sendData, parameters, pace);
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

  /** See `EspSpiControl.socketRead`. */
  read(socket: EspSocket, size: number): Promise<Uint8Array> {
    return this.#turn(socket, () => this.#read(socket, size));
  }

  /** See `EspSpiControl.socketReceive`. */
  receive(socket: EspSocket, size: number, ask: boolean): Promise<Uint8Array | null> {
    return this.#turn(socket, async () => {
      const bytes = await this.#read(socket, size);
      if (!ask || bytes.length > 0 || await this.#state(socket) === ESTABLISHED) return bytes;
      await this.#drop(socket);
      return null;
    });
  }

  /** See `EspSpiControl.socketAvailable`. */
  available(socket: EspSocket): Promise<number> {
    return this.#turn(socket, () => this.#available(socket));
  }

  /** See `EspSpiControl.socketConnected`. */
  connected(socket: EspSocket): Promise<boolean> {
    if (!this.isOpen(socket)) return Promise.resolve(false);
    return this.#turn(socket, async () => {
      // Asking for the state would throw away what waits to be read, when the peer has closed behind it.
      if (await this.#available(socket) > 0 || await this.#state(socket) === ESTABLISHED) return true;
      await this.#drop(socket);
      return false;
    });
  }

  /** See `EspSpiControl.getRemoteData`. */
  remote(socket: EspSocket): Promise<{ readonly address: string; readonly port: number }> {
    return this.#turn(socket, async () => {
      const [address, port] = await this.#session.command(commands.getRemoteData, [
        Uint8Array.of(socket.number),
      ]);
      if (port?.length !== 2) throw new ConnectionError("radio-garbled", "GET_REMOTE_DATA: no port.");
      return { address: readIPv4(address), port: port[0]! << 8 | port[1]! };
    });
  }

  /** See `EspSpiControl.socketClose`. */
  close(socket: EspSocket): Promise<void> {
    if (!this.isOpen(socket)) return Promise.resolve();
    return this.#session.exclusive(async () => {
      if (!this.isOpen(socket)) return;
      this.#open.delete(socket.number);
      await this.#stop(socket.number);
    });
  }

  /** Ends all of them; for use inside a turn. What connects to a network ends all connections. */
  async dropAll(): Promise<void> {
    for (const socket of [...this.#open.values()]) await this.#drop(socket);
  }

  /** Whether it is still this host's. */
  isOpen(socket: EspSocket): boolean {
    return this.#open.get(socket.number) === socket;
  }

  /** A slot for a new socket; for use inside a turn. */
  async free(): Promise<number> {
    const { sockets } = await this.#session.version();
    for (const slot of [...this.#unfreed]) await this.#stop(slot);
    for (let tries = 0; tries < 3; tries++) {
      const number = readNumber((await this.#session.command(commands.getSocket))[0]);
      if (number < sockets) {
        // The module holds it for free: what was to make it a server's has not come through.
        this.listening.delete(number);
        const holder = this.#open.get(number);
        if (!holder) return number;
        // The module holds it for free, so the connection in it may be gone; if it is not, starting another would close it.
        if (await this.#state(holder) === ESTABLISHED) continue;
        await this.#drop(holder);
        return number;
      }
      // The module does not check numbers: one too high would make it write outside its memory.
      if (number !== NONE) {
        throw new ConnectionError("radio-garbled", `GET_SOCKET: ${number}, there are ${sockets} sockets.`);
      }
      // What another program, or a lost reply, has left behind.
      for (let slot = 0; slot < sockets; slot++) {
        if (this.#open.has(slot) || this.listening.has(slot)) continue;
        if (await this.listens(slot)) this.listening.set(slot, undefined);
        else await this.#stop(slot);
      }
    }
    throw new ConnectionError("no-socket", `All ${sockets} sockets of the co-processor are in use.`);
  }

  /** Whether this host has an open socket of this number. */
  holds(number: number): boolean {
    return this.#open.has(number);
  }

  /** Takes over a client that came to a server; for use inside a turn. */
  adopt(number: number): EspSocket {
    const socket: EspSocket = { number, mode: "tcp" };
    this.#open.set(number, socket);
    this.#unfreed.delete(number);
    return socket;
  }

  /** Whether a slot is a server's, by the module; for use inside a turn. */
  async listens(number: number): Promise<boolean> {
    return readNumber((await this.#session.command(commands.getServerState, [Uint8Array.of(number)]))[0]) ===
      1;
  }

  /** A turn on the bus for an open socket. What went wrong in the middle of a stream leaves nothing to go on with. */
  #turn<Result>(socket: EspSocket, work: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    return this.#session.exclusive(async () => {
      signal?.throwIfAborted();
      if (!this.isOpen(socket)) {
        throw new ConnectionError("closed", "This socket of the co-processor is closed.");
      }
      try {
        return await work();
      } catch (error) {
        await this.#drop(socket);
        throw error;
      }
    });
  }

  async #read(socket: EspSocket, size: number): Promise<Uint8Array> {
    // More than its buffer holds makes the module overrun it.
    let asked = Math.min(size, MAX_READ);
    if (this.#session.wholeWindows) asked = Math.min(asked, await this.#available(socket));
    if (asked === 0) return new Uint8Array(0);
    const parameters = [Uint8Array.of(socket.number), littleEndian16(asked)];
    const [bytes] = await this.#session.command(commands.getData, parameters, "plain", HEADER + asked);
    if (!bytes || bytes.length > asked) {
      throw new ConnectionError(
        "radio-garbled",
        `GET_DATABUF_TCP: ${bytes?.length} bytes, asked for ${asked}.`,
      );
    }
    return bytes;
  }

  async #available(socket: EspSocket): Promise<number> {
    return readNumber(
      (await this.#session.command(commands.getAvailable, [Uint8Array.of(socket.number)]))[0],
    );
  }

  async #state(socket: EspSocket): Promise<number> {
    const [state] = await this.#session.command(commands.getClientState, [Uint8Array.of(socket.number)]);
    return readNumber(state);
  }

  /** Gives up a socket and frees its slot, which some versions do not do by themselves. Never rejects. */
  async #drop(socket: EspSocket): Promise<void> {
    if (!this.isOpen(socket)) return;
    this.#open.delete(socket.number);
    // Failing here as well changes nothing: it is made up for before the next socket is opened.
    await this.#stop(socket.number).catch(() => undefined);
  }

  async #stop(number: number): Promise<void> {
    this.#unfreed.add(number);
    await this.#session.command(commands.stopClient, [Uint8Array.of(number)]);
    this.#unfreed.delete(number);
  }
}

/** The numbers of START_CLIENT. */
const MODES: Readonly<Record<SocketMode, number>> = { tcp: 0, udp: 1, tls: 2 };
/** GET_CLIENT_STATE: the only two answers there are, this one and 0. */
const ESTABLISHED = 4;
/** GET_SOCKET: no slot is free. */
const NONE = 255;
/** What a reply with a two-byte length has beside the bytes. */
const HEADER = 6;

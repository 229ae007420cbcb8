/**
 * The world behind the module's antenna: names, and real sockets on this machine.
 *
 * @module
 */

import { lookup } from "node:dns/promises";
import { connect, isIPv4 } from "node:net";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import type { Path } from "./path.ts";
import type { Peer } from "./wire.ts";

/** A real address. */
export interface Place {
  /** A host name or an address. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
}

/** What the module can reach. */
export interface OutsideOptions {
  /** The names that DNS knows, with their IPv4 addresses; when absent the system's resolver is asked. */
  readonly hosts?: Readonly<Record<string, string>>;
  /**
   * Where an address that the module connects to really is; itself when absent. A stream is the peer itself, in this
   * process (plain TCP only); `refuse` is a port that is closed, `silence` a host that does not answer.
   */
  readonly route?: (address: string, port: number) => Place | Duplex | "refuse" | "silence";
  /**
   * The way to the peers of TCP and TLS, in time of the module's clock: the firmware's send window, 5744 bytes, is free
   * again when a byte's acknowledgement is back. At once, and as fast as this machine, when absent.
   */
  readonly path?: Path;
  /** Where a port that the module listens at (or sends from, for UDP) really is; 127.0.0.1 when absent. */
  readonly listenAt?: (port: number) => Place;
  /** PEM certificates that TLS in the module trusts; when absent those that the runtime trusts. */
  readonly ca?: string | readonly string[];
  /** Milliseconds that a host takes to answer a ping, -1 for none. When absent, 1 for names' hosts and loopback. */
  readonly ping?: (address: string, ttl: number) => number;
}

/** What TLS in the module is to present and to check. */
export interface TlsIdentity {
  /** For SNI and for the check of the name. */
  readonly name: string;
  /** False where the module has no authorities to check against, so that every certificate fails. */
  readonly bundle: boolean;
  /** The client's certificate and key, when both were set. */
  readonly certificate?: { readonly cert: string; readonly key: string };
}

/** Names and connections. */
export class Outside {
  readonly #options: OutsideOptions;

  /** Takes where things are. */
  constructor(options: OutsideOptions) {
    this.#options = options;
  }

  /** The IPv4 address of a name, or null. */
  async resolve(name: string): Promise<string | null> {
    if (isIPv4(name)) return name;
    const { hosts } = this.#options;
    if (hosts !== undefined) return hosts[name] ?? null;
    try {
      return (await lookup(name, { family: 4 })).address;
    } catch {
      return null;
    }
  }

  /**
   * Opens a connection, and for TLS makes the handshake. Gives null when that fails; the signal ends the attempt with
   * the same answer.
   */
  async dial(
    address: string,
    port: number,
    tls: TlsIdentity | undefined,
    signal: AbortSignal,
  ): Promise<Peer | null> {
    const place = this.#options.route?.(address, port) ?? { host: address, port };
    if (place === "refuse") return null;
    if (place === "silence") return aborted(signal);
    if (place instanceof Duplex) return tls ? null : place;
    const socket = connect({ ...place, allowHalfOpen: true });
    if (!await settled(socket, "connect", signal)) return null;
    if (tls === undefined) return socket;
    const ca = tls.bundle ? this.#options.ca : [];
    const secure = connectTls({
      socket,
      ...(!isIPv4(tls.name) && { servername: tls.name }),
      host: tls.name,
      ...(ca !== undefined && { ca: [ca].flat() as string[] }),
      ...tls.certificate,
    });
    // A certificate that does not hold is an error of the runtime's; where it is only a flag, it is asked.
    const done = await settled(secure, "secureConnect", signal);
    if (done && secure.authorized && tls.bundle) return secure;
    secure.destroy();
    socket.destroy();
    return null;
  }

  /** The way to peers, where it takes time. */
  get path(): Path | undefined {
    return this.#options.path;
  }

  /** Where a port of the module's really is. */
  listenAt(port: number): Place {
    return this.#options.listenAt?.(port) ?? { host: "127.0.0.1", port };
  }

  /** Where a datagram really goes, or null when nobody gets it. */
  route(address: string, port: number): Place | null {
    const place = this.#options.route?.(address, port) ?? { host: address, port };
    return typeof place === "string" || place instanceof Duplex ? null : place;
  }

  /** PING: milliseconds, or -1. */
  ping(address: string, ttl: number): number {
    const { ping, hosts } = this.#options;
    if (ping) return ping(address, ttl);
    return address.startsWith("127.") || Object.values(hosts ?? {}).includes(address) ? 1 : -1;
  }
}

/** Resolves to null when the signal is aborted. */
function aborted(signal: AbortSignal): Promise<null> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(null);
    else signal.addEventListener("abort", () => resolve(null), { once: true });
  });
}

/** Whether `event` came, and neither an error nor the signal's abort before it; the socket is destroyed if not. */
function settled(socket: Socket, event: string, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const done = (well: boolean) => {
      socket.off(event, succeed).off("close", fail);
      signal.removeEventListener("abort", fail);
      if (!well) socket.destroy();
      resolve(well);
    };
    const succeed = () => done(true);
    const fail = () => done(false);
    // Stays: an error that nobody listens to would end the program.
    socket.on("error", fail);
    socket.once(event, succeed).once("close", fail);
    signal.addEventListener("abort", fail);
    if (signal.aborted) fail();
  });
}

/**
 * Into a network and out of it: the status, the commands that join, and what a failure means. What the methods promise
 * is said at `EspSpiControl`.
 *
 * @module
 */

import { ConnectionError } from "@minimqtt/core";
import * as commands from "../wire/commands.ts";
import type { Command } from "../wire/commands.ts";
import type { Turn, Turns } from "../wire/turns.ts";
import {
  byteArgument,
  invalid,
  passphraseArgument,
  readIPv4,
  readNumber,
  textArgument,
} from "../wire/values.ts";
import type { Slots } from "./slots.ts";

/** Status values of GET_CONN_STATUS, by the firmware's names. */
export const WL = {
  /** Power-on value before 3.0.0; since, associated but without an address. */
  IDLE: 0,
  /** Not found; before 3.0.0 also: connecting. */
  NO_SSID_AVAIL: 1,
  /** A scan is over. */
  SCAN_COMPLETED: 2,
  /** Connected, with an address. */
  CONNECTED: 3,
  /** Not let in, so far; before 3.0.0 also: not found. */
  CONNECT_FAILED: 4,
  /** The network, or the address, was lost. */
  CONNECTION_LOST: 5,
  /** Not connected; since 3.0.0 also: connecting. */
  DISCONNECTED: 6,
  /** An access point without a station, before 3.0.0. */
  AP_LISTENING: 7,
  /** An access point with a station, before 3.0.0. */
  AP_CONNECTED: 8,
  /** No access point, before 3.0.0. */
  AP_FAILED: 9,
  /** Power-on value since 3.0.0. */
  STOPPED: 254,
  /** The firmware's Wi-Fi did not start. */
  NO_SHIELD: 255,
} as const;

/** How long connecting may take, and when to give up. */
export interface JoinOptions {
  /** Milliseconds until it counts as failed; 20000 by default. The module goes on trying. */
  readonly timeLimit?: number;
  /** Gives up waiting when aborted: rejects with its reason. */
  readonly signal?: AbortSignal;
}

/** What an enterprise network asks for. */
export interface EnterpriseLogin {
  /** The outer identity; empty by default. */
  readonly identity?: string;
  /** The user's name. */
  readonly user: string;
  /** The user's password. */
  readonly password: string;
}

/** One command and its parameters. */
type Step = readonly [command: Command, ...parameters: Uint8Array[]];

/** The module as a station. */
export class WiFi {
  readonly #turns: Turns;
  readonly #slots: Slots;

  /** Takes the queue for the bus, and the sockets, which end with the network. */
  constructor(turns: Turns, slots: Slots) {
    this.#turns = turns;
    this.#slots = slots;
  }

  status(): Promise<number> {
    return this.#turns.take((turn) => this.#status(turn));
  }

  connect(ssid: string, passphrase: string | null | undefined, options: JoinOptions): Promise<void> {
    const name = ssidArgument(ssid);
    const step: Step = passphrase
      ? [commands.setPassphrase, name, passphraseArgument(passphrase)]
      : [commands.setNet, name];
    return this.#join(ssid, [step], options);
  }

  connectWEP(ssid: string, key: string, index: number, options: JoinOptions): Promise<void> {
    const name = ssidArgument(ssid);
    const secret = textArgument("key", key, 5, 26);
    if (![5, 10, 13, 26].includes(secret.length)) {
      throw invalid(`key must have 5 or 13 bytes, or 10 or 26 hexadecimal digits; it has ${secret.length}`);
    }
    return this.#join(ssid, [[commands.setKey, name, byteArgument("index", index, 3), secret]], options);
  }

  connectEnterprise(ssid: string, login: EnterpriseLogin, options: JoinOptions): Promise<void> {
    return this.#join(ssid, [
      [commands.setNet, ssidArgument(ssid)],
      [commands.setEnterpriseIdentity, textArgument("identity", login.identity ?? "", 0, 32)],
      [commands.setEnterpriseUser, textArgument("user", login.user, 1, 32)],
      [commands.setEnterprisePassword, textArgument("password", login.password, 1, 32)],
      [commands.enableEnterprise],
    ], options);
  }

  async disconnect(): Promise<void> {
    this.#turns.session.online = false;
    await this.#turns.ask(commands.disconnect);
  }

  async #status(turn: Turn): Promise<number> {
    const { session } = this.#turns;
    const status = readNumber(await turn.value(commands.getConnStatus));
    const { online } = session;
    session.noteStatus(status);
    // The module closes what the lost link has broken, or does not; it never frees the slots.
    if (online && status !== WL.CONNECTED) await this.#slots.dropAll(turn);
    return status;
  }

  /** Says where to, and waits until the network has let the module in. */
  async #join(ssid: string, steps: readonly Step[], { timeLimit = JOIN_LIMIT, signal }: JoinOptions) {
    signal?.throwIfAborted();
    await this.#turns.take(async (turn) => {
      await this.#slots.dropAll(turn);
      for (const [command, ...parameters] of steps) await turn.command(command, parameters);
    });
    const { clock } = this.#turns;
    const end = clock.now() + timeLimit;
    for (;;) {
      const [status, joined] = await this.#turns.take((turn) => this.#look(turn));
      if (joined) return;
      signal?.throwIfAborted();
      // Until then no status is a failure: they differ by version.
      if (clock.now() >= end) throw await this.#failure(ssid, status, timeLimit);
      await clock.sleep(JOIN_POLL, signal);
      signal?.throwIfAborted();
    }
  }

  /** The status, and whether it has come to an address. */
  async #look(turn: Turn): Promise<readonly [number, boolean]> {
    const status = await this.#status(turn);
    return [status, status === WL.CONNECTED && (await networkData(turn)).ipAddress !== NO_ADDRESS];
  }

  async #failure(ssid: string, status: number, timeLimit: number): Promise<ConnectionError> {
    const [modern, reason] = await this.#turns.take(async (turn) => {
      const version = await turn.version();
      const asks = version.atLeast(2);
      return [version.modern, asks ? readNumber(await turn.value(commands.getReasonCode)) : undefined];
    });
    const [code, text] = verdict(status, reason, modern);
    const detail = reason === undefined ? `status ${status}` : `status ${status}, reason ${reason}`;
    const network = JSON.stringify(ssid);
    return new ConnectionError(
      code,
      `No connection to the Wi-Fi network ${network} within ${timeLimit} ms: ${text} (${detail}).`,
    );
  }
}

/** What status and reason mean when the time is over. */
function verdict(
  status: number,
  reason: number | undefined,
  modern: boolean,
): readonly ["wifi-not-found" | "wifi-refused" | "wifi-down", string] {
  if (reason !== undefined && NOT_FOUND.has(reason) || modern && status === WL.NO_SSID_AVAIL) {
    return ["wifi-not-found", "there is no network of this name in reach that the co-processor would join"];
  }
  if (!modern && status === WL.CONNECT_FAILED) {
    // It says no more; since 2.0.0 the reason would have told the other one.
    return ["wifi-refused", reason === undefined ? `it is not in reach, or ${LOCKED_OUT}` : LOCKED_OUT];
  }
  if (status === WL.CONNECT_FAILED || reason !== undefined && REFUSED.has(reason)) {
    return ["wifi-refused", LOCKED_OUT];
  }
  if (status === WL.IDLE && modern) return ["wifi-down", "it has given no address"];
  const connecting = status === (modern ? WL.DISCONNECTED : WL.NO_SSID_AVAIL) ||
    status === WL.CONNECTION_LOST;
  return ["wifi-down", connecting ? "the co-processor is still connecting" : "it has given no address"];
}

/** What GET_IPADDR tells. */
export interface NetworkData {
  /** The module's IPv4 address, `0.0.0.0` without one. */
  readonly ipAddress: string;
  /** Its network's mask. */
  readonly netmask: string;
  /** The way out of it. */
  readonly gateway: string;
}

/** Address, netmask and gateway, within a turn. */
export async function networkData(turn: Turn): Promise<NetworkData> {
  const [ip, netmask, gateway] = await turn.command(commands.getIpAddress, [DUMMY]);
  return { ipAddress: readIPv4(ip), netmask: readIPv4(netmask), gateway: readIPv4(gateway) };
}

/** The bytes of a network's name. */
export function ssidArgument(ssid: string): Uint8Array {
  return textArgument("ssid", ssid, 1, 32);
}

const LOCKED_OUT = "it did not let the co-processor in; check the passphrase";

/** A parameter that the module ignores, and that hosts send. */
const DUMMY = Uint8Array.of(0xff);
const NO_ADDRESS = "0.0.0.0";
/** Reasons, in the numbers of IEEE 802.11 and of ESP-IDF: no access point, or none with the security asked for. */
const NOT_FOUND: ReadonlySet<number> = new Set([201, 210, 211, 212]);
/** Authentication expired or failed, keys that do not fit, association failed, handshakes that ran out of time. */
const REFUSED: ReadonlySet<number> = new Set([2, 14, 15, 23, 202, 203, 204]);
/** Milliseconds to be let into a network, and between two looks at it. */
const JOIN_LIMIT = 20_000;
const JOIN_POLL = 100;

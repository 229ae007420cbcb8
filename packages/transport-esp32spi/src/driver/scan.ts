/**
 * The networks in reach: SCAN_NETWORKS makes a list in the module, and questions by index tell of each of its entries,
 * until the next scan. What the functions promise is said at `EspSpiControl`.
 *
 * @module
 */

import { ConnectionError } from "@minimqtt/core";
import * as commands from "../wire/commands.ts";
import { NO_LIST } from "../wire/frames.ts";
import type { Turn, Turns } from "../wire/turns.ts";
import { networkEncryption, readMac, readNumber, readText } from "../wire/values.ts";
import type { Encryption } from "../wire/values.ts";

/** A Wi-Fi network in reach. */
export interface Network {
  /** Its name; a network that hides it is not listed. */
  readonly ssid: string;
  /** Signal strength in dBm: -30 is strong, -90 hardly there. */
  readonly rssi: number;
  /** How it is protected. */
  readonly encryption: Encryption;
  /** The access point's address. */
  readonly bssid: string;
  /** The radio channel. */
  readonly channel: number;
}

/** Scans until there is something; the bus is others' between two scans. */
export async function scanNetworks(turns: Turns, signal?: AbortSignal): Promise<Network[]> {
  let failure: unknown;
  for (let tries = 0; tries < SCANS; tries++) {
    if (tries > 0) await turns.clock.sleep(PAUSE, signal);
    signal?.throwIfAborted();
    try {
      failure = undefined;
      const networks = await foundNetworks(turns);
      if (networks.length > 0) return networks;
    } catch (error) {
      if (!isRefusal(error)) throw error;
      failure = error;
    }
  }
  if (failure) throw failure;
  return [];
}

/** One scan and what it has found, in one turn: another scan meanwhile would change the list. */
export function foundNetworks(turns: Turns): Promise<Network[]> {
  return turns.take(async (turn) => {
    const names = await turn.command(commands.scanNetworks);
    if (names === NO_LIST) {
      throw new ConnectionError(
        "radio-refused",
        "SCAN_NETWORKS: the co-processor could not scan. Try again in a few seconds.",
      );
    }
    const networks: Network[] = [];
    for (const [index, name] of names.entries()) {
      try {
        networks.push(await about(turn, index, readText(name)));
      } catch (error) {
        // What the module does not tell about one network does not lose the others.
        if (!isRefusal(error)) throw error;
      }
    }
    return networks.sort((one, other) => other.rssi - one.rssi);
  });
}

async function about(turn: Turn, index: number, ssid: string): Promise<Network> {
  const which = Uint8Array.of(index);
  const version = await turn.version();
  return {
    ssid,
    rssi: readNumber(await turn.value(commands.getNetworkRssi, which), true),
    encryption: networkEncryption(
      readNumber(await turn.value(commands.getNetworkEncryption, which)),
      version,
    ),
    bssid: readMac(await turn.value(commands.getNetworkBssid, which), version),
    channel: readNumber(await turn.value(commands.getNetworkChannel, which)),
  };
}

function isRefusal(error: unknown): boolean {
  return error instanceof ConnectionError && error.code === "radio-refused";
}

/** Scans while there is nothing, and milliseconds between them. */
const SCANS = 3;
const PAUSE = 2000;

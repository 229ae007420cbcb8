/**
 * Names and their addresses, as the module finds them. What the functions promise is said at `EspSpiControl`.
 *
 * @module
 */

import { ConnectionError } from "@minimqtt/core";
import * as commands from "../wire/commands.ts";
import type { Turn, Turns } from "../wire/turns.ts";
import { byteArgument, parseIPv4, readIPv4, readNumber, textArgument } from "../wire/values.ts";

/** The four bytes of a name's or an address's address, within a turn. */
export async function resolve(turn: Turn, name: string): Promise<Uint8Array> {
  const address = parseIPv4(name);
  if (address) return address;
  const found = await turn.value(commands.requestHostByName, textArgument("name", name, 1, 255));
  if (found[0] !== 1) {
    throw new ConnectionError("name-not-found", `The co-processor finds no address for ${name}.`, {
      cause: new Error("REQ_HOST_BY_NAME was answered with 0"),
    });
  }
  // Only then: it would tell the address that was asked for before.
  return parseIPv4(readIPv4(await turn.value(commands.getHostByName)))!;
}

/** The address as text; what is one already needs no module. */
export async function hostByName(turns: Turns, name: string): Promise<string> {
  if (parseIPv4(name)) return name;
  textArgument("name", name, 1, 255);
  return readIPv4(await turns.take((turn) => resolve(turn, name)));
}

/** Milliseconds until an answer came, or `null`. */
export async function ping(turns: Turns, destination: string, timeToLive: number): Promise<number | null> {
  const hops = byteArgument("timeToLive", timeToLive);
  const address = parseIPv4(await hostByName(turns, destination))!;
  const time = readNumber(await turns.value(commands.ping, address, hops), true);
  return time < 0 ? null : time;
}

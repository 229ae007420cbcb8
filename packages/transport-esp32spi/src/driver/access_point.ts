/**
 * The module as an access point. What the functions promise is said at `EspSpiControl`.
 *
 * @module
 */

import { ConnectionError } from "@minimqtt/core";
import * as commands from "../wire/commands.ts";
import type { Turns } from "../wire/turns.ts";
import { byteArgument, invalid, passphraseArgument, readNumber } from "../wire/values.ts";
import { ssidArgument, WL } from "./wifi.ts";

/** Opens one. The status tells of it before 3.0.0 only, and later than the answer: the answer counts. */
export async function createAP(
  turns: Turns,
  ssid: string,
  passphrase: string | null | undefined,
  channel: number,
): Promise<void> {
  const name = ssidArgument(ssid);
  const where = byteArgument("channel", channel, 13);
  if (channel < 1) throw invalid(`channel must be 1 to 13, not ${channel}`);
  const done = passphrase
    ? await turns.value(commands.setApPassphrase, name, passphraseArgument(passphrase), where)
    : await turns.value(commands.setApNet, name, where);
  if (done[0] !== 1) {
    throw new ConnectionError("radio-refused", "The co-processor could not open an access point.");
  }
}

/** Whether one is open, where the firmware tells. */
export function apListening(turns: Turns): Promise<boolean | undefined> {
  return turns.take(async (turn) => {
    if ((await turn.version()).modern) return undefined;
    const status = readNumber(await turn.value(commands.getConnStatus));
    return status === WL.AP_LISTENING || status === WL.AP_CONNECTED;
  });
}

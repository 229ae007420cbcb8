/**
 * The module's own pins. What the functions promise is said at `EspSpiControl`; as objects they are in pin_objects.ts.
 *
 * @module
 */

import * as commands from "../wire/commands.ts";
import type { Turns } from "../wire/turns.ts";
import { byteArgument, invalid, readNumber } from "../wire/values.ts";

/** What a pin of the module is. */
export type PinMode = "input" | "output" | "input-pullup";

export async function setPinMode(turns: Turns, pin: number, mode: PinMode): Promise<void> {
  const index = MODES.indexOf(mode);
  if (index < 0) throw invalid(`mode must be input, output or input-pullup, not ${mode}`);
  await turns.ask(commands.setPinMode, byteArgument("pin", pin), Uint8Array.of(index));
}

export async function setDigitalWrite(turns: Turns, pin: number, level: boolean): Promise<void> {
  await turns.ask(commands.setDigitalWrite, byteArgument("pin", pin), Uint8Array.of(level ? 1 : 0));
}

export async function setAnalogWrite(turns: Turns, pin: number, value: number): Promise<void> {
  if (!(value >= 0 && value <= 1)) throw invalid(`value must be 0 to 1, not ${value}`);
  const width = Uint8Array.of(Math.round(255 * value));
  await turns.ask(commands.setAnalogWrite, byteArgument("pin", pin), width);
}

export async function digitalRead(turns: Turns, pin: number): Promise<boolean> {
  return readNumber(await turns.value(commands.getDigitalRead, byteArgument("pin", pin))) === 1;
}

export async function analogRead(turns: Turns, pin: number, attenuation: number): Promise<number> {
  const range = byteArgument("attenuation", attenuation, 3);
  return readNumber(await turns.value(commands.getAnalogRead, byteArgument("pin", pin), range), true);
}

/** In the order of their numbers. */
const MODES: readonly PinMode[] = ["input", "output", "input-pullup"];

/**
 * The commands about the module's own pins.
 *
 * @module
 */

import type { Chip, Command, Pin } from "../chip/chip.ts";
import type { Body } from "../bus/frame.ts";
import { little32, params } from "../bus/frame.ts";

/** By opcode. */
export const pinCommands: Readonly<Record<number, Command>> = {
  /** SET_PIN_MODE */
  0x50: (frame, chip) => {
    const pin = pinOf(frame.byte(4), chip);
    const mode = frame.byte(6);
    pin.mode = mode;
    if (mode === 2 && chip.world.firmware.has(1, 7, 3)) pin.level = true;
    return yes;
  },
  /** SET_DIGITAL_WRITE */
  0x51: (frame, chip) => {
    pinOf(frame.byte(4), chip).level = frame.byte(6) !== 0;
    return yes;
  },
  /** SET_ANALOG_WRITE */
  0x52: (frame, chip) => {
    pinOf(frame.byte(4), chip).value = frame.byte(6);
    return yes;
  },
  /** GET_DIGITAL_READ */
  0x53: (frame, chip) => params([pinOf(frame.byte(4), chip).level ? 1 : 0]),
  /** GET_ANALOG_READ */
  0x54: (frame, chip) => params(little32(pinOf(frame.byte(4), chip).value)),
};

const yes: Body = params([1]);

function pinOf(number: number, { world: { pins } }: Chip): Pin {
  let pin = pins.get(number);
  if (pin === undefined) pins.set(number, pin = { mode: 0, level: false, value: 0 });
  return pin;
}

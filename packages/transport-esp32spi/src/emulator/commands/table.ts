/**
 * The firmware's table of commands, and since when each is in it.
 *
 * @module
 */

import type { Awaitable } from "../../bus.ts";
import type { Chip, Command } from "../chip/chip.ts";
import type { Fault } from "../faults.ts";
import type { Firmware } from "../firmware.ts";
import type { Body, Frame } from "../bus/frame.ts";
import { END, START } from "../bus/frame.ts";
import { fileCommands } from "./files.ts";
import { pinCommands } from "./pins.ts";
import { rawCommands } from "./raw.ts";
import { socketCommands } from "./sockets.ts";
import { wifiCommands } from "./wifi.ts";

const commands: ReadonlyMap<number, Command> = new Map(
  [wifiCommands, socketCommands, pinCommands, fileCommands, rawCommands].flatMap((group) =>
    Object.entries(group).map(([opcode, command]) => [Number(opcode), command] as const)
  ),
);

/** What the firmware answers: `null` is ERR. */
export function execute(frame: Frame, chip: Chip, fault: Fault | undefined): Awaitable<Body> {
  if (frame.byte(0) !== START || frame.opcode >= 0x80 || !known(frame.opcode, chip.world.firmware)) {
    return null;
  }
  return commands.get(frame.opcode)?.(frame, chip, fault) ?? null;
}

/** Whether the version has a command. */
function known(opcode: number, firmware: Firmware): boolean {
  if (opcode === 0x1e || opcode === 0x1f || opcode >= 0x60) return firmware.has(2, 0, 0);
  if (opcode === 0x53 || opcode === 0x54) return firmware.has(1, 5, 0);
  if (opcode === 0x40 || opcode === 0x41 || opcode >= 0x4a && opcode <= 0x4f) return firmware.has(1, 4, 0);
  return true;
}

/** What is wrong with a command's frame that the firmware itself would not notice; undefined when nothing is. */
export function frameFault(frame: Frame): "truncated-frame" | "stale-padding" | undefined {
  const { bytes, opcode } = frame;
  // A certificate's length byte says nothing (trap 26).
  if (opcode === 0x40 || opcode === 0x41) return undefined;
  const wide = wideCommands.has(opcode);
  let at = 3;
  for (let left = frame.count; left > 0; left--) {
    at += wide ? 2 + frame.big16(at) : 1 + frame.byte(at);
    if (at > bytes.length) return "truncated-frame";
  }
  // END is decorative here: some hosts leave it out, and go on with zeros.
  if (at === bytes.length || bytes[at] === END) at++;
  for (; at < bytes.length; at++) {
    if (bytes[at] !== 0) return "stale-padding";
  }
  return undefined;
}

/** Those whose parameters have 16-bit lengths on their way in. */
const wideCommands: ReadonlySet<number> = new Set([0x44, 0x45, 0x46, 0x77, 0x79]);

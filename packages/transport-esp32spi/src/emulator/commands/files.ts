/**
 * The commands about files in flash, with their broken framing (trap 35), and downloads, which answer ERR whatever
 * they did. Nothing is downloaded here.
 *
 * @module
 */

import type { Chip, Command } from "../chip/chip.ts";
import type { Frame } from "../bus/frame.ts";
import { FRAME_LIMIT, little32, params } from "../bus/frame.ts";
import { Crash } from "../violations.ts";

/** By opcode. */
export const fileCommands: Readonly<Record<number, Command>> = {
  /** WRITE_FILE: the whole reply is as long as what was written. */
  0x60: (frame, chip) => {
    const { offset, length, name, data } = fields(frame);
    // Neither the data's place in the command nor the reply's size is held to the buffers.
    if (name === "" || data + length > FRAME_LIMIT) throw unsafe(chip);
    if (offset + length > FLASH) return null;
    const { files } = chip.world;
    const old = files.get(name) ?? new Uint8Array(0);
    const file = new Uint8Array(Math.max(old.length, offset + length));
    file.set(old);
    file.set(frame.slice(data, length), offset);
    files.set(name, file);
    return length === 0 ? null : new Uint8Array(Math.max(0, length - 3));
  },
  /** READ_FILE */
  0x61: (frame, chip) => {
    const { offset, length, name } = fields(frame);
    const file = chip.world.files.get(name);
    if (file === undefined) throw unsafe(chip);
    return params(file.subarray(offset, offset + Math.min(length, 255)));
  },
  /** DELETE_FILE: does its work, and answers ERR. */
  0x62: (frame, chip) => {
    chip.world.files.delete(fields(frame).name);
    return null;
  },
  /** EXISTS_FILE: the size or -1, and a stray byte in front of END. */
  0x63: (frame, chip) => {
    const size = chip.world.files.get(fields(frame).name)?.length ?? -1;
    return new Uint8Array([...params(little32(size)), 0]);
  },
  /** DOWNLOAD_FILE, APPLY_OTA, DOWNLOAD_OTA */
  0x64: () => null,
  0x65: () => null,
  0x67: () => null,
  /** RENAME_FILE: 0, or the error's number. */
  0x66: (frame, chip) => {
    const { files } = chip.world;
    const first = frame.byte(3);
    const [from, to] = [frame.text(4, first), frame.text(5 + first, frame.byte(4 + first))];
    const file = files.get(from);
    if (file === undefined) return params([NO_SUCH_FILE]);
    files.delete(from);
    files.set(to, file);
    return params([0]);
  },
};

/** Offset, length and name, at offsets that their own lengths determine; behind them the data. */
function fields(frame: Frame): { offset: number; length: number; name: string; data: number } {
  const first = frame.byte(3);
  const second = frame.byte(4 + first);
  const third = frame.byte(5 + first + second);
  return {
    offset: frame.little32(4),
    length: frame.little32(5 + first),
    name: frame.text(6 + first + second, third),
    data: 7 + first + second + third,
  };
}

/** The handler gives -1 for a length, or too much: the reply is written outside of its buffer. */
function unsafe(chip: Chip): Crash {
  chip.violate("unsafe-file-command", "a file that cannot be opened, or more data than fits");
  return new Crash("a reply was written outside of its buffer");
}

const NO_SUCH_FILE = 2;

/** Bytes of the file system. */
const FLASH = 960 * 1024;

/**
 * The kernel's numbers and structs: spidev, and the GPIO character device's second version (Linux 5.10 and later).
 *
 * All fields have fixed widths, so that the layouts are the same on every architecture; request numbers are encoded in
 * the generic way, which MIPS, PowerPC, SPARC and Alpha do not share. Sources: `<linux/spi/spidev.h>`,
 * `<linux/gpio.h>`.
 *
 * @module
 */

/** Requests to spidev. */
export const Spi = {
  writeMode: 0x4001_6b01,
  writeBitsPerWord: 0x4001_6b03,
  writeMaxSpeed: 0x4004_6b04,
  /** A message of one transfer. */
  message: 0x4020_6b00,
} as const;

/** Bits of the SPI mode. Mode 0 is none of them. */
export const SpiMode = { noCs: 0x40 } as const;

/** Requests to a GPIO chip, and to a line. */
export const Gpio = {
  getLine: 0xc250_b407,
  setConfig: 0xc110_b40d,
  getValues: 0xc010_b40e,
  setValues: 0xc010_b40f,
} as const;

/** Flags of a line. */
export const LineFlag = {
  input: 0x004,
  output: 0x008,
  risingEdge: 0x010,
  fallingEdge: 0x020,
  pullUp: 0x100,
} as const;

/** Flags of `open`: read and write, closed when another program takes the process over. */
export const OPEN_FLAGS: number = 0x0000_0002 | 0x0008_0000;

/** Size of `struct gpio_v2_line_event`. */
export const EVENT_SIZE = 48;

/** Bytes that spidev takes in one message, unless its `bufsiz` is raised. */
export const MOST_SPI_BYTES = 4096;

/** `struct spi_ioc_transfer` for bytes at these addresses. */
export function spiTransfer(tx: bigint, rx: bigint, length: number, speed: number): Uint8Array {
  const bytes = new Uint8Array(32);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, tx, true);
  view.setBigUint64(8, rx, true);
  view.setUint32(16, length, true);
  view.setUint32(20, speed, true);
  bytes[26] = 8;
  return bytes;
}

/** `struct gpio_v2_line_request` for one line; an output gets its level along, so that it never has another one. */
export function lineRequest(offset: number, consumer: string, flags: number, level: boolean): Uint8Array {
  const bytes = new Uint8Array(592);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, offset, true);
  new TextEncoder().encodeInto(consumer, bytes.subarray(256, 256 + 31));
  bytes.set(lineConfig(flags, level), 288);
  view.setUint32(560, 1, true);
  return bytes;
}

/** The file descriptor that the kernel has written into a request. */
export function lineFd(request: Uint8Array): number {
  return new DataView(request.buffer, request.byteOffset).getInt32(588, true);
}

/** `struct gpio_v2_line_config` for one line. */
export function lineConfig(flags: number, level: boolean): Uint8Array {
  const bytes = new Uint8Array(272);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(flags), true);
  if ((flags & LineFlag.output) === 0) return bytes;
  view.setUint32(8, 1, true);
  view.setUint32(32, OUTPUT_VALUES, true);
  view.setBigUint64(40, BigInt(level), true);
  view.setBigUint64(48, 1n, true);
  return bytes;
}

/** `struct gpio_v2_line_values` for one line. */
export function lineValues(level: boolean): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes[0] = Number(level);
  bytes[8] = 1;
  return bytes;
}

/** `struct pollfd` that waits for something to read. */
export function pollFile(fd: number): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, fd, true);
  view.setInt16(4, 1, true);
  return bytes;
}

/** The attribute with an output's level. */
const OUTPUT_VALUES = 2;

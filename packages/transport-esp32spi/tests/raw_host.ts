/**
 * A host that knows no more than hexadecimal: frames are written out by hand, as in the reference's examples.
 *
 * @module
 */

import type { Awaitable, EspPins, SpiBus } from "../src/bus.ts";

/** What a host needs. */
export interface Wires {
  readonly bus: SpiBus;
  readonly pins: EspPins;
}

/** The bytes of a text such as `E0 37 | 00 EE`; what is in quotes is text. */
export function hex(text: string): Uint8Array<ArrayBuffer> {
  const parts = text.match(/"[^"]*"|[0-9a-fA-F]{2}/g) ?? [];
  return new Uint8Array(
    parts.flatMap((part) =>
      part.startsWith('"') ? [...encoder.encode(part.slice(1, -1))] : [parseInt(part, 16)]
    ),
  );
}

/** Bytes as text, `e0 b7 01`. */
export function dump(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

/** One window: waits for READY LOW, selects, clocks, gives what came. */
export async function exchange({ bus, pins }: Wires, mosi: Uint8Array): Promise<Uint8Array> {
  if (!await level(pins.ready.wait?.(false, LIMIT))) throw new Error("READY stayed HIGH");
  await bus.select();
  if (!await level(pins.ready.wait?.(true, LIMIT))) throw new Error("READY stayed LOW");
  const miso = (await bus.transfer(mosi)).slice();
  await bus.deselect();
  return miso;
}

/** Sends a command, with zeros up to a multiple of 4, and gives so many bytes of the reply, as text. */
export async function command(wires: Wires, frame: string, size: number = 16): Promise<string> {
  await exchange(wires, padded(hex(frame)));
  return dump(await exchange(wires, new Uint8Array(size)));
}

/** The bytes of a reply's only parameter, whose length has 8 bits. */
export async function value(wires: Wires, frame: string): Promise<number[]> {
  await exchange(wires, padded(hex(frame)));
  const reply = await exchange(wires, new Uint8Array(64));
  return [...reply.subarray(4, 4 + reply[3]!)];
}

/** Zeros up to a multiple of 4. */
export function padded(frame: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(frame.length + 3 & ~3);
  bytes.set(frame);
  return bytes;
}

/** Connects to the network "home" with "secret12". */
export async function join(wires: Wires): Promise<void> {
  await command(wires, 'E0 11 02 | 04 "home" | 08 "secret12" | EE');
}

/** START_CLIENT by address 127.0.0.1. */
export function start(port: number, slot: number, mode: number = 0): string {
  return `E0 2D 04 | 04 7F 00 00 01 | 02 ${byte(port >> 8)} ${byte(port)} | 01 ${byte(slot)} | 01 ${
    byte(mode)
  } | EE`;
}

/** The two digits of a byte. */
export function byte(value: number): string {
  return (value & 0xff).toString(16).padStart(2, "0");
}

function level(waited: Awaitable<boolean> | undefined): Awaitable<boolean> {
  if (waited === undefined) throw new Error("this host wants pins that can be waited for");
  return waited;
}

const encoder = new TextEncoder();

/** Milliseconds that the host waits; generous, as the machine may be busy. */
const LIMIT = 20_000;

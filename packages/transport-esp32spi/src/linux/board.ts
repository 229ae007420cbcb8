/**
 * A module on the pins of a Linux computer.
 *
 * @module
 */

import { UsageError } from "@minimqtt/core";
import type { EspPins, Gpio0Pin, SpiBus } from "../bus.ts";
import { type Clock, systemClock } from "../clock.ts";
import { GpioChip, INPUT, type Line, OUTPUT } from "./gpio.ts";
import { loadLibc } from "./libc/load.ts";
import { SpidevBus } from "./spidev.ts";

/** Where the module is wired to. Lines are numbers within the GPIO chip: on a Raspberry Pi, the GPIO numbers. */
export interface BoardOptions {
  /** The SPI device; `/dev/spidev0.0` when absent. Its own chip select must not be wired to the module. */
  readonly spi?: string;
  /** The GPIO chip; `/dev/gpiochip0` when absent. */
  readonly chip?: string;
  /** The line wired to the module's chip select (ESPCS). */
  readonly select: number;
  /** The line wired to READY (ESPBUSY). */
  readonly ready: number;
  /** The line wired to RESET (ESPRST). Without it the module cannot be helped when it hangs. */
  readonly reset?: number;
  /** The line wired to GPIO0 (ESPGPIO0). */
  readonly gpio0?: number;
  /** The bus's clock in Hz; 8,000,000 when absent, which is the most that the module takes. */
  readonly speed?: number;
  /** The C library; `libc.so.6` when absent. With musl it is `libc.musl-aarch64.so.1` or alike. */
  readonly library?: string;
  /** For the limits of waits; real time when absent. */
  readonly clock?: Clock;
}

/** What the driver takes, open until it is closed. */
export interface Board {
  /** The bus, on spidev. */
  readonly bus: SpiBus;
  /** The pins, on the GPIO character device. */
  readonly pins: EspPins;
  /** Gives all lines back and closes the devices. */
  close(): void;
}

/**
 * Opens the bus and the pins. Chip select and RESET are HIGH from the first moment on, so that a module which starts
 * meanwhile does not start as something else.
 *
 * @throws {UsageError} `invalid-argument` for a line or speed that cannot be, where this is not Linux, for an
 * architecture whose request numbers are others, without koffi on Node, or when the library cannot be loaded.
 * @throws {ConnectionError} `not-permitted` where the system does not let us, `dial-failed` when a device or line is
 * not there or in use.
 */
export async function openBoard(options: BoardOptions): Promise<Board> {
  const { spi = "/dev/spidev0.0", chip = "/dev/gpiochip0", speed = 8_000_000, clock = systemClock } = options;
  check(options, speed);
  const libc = await loadLibc(options.library ?? "libc.so.6");
  const lines = new GpioChip(libc, chip, clock);
  try {
    const select = lines.line(options.select, "chip select", OUTPUT);
    const ready = lines.line(options.ready, "READY", INPUT);
    const reset = options.reset === undefined ? undefined : lines.line(options.reset, "RESET", OUTPUT);
    const gpio0 = options.gpio0 === undefined ? undefined : lines.line(options.gpio0, "GPIO0", INPUT);
    const bus = new SpidevBus(libc, spi, speed, select);
    return {
      bus,
      pins: { ready, ...(reset && { reset }), ...(gpio0 && { gpio0: gpio0Pin(gpio0) }) },
      close() {
        bus.close();
        lines.close();
      },
    };
  } catch (error) {
    lines.close();
    throw error;
  }
}

/** Driven while the module starts, an input otherwise. */
function gpio0Pin(line: Line): Gpio0Pin {
  return {
    read: () => line.read(),
    wait: (level, timeout) => line.wait(level, timeout),
    write: (level) => line.configure(OUTPUT, level),
    release: () => line.configure(INPUT),
  };
}

function check({ select, ready, reset, gpio0 }: BoardOptions, speed: number): void {
  const { platform, arch = "" } =
    (globalThis as { process?: { platform?: string; arch?: string } }).process ?? {};
  if (platform !== "linux") throw invalid(`spidev is Linux's; this is ${platform}`);
  if (/^(mips|ppc|sparc|alpha)/.test(arch)) throw invalid(`${arch} numbers its ioctls in another way`);
  const lines = Object.entries({ select, ready, reset, gpio0 }).filter(([, line]) => line !== undefined);
  for (const [name, line] of lines) {
    if (!Number.isInteger(line) || line! < 0) {
      throw invalid(`${name} must be the number of a line, got ${line}`);
    }
  }
  if (new Set(lines.map(([, line]) => line)).size < lines.length) {
    throw invalid(`each of ${lines.map(([name]) => name).join(", ")} needs a line of its own`);
  }
  if (!Number.isInteger(speed) || speed < 1 || speed > FASTEST) {
    throw invalid(`speed must be 1 to ${FASTEST} Hz, got ${speed}`);
  }
}

function invalid(message: string): UsageError {
  return new UsageError("invalid-argument", message);
}

/** What the module takes, in Hz. */
const FASTEST = 8_000_000;

/**
 * The module on the pins of a Linux computer, without an add-on to compile: spidev for the bus, the GPIO character
 * device (Linux 5.10 and later) for the pins, through FFI. {@link openBoard} gives what the driver takes. Wiring and
 * set-up are in docs/hardware.md.
 *
 * Deno needs `--allow-ffi` and nothing else. Node needs the package koffi beside this one.
 *
 * @module
 */

export type { Awaitable, EspPins, Gpio0Pin, InputPin, OutputPin, SpiBus } from "../bus.ts";
export type { Clock } from "../clock.ts";
export { openBoard } from "./board.ts";
export type { Board, BoardOptions } from "./board.ts";

/** Prints the firmware's version, read through the library that the first argument names. Deno only. */

import { EspSpiControl } from "../../src/control.ts";
import { openBoard } from "../../src/linux/mod.ts";

const { Deno } = globalThis as unknown as { Deno: { args: [string] } };
const [library] = Deno.args;

const board = await openBoard({
  spi: "/dev/spidev7.3",
  chip: "/dev/gpiochip9",
  speed: 1_000_000,
  library,
  select: 5,
  ready: 25,
});
const control = new EspSpiControl(board.bus, board.pins);
console.log(`${await control.firmwareVersion()}`);
board.close();

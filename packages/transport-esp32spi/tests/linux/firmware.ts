/** Prints the firmware's version, read through the library that the first argument names, or the error's code. */

import { ConnectionError } from "@minimqtt/core";
import process from "node:process";
import { EspSpiControl } from "../../src/driver/control.ts";
import { openBoard } from "../../src/linux/mod.ts";
import { lines } from "./lines.ts";

try {
  const library = process.argv[2]!;
  const board = await openBoard({
    spi: "/dev/spidev7.3",
    chip: "/dev/gpiochip9",
    speed: 1_000_000,
    library,
    ...lines,
  });
  const control = new EspSpiControl(board.bus, board.pins);
  console.log(`${await control.firmwareVersion()}`);
  board.close();
} catch (error) {
  console.log(error instanceof ConnectionError ? `${error.code} ${error.message}` : error);
}

/** Reads the firmware's version from the module that is served at the place given, and prints it, or the error's code. */

import process from "node:process";
import { ConnectionError } from "@minimqtt/core";
import { EspSpiControl } from "../src/mod.ts";
import { connectBus } from "../src/remote/mod.ts";

try {
  const module = await connectBus(process.argv[2]!);
  const esp = new EspSpiControl(module.bus, module.pins);
  console.log(`${await esp.firmwareVersion()}`);
  module.close();
} catch (error) {
  console.log(error instanceof ConnectionError ? `${error.code} ${error.message}` : error);
}

/** Drives an emulated module in this process up to its Wi-Fi, and prints the network's name. */

import { EspSpiControl } from "../src/mod.ts";
import { EspEmulator } from "../src/emulator/mod.ts";

const { bus, pins } = new EspEmulator({ networks: [{ ssid: "home", passphrase: "correct horse" }] });
const esp = new EspSpiControl(bus, pins);
await esp.connectAP("home", "correct horse");
console.log(await esp.ssid());

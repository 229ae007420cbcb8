/**
 * An emulated module in a process of its own, served at the Unix socket that the first argument names; prints a line
 * when it is ready, and ends with its standard input.
 */
import process from "node:process";
import { EspEmulator } from "../../src/emulator/mod.ts";
import { serveBus } from "../../src/remote/mod.ts";

const emulator = new EspEmulator({ networks: [{ ssid: "home", passphrase: "secret12", rssi: -54 }] });
await serveBus(emulator, { path: process.argv[2]! });
console.log("ready");
process.stdin.on("end", () => process.exit());
process.stdin.resume();

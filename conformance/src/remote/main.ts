/**
 * Runs a server for peers until its input ends; prints the URL for `remotePeers`. For tests whose runtime makes no
 * WebSocket server that can stop reading and reset.
 */

import process from "node:process";
import { startPeerServer } from "./server.ts";

const server = await startPeerServer();
console.log(server.url);
process.stdin.on("end", () => process.exit()).resume();

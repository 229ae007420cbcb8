/** Connects to the port given on 127.0.0.1, reads a message, closes, and prints how that went. Then nothing is left to do. */

import { ws } from "@minimqtt/transport-ws";
import process from "node:process";

const connection = await ws().connect({ host: "127.0.0.1", port: Number(process.argv[2]) });
const bytes = await connection.read();
await connection.close();
console.log(`closed after ${bytes?.length} bytes`);

/** Connects to the port given on 127.0.0.1, sends three bytes, and prints how many come back, or the error. Deno only. */

import { ConnectionError } from "@minimqtt/core";
import { ws } from "@minimqtt/transport-ws";

const { Deno } = globalThis as unknown as { Deno: { args: [string] } };

try {
  const connection = await ws().connect({ host: "127.0.0.1", port: Number(Deno.args[0]) });
  await connection.write(new Uint8Array([1, 2, 3]));
  console.log(`echoed ${(await connection.read())?.length}`);
  await connection.close();
} catch (error) {
  console.log(error instanceof ConnectionError ? `${error.code} ${error.message}` : error);
}

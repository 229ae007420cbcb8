/** Connects to the host and port given, sends three bytes, and prints how many come back, or the error. Deno only. */

import { ConnectionError } from "@minimqtt/core";
import { tcp } from "@minimqtt/transport-tcp";

const { Deno } = globalThis as unknown as { Deno: { args: [string, string] } };
const [host, port] = Deno.args;

try {
  const connection = await tcp().connect({ host, port: Number(port) });
  await connection.write(new Uint8Array([1, 2, 3]));
  console.log(`echoed ${(await connection.read())?.length}`);
  await connection.close();
} catch (error) {
  console.log(error instanceof ConnectionError ? `${error.code} ${error.message}` : error);
}

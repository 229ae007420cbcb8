/**
 * TCP by `Deno.connect`.
 *
 * Chosen over `node:net` on Deno because of permissions: for a host name with several addresses, Deno's `node:net`
 * asks for each address anew, and `--allow-net=HOST:PORT` is not enough.
 *
 * @module
 */

import type { Address, Connection, Transport } from "@minimqtt/core";
import { DenoConnection } from "./deno_connection.ts";
import type { DenoSocket } from "./deno_connection.ts";
import { transport } from "./dialling.ts";
import type { TcpOptions } from "./dialling.ts";

export { DenoConnection } from "./deno_connection.ts";
export type { DenoSocket } from "./deno_connection.ts";
export type { TcpOptions } from "./dialling.ts";

/** The part of Deno's global that is used; declared here so that the file type-checks everywhere. */
interface Runtime {
  readonly Deno: {
    connect(
      options: { hostname: string; port: number; signal?: AbortSignal },
    ): Promise<DenoSocket & { setNoDelay(noDelay: boolean): void }>;
  };
}

/** As `tcp` of the package's main entry, always by `Deno.connect`. */
export function tcp(options?: TcpOptions): Transport {
  return transport(options, dial);
}

/** Opens one socket. Takes the signal for giving up early; rejects with Deno's error, or with the signal's reason. */
export async function dial(
  { host, port }: Address,
  noDelay: boolean,
  signal?: AbortSignal,
): Promise<Connection> {
  const { Deno } = globalThis as unknown as Runtime;
  const socket = await Deno.connect({ hostname: host, port, ...(signal && { signal }) });
  socket.setNoDelay(noDelay);
  return new DenoConnection(socket);
}

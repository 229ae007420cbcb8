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

/**
 * Opens one socket. Takes the signal for giving up early; rejects with Deno's error, and may resolve though the signal
 * is aborted.
 */
export async function dial(
  { host, port }: Address,
  noDelay: boolean,
  signal?: AbortSignal,
): Promise<Connection> {
  const { Deno } = globalThis as unknown as Runtime;
  // Deno asks its signal once more when the socket is open, and if it is aborted then, throws and leaves the socket open
  // for ever (seen with 2.9.5). Ours does not answer that question: whoever called closes what came too late.
  const giveUp = new AbortController();
  giveUp.signal.throwIfAborted = () => undefined;
  const abort = () => giveUp.abort(signal?.reason);
  signal?.addEventListener("abort", abort);
  try {
    const socket = await Deno.connect({ hostname: host, port, signal: giveUp.signal });
    socket.setNoDelay(noDelay);
    return new DenoConnection(socket);
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

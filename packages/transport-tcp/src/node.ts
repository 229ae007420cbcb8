/**
 * TCP by `node:net`, for Node and Bun.
 *
 * @module
 */

import type { Address, Connection, Transport } from "@minimqtt/core";
import { transport } from "./dialling.ts";
import type { TcpOptions } from "./dialling.ts";
import { NodeConnection } from "./node_connection.ts";

export type { TcpOptions } from "./dialling.ts";
export { connectionLost, NodeConnection } from "./node_connection.ts";
export type { ReadError } from "./node_connection.ts";

/**
 * Milliseconds after which Node gives up an address for the next one of the same name. Its own 250 ms are less than
 * one round trip on many a mobile link, and an address given up is not tried again.
 */
const ATTEMPT_TIMEOUT = 1000;

/** As `tcp` of the package's main entry, always by `node:net`. */
export function tcp(options?: TcpOptions): Transport {
  return transport(options, dial);
}

/**
 * Opens one socket. Takes the signal for giving up early; rejects with the error of `node:net` (an `AggregateError`
 * where several addresses failed), or with the signal's reason.
 */
export async function dial(
  { host, port }: Address,
  noDelay: boolean,
  signal?: AbortSignal,
): Promise<Connection> {
  // Here, so that a program for all runtimes can hold this module and not touch what another runtime lacks.
  const { connect } = await import("node:net");
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port,
      noDelay,
      allowHalfOpen: true,
      autoSelectFamilyAttemptTimeout: ATTEMPT_TIMEOUT,
    });
    const abort = () => {
      socket.destroy();
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", abort);
    socket.on("error", (error) => {
      signal?.removeEventListener("abort", abort);
      reject(error);
    });
    socket.once("connect", () => {
      signal?.removeEventListener("abort", abort);
      resolve(new NodeConnection(socket));
    });
  });
}

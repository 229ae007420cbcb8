/**
 * TCP by `node:net`, for Node and Bun.
 *
 * @module
 */

import type { Address, Connection, Transport } from "@minimqtt/core";
import { transport } from "./dialling.ts";
import type { TcpOptions } from "./dialling.ts";
import { NodeConnection } from "./node_connection.ts";
import { race } from "./race.ts";
import type { Attempt } from "./race.ts";

export type { TcpOptions } from "./dialling.ts";
export { connectionLost, NodeConnection } from "./node_connection.ts";
export type { ReadError } from "./node_connection.ts";

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
  const [{ connect, isIP }, { promises }] = await Promise.all([import("node:net"), import("node:dns")]);
  signal?.throwIfAborted();
  const found = isIP(host)
    ? Promise.resolve([host])
    : promises.lookup(host, { all: true }).then((list) => list.map(({ address }) => address));
  const attempt = (address: string): Attempt<Connection> => {
    const socket = connect({ host: address, port, noDelay, allowHalfOpen: true });
    const opened = new Promise<Connection>((resolve, reject) => {
      socket.on("error", reject);
      socket.once("connect", () => resolve(new NodeConnection(socket)));
    });
    return { opened, abandon: () => socket.destroy() };
  };
  return race(found, attempt, signal);
}

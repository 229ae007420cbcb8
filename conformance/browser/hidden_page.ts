/**
 * A page with two clients, one with the page's own timers and one with those of a Worker.
 *
 * @module
 */

import { Client } from "@minimqtt/client";
import { workerClock } from "@minimqtt/client/worker_clock";
import { ws } from "@minimqtt/transport-ws";

/** Which timers a client has. */
export type Timers = "page" | "worker";

declare global {
  /** Connects; resolves when it is online. */
  var startClient: (url: string, keepAlive: number, timers: Timers) => Promise<void>;
  /** How often the client has lost its connection. */
  var losses: Record<Timers, number>;
}

globalThis.losses = { page: 0, worker: 0 };

globalThis.startClient = async (url, keepAlive, timers) => {
  const client = await Client.connect(url, {
    transport: ws(),
    clientId: timers,
    keepAlive,
    ...(timers === "worker" && { clock: workerClock() }),
  });
  void (async () => {
    for await (const { state } of client.status()) if (state === "waiting") globalThis.losses[timers]++;
  })();
};

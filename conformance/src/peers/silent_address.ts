/**
 * An address on loopback that answers no attempt to connect: a socket whose queue is full, in a thread that has stopped.
 *
 * @module
 */

import type { Address } from "@minimqtt/core";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { Worker } from "node:worker_threads";

/** Starts the thread and fills the queue. Works on Linux; elsewhere attempts may be refused. */
export async function silentAddress(): Promise<{ address: Address; close(): Promise<void> }> {
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(thread)}`), {
    workerData: stop,
  });
  const port = await new Promise<number>((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
  const sockets: Socket[] = [];
  // Bun does not pass the length of the queue on, so there it takes some hundred connections.
  for (let silent = false; !silent;) {
    const socket = connect(port, "127.0.0.1");
    sockets.push(socket);
    silent = await new Promise<boolean>((resolve, reject) => {
      const timer = setTimeout(() => resolve(true), 200);
      socket.once("error", reject);
      socket.once("connect", () => {
        clearTimeout(timer);
        resolve(false);
      });
    });
  }
  return {
    address: { host: "127.0.0.1", port },
    async close() {
      for (const socket of sockets) socket.destroy();
      Atomics.store(stop, 0, 1);
      Atomics.notify(stop, 0);
      await worker.terminate();
    },
  };
}

const thread = `
  import { createServer } from "node:net";
  import { parentPort, workerData } from "node:worker_threads";
  const server = createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
    parentPort.postMessage(server.address().port);
    Atomics.wait(workerData, 0, 0);
  });
`;

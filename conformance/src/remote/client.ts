/**
 * Peers that live in another program, for tests in places that cannot listen, such as a page in a browser: the server
 * ({@link import("./server.ts")}) listens, accepts, reads, writes and closes on their behalf.
 *
 * @module
 */

import type { Address } from "@minimqtt/core";
import type { Listener, Peer } from "../transport/fixture.ts";
import { pack, unpack } from "./frame.ts";
import type { Answer, Call } from "./frame.ts";

/** What the server does for us. */
export interface RemotePeers {
  /** Listens for WebSockets. */
  listen(): Promise<Listener>;
  /** An address that takes connections and never answers. */
  silent(): Promise<{ readonly address: Address; close(): Promise<void> }>;
  /** Ends it, with all that is left of the peers. */
  stop(): void;
}

/** Connects to a server at the URL that it has printed. */
export async function remotePeers(url: string): Promise<RemotePeers> {
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  const waiting = new Map<number, (answer: Answer, bytes: Uint8Array) => void>();
  let calls = 0;
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve());
    socket.addEventListener("close", () => {
      reject(new Error(`no server for peers at ${url}`));
      for (const [id, answer] of waiting) answer({ id, error: "the server for peers has gone" }, NOTHING);
    });
  });
  socket.addEventListener("message", ({ data }) => {
    const { header, bytes } = unpack<Answer>(new Uint8Array(data as ArrayBuffer));
    const answer = waiting.get(header.id);
    waiting.delete(header.id);
    answer?.(header, bytes);
  });

  function call(op: Call["op"], on?: number, sent?: Uint8Array): Promise<Answer & { bytes: Uint8Array }> {
    const id = calls++;
    socket.send(pack({ id, op, ...(on !== undefined && { on }) }, sent));
    return new Promise((resolve, reject) => {
      waiting.set(id, (answer, bytes) => {
        if (answer.error === undefined) resolve({ ...answer, bytes });
        else reject(new Error(answer.error));
      });
    });
  }

  async function place(op: "listen" | "silent") {
    const { made, port = 0 } = await call(op);
    const close = async () => {
      await call("unlisten", made);
    };
    return { made, address: { host: HOST, port }, close };
  }

  function peer(number: number | undefined): Peer {
    return {
      async read() {
        const { end, bytes } = await call("read", number);
        return end ? null : bytes;
      },
      async write(bytes) {
        await call("write", number, bytes);
      },
      async close() {
        await call("close", number).catch(() => undefined);
      },
      reset() {
        void call("reset", number).catch(() => undefined);
      },
    };
  }

  return {
    async listen() {
      const { made, address, close } = await place("listen");
      return { address, close, accept: async () => peer((await call("accept", made)).made) };
    },
    silent: () => place("silent"),
    stop: () => socket.close(),
  };
}

const HOST = "127.0.0.1";
const NOTHING = new Uint8Array(0);

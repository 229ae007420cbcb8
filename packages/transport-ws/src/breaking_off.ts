/**
 * How a WebSocket is broken off whose peer does not take its part in the closing handshake.
 *
 * The standard has no means for it: `close()` waits for the peer, the runtime reads on meanwhile, keeps the beginning of
 * messages that never end, answers pings, and on Deno and Node keeps the process. So each runtime is served by what it
 * has, and one that has nothing of it is left to its ways. Browsers give such a peer up by themselves.
 *
 * @module
 */

import type { Socket } from "./socket.ts";

/** A socket, and what breaks it off: to be called when closing takes too long, never after its `close` event. */
export interface Breakable {
  readonly socket: Socket;
  breakOff(): void;
}

/** Opens a socket; throws what `open` throws. */
export function breakable(open: () => Socket): Breakable {
  const { Deno, process } = globalThis as unknown as Runtime;
  const channels = Deno ? undefined : process?.getBuiltinModule?.("node:diagnostics_channel");
  const carrier = channels && watch(channels);
  let socket: Socket & { terminate?(): void };
  try {
    socket = open();
  } catch (error) {
    carrier?.stop();
    throw error;
  }
  carrier?.belongsTo(socket);
  return {
    socket,
    breakOff() {
      // Bun, and the package `ws` wherever it runs.
      if (socket.terminate) socket.terminate();
      else if (Deno) closeResource(socket, Deno);
      else carrier?.destroy();
    },
  };
}

/**
 * Deno has nothing public (denoland/deno #36337). What it does at the end of every WebSocket, giving up the resource
 * below, ends this one as well, and is within reach (seen with 2.9.5). Numbers of resources are not used twice.
 */
function closeResource(socket: Socket, Deno: DenoGlobal): void {
  const key = Object.getOwnPropertySymbols(socket).find(({ description }) => description === "[[rid]]");
  const id = key && (socket as unknown as Record<symbol, unknown>)[key];
  if (typeof id === "number") Deno[Deno.internal]?.core?.tryClose?.(id);
}

/**
 * Finds the socket of `node:net` below a WebSocket of Node's, which does not give it away: undici tells on one channel
 * whom it has sent a request through, and on another where the connection of a WebSocket begins.
 */
function watch(channels: Channels) {
  let webSocket: Socket | undefined;
  let found: Carrier | undefined;
  const seen = new Set<Carrier>();
  const sent = ({ socket }: { readonly socket: Carrier }) => void seen.add(socket);
  const opened = ({ websocket, address }: Opened) => {
    if (websocket !== webSocket) return;
    found = [...seen].find((one) => one.localPort === address?.port && one.localAddress === address?.address);
    stop();
  };
  const stop = () => {
    channels.unsubscribe(SENT, sent);
    channels.unsubscribe(OPENED, opened);
    seen.clear();
  };
  channels.subscribe(SENT, sent);
  channels.subscribe(OPENED, opened);
  return {
    stop,
    belongsTo(socket: Socket): void {
      webSocket = socket;
      socket.addEventListener("close", stop);
    },
    destroy: () => found?.destroy(),
  };
}

const SENT = "undici:client:sendHeaders";
const OPENED = "undici:websocket:open";

/** The part of a `net.Socket` that is used. */
interface Carrier {
  readonly localAddress?: string;
  readonly localPort?: number;
  destroy(): void;
}

interface Opened {
  readonly websocket: unknown;
  readonly address: { readonly address: string; readonly port: number } | null;
}

/** The part of `node:diagnostics_channel` that is used; imported by its name, it would keep this out of browsers. */
interface Channels {
  subscribe(name: string, listener: (message: never) => void): void;
  unsubscribe(name: string, listener: (message: never) => void): void;
}

interface DenoGlobal {
  readonly internal: symbol;
  readonly [internal: symbol]: { readonly core?: { tryClose?(id: number): void } } | undefined;
}

interface Runtime {
  readonly Deno?: DenoGlobal;
  readonly process?: { getBuiltinModule?(name: string): Channels };
}

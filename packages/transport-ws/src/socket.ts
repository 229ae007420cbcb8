/**
 * The runtime's `WebSocket`: the part of it that is used, and how one is made.
 *
 * @module
 */

import { UsageError } from "@minimqtt/core";

/** The part of a WebSocket that is used: the global of every runtime has it, and so has the package `ws`. */
export interface Socket {
  /** Set to `arraybuffer`. */
  binaryType: string;
  /** 0 until it is open, 1 as long as it is, then 2 and 3. */
  readonly readyState: number;
  /** The bytes that `send` has taken and the network has not. */
  readonly bufferedAmount: number;
  /** The subprotocol that the server has chosen. */
  readonly protocol: string;
  /** Takes a copy of the bytes and sends them as one binary message. */
  send(bytes: Uint8Array<ArrayBuffer>): void;
  /** Starts the closing handshake behind what was sent. */
  close(): void;
  /** Listens to `open`, `message`, `error` and `close`. */
  addEventListener(
    type: "open" | "message" | "error" | "close",
    listener: (event: SocketEvent) => void,
  ): void;
}

/** What is used of the events of a {@link Socket}: which member is there depends on its type. */
export interface SocketEvent {
  /** Which event it is. */
  readonly type?: string;
  /** Of a `message`: a string if it was text. */
  readonly data?: unknown;
  /** Of an `error`, where the runtime says what is wrong. */
  readonly error?: unknown;
  /** Of a `close`: 1006, or 0 on Deno, when the connection broke. */
  readonly code?: number;
  /** Of a `close`: the peer's words. */
  readonly reason?: string;
  /** Of a `close`: whether both sides took part in it. */
  readonly wasClean?: boolean;
}

/** Makes a socket that is on its way to `url`, as `new WebSocket(url, protocols)` does; gets the option `headers`, too. */
export type Open = (url: string, protocols: string[], headers?: Record<string, string>) => Socket;

/** The runtime's own `WebSocket`, declared here so that the file type-checks everywhere. */
interface Runtime {
  readonly WebSocket?: new (
    url: string,
    options: string[] | { protocols: string[]; readonly headers: Record<string, string> },
  ) => Socket;
}

/**
 * Opens with the runtime's own `WebSocket`, with `headers` where it takes some.
 *
 * @throws {UsageError} `invalid-argument` where it takes none, or where there is no `WebSocket`; whatever it throws.
 */
export const openHere: Open = (url, protocols, headers) => {
  const { WebSocket } = globalThis as unknown as Runtime;
  if (!WebSocket) throw usage("no WebSocket here (Node has one from version 22 on): make one in `open`");
  if (!headers) return new WebSocket(url, protocols);
  // Whether a runtime takes headers is known when it looks at them: a browser takes this object for a subprotocol.
  let seen = false;
  let socket: Socket | undefined;
  const options = {
    protocols,
    get headers() {
      seen = true;
      return headers;
    },
  };
  try {
    socket = new WebSocket(url, options);
  } catch (error) {
    if (seen) throw error;
  }
  if (seen) return socket!;
  socket?.close();
  throw usage("WebSockets take no headers here, as in every browser: leave them out");
};

/**
 * What a runtime said of a failure, as the cause of an error of ours. Its own event, or error, is let go of: it has the
 * URL in it, whose query may be a secret, and whoever prints the error would print that.
 */
export function causeOf(said: unknown): Error {
  const { name, code, message, reason, type } = said as Partial<Error> & SocketEvent;
  const text = message || reason || (code === undefined ? type : `close code ${code}`);
  const error = new Error(text?.replace(/\b((?:ws|http)s?:\/\/[^/?#\s'"]*)[^\s'"]*/g, "$1"));
  return Object.assign(
    error,
    name !== undefined && name !== "Error" && { name },
    code !== undefined && { code },
  );
}

/** A wrong call. */
export function usage(text: string): UsageError {
  return new UsageError("invalid-argument", text);
}

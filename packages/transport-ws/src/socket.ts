/**
 * The runtime's `WebSocket`: the part of it that is used, and how one is opened.
 *
 * @module
 */

import { ConnectionError, UsageError } from "@minimqtt/core";

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

/** Makes a socket that is on its way to `url`, as `new WebSocket(url, protocols)` does. */
export type Open = (url: string, protocols: string[]) => Socket;

/** The runtime's own `WebSocket`, declared here so that the file type-checks everywhere. */
interface Runtime {
  readonly WebSocket?: new (
    url: string,
    options: string[] | { protocols: string[]; readonly headers: Record<string, string> },
  ) => Socket;
}

/** Opens with the runtime's own `WebSocket`, with `headers` where it takes some. */
export function openHere(url: string, protocols: string[], headers?: Record<string, string>): Socket {
  const { WebSocket } = globalThis as unknown as Runtime;
  if (!WebSocket) {
    throw usage(
      "no WebSocket in this runtime (Node has one from version 22 on): say how to open one, by `open`",
    );
  }
  if (!headers) return new WebSocket(url, protocols);
  // Whether a runtime takes headers is known when it looks at them: a browser takes this object for a subprotocol.
  let seen = false;
  let socket: Socket | undefined;
  try {
    socket = new WebSocket(url, {
      protocols,
      get headers() {
        seen = true;
        return headers;
      },
    });
  } catch (error) {
    if (seen) throw error;
  }
  if (seen && socket) return socket;
  socket?.close();
  throw usage("the WebSocket of this runtime takes no headers: leave them out, as in every browser");
}

/**
 * Waits until a socket is open.
 *
 * @throws {ConnectionError} what the runtime threw or reported, in the contract's terms.
 */
export async function connect(
  open: () => Socket,
  place: string,
  protocols: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Socket> {
  let socket: Socket;
  try {
    socket = open();
  } catch (error) {
    throw error instanceof UsageError ? error : dialError(error, place);
  }
  socket.binaryType = "arraybuffer";
  let abort = () => {};
  try {
    await new Promise<void>((resolve, reject) => {
      let cause: unknown;
      abort = () => reject(signal?.reason);
      signal?.addEventListener("abort", abort);
      socket.addEventListener("open", () => resolve());
      socket.addEventListener("error", (event) => cause = event.error ?? event);
      socket.addEventListener("close", (event) => reject(dialError(cause ?? event, place)));
    });
    signal?.throwIfAborted();
    const { protocol } = socket;
    // Browsers, Bun and Node refuse it themselves; Deno leaves it to us.
    if (protocols.length === 0 || protocols.includes(protocol)) return socket;
    const chosen = protocol ? `the subprotocol ${protocol}` : "no subprotocol";
    throw new ConnectionError("dial-failed", `${place} chose ${chosen}, expected ${protocols}`);
  } catch (error) {
    socket.close();
    throw error;
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

/**
 * The contract's error for what a runtime threw or reported while dialling. Node and browsers keep the reason to
 * themselves. The runtime's text is used without the URL in it, whose query may be a secret.
 */
function dialError(cause: unknown, place: string): ConnectionError {
  const { name, code, message = "" } = cause as { name?: string; code?: unknown; message?: string };
  if (name === "NotCapable") {
    const text = `not allowed to connect to ${place}: run with --allow-net=${place}`;
    return new ConnectionError("not-permitted", text, { cause });
  }
  if (name === "SecurityError") {
    const text = `not allowed to connect to ${place}: a page from https can use wss only`;
    return new ConnectionError("not-permitted", text, { cause });
  }
  if (code === "ENOTFOUND" || message.includes("dns error")) {
    return new ConnectionError("name-not-found", `no address found for host name of ${place}`, { cause });
  }
  const why = message.replace(/^.*failed: /, "") ||
    "is a broker listening there, for WebSockets with the subprotocol mqtt?";
  return new ConnectionError("dial-failed", `cannot connect to ${place}: ${why}`, { cause });
}

/** A wrong call. */
export function usage(text: string): UsageError {
  return new UsageError("invalid-argument", text);
}

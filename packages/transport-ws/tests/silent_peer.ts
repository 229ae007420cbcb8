/**
 * A WebSocket server that never answers a closing handshake. It sends one message; what it does once the client closes
 * depends on its mood.
 */

import { createHash } from "node:crypto";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";

/** What it sends after the client's end: nothing, or one of these every few milliseconds for ever. */
export const moods = ["nothing", "pings", "fragments", "messages"] as const;

/** A server that runs. */
export interface SilentPeer extends AsyncDisposable {
  readonly port: number;
  /** Resolves when the next client's connection has ended or broken, by then. */
  gone(): Promise<void>;
}

/** Starts it; `protocol` is the subprotocol that it chooses. */
export async function startSilentPeer(
  mood: (typeof moods)[number],
  protocol = "mqtt",
): Promise<SilentPeer> {
  const sockets = new Set<Socket>();
  let gone: () => void;
  const whenGone = new Promise<void>((resolve) => gone = resolve);
  const server = createServer((socket) => {
    let open = false;
    let timer: ReturnType<typeof setInterval> | undefined;
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("end", () => socket.destroy());
    socket.on("close", () => {
      clearInterval(timer);
      sockets.delete(socket);
      gone();
    });
    socket.on("data", (bytes) => {
      if (!open) {
        open = true;
        const key = /sec-websocket-key: (\S+)/i.exec(String(bytes))?.[1];
        const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest(
          "base64",
        );
        socket.write(
          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
            `Sec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: ${protocol}\r\n\r\n`,
        );
        socket.write(Uint8Array.of(BINARY | FINAL, 2, 1, 2));
      } else if ((bytes[0]! & 15) === CLOSE && timer === undefined && mood !== "nothing") {
        if (mood === "fragments") socket.write(Uint8Array.of(BINARY, 1, 0));
        const frame = Uint8Array.of(FRAMES[mood], 100, ...new Uint8Array(100));
        timer = setInterval(() => socket.write(frame), 5);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    gone: () => whenGone,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

// Opcodes, and the bit of a message's last frame (RFC 6455, section 5.2).
const FINAL = 0x80;
const BINARY = 2;
const CLOSE = 8;
const PING = 9;
const FRAMES = { pings: PING | FINAL, fragments: 0, messages: BINARY | FINAL };

/**
 * Peers for tests in other programs, as WebSocket servers of the package `ws` on loopback. Whoever connects to its
 * control address gives the orders, and what is left of the peers ends with that connection.
 *
 * @module
 */

import { randomUUID } from "node:crypto";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { WebSocketServer } from "ws";
import type { WebSocket } from "ws";
import type { Listener, Peer } from "../transport/fixture.ts";
import { pack, unpack } from "./frame.ts";
import type { Answer, Call } from "./frame.ts";

/** A server that runs. */
export interface PeerServer {
  /** What `remotePeers` takes; nobody can guess it. */
  readonly url: string;
  /** Ends it. */
  stop(): Promise<void>;
}

/** Starts one on a free port. */
export async function startPeerServer(): Promise<PeerServer> {
  const path = `/${randomUUID()}`;
  const server = new WebSocketServer({ host: HOST, port: 0, path, ...SETTINGS });
  await new Promise((resolve) => server.once("listening", resolve));
  server.on("connection", (socket) => {
    const session = new Session();
    socket.on("message", async (frame: Uint8Array) => {
      const { header, bytes } = unpack<Call>(frame);
      const { id } = header;
      try {
        const { bytes: read, ...answer } = await session.perform(header, bytes);
        socket.send(pack({ id, ...answer }, read));
      } catch (error) {
        socket.send(pack({ id, error: String(error) }));
      }
    });
    socket.on("close", () => session.end());
  });
  return {
    url: `ws://${HOST}:${portOf(server.address())}${path}`,
    stop() {
      for (const client of server.clients) client.terminate();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** What one caller has. */
class Session {
  readonly #places = new Map<number, Place>();
  readonly #peers = new Map<number, WsPeer>();
  #count = 0;

  async perform({ op, on = -1 }: Call, bytes: Uint8Array): Promise<Partial<Answer> & { bytes?: Uint8Array }> {
    if (op === "listen" || op === "silent") {
      const place = await (op === "listen" ? listen() : listenSilently());
      const made = this.#count++;
      this.#places.set(made, place);
      return { made, port: place.address.port };
    }
    if (op === "accept" || op === "unlisten") {
      const place = this.#places.get(on);
      if (op === "unlisten") await place?.close();
      if (op === "unlisten" || !place) return {};
      const made = this.#count++;
      this.#peers.set(made, await place.accept() as WsPeer);
      return { made };
    }
    const peer = this.#peers.get(on);
    if (!peer) throw new Error(`there is no peer ${on}`);
    if (op === "read") {
      const bytes = await peer.read();
      return bytes ? { bytes } : { end: true };
    }
    if (op === "write") await peer.write(bytes);
    else if (op === "reset") peer.reset();
    else {
      await peer.close();
      this.#peers.delete(on);
    }
    return {};
  }

  end(): void {
    for (const place of this.#places.values()) {
      void place.close();
      // Peers, and whatever else is on its way to being one: a socket that is paused would never see the end.
      for (const socket of place.sockets) socket.resetAndDestroy();
    }
  }
}

/** A listener, with all that it has accepted and that is open. */
interface Place extends Listener {
  readonly sockets: ReadonlySet<Socket>;
}

/** The sockets that a server accepts, as long as they are open. */
function socketsOf(server: Server): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  return sockets;
}

/** Listens for WebSockets with the subprotocol `mqtt`. */
async function listen(): Promise<Place> {
  const http = createHttpServer();
  const sockets = socketsOf(http);
  const server = new WebSocketServer({
    server: http,
    handleProtocols: (protocols) => protocols.has("mqtt") && "mqtt",
    ...SETTINGS,
  });
  const waiting: WsPeer[] = [];
  const accepting: ((peer: WsPeer) => void)[] = [];
  server.on("connection", (socket, request) => {
    const peer = new WsPeer(socket, request.socket);
    const accept = accepting.shift();
    if (accept) accept(peer);
    else waiting.push(peer);
  });
  await new Promise<void>((resolve) => http.listen(0, HOST, resolve));
  return {
    sockets,
    address: { host: HOST, port: portOf(http.address()) },
    accept() {
      const peer = waiting.shift();
      return peer ? Promise.resolve(peer) : new Promise((resolve) => accepting.push(resolve));
    },
    // Not waiting for the last connection's end: tests end those later.
    close() {
      server.close();
      http.close();
      for (const peer of waiting.splice(0)) peer.reset();
      return Promise.resolve();
    },
  };
}

/** Takes TCP connections and says nothing. */
async function listenSilently(): Promise<Place> {
  const server = createServer((socket) => socket.on("error", () => socket.destroy()));
  const sockets = socketsOf(server);
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  return {
    sockets,
    address: { host: HOST, port: portOf(server.address()) },
    accept: () => Promise.reject(new Error("nobody ever gets through")),
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
      return Promise.resolve();
    },
  };
}

/** The other end of a connection; it reads no further than 64 KiB beyond what is asked for. */
class WsPeer implements Peer {
  readonly #socket: WebSocket;
  readonly #stream: Socket;
  #chunks: Uint8Array[] = [];
  #held = 0;
  #failure: Error | undefined;
  #closing = false;
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(socket: WebSocket, stream: Socket) {
    this.#socket = socket;
    this.#stream = stream;
    socket.on("message", (bytes: Uint8Array, isBinary: boolean) => {
      if (this.#closing) return;
      if (!isBinary) this.#failure ??= new Error("a text message came");
      // It carries TCP's acknowledgement: Deno waits for one before it sends the next little thing, 40 ms otherwise.
      socket.pong();
      this.#chunks.push(bytes);
      this.#held += bytes.length;
      if (this.#held >= ENOUGH) socket.pause();
      this.#wake?.();
    });
    socket.on("error", (error) => this.#failure ??= error);
    socket.on("close", (code) => {
      this.#closed = true;
      if (code === ABNORMAL) this.#failure ??= new Error("the connection broke without a closing handshake");
      this.#wake?.();
    });
  }

  async read(): Promise<Uint8Array | null> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk) {
        this.#held -= chunk.length;
        if (this.#held < ENOUGH) this.#socket.resume();
        return chunk;
      }
      if (this.#closed && this.#failure) throw this.#failure;
      if (this.#closed) return null;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.send(bytes, (error) => error ? reject(error) : resolve());
    });
  }

  reset(): void {
    this.#stream.resetAndDestroy();
  }

  close(): Promise<void> {
    this.#closing = true;
    return new Promise((resolve) => {
      // A reset that meets a shutdown under way destroys the stream without an event.
      if (this.#closed || this.#stream.destroyed) return resolve();
      this.#socket.once("close", () => resolve());
      this.#socket.close();
      this.#socket.resume();
    });
  }
}

function portOf(address: string | AddressInfo | null): number {
  return (address as AddressInfo).port;
}

const HOST = "127.0.0.1";
const ENOUGH = 65_536;
const ABNORMAL = 1006;
/** No limit and no compression: the bytes are to reach us as they were sent. */
const SETTINGS = { maxPayload: 0, perMessageDeflate: false } as const;

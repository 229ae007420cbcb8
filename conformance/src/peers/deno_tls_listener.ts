/**
 * Peers for TLS on Deno, by its own sockets: those of its `node:tls` take in whatever comes, whether anybody reads it
 * or not, and do not always tell the end.
 *
 * @module
 */

import { DenoConnection } from "@minimqtt/transport-tcp/deno";
import type { DenoSocket } from "@minimqtt/transport-tcp/deno";
import type { Listener, Peer } from "../transport/fixture.ts";

interface Handshaking extends DenoSocket {
  handshake(): Promise<unknown>;
}

/** What is used of Deno's global. */
interface Runtime {
  readonly Deno: {
    listenTls(options: Options & { hostname: string; port: number }): {
      readonly addr: { readonly port: number };
      accept(): Promise<Handshaking>;
      close(): void;
    };
  };
}

interface Options {
  readonly cert: string;
  readonly key: string;
  readonly alpnProtocols: string[];
}

class DenoPeer extends DenoConnection implements Peer {
  readonly end: () => Promise<void>;

  constructor(socket: DenoSocket) {
    super(socket);
    this.end = () => socket.closeWrite();
  }
}

/** Listens on `host`, with a certificate and its key in PEM. */
export function listenOnDeno(host: string, options: Options): Promise<Listener> {
  const { Deno } = globalThis as unknown as Runtime;
  const server = Deno.listenTls({ ...options, hostname: host, port: 0 });
  const waiting: Peer[] = [];
  const accepting: ((peer: Peer) => void)[] = [];
  let open = true;
  const greet = async (socket: Handshaking) => {
    try {
      await socket.handshake();
    } catch {
      // Given up in the middle of the handshake.
      return socket.close();
    }
    const peer = new DenoPeer(socket);
    const accept = accepting.shift();
    if (accept) accept(peer);
    else waiting.push(peer);
  };
  void (async () => {
    // Accepting rejects when the server is closed.
    while (open) await server.accept().then((socket) => void greet(socket), () => open = false);
  })();
  return Promise.resolve({
    address: { host, port: server.addr.port },
    accept() {
      const peer = waiting.shift();
      return peer ? Promise.resolve(peer) : new Promise((resolve) => accepting.push(resolve));
    },
    async close() {
      if (open) server.close();
      open = false;
      for (const peer of waiting.splice(0)) await peer.close();
    },
  });
}

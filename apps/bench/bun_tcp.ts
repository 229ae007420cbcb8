/**
 * The transport contract on `Bun.connect`, as short as it can be for a fair measurement: no abort, no orderly close.
 * `transport.ts` compares it with `node:net`; it is no part of any package.
 *
 * @module
 */

import { ConnectionError } from "@minimqtt/core";
import type { Connection, Transport } from "@minimqtt/core";

interface BunSocket {
  write(bytes: Uint8Array): number;
  pause(): void;
  resume(): void;
  end(): void;
}

interface BunHandlers {
  data(socket: BunSocket, bytes: Uint8Array): void;
  drain(socket: BunSocket): void;
  end(socket: BunSocket): void;
  close(socket: BunSocket): void;
}

interface BunNet {
  connect(options: { hostname: string; port: number; socket: BunHandlers }): Promise<BunSocket>;
}

class BunConnection implements Connection {
  #socket: BunSocket | undefined;
  readonly #chunks: Uint8Array[] = [];
  #held = 0;
  #ended = false;
  #reader: ((bytes: Uint8Array | null) => void) | undefined;
  #unsent: Uint8Array | undefined;
  #sent = 0;
  #written: { resolve(): void; reject(error: Error): void } | undefined;

  async open(hostname: string, port: number): Promise<this> {
    const { Bun } = globalThis as unknown as { Bun: BunNet };
    const ended = () => {
      this.#ended = true;
      this.#reader?.(null);
      this.#reader = undefined;
      this.#written?.reject(new ConnectionError("write-failed", "the connection has ended"));
    };
    this.#socket = await Bun.connect({
      hostname,
      port,
      socket: {
        data: (_, bytes) => this.#arrived(bytes),
        drain: () => this.#send(),
        end: ended,
        close: ended,
      },
    });
    return this;
  }

  #arrived(bytes: Uint8Array): void {
    if (this.#reader) {
      this.#reader(bytes);
      this.#reader = undefined;
      return;
    }
    this.#held += bytes.length;
    if (this.#chunks.push(bytes) > 0 && this.#held >= HELD) this.#socket?.pause();
  }

  read(): Promise<Uint8Array | null> {
    const chunk = this.#chunks.shift();
    if (chunk) {
      if (this.#held >= HELD && this.#held - chunk.length < HELD) this.#socket?.resume();
      this.#held -= chunk.length;
      return Promise.resolve(chunk);
    }
    if (this.#ended) return Promise.resolve(null);
    return new Promise((resolve) => this.#reader = resolve);
  }

  #send(): void {
    if (!this.#unsent) return;
    this.#sent += this.#socket?.write(this.#unsent.subarray(this.#sent)) ?? 0;
    if (this.#sent < this.#unsent.length) return;
    this.#unsent = undefined;
    this.#written?.resolve();
    this.#written = undefined;
  }

  write(bytes: Uint8Array): Promise<void> {
    const count = this.#socket?.write(bytes) ?? 0;
    if (count === bytes.length) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#unsent = bytes;
      this.#sent = count;
      this.#written = { resolve, reject };
    });
  }

  close(): Promise<void> {
    this.#socket?.end();
    return Promise.resolve();
  }
}

/** TCP by `Bun.connect`. */
export function bunTcp(): Transport {
  return {
    name: "tcp by Bun.connect",
    schemes: [{ name: "mqtt", port: 1883, secure: false }],
    connect: ({ host, port }) => new BunConnection().open(host, port),
  };
}

const HELD = 131_072;

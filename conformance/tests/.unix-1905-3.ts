/** MQTT over a Unix domain socket. docs/writing-a-transport.md walks through it, line by line. */
import { ConnectionError, UsageError } from "@minimqtt/core";
import type { Connection, Transport } from "@minimqtt/core";
import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";

/** Makes a transport to the socket at `path`, such as mosquitto's with `listener 0 /run/mosquitto.sock`. */
export function unix(path: string): Transport {
  return {
    name: "unix",
    schemes: [{ name: "mqtt", port: 1883, secure: false }],
    async connect({ secure }, { signal } = {}) {
      signal?.throwIfAborted();
      if (secure) throw new UsageError("invalid-argument", "a Unix domain socket encrypts nothing");
      const socket = connect({ path, allowHalfOpen: true });
      try {
        await once(socket, "connect", signal && { signal });
        signal?.throwIfAborted();
      } catch (cause) {
        socket.destroy();
        signal?.throwIfAborted();
        throw new ConnectionError("dial-failed", `cannot connect to ${path}: ${cause}`, { cause });
      }
      return new UnixConnection(socket);
    },
  };
}

class UnixConnection implements Connection {
  readonly #socket: Socket;
  #failure: Error | undefined;
  #ended = false;
  #wake: (() => void) | undefined;
  #writing = false;
  #closing: Promise<unknown> | undefined;

  constructor(socket: Socket) {
    this.#socket = socket.on("error", (error) => this.#failure = error)
      .on("readable", () => this.#wake?.()).on("end", () => this.#end()).on("close", () => this.#end());
  }

  async read(): Promise<Uint8Array | null> {
    if (this.#wake) throw new ConnectionError("read-failed", "another read is pending");
    while (!this.#closing) {
      const bytes: Uint8Array | null = this.#socket.read();
      if (bytes || !this.#ended) return bytes ?? new Uint8Array(0);
      if (this.#failure) {
        throw new ConnectionError("read-failed", "connection lost", { cause: this.#failure });
      }
      if (this.#ended) break;
      await new Promise<void>((resolve) => this.#wake = resolve);
      this.#wake = undefined;
    }
    return null;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#closing) throw new ConnectionError("closed", "the connection is closed");
    if (this.#writing) throw new ConnectionError("write-failed", "another write is pending");
    this.#writing = true;
    const cause = await new Promise((resolve) => this.#socket.write(bytes, resolve));
    this.#writing = false;
    if (cause) throw new ConnectionError(this.#closing ? "closed" : "write-failed", `${cause}`, { cause });
  }

  async close(): Promise<void> {
    this.#closing ??= this.#socket.destroyed ? Promise.resolve() : once(this.#socket, "close");
    const timer = setTimeout(() => this.#socket.destroy(), 1000);
    this.#wake?.();
    this.#socket.end().removeAllListeners("readable").resume();
    await this.#closing.catch(() => undefined);
    clearTimeout(timer);
  }

  #end(): void {
    this.#ended = true;
    this.#wake?.();
  }
}

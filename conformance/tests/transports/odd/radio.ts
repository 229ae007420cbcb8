/**
 * An odd transport: a radio behind a serial line, played over a Unix domain socket. One byte comes with each read, and no
 * more than so many a second, either way.
 *
 * @module
 */

import { ConnectionError, UsageError } from "@minimqtt/core";
import type { Connection, Transport } from "@minimqtt/core";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { listen } from "../../../src/fixtures/mod.ts";
import type { TransportFixture } from "../../../src/fixtures/mod.ts";

/** Makes a transport to a socket, of so many bytes a second. */
function radio(bytesPerSecond: number): Transport {
  return {
    name: "radio",
    schemes: [{ name: "mqtt", port: 1883, secure: false }],
    async connect({ path = "", secure }, { signal } = {}) {
      signal?.throwIfAborted();
      if (secure) throw new UsageError("invalid-argument", "a radio like this encrypts nothing");
      const socket = connect({ path, allowHalfOpen: true });
      try {
        await once(socket, "connect", signal && { signal });
        signal?.throwIfAborted();
      } catch (cause) {
        socket.destroy();
        signal?.throwIfAborted();
        throw new ConnectionError("dial-failed", `cannot connect to ${path}: ${cause}`, { cause });
      }
      return new RadioConnection(socket, bytesPerSecond);
    },
  };
}

class RadioConnection implements Connection {
  readonly #socket: Socket;
  readonly #incoming: Line;
  readonly #outgoing: Line;
  #failure: Error | undefined;
  #ended = false;
  #isReading = false;
  #isWriting = false;
  #wake: (() => void) | undefined;
  #closing: Promise<unknown> | undefined;

  constructor(socket: Socket, bytesPerSecond: number) {
    this.#incoming = new Line(bytesPerSecond);
    this.#outgoing = new Line(bytesPerSecond);
    this.#socket = socket.on("error", (error) => this.#failure = error)
      .on("readable", () => this.#wake?.()).on("end", () => this.#end()).on("close", () => this.#end());
  }

  async read(): Promise<Uint8Array | null> {
    if (this.#isReading) throw new ConnectionError("read-failed", "another read is pending");
    this.#isReading = true;
    try {
      while (!this.#closing) {
        const bytes: Uint8Array | null = this.#socket.read(1);
        if (bytes) {
          // A copy: what the socket gave is a view of something larger.
          const byte = Uint8Array.from(bytes);
          await this.#incoming.pass(1);
          return this.#closing ? null : byte;
        }
        if (this.#failure) {
          throw new ConnectionError("read-failed", "connection lost", { cause: this.#failure });
        }
        if (this.#ended) break;
        await new Promise<void>((resolve) => this.#wake = resolve);
      }
      return null;
    } finally {
      this.#isReading = false;
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#closing) throw new ConnectionError("closed", "the connection is closed");
    if (this.#isWriting) throw new ConnectionError("write-failed", "another write is pending");
    this.#isWriting = true;
    try {
      for (let at = 0; at < bytes.length; at += FIFO) {
        const part = bytes.slice(at, at + FIFO);
        if (this.#closing) throw new ConnectionError("closed", "the connection was closed");
        const cause = await new Promise((resolve) => this.#socket.write(part, resolve));
        if (cause) {
          throw new ConnectionError(this.#closing ? "closed" : "write-failed", `${cause}`, { cause });
        }
        await this.#outgoing.pass(part.length);
      }
    } finally {
      this.#isWriting = false;
    }
  }

  async close(): Promise<void> {
    this.#closing ??= this.#socket.destroyed ? Promise.resolve() : once(this.#socket, "close");
    const timer = setTimeout(() => this.#socket.destroy(), 1000);
    for (const line of [this.#incoming, this.#outgoing]) line.close();
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

/** One direction of a serial line. */
class Line {
  readonly #bytesPerSecond: number;
  #free = 0;
  #wake: (() => void) | undefined;

  constructor(bytesPerSecond: number) {
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** Waits until so many bytes have passed. */
  async pass(count: number): Promise<void> {
    const now = performance.now();
    this.#free = Math.max(this.#free, now) + count * 1000 / this.#bytesPerSecond;
    const time = this.#free - now;
    if (time < 1) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, time);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Nobody waits any longer. */
  close(): void {
    this.#wake?.();
  }
}

/** Bytes that the radio takes from the line at a time. */
const FIFO = 64;

/** Makes a fixture of a speed. */
export function radioFixture(bytesPerSecond: number): TransportFixture {
  const folder = mkdtempSync(join(tmpdir(), "radio-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  let count = 0;
  return {
    transport: radio(bytesPerSecond),
    listen: () => listen(join(folder, `${count++}.sock`)),
    slack: 1_048_576,
    lacks: {
      reset: "a Unix domain socket is closed, never reset",
      unknown: "there are no host names",
      silent: "a Unix domain socket answers at once",
    },
  };
}

/** For the runner: a kilobyte a second, unless the environment says otherwise. */
export const fixture: TransportFixture = radioFixture(Number(process.env["BYTES_PER_SECOND"] ?? 1024));

/**
 * One connection to a server of a bus.
 *
 * @module
 */

import { ConnectionError } from "@minimqtt/core";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { encodeMessage, MessageReader, Opcode } from "./messages.ts";
import { type BusPlace, formatPlace, netPlace } from "./place.ts";

/** One connection to the server, with one request at a time. */
export class BusConnection {
  readonly #socket: Socket;
  readonly #place: BusPlace;
  readonly #where: string;
  readonly #opened: Promise<void>;
  readonly #gone: Promise<void>;
  #settle: ((reply: Uint8Array | ConnectionError) => void) | undefined;
  #failure: ConnectionError | undefined;

  /** Begins to connect. */
  constructor(place: BusPlace) {
    this.#place = place;
    this.#where = formatPlace(place);
    const socket = this.#socket = connect(netPlace(place));
    socket.setNoDelay(true);
    this.#opened = new Promise((resolve, reject) => {
      socket.once("connect", () => resolve());
      socket.once("error", (cause: Error) => reject(this.#dialFailed(cause)));
      socket.once("close", () => reject(this.#dialFailed(undefined)));
    });
    this.#opened.catch(() => undefined);
    this.#gone = new Promise((resolve) => socket.once("close", () => resolve()));
    socket.on(
      "error",
      (cause: Error) => this.#fail(`the bus at ${this.#where} is lost: ${cause.message}`, cause),
    );
    socket.on("close", () => this.#fail(`the server at ${this.#where} has closed the bus`));
    const reader = new MessageReader();
    socket.on("data", (chunk: Uint8Array) => {
      try {
        for (const { payload } of reader.take(chunk)) this.#answer(payload);
      } catch (cause) {
        this.#fail(
          `the server at ${this.#where} does not speak this protocol: ${(cause as Error).message}`,
          cause,
        );
        socket.destroy();
      }
    });
  }

  /** Resolves when it is connected. */
  open(): Promise<void> {
    return this.#opened;
  }

  /** Sends a request and gives the reply's payload. */
  request(bytes: Uint8Array, timeout: number): Promise<Uint8Array> {
    if (this.#failure) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#fail(`the server at ${this.#where} has not answered for ${timeout} ms`);
        this.#socket.destroy();
      }, timeout);
      this.#settle = (reply) => {
        clearTimeout(timer);
        this.#settle = undefined;
        if (reply instanceof ConnectionError) reject(reply);
        else resolve(reply);
      };
      this.#socket.write(bytes);
    });
  }

  /** Asks for a reset, and resolves when the server has answered and closed the connection. */
  async reset(): Promise<void> {
    await this.request(encodeMessage(Opcode.reset), RESET_LIMIT);
    const timer = setTimeout(() => this.#socket.destroy(), RESET_LIMIT);
    await this.#gone;
    clearTimeout(timer);
  }

  /** Ends it. */
  end(): void {
    this.#socket.destroy();
  }

  #answer(payload: Uint8Array): void {
    this.#settle?.(payload);
  }

  #fail(message: string, cause?: unknown): void {
    this.#failure ??= new ConnectionError("read-failed", message, { cause });
    this.#settle?.(this.#failure);
  }

  #dialFailed(cause: Error | undefined): ConnectionError {
    const { name, code } = (cause ?? {}) as { name?: string; code?: string };
    if (name === "NotCapable" || code === "EPERM") {
      const flags = permissions(this.#place);
      const text = `not allowed to reach the bus at ${this.#where}: run with ${flags}`;
      return new ConnectionError("not-permitted", text, { cause });
    }
    const why = cause?.message ?? "closed at once";
    return new ConnectionError("dial-failed", `no bus at ${this.#where}: ${why}; is the server running?`, {
      cause,
    });
  }
}

/** What Deno wants for a place. */
function permissions(place: BusPlace): string {
  if ("path" in place) return `--allow-read=${place.path} --allow-write=${place.path}`;
  return `--allow-net=${formatPlace(netPlace(place) as BusPlace).replace("tcp:", "")}`;
}

/** Milliseconds that the server may take to close the connection after a reset. */
const RESET_LIMIT = 10_000;

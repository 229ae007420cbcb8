/**
 * A bus and pins that live behind a stream socket.
 *
 * @module
 */

import { ConnectionError } from "@minimqtt/core";
import type { EspPins, SpiBus } from "../bus.ts";
import { type Clock, systemClock } from "../clock.ts";
import { BusConnection } from "./connection.ts";
import { encodeMessage, Opcode } from "./messages.ts";
import { type BusPlace, parsePlace } from "./place.ts";

/** What a server says of its module. */
export interface BusStatus {
  /** READY's level. */
  readonly ready: boolean;
  /** GPIO0's level. */
  readonly gpio0: boolean;
  /** What the module waits for; `busy` for itself. */
  readonly phase: "busy" | "command" | "response";
  /** How often the host broke the protocol, 255 at most. */
  readonly violations: number;
  /** GET_CONN_STATUS's value. */
  readonly wifiStatus: number;
}

/** Options of {@link connectBus}. */
export interface RemoteOptions {
  /** For the pauses between looks at a pin, and their limits; real time when absent. */
  readonly clock?: Clock;
  /** Milliseconds that the server may take for an answer; 10,000 when absent. */
  readonly timeout?: number;
}

/** A module in another process. `bus` and `pins` are what the driver takes. */
export class RemoteModule {
  /** The bus. Each call is a round trip; `window` is one for a whole window. */
  readonly bus: SpiBus;
  /** READY, RESET and GPIO0. What the host drives GPIO0 to does not reach the other side. */
  readonly pins: Required<EspPins>;
  readonly #place: BusPlace;
  readonly #clock: Clock;
  readonly #timeout: number;
  #connection: BusConnection | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  /** Takes where the server is. It is connected to when it is first needed, and anew after a reset. */
  constructor(place: BusPlace, { clock = systemClock, timeout = TIMEOUT }: RemoteOptions = {}) {
    this.#place = place;
    this.#clock = clock;
    this.#timeout = timeout;
    this.bus = {
      select: async () => void await this.#ask(Opcode.select),
      transfer: (bytes) => this.#exchange(Opcode.transfer, bytes),
      deselect: async () => void await this.#ask(Opcode.deselect),
      window: (bytes) => this.#exchange(Opcode.window, bytes),
      close: () => this.close(),
    };
    this.pins = {
      ready: {
        read: async () => (await this.status()).ready,
        wait: (level, timeout) => this.#wait("ready", level, timeout),
      },
      reset: {
        write: async (level) => {
          if (level) await this.reset();
        },
      },
      gpio0: {
        read: async () => (await this.status()).gpio0,
        wait: (level, timeout) => this.#wait("gpio0", level, timeout),
        write: () => undefined,
        release: () => undefined,
      },
    };
  }

  /**
   * Asks the server how the module is.
   *
   * @throws {ConnectionError} `dial-failed`, `not-permitted`, `read-failed` or `closed`.
   */
  async status(): Promise<BusStatus> {
    const [ready, gpio0, phase, violations = 0, wifiStatus = 255] = await this.#ask(Opcode.status);
    return {
      ready: ready === 1,
      gpio0: gpio0 === 1,
      phase: phase === 1 ? "command" : phase === 2 ? "response" : "busy",
      violations,
      wifiStatus,
    };
  }

  /**
   * Resets the module. The server closes the connection then, and the next call connects anew.
   *
   * @throws {ConnectionError} `dial-failed`, `not-permitted` or `closed`; `read-failed` when the server had closed the
   * connection, or does so without an answer: whether the module was reset is not known then.
   */
  reset(): Promise<void> {
    return this.#queue(async () => {
      const connection = await this.#connected();
      try {
        await connection.reset();
      } catch (error) {
        throw this.#closed ? closed() : error;
      } finally {
        if (this.#connection === connection) this.#connection = undefined;
      }
    });
  }

  /**
   * Brings the access point into reach (`true`), or out of it.
   *
   * @throws {ConnectionError} `dial-failed`, `not-permitted`, `read-failed` or `closed`.
   */
  async setWifi(up: boolean): Promise<void> {
    await this.#ask(Opcode.wifi, new Uint8Array([Number(up)]));
  }

  /** Closes the connection to the server. Every later call rejects with `ConnectionError` `closed`. */
  close(): void {
    this.#closed = true;
    this.#connection?.end();
    this.#connection = undefined;
  }

  /** One request after the other. */
  #queue<Result>(act: () => Promise<Result>): Promise<Result> {
    const turn = this.#last.then(act, act);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  #ask(opcode: number, payload?: Uint8Array): Promise<Uint8Array> {
    // The caller may change its array as soon as it has its answer, not before: encoding at once is safe, and in turn.
    const request = encodeMessage(opcode, payload);
    return this.#queue(async () => {
      const connection = await this.#connected();
      try {
        return await connection.request(request, this.#timeout);
      } catch (error) {
        if (this.#connection === connection) this.#connection = undefined;
        throw this.#closed ? closed() : error;
      }
    });
  }

  async #exchange(opcode: number, mosi: Uint8Array): Promise<Uint8Array> {
    const miso = await this.#ask(opcode, mosi);
    if (miso.length === mosi.length) return miso;
    // Refused: there was no window to clock in. What MISO carries then means nothing.
    return new Uint8Array(mosi.length);
  }

  async #connected(): Promise<BusConnection> {
    if (this.#closed) throw closed();
    const connection = this.#connection ??= new BusConnection(this.#place);
    try {
      await connection.open();
    } catch (error) {
      this.#connection = undefined;
      throw this.#closed ? closed() : error;
    }
    return connection;
  }

  /** The server does not tell of changes, so it is asked: at once again and again, then with pauses. */
  async #wait(pin: "ready" | "gpio0", level: boolean, timeout: number): Promise<boolean> {
    const end = this.#clock.now() + timeout;
    for (let tries = 0;; tries++) {
      if ((await this.status())[pin] === level) return true;
      if (this.#clock.now() >= end) return false;
      if (tries >= EAGER) await this.#clock.sleep(Math.min(tries - EAGER, LONGEST_PAUSE));
    }
  }
}

/**
 * Gives the module that is served at a place: `unix:PATH`, `tcp:PORT`, `tcp:HOST:PORT`, or the same as an object.
 * Resolves when the server has answered.
 *
 * @throws {RangeError} when the text is no place.
 * @throws {ConnectionError} `dial-failed` when nobody serves there, `not-permitted` where Deno does not let us,
 * `read-failed` when the answer is none.
 */
export async function connectBus(place: BusPlace | string, options?: RemoteOptions): Promise<RemoteModule> {
  const module = new RemoteModule(typeof place === "string" ? parsePlace(place) : place, options);
  try {
    await module.status();
  } catch (error) {
    module.close();
    throw error;
  }
  return module;
}

function closed(): ConnectionError {
  return new ConnectionError("closed", "the bus was closed");
}

/** Milliseconds for an answer. */
const TIMEOUT = 10_000;
/** Looks at a pin without a pause. */
const EAGER = 20;
/** Milliseconds between the later ones at most. */
const LONGEST_PAUSE = 5;

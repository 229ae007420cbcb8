/**
 * What calls wait for, and how long: an acknowledgement, a PINGRESP, room for more, or just the time.
 *
 * @module
 */
import {
  ConnectionError,
  type Engine,
  type Millis,
  type PacketId,
  ProtocolError,
  type Settled,
} from "@minimqtt/core";
import type { Link } from "../link/link.ts";
import type { Broker } from "./broker.ts";
import { Call } from "./call.ts";
import { MMQTTException, MMQTTStateError } from "./exceptions.ts";
import type { Lifeline } from "./lifeline.ts";
import type { CallOptions, Settings } from "./options.ts";
import type { Pump } from "./pump.ts";

/** How long `loop(0)` goes on as long as something comes, in milliseconds. */
const GLANCE = 50;

/** The waits of one client's calls. */
export class Waits {
  readonly #engine: Engine;
  readonly #link: Link;
  readonly #pump: Pump;
  readonly #settings: Settings;
  readonly #lifeline: Lifeline;
  readonly #broker: Broker;
  #listening = false;
  #roomy: Promise<void> | undefined;

  constructor(
    engine: Engine,
    link: Link,
    pump: Pump,
    settings: Settings,
    lifeline: Lifeline,
    broker: Broker,
  ) {
    this.#engine = engine;
    this.#link = link;
    this.#pump = pump;
    this.#settings = settings;
    this.#lifeline = lifeline;
    this.#broker = broker;
  }

  /**
   * Waits for the acknowledgement of a packet that was commanded.
   *
   * @throws {MMQTTException} when it does not come in time, or something else comes in its place.
   */
  async settled(id: PacketId, options: CallOptions, request: string): Promise<Settled> {
    const { timeout = this.#settings.recvTimeout, signal } = options;
    const until = this.#in(timeout);
    this.#link.kick();
    const call = new Call("settled", id);
    try {
      if (await this.#pump.run(call, until, signal)) return call.event as Settled;
    } catch (error) {
      const cause = error instanceof MMQTTException ? error.cause : undefined;
      if (request !== "PUBLISH" && cause instanceof ProtocolError && cause.firstByte !== undefined) {
        const text = `invalid message received as response to ${request}: 0x${cause.firstByte.toString(16)}`;
        throw new MMQTTException(text, null, { cause });
      }
      throw error;
    }
    const text = `no acknowledgement of ${request} ${id} within ${timeout} seconds`;
    const cause = new ConnectionError("acknowledgement-timeout", text);
    // The reference's text (MM-041, MM-082, MM-113).
    throw new MMQTTException(`No data received from broker for ${timeout} seconds.`, null, { cause });
  }

  /**
   * Pings, and waits for the PINGRESP; gives the types of the packets up to it.
   *
   * @throws {MMQTTException} when it does not come in time.
   */
  async pong(options: CallOptions): Promise<number[]> {
    // In a callback it may be that the PINGRESP is behind more messages than are read: no time-out would end that.
    const seconds = options.timeout ?? (this.#pump.delivering === undefined ? undefined : this.#patience);
    const until = seconds === undefined ? Infinity : this.#in(seconds);
    this.#engine.ping(this.#settings.clock.now());
    this.#link.kick();
    const types: number[] = [];
    if (!await this.#pump.run(new Call("pong", 0, types), until, options.signal)) {
      throw new MMQTTException(`PINGRESP not returned from broker within ${seconds} seconds.`);
    }
    return types;
  }

  /**
   * Lets the time pass, or takes a glance when there is none; gives the types of the packets that came.
   *
   * @throws {MMQTTStateError} while another does so.
   */
  async time(seconds: number, signal: AbortSignal | undefined): Promise<number[]> {
    if (this.#listening) throw new MMQTTStateError("loop() is running already");
    this.#listening = true;
    const { clock } = this.#settings;
    const types: number[] = [];
    try {
      const start = clock.now();
      // A packet may come in many pieces: that bytes have come is enough to look again.
      const progress = () => types.length + this.#link.arrivals;
      let before: number;
      do {
        before = progress();
        await this.#pump.run(new Call("time", 0, types), start + seconds * 1000, signal);
      } while (
        seconds === 0 && progress() > before && clock.now() < start + GLANCE && this.#lifeline.isConnected
      );
    } finally {
      this.#listening = false;
    }
    return types;
  }

  /**
   * Waits until what was commanded has been written.
   *
   * @throws {MMQTTException} when it has not in time, or the connection is lost.
   */
  room(options?: CallOptions): Promise<void> {
    if (options?.signal || options?.timeout !== undefined) return this.#room(options);
    // One promise for all who wait for the same room; a loss is not forced on those who do not look at it.
    if (this.#roomy === undefined) {
      this.#roomy = this.#room({}).finally(() => this.#roomy = undefined);
      this.#roomy.catch(() => {});
    }
    return this.#roomy;
  }

  async #room({ signal, timeout = this.#patience }: CallOptions): Promise<void> {
    const call = new Call("room");
    this.#link.room().then(() => call.settle());
    if (!await this.#pump.run(call, this.#in(timeout), signal)) {
      const text = `Unable to send anything within ${timeout} seconds.`;
      throw new MMQTTException(text, null, { cause: new ConnectionError("write-failed", text) });
    }
    if (!this.#link.alive) await this.#lifeline.demandConnected();
  }

  /** Seconds after which a broker that answers nothing and takes nothing has failed: two keep alives. */
  get #patience(): number {
    return 2 * (this.#broker.says.keepAlive || this.#settings.recvTimeout);
  }

  #in(seconds: number): Millis {
    return this.#settings.clock.now() + seconds * 1000;
  }
}

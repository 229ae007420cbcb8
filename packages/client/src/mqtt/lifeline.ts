/**
 * The life of a client's connections: how one comes about, attempt by attempt, and how it ends.
 *
 * A connection may be lost long before any call meets the loss: nothing is read between calls. Until one does, and has
 * delivered what came before it, there is neither a connection to use nor an end that anybody was told of.
 *
 * @module
 */
import {
  type Connection,
  ConnectionError,
  type ConnectOptions,
  type Engine,
  isRetriable,
  type Millis,
  MqttError,
  type Online,
  ProtocolError,
  UsageError,
} from "@minimqtt/core";
import { backoff } from "../link/backoff.ts";
import { sleep } from "../link/clock.ts";
import { dial, suspectTls } from "../link/dial.ts";
import type { Link } from "../link/link.ts";
import type { Broker } from "./broker.ts";
import { Call } from "./call.ts";
import { MMQTTException, MMQTTStateError, toException } from "./exceptions.ts";
import type { Logger } from "../link/logger.ts";
import type { Settings } from "./options.ts";
import type { Pump } from "./pump.ts";

/** What is asked of the client. */
interface Owner {
  readonly clientId: string;
  readonly logger: Logger;
}

/** One client, from connection to connection. */
export class Lifeline {
  readonly #engine: Engine;
  readonly #link: Link;
  readonly #pump: Pump;
  readonly #settings: Settings;
  readonly #owner: Owner;
  readonly #broker: Broker;
  readonly #ended: (rc: number) => unknown;
  /** What is being done about the connection. Whether there is one, engine and link know. */
  #doing: "connecting" | "closing" | undefined;
  /** Ends what is on its way to a connection. */
  #ending = new AbortController();
  #lostBy: MqttError | null = null;

  /** `ended` is told of the end of each connection: 0 when it was asked for, 1 when not. */
  constructor(
    engine: Engine,
    link: Link,
    pump: Pump,
    settings: Settings,
    owner: Owner,
    broker: Broker,
    ended: (rc: number) => unknown,
  ) {
    this.#engine = engine;
    this.#link = link;
    this.#pump = pump;
    this.#settings = settings;
    this.#owner = owner;
    this.#broker = broker;
    this.#ended = ended;
  }

  /** Whether there is a connection of which no end has been noticed. */
  get isConnected(): boolean {
    return this.#engine.state === "online" && this.#link.alive;
  }

  /** Whether there is a connection that nobody has begun to end, alive or not. */
  get isOpen(): boolean {
    return this.#doing === undefined && this.#isHeld;
  }

  /** Is aborted when the client is given up, before the next of its kind is made. */
  get ending(): AbortSignal {
    return this.#ending.signal;
  }

  /**
   * Connects, once there is no connection and no loss that nobody has met: then `prepare` is called. Resolves to
   * whether the broker has resumed a session.
   *
   * @throws {MMQTTStateError} when connected, connecting, or given up meanwhile; the signal's reason when it is aborted.
   * @throws {MMQTTException} the last attempt's failure.
   */
  async connect(given: AbortSignal | undefined, prepare: () => void): Promise<boolean> {
    this.demandIdle();
    given?.throwIfAborted();
    // Again if a callback of what is delivered has connected, and lost that connection, meanwhile.
    while (this.#isHeld) {
      const { ending } = this;
      await this.#meetLoss().catch((error) => {
        if (!(error instanceof MMQTTException && error.cause === this.#lostBy)) throw error;
      });
      ending.throwIfAborted();
      this.demandIdle();
    }
    prepare();
    this.#engine.codec.checkConnect(this.#connectOptions);
    const { ending } = this;
    const signal = given ? AbortSignal.any([given, ending]) : ending;
    const { clock } = this.#settings;
    this.#doing = "connecting";
    try {
      for (let failures = 1;; failures++) {
        try {
          return await this.#attempt(signal);
        } catch (error) {
          await this.#hangUp(error);
          signal.throwIfAborted();
          const wait = this.#judge(error, failures);
          this.#owner.logger.debug(`Waiting ${wait / 1000} seconds before the next attempt`);
          await sleep(clock, clock.now() + wait, signal);
          signal.throwIfAborted();
        }
      }
    } finally {
      this.#doing = undefined;
    }
  }

  /** Says goodbye, closes, and tells so. */
  async close(): Promise<void> {
    this.#doing = "closing";
    // A message whose callback disconnects is acknowledged before (MM-231).
    const current = this.#pump.delivering;
    if (current !== undefined) this.#engine.acknowledge(current);
    this.#engine.disconnect();
    // A broker that reads nothing more does not keep us.
    const { clock, recvTimeout } = this.#settings;
    const enough = new AbortController();
    const sent = this.#link.alive && await Promise.race([
      this.#link.drained().then(() => !this.#link.failed),
      sleep(clock, clock.now() + recvTimeout * 1000, enough.signal),
    ]);
    enough.abort();
    if (!sent) this.#owner.logger.warning("Unable to send DISCONNECT");
    const error = new MMQTTException("MiniMQTT was disconnected before the answer came");
    const closed = this.#hangUp(error, true);
    this.#doing = undefined;
    await closed;
    await this.#ended(0);
  }

  /** The connection has ended without being asked to. */
  async lost(error: MqttError): Promise<void> {
    const doing = this.#doing;
    // Whoever disconnects meanwhile ends the calls.
    if (doing === "closing") return;
    this.#lostBy = error;
    await this.#hangUp(this.toException(error));
    if (doing === undefined) await this.#ended(1);
  }

  /** While connecting it is the attempt that failed, and the core's error decides about the next. */
  toException(error: MqttError): Error {
    return this.#doing === "connecting" ? error : toException(error);
  }

  /** Gives up what is on its way to a connection. */
  end(): void {
    this.#ending.abort(new MMQTTStateError("MiniMQTT was de-initialized while it was connecting"));
    this.#ending = new AbortController();
  }

  /** Without a connection: rejects with a loss that no call has met yet, else with the state. */
  async demandConnected(): Promise<never> {
    // A callback cannot wait for the messages behind its own.
    if (this.isOpen && this.#pump.delivering === undefined) await this.#meetLoss();
    throw notConnected();
  }

  /** @throws {MMQTTStateError} when connected or connecting. */
  demandIdle(): void {
    if (this.#doing === "connecting") throw new MMQTTStateError("MiniMQTT is already connecting");
    if (this.isConnected) throw new MMQTTStateError("MiniMQTT is already connected");
  }

  async #attempt(signal: AbortSignal): Promise<boolean> {
    const { address, says } = this.#broker;
    const place = `${address.host}:${address.port}`;
    const { clock, transport, recvTimeout, socketTimeout } = this.#settings;
    this.#owner.logger.debug(`Connecting to ${place} over ${transport.name}`);
    const late = `no connection to ${place} within ${socketTimeout} seconds (socketTimeout)`;
    const connect = (signal: AbortSignal) => transport.connect(address, { signal });
    const until = clock.now() + socketTimeout * 1000;
    const discard = (late: Connection) => void late.close();
    const connection = await dial(place, connect, clock, until, late, signal, discard);
    try {
      this.#link.attach(connection, this.#connectOptions, (says.keepAlive || recvTimeout) * 1000);
    } catch (error) {
      await connection.close();
      throw error;
    }
    const call = new Call("online");
    try {
      await this.#pump.run(call, Infinity, signal);
    } catch (error) {
      throw suspectTls(error, address);
    }
    return (call.event as Online).connack.sessionPresent;
  }

  /** How long to wait after a failed attempt; throws when there is to be no other. */
  #judge(error: unknown, failures: number): Millis {
    if (!(error instanceof MqttError)) throw error;
    const exception = toException(error);
    const { logger } = this.#owner;
    if (error instanceof ConnectionError) {
      logger.warning(`Socket error when connecting: ${error.message}`);
    } else logger.info(`MQTT error while connecting: ${error.message}`);
    if (error instanceof UsageError) throw error;
    if (error instanceof ProtocolError || !isRetriable(error)) throw exception;
    const { connectRetries, retryDelay, random } = this.#settings;
    if (failures === connectRetries) {
      const text = failures > 1 ? "Repeated connect failures" : "Connect failure";
      throw new MMQTTException(text, exception.code, { cause: exception });
    }
    return backoff(failures, retryDelay * 1000, random());
  }

  get #connectOptions(): ConnectOptions {
    return { ...this.#broker.says, clientId: this.#owner.clientId };
  }

  /** Closes what is left of a connection and ends the calls that still wait on it. */
  #hangUp(error: unknown, asked = false): Promise<void> {
    const closed = this.#link.detach();
    this.#pump.end(error, asked);
    return closed;
  }

  /** Whether there is something of a connection left, if only its loss. */
  get #isHeld(): boolean {
    return this.#engine.state !== "offline" || this.#pump.losing;
  }

  /** Delivers what came before the loss, and rejects with the loss. */
  async #meetLoss(): Promise<void> {
    if (this.#pump.delivering !== undefined) {
      throw new MMQTTStateError("MiniMQTT has lost its connection, and still delivers what came before");
    }
    await this.#pump.run(new Call("time"), Infinity);
  }
}

/** What a call gets that needs a connection. */
export function notConnected(): MMQTTStateError {
  return new MMQTTStateError("MiniMQTT is not connected");
}

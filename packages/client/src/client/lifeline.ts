/**
 * What keeps a client connected: the one task that reads, delivers and, when the connection is lost, brings it back.
 *
 * It never gives up a fault of the network by itself. What cannot heal (bad credentials, say) takes the broker off the
 * list, and ends the client when it was the last one. A connection that does not last counts as a failed attempt, so
 * that clients that throw each other out, or a broker that falls over its sessions, do not make a storm.
 *
 * @module
 */
import {
  type Connection,
  type ConnectOptions,
  type Engine,
  isRetriable,
  type Millis,
  type Offline,
} from "@minimqtt/core";
import { backoff } from "../link/backoff.ts";
import type { Settings } from "./options.ts";
import { type Clock, sleep } from "../link/clock.ts";
import type { Dialler } from "./dialler.ts";
import type { Link } from "../link/link.ts";
import type { Gate } from "./message_queue.ts";
import type { Sender } from "./sender.ts";
import type { StatusBoard } from "./status.ts";
import type { Subscriptions } from "./subscriptions.ts";

const READING = { read: true };
const PAUSED = { read: false };

/** A connection that lasts as many times `reconnect.delay` is a good one. */
const STEADY = 5;

/** What a lifeline holds together. */
export interface Parts {
  readonly engine: Engine;
  readonly link: Link;
  readonly dialler: Dialler;
  readonly sender: Sender;
  readonly subscriptions: Subscriptions;
  readonly gate: Gate;
  readonly board: StatusBoard;
  readonly clock: Clock;
  readonly random: () => number;
  readonly settings: Settings;
}

/** The life of one client. */
export class Lifeline {
  readonly #parts: Parts;
  readonly #stopping = new AbortController();
  readonly #online: () => void;
  readonly #failed: (error: unknown) => void;
  #wasOnline = false;
  #onlineAt: Millis | undefined;
  #attempt = 0;
  #rounds = 0;

  /** Resolves when there is a connection for the first time; rejects when there will be none. */
  readonly connected: Promise<void>;
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;

  constructor(parts: Parts) {
    this.#parts = parts;
    let online!: () => void, failed!: (error: unknown) => void;
    this.connected = new Promise<void>((resolve, reject) => {
      online = resolve;
      failed = reject;
    });
    this.#online = online;
    this.#failed = failed;
    this.ended = this.#run().catch((error) => this.#giveUp(error));
  }

  /** Ends it; the connection is the caller's to close. */
  stop(reason: unknown): void {
    this.#stopping.abort(reason);
    this.#failed(reason);
  }

  async #run(): Promise<void> {
    const { board, clock, dialler } = this.#parts;
    const { signal } = this.#stopping;
    for (;;) {
      const { broker } = dialler;
      const attempt = ++this.#attempt;
      board.set({
        state: "connecting",
        broker,
        attempt,
        text: `connecting to ${broker}${attempt > 1 ? `, attempt ${attempt}` : ""}`,
      });
      this.#onlineAt = undefined;
      let error: unknown;
      try {
        const { connection, connect } = await dialler.dial(signal);
        error = await this.#live(connection, connect);
      } catch (reason) {
        error = reason;
      }
      if (signal.aborted) return;
      if (this.#onlineAt === undefined) error = dialler.explain(error);
      const retryIn = this.#retryIn(error);
      if (retryIn === undefined) return this.#giveUp(error as Error);
      const text = `${this.#onlineAt === undefined ? "no connection" : "connection lost"}: ${
        (error as Error).message
      }; next attempt ${retryIn < 50 ? "now" : `in ${(retryIn / 1000).toFixed(1)} s`}`;
      board.set({ state: "waiting", broker: dialler.broker, error: error as Error, retryIn, text });
      if (retryIn > 0) await sleep(clock, clock.now() + retryIn, signal);
      if (signal.aborted) return;
    }
  }

  /** How long to wait for the next attempt; undefined when there is to be none. */
  #retryIn(error: unknown): Millis | undefined {
    const { clock, dialler, random, settings: { reconnect } } = this.#parts;
    const step = dialler.next(!isRetriable(error));
    if (step === "none") return undefined;
    const onlineAt = this.#onlineAt;
    if (this.#wasOnline ? reconnect === false : step === "round" && !(reconnect && reconnect.initially)) {
      return undefined;
    }
    const { delay, attempts } = reconnect || { delay: 0, attempts: Infinity };
    if (onlineAt !== undefined) {
      this.#attempt = 0;
      if (clock.now() - onlineAt >= STEADY * delay) {
        this.#rounds = 0;
        return Math.floor(random() * delay);
      }
    } else if (this.#attempt >= attempts) return undefined;
    else if (step === "more") return 0;
    return backoff(++this.#rounds, delay, random());
  }

  #giveUp(error: Error): void {
    const { board, sender, subscriptions } = this.#parts;
    sender.drop(error);
    subscriptions.close({ error }, error);
    board.set({ state: "closed", error, text: `given up: ${error.message}` });
    this.#failed(error);
  }

  /** Lives on one connection until it ends; gives the reason, null when it was asked to. */
  async #live(connection: Connection, connect: ConnectOptions): Promise<Error | null> {
    const { clock, link, settings, subscriptions } = this.#parts;
    try {
      link.attach(connection, connect, settings.replyTimeout);
    } catch (error) {
      await connection.close();
      throw error;
    }
    try {
      for (;;) {
        const offline = this.#pull();
        if (offline !== undefined) return offline.error;
        await link.wait(subscriptions.expiresAt, this.#isBlocked ? PAUSED : READING);
        subscriptions.expire(clock.now());
      }
    } finally {
      await link.detach();
      subscriptions.offline();
    }
  }

  /** Handles all that has come, as far as there is room for it. */
  #pull(): Offline | undefined {
    const { engine, sender, subscriptions } = this.#parts;
    while (!this.#isBlocked) {
      const event = engine.next();
      if (event === null) return undefined;
      switch (event.type) {
        case "message":
          subscriptions.deliver(event);
          break;
        case "settled":
          if (!sender.settled(event.id)) subscriptions.settled(event);
          break;
        case "online":
          this.#greet(event.connack.sessionPresent);
          break;
        case "lost":
          sender.lost(event.id);
          break;
        case "offline":
          return event;
      }
    }
    return undefined;
  }

  /** Whether what has come must lie: somebody is slow, and nobody waits for an answer behind it. */
  get #isBlocked(): boolean {
    const { gate, sender, subscriptions } = this.#parts;
    return gate.full > 0 && (gate.jammed > 0 || !(sender.awaited || subscriptions.awaited));
  }

  #greet(resumed: boolean): void {
    const { board, clock, dialler, sender, settings, subscriptions } = this.#parts;
    const { broker } = dialler;
    if (resumed && !this.#wasOnline) subscriptions.expectClaims(clock.now() + settings.replyTimeout);
    this.#wasOnline = true;
    this.#onlineAt = clock.now();
    dialler.accepted();
    const text = `connected to ${broker}${resumed ? ", session resumed" : ""}`;
    board.set({ state: "online", broker, resumed, text });
    subscriptions.online(resumed);
    sender.pump();
    this.#online();
  }
}

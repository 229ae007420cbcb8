/**
 * What keeps a client connected: the one task that reads, delivers and, when the connection is lost, brings it back.
 *
 * It never gives up a fault of the network by itself. Before the first connection, what cannot heal (bad credentials,
 * say) takes the broker off the list, and ends the client when it was the last one. Afterwards hardly anything cannot:
 * a broker whose user database is not up yet refuses everybody for a while. A connection that does not last counts as
 * a failed attempt, so that clients that throw each other out, or a broker that falls over its sessions, do not make a
 * storm.
 *
 * Longer than 300 lines: one life is one story.
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
  RefusedError,
  type Skipped,
} from "@minimqtt/core";
import { backoff } from "../link/backoff.ts";
import type { Settings } from "./options.ts";
import { type Clock, nextTurn, sleep } from "../link/clock.ts";
import type { Dialler } from "./dialler.ts";
import type { Link } from "../link/link.ts";
import type { Gate } from "./message_queue.ts";
import type { Sender } from "./sender.ts";
import type { Counts } from "./stats.ts";
import type { StatusBoard } from "./status.ts";
import type { Subscriptions } from "./subscriptions.ts";
import type { Suspects } from "./suspects.ts";
import { UnreadWatch } from "./unread.ts";

const READING = { read: true };
const PAUSED = { read: false };

/** A connection that lasts as many times `reconnect.delay` is a good one; of a second where there is no delay. */
const STEADY = 5;

/** Instead of a wait: the next broker of the list at once. */
const NOW = -1;

/** As many failed rounds bring the longest wait. */
const LONGEST = 5;

/** "Unsupported protocol version" and "client identifier not valid", in MQTT 5's numbers: no time heals these. */
const FINAL: readonly number[] = [0x84, 0x85];

/** What a lifeline holds together. */
export interface Parts {
  readonly engine: Engine;
  readonly link: Link;
  readonly dialler: Dialler;
  readonly sender: Sender;
  readonly subscriptions: Subscriptions;
  readonly suspects: Suspects;
  readonly gate: Gate;
  readonly board: StatusBoard;
  readonly counts: Counts;
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
  /** Whether the last connection went on with a session. */
  #resumed = false;
  /** Whether somebody waits for a PINGRESP. */
  #checking = false;
  /** Ends the wait before the next attempt. */
  #hurry: (() => void) | undefined;
  #onlineAt: Millis | undefined;
  /** Attempts since there was a connection, attempts since there was a good one, and rounds over all brokers. */
  #attempt = 0;
  #failures = 0;
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

  /** Asks the peer whether it is there; where there is none, tries again now. */
  check(): void {
    const { clock, engine, link } = this.#parts;
    this.#hurry?.();
    if (!link.online) return;
    this.#checking = true;
    engine.ping(clock.now());
    link.kick();
    link.wake();
  }

  async #run(): Promise<void> {
    const { board, dialler, suspects } = this.#parts;
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
      const suspect = suspects.worst;
      const text = `${this.#onlineAt === undefined ? "no connection" : "connection lost"}: ${
        (error as Error).message
      }${
        suspect === undefined ? "" : ` (${suspect.what} was unanswered ${times(suspect.losses)})`
      }; next attempt ${retryIn < 50 ? "now" : `in ${(retryIn / 1000).toFixed(1)} s`}`;
      board.set({
        state: "waiting",
        broker: dialler.broker,
        error: error as Error,
        retryIn: Math.max(0, retryIn),
        ...(suspect && { unanswered: suspect.what }),
        text,
      });
      await this.#wait(retryIn);
      if (signal.aborted) return;
    }
  }

  /** Waits before the next attempt, after all brokers a turn of the event loop at least: nothing of ours stops it. */
  async #wait(time: Millis): Promise<void> {
    const { clock } = this.#parts;
    if (time === NOW) return;
    if (time === 0) return await nextTurn(clock);
    const enough = new AbortController();
    this.#hurry = () => enough.abort();
    await sleep(clock, clock.now() + time, AbortSignal.any([this.#stopping.signal, enough.signal]));
    this.#hurry = undefined;
  }

  /** How long to wait for the next attempt; undefined when there is to be none. */
  #retryIn(error: unknown): Millis | undefined {
    const { clock, dialler, random, settings: { reconnect } } = this.#parts;
    const step = dialler.next(this.#isFinal(error));
    if (step === "none") return undefined;
    const onlineAt = this.#onlineAt;
    if (this.#wasOnline ? reconnect === false : step === "round" && !(reconnect && reconnect.initially)) {
      return undefined;
    }
    const { delay, attempts } = reconnect || { delay: 0, attempts: Infinity };
    if (onlineAt !== undefined) this.#attempt = 0;
    if (onlineAt !== undefined && clock.now() - onlineAt >= STEADY * (delay || 1000)) {
      this.#failures = this.#rounds = 0;
      return Math.floor(random() * delay);
    }
    if (++this.#failures >= attempts) return undefined;
    // Its turn has not come in this round.
    if (onlineAt === undefined && step === "more") return NOW;
    this.#rounds++;
    // What somebody has to change takes its time.
    if (!isRetriable(error)) this.#rounds = Math.max(this.#rounds, LONGEST);
    return backoff(this.#rounds, delay, random());
  }

  /** Whether the broker would only say the same again. */
  #isFinal(error: unknown): boolean {
    const { reconnect } = this.#parts.settings;
    if (reconnect && reconnect.final !== undefined) return reconnect.final(error as Error);
    if (!this.#wasOnline && !(reconnect && reconnect.initially)) return !isRetriable(error);
    return error instanceof RefusedError && FINAL.includes(error.reason);
  }

  #giveUp(error: Error): void {
    const { board, sender, subscriptions } = this.#parts;
    const givenUp = sender.drop(error);
    subscriptions.close({ error }, error);
    board.set({ state: "closed", error, givenUp, text: `given up: ${error.message}` });
    this.#failed(error);
  }

  /** Lives on one connection until it ends; gives the reason, null when it was asked to. */
  async #live(connection: Connection, connect: ConnectOptions): Promise<Error | null> {
    const { board, clock, counts, engine, gate, link, sender, settings, subscriptions, suspects } =
      this.#parts;
    const unread = new UnreadWatch(board, subscriptions);
    engine.oneAtATime = suspects.careful;
    try {
      link.attach(connection, connect, settings.replyTimeout);
    } catch (error) {
      await connection.close();
      throw error;
    }
    try {
      for (;;) {
        unread.look(gate.full > 0, clock.now());
        const offline = this.#pull();
        if (offline !== undefined) {
          if (this.#onlineAt !== undefined && !this.#stopping.signal.aborted) counts.losses++;
          const suspect = sender.suspect(offline.unanswered) ?? subscriptions.suspect(offline.unanswered);
          if (suspect !== undefined && !this.#stopping.signal.aborted) suspects.blame(suspect, this.#resumed);
          return offline.error;
        }
        const lookAgain = unread.look(gate.full > 0, clock.now());
        await link.wait(Math.min(subscriptions.expiresAt, lookAgain), this.#mayRead ? READING : PAUSED);
        subscriptions.expire(clock.now());
        // What a jammed queue cannot take the broker sends again, if it has the session.
        if (gate.jammed > 0) engine.discard();
      }
    } finally {
      this.#checking = false;
      subscriptions.offline();
      await link.detach();
    }
  }

  /** Handles all that has come, as far as there is room for it. */
  #pull(): Offline | undefined {
    const { counts, engine, sender, subscriptions } = this.#parts;
    while (this.#mayRead) {
      const event = engine.next();
      if (event === null) return undefined;
      switch (event.type) {
        case "message":
          counts.received.add(event.qos, event.payload.length);
          subscriptions.deliver(event);
          break;
        case "settled":
          if (!sender.settled(event)) {
            subscriptions.settled(event);
            // An identifier is free.
            sender.pump();
          }
          if (engine.oneAtATime) this.#relax();
          break;
        case "skipped":
          this.#skip(event);
          break;
        case "pong":
          counts.pings++;
          counts.roundTrip = engine.roundTrip;
          this.#checking = false;
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

  /**
   * Whether more may be taken in. That somebody is slow neither stops a handshake nor hides the end of a connection;
   * and it is no reason as long as anyone waits for something that may lie behind what has come.
   */
  get #mayRead(): boolean {
    const { engine, gate, link, sender, subscriptions } = this.#parts;
    if (gate.full === 0 || engine.state === "connecting") return true;
    if (engine.state === "online") {
      return gate.isOpen(sender.awaited || subscriptions.awaited || link.stuck || this.#checking);
    }
    // The rest is one chunk at most.
    return true;
  }

  /** Nothing is suspected any more: all may leave as it comes. */
  #relax(): void {
    const { engine, link, subscriptions, suspects } = this.#parts;
    if (suspects.careful) return;
    engine.oneAtATime = false;
    subscriptions.relax();
    link.kick();
  }

  #skip({ message, size }: Skipped): void {
    const { board, engine, subscriptions } = this.#parts;
    const { topic } = message;
    subscriptions.skip(message);
    const text =
      `passed over a message to ${topic} of ${size} bytes: receiving.maxPacketSize is ${engine.maxPacketSize}`;
    if (board.current.state === "online") board.set({ ...board.current, skipped: { topic, size }, text });
  }

  #greet(resumed: boolean): void {
    const { board, clock, counts, dialler, sender, settings, subscriptions, suspects } = this.#parts;
    const { broker } = dialler;
    this.#resumed = resumed;
    if (this.#wasOnline) subscriptions.expectNoClaims();
    else subscriptions.expectClaims(clock.now() + settings.replyTimeout, !resumed);
    counts.connects++;
    this.#wasOnline = true;
    this.#onlineAt = clock.now();
    dialler.accepted();
    const text = `connected to ${broker}${resumed ? ", session resumed" : ""}`;
    board.set({ state: "online", broker, resumed, text });
    subscriptions.online(resumed, suspects.careful);
    sender.pump();
    this.#online();
  }
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}

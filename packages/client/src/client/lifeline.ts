/**
 * What keeps a client connected: the one task that reads, delivers and, when the connection is lost, brings it back.
 *
 * It never gives up a fault of the network by itself; when it tries again is for {@link Retries} to say.
 *
 * Longer than 300 lines: the life of a connection, from the attempt to the judgement on its end.
 *
 * Longer than 300 lines: one life is one story.
 *
 * @module
 */
import {
  type Connection,
  ConnectionError,
  type ConnectOptions,
  type Engine,
  type Millis,
  type Offline,
  type Skipped,
} from "@minimqtt/core";
import type { Settings } from "./options.ts";
import { type Clock, nextTurn, sleep } from "../link/clock.ts";
import type { Dialler } from "./dialler.ts";
import type { Link } from "../link/link.ts";
import type { Gate } from "./message_queue.ts";
import { NOW, Retries } from "./retries.ts";
import type { Failures, Sender } from "./sender.ts";
import type { Counts } from "./stats.ts";
import type { Status, StatusBoard } from "./status.ts";
import type { Subscriptions } from "./subscriptions.ts";
import type { Suspects } from "./suspects.ts";
import { UnreadWatch } from "./unread.ts";

const READING = { read: true };
const PAUSED = { read: false };

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
  readonly #retries: Retries;
  /** Whether the last connection went on with a session. */
  #resumed = false;
  /** Whether somebody waits for a PINGRESP. */
  #checking = false;
  /** Ends the wait before the next attempt. */
  #hurry: (() => void) | undefined;
  /**
   * How many things are still to be sent one at a time: all that was under way when connections ended, for who was first
   * in line need not be who is to blame.
   */
  #alone = 0;
  /** Since when nothing is read, though an answer is awaited. */
  #jammedAt: Millis | undefined;

  /** Resolves when there is a connection for the first time; rejects when there will be none. */
  readonly connected: Promise<void>;
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;

  constructor(parts: Parts) {
    this.#parts = parts;
    const { dialler, clock, random, settings } = parts;
    this.#retries = new Retries(dialler, clock, random, settings.reconnect);
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
    const { board, dialler, sender, suspects } = this.#parts;
    const { signal } = this.#stopping;
    for (;;) {
      const { broker } = dialler;
      const attempt = this.#retries.begin();
      board.set({
        state: "connecting",
        broker,
        attempt,
        text: `connecting to ${broker}${attempt > 1 ? `, attempt ${attempt}` : ""}`,
      });
      let error: unknown;
      try {
        const { connection, connect } = await dialler.dial(signal);
        error = await this.#live(connection, connect);
      } catch (reason) {
        error = reason;
      }
      if (signal.aborted) return;
      if (!this.#retries.succeeded) error = dialler.explain(error);
      const retryIn = this.#retries.after(error);
      if (retryIn === undefined) return this.#giveUp(error as Error);
      const suspect = suspects.worst;
      const failures = sender.takeFailures();
      const text = `${this.#retries.succeeded ? "connection lost" : "no connection"}: ${
        (error as Error).message
      }${suspect === undefined ? "" : ` (${suspect.what} was unanswered ${times(suspect.losses)})`}${
        failures === undefined ? "" : ` (${inWords(failures)})`
      }; next attempt ${retryIn < 50 ? "now" : `in ${(retryIn / 1000).toFixed(1)} s`}`;
      board.set({
        state: "waiting",
        broker: dialler.broker,
        error: error as Error,
        retryIn: Math.max(0, retryIn),
        ...(suspect && { unanswered: suspect.what }),
        ...(failures && { failed: failures.count }),
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
          if (this.#retries.succeeded && !this.#stopping.signal.aborted) counts.losses++;
          const suspect = sender.suspect(offline.unanswered) ?? subscriptions.suspect(offline.unanswered);
          const isOurs = this.#stopping.signal.aborted || engine.refused !== undefined;
          if (suspect !== undefined && !isOurs) suspects.blame(suspect, this.#resumed, engine.oneAtATime);
          return offline.error;
        }
        this.#tellFailures();
        const lookAgain = unread.look(gate.full > 0, clock.now());
        const until = Math.min(subscriptions.expiresAt, this.#jamEndsAt, lookAgain);
        await link.wait(until, this.#mayRead ? READING : PAUSED);
        subscriptions.expire(clock.now());
        if (clock.now() >= this.#jamEndsAt) engine.refuse();
        // What was taken is to be acknowledged first: it would be sent again as well.
        if (engine.refused !== undefined && gate.full === 0 && !engine.unacknowledged) {
          engine.closed(refused());
        }
        // What a jammed queue cannot take the broker sends again, if it has the session.
        if (gate.jammed > 0) engine.discard();
      }
    } finally {
      this.#checking = false;
      this.#jammedAt = undefined;
      // There is no session that would bring them again.
      if (connect.cleanSession) gate.gaveUp.overflow += engine.refused ?? 0;
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
            // An identifier is free, for whoever waits for one.
            sender.pump();
          }
          subscriptions.pump();
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
    const { engine, gate } = this.#parts;
    if (gate.full === 0 || engine.state === "connecting" || engine.refused !== undefined) return true;
    if (engine.state === "online") return gate.isOpen(this.#isAwaited);
    // The rest is one chunk at most.
    return true;
  }

  /** Whether somebody waits for an answer of the broker, or for its taking what we send. */
  get #isAwaited(): boolean {
    const { link, sender, subscriptions } = this.#parts;
    return sender.awaited || subscriptions.awaited || link.stuck || this.#checking;
  }

  /**
   * Until when a jam is left to those who read. Whoever is to empty the queue may wait for an answer that lies behind
   * it, and then neither ends: from then on messages that must not be given up are left to the broker, and when there
   * is room a new connection brings them again.
   */
  get #jamEndsAt(): Millis {
    const { clock, engine, gate, settings } = this.#parts;
    if (gate.jammed === 0 || engine.refused !== undefined || !this.#isAwaited) this.#jammedAt = undefined;
    else this.#jammedAt ??= clock.now();
    return (this.#jammedAt ?? Infinity) + settings.acknowledgeTimeout;
  }

  /** One more is answered. When nothing is suspected any more all may leave as it comes. */
  #relax(): void {
    const { engine, link, subscriptions, suspects } = this.#parts;
    if (--this.#alone > 0 || suspects.careful) return;
    engine.oneAtATime = false;
    subscriptions.relax();
    link.kick();
  }

  #skip({ message, size }: Skipped): void {
    const { engine, subscriptions } = this.#parts;
    const { topic } = message;
    subscriptions.skip(message);
    const text =
      `passed over a message to ${topic} of ${size} bytes: receiving.maxPacketSize is ${engine.maxPacketSize}`;
    this.#note({ skipped: { topic, size } }, text);
  }

  #tellFailures(): void {
    const { board, sender } = this.#parts;
    if (board.current.state !== "online") return;
    const failures = sender.takeFailures();
    if (failures !== undefined) this.#note({ failed: failures.count }, inWords(failures));
  }

  /** Tells what has happened on a connection that stays. */
  #note(what: Partial<Status>, text: string): void {
    const { board } = this.#parts;
    if (board.current.state !== "online") return;
    const { state, broker, resumed } = board.current;
    board.set({ state, broker, resumed, ...what, text } as Status);
  }

  #greet(resumed: boolean): void {
    const { board, clock, counts, dialler, sender, settings, subscriptions, suspects } = this.#parts;
    const { broker } = dialler;
    this.#resumed = resumed;
    if (!this.#retries.accepted()) subscriptions.expectNoClaims();
    else subscriptions.expectClaims(clock.now() + settings.replyTimeout, !resumed);
    counts.connects++;
    const text = `connected to ${broker}${resumed ? ", session resumed" : ""}`;
    board.set({ state: "online", broker, resumed, text });
    subscriptions.online(resumed, suspects.careful);
    sender.pump();
    this.#alone = sender.underWay + subscriptions.underWay;
    this.#online();
  }
}

function refused(): ConnectionError {
  return new ConnectionError("closed", "there was no room for what came: it is asked for again");
}

function inWords({ count, error }: Failures): string {
  return `${
    count === 1 ? "a published message was" : `${count} published messages were`
  } given up: ${error.message}`;
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}

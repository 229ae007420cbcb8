/**
 * The client for people who write TypeScript today: it runs by itself, stays connected, and is read by `for await`.
 *
 * Times are in milliseconds. Wrong arguments reject with {@link UsageError} and send nothing; a refusal of the broker
 * is a {@link RefusedError}, what the network does a {@link ConnectionError}; a lost connection is no error of any call,
 * for it comes back.
 *
 * Longer than 300 lines: it is the API of one class, and half of it is its contract.
 *
 * @module
 */
import { Engine, type Message, type Millis, MqttError, UsageError, v4 } from "@minimqtt/core";
import { checkOptions } from "@minimqtt/core/internal";
import { abortable } from "../link/abortable.ts";
import { generateClientId } from "../link/client_id.ts";
import {
  checkOneOf,
  type ClientOptions,
  type ClientPayload,
  CLOSE,
  type CloseOptions,
  type Filters,
  type ListenOptions,
  MESSAGE,
  type PublishOptions,
  type Settings,
  SIGNAL,
  SUBSCRIBE,
  type SubscribeOptions,
  toFilterList,
  toSettings,
  WHEN_FULL,
} from "./options.ts";
import { type Clock, nextTurn, sleep, systemClock } from "../link/clock.ts";
import { Dialler } from "./dialler.ts";
import { Lifeline } from "./lifeline.ts";
import { Link } from "../link/link.ts";
import { logPackets } from "../link/log_lines.ts";
import { INFO, toLogger } from "../link/logger.ts";
import { Gate, type WhenFull } from "./message_queue.ts";
import type { ReceivedMessage } from "./received_message.ts";
import { Sender } from "./sender.ts";
import { Listener, type RecipientOptions } from "./recipient.ts";
import { Counts, type Stats, type Unsent } from "./stats.ts";
import { logStatus, type Status, StatusBoard } from "./status.ts";
import { Stream } from "./stream.ts";
import type { Subscription, SubscriptionStream } from "./subscription.ts";
import { Subscriptions } from "./subscriptions.ts";
import { Suspects } from "./suspects.ts";

/** One of the messages of `Client.publishMany`. */
export interface PublishedMessage extends Omit<PublishOptions, "signal"> {
  /** The topic name. */
  readonly topic: string;
  /** Text or bytes. */
  readonly payload: ClientPayload;
}

/** The longest that `close({ drop: true })` waits for a broker that reads nothing, in milliseconds. */
const SHORT_GOODBYE = 1000;

/**
 * An MQTT client that runs by itself.
 *
 * ```ts
 * import { Client } from "@minimqtt/client";
 * import { tcp } from "@minimqtt/transport-tcp";
 *
 * export async function main(): Promise<void> {
 *   await using client = await Client.connect("mqtt://localhost", { transport: tcp() });
 *   await client.publish("house/kitchen/temperature", "21.5", { qos: 1 });
 *   for await (const message of await client.subscribe("house/+/temperature")) {
 *     console.log(message.topic, message.text());
 *   }
 * }
 * ```
 */
export class Client implements AsyncDisposable {
  /** The client identifier that the broker knows it by. */
  readonly clientId: string;
  readonly #settings: Settings;
  readonly #clock: Clock;
  readonly #engine: Engine;
  readonly #link: Link;
  readonly #counts: Counts = new Counts();
  readonly #gate: Gate;
  readonly #sender: Sender;
  readonly #subscriptions: Subscriptions;
  readonly #board: StatusBoard;
  readonly #lifeline: Lifeline;
  #closing: Promise<void> | undefined;
  /** How many messages were given up at the end. */
  #givenUp = 0;
  /** Ends the patience of {@link close}. */
  readonly #hurry = new AbortController();

  /**
   * Connects to a broker, and resolves when it has accepted. Of a list of brokers the first that does is taken; when
   * the connection is lost the next one in order is tried, after the last one the first again.
   *
   * A broker is `mqtt://user:password@host:port/path` or just a host; which schemes there are is the transport's
   * choice.
   *
   * @throws {UsageError} for options that are wrong; nothing was opened.
   * @throws {RefusedError} `connection-refused`, {@link ConnectionError} or {@link ProtocolError} of the last attempt
   * when each broker was tried once and none accepted (`reconnect.initially` makes it go on); the signal's reason
   * when it is aborted.
   */
  static async connect(
    brokers: string | URL | readonly (string | URL)[],
    options: ClientOptions,
  ): Promise<Client> {
    const called = new Error();
    const client = Client.start(brokers, options);
    try {
      await client.connected;
      return client;
    } catch (error) {
      await client.close({ drop: true });
      throw addCaller(error, called);
    }
  }

  /**
   * The same without the waiting: gives a client at once, which connects in the background. {@link publish},
   * {@link subscribe} and {@link status} work from the first moment; {@link connected} tells when it is online.
   *
   * It follows the same rules: without `reconnect.initially` it ends when each broker was tried once and none accepted.
   *
   * @throws {UsageError} for options that are wrong; the signal's reason when it is aborted already.
   */
  static start(brokers: string | URL | readonly (string | URL)[], options: ClientOptions): Client {
    return new Client(brokers, options);
  }

  private constructor(brokers: string | URL | readonly (string | URL)[], options: ClientOptions) {
    const settings = this.#settings = toSettings(options);
    options.signal?.throwIfAborted();
    const { keepAlive, replyTimeout, will, receiving, sending } = settings;
    const clock = this.#clock = options.clock ?? systemClock;
    this.clientId = options.clientId ?? generateClientId("ts");
    const { transport, credentials, random = Math.random } = options;
    const codec = v4;
    const dialler = new Dialler(brokers, {
      codec,
      transport,
      credentials,
      clock,
      timeout: settings.connectTimeout,
      connect: {
        clientId: this.clientId,
        cleanSession: options.session !== "resume",
        keepAlive,
        ...(will && { will }),
      },
    });
    const engine = this.#engine = new Engine({
      codec,
      replyTimeout,
      maxInflight: sending.window,
      maxInflightQoS2: sending.windowQoS2,
      republish: true,
      acknowledgeTimeout: settings.acknowledgeTimeout,
      tooLarge: receiving.tooLarge,
      pingsSilentServer: true,
      ...(receiving.maxPacketSize !== undefined && { maxPacketSize: receiving.maxPacketSize }),
    });
    const { logger: given, logLevel = INFO } = options;
    const logger = given === undefined ? undefined : toLogger(given, logLevel, "minimqtt");
    if (logger !== undefined) logPackets(engine, () => logger);
    const counts = this.#counts;
    const link = this.#link = new Link(engine, clock);
    const gate = this.#gate = new Gate(link.wake);
    const kick = () => {
      link.kick();
      // Whoever is slow must not keep the answer from coming.
      if (gate.full > 0) link.wake();
    };
    const acknowledge = (message: Message) => {
      engine.acknowledge(message);
      link.kick();
      if (engine.refused !== undefined) link.wake();
    };
    const sender = this.#sender = new Sender(
      engine,
      link,
      sending,
      counts.published,
      kick,
      () => nextTurn(clock),
    );
    const subscriptions = this.#subscriptions = new Subscriptions(
      engine,
      receiving,
      settings.subscribing.filtersPerPacket,
      gate,
      acknowledge,
      kick,
    );
    const board = this.#board = new StatusBoard(logger && ((status) => logStatus(logger, status)));
    this.#lifeline = new Lifeline({
      engine,
      link,
      dialler,
      counts,
      sender,
      subscriptions,
      suspects: new Suspects(),
      gate,
      board,
      clock,
      random,
      settings,
    });
    // Who looks at the status only has no need of it.
    this.connected.catch(() => {});
    if (options.signal !== undefined) this.#giveUpWith(options.signal);
  }

  /**
   * Resolves the first time that the client is online. Rejects when it never will be, with what {@link Client.connect}
   * rejects with; nobody has to look at it.
   */
  get connected(): Promise<void> {
    return this.#lifeline.connected;
  }

  /** How the connection is now; {@link status} tells how it changes. */
  get state(): Status["state"] {
    return this.#board.current.state;
  }

  /**
   * How many received messages were given up: because their queue was full, over `receiving.maxPacketSize`, or because
   * nobody subscribed in time to what the broker sent unasked. {@link stats} tells them apart.
   */
  get dropped(): number {
    const { overflow, tooLarge, unclaimed } = this.#gate.gaveUp;
    return overflow + tooLarge + unclaimed;
  }

  /**
   * How many published messages were given up: `replaced` by newer ones or for lack of a connection, as chosen in
   * `sending`, or `failed` by what the broker or the network did. The promise of each tells whoever looks at it.
   */
  get unsent(): Unsent {
    return { ...this.#sender.unsent };
  }

  /**
   * A snapshot of what the client has done so far, in numbers: for metrics, at any moment. It is made when it is asked
   * for; counting costs the messages next to nothing.
   */
  stats(): Stats {
    const { published, received, connects, losses, pings, roundTrip } = this.#counts;
    return {
      published: published.snapshot,
      received: received.snapshot,
      outgoing: this.#sender.outgoing,
      unread: this.#subscriptions.waiting,
      dropped: { ...this.#gate.gaveUp },
      unsent: this.unsent,
      connects,
      losses,
      pings,
      roundTrip,
    };
  }

  /**
   * Asks the broker now whether it is there: the connection is given up when it does not answer within `replyTimeout`.
   * Where there is no connection, the next attempt is made now. For programs that know that the computer woke up, or
   * that the network is another one.
   */
  check(): void {
    this.#lifeline.check();
  }

  /**
   * Publishes a message. Bytes may be used again as soon as the call returns. Messages leave in the order of the calls,
   * awaited or not, and whatever their quality of service.
   *
   * With QoS 0 it resolves when there is room for more; with QoS 1 and 2 when the broker has acknowledged it, however
   * many connections that takes. Many can be under way at a time: collect the promises, or use {@link publishMany}.
   * What the network or the broker did to one that nobody awaits ends no program: it is counted in {@link unsent}.
   *
   * Where the broker loses the session (as it always does with `session: "clean"`), what it has not acknowledged is
   * published anew, and may arrive twice; a message with QoS 2 that it had taken over is not, and rejects.
   *
   * @throws {UsageError} `invalid-topic`, `invalid-argument`, `payload-too-large`; `queue-full` and `not-connected` as
   * chosen in `sending`, and `queue-full` when eight times as much waits as chosen there; `not-connected` after
   * `close()`, and for what it dropped.
   * @throws {RefusedError} `qos-not-supported` for a message with QoS 2 that a broker took as one with QoS 1.
   * @throws {ConnectionError} `session-lost` for a message with QoS 2 of which nobody knows whether it is delivered;
   * `hung-up-on` when the broker hung up four times in a row at this message; and whatever else has ended the client.
   */
  publish(topic: string, payload: ClientPayload, options?: PublishOptions): Promise<void> {
    return this.#sender.publish(topic, payload, options);
  }

  /**
   * Publishes all messages of an iterable, as many at a time as the send window has room for, and resolves to their
   * number when all are acknowledged. The iterable is asked for the next message when there is room for it.
   *
   * @throws what {@link publish} throws for the first message that fails; those after it are not published.
   */
  async publishMany(
    messages: Iterable<PublishedMessage> | AsyncIterable<PublishedMessage>,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<number> {
    checkOptions(options, "publishMany()", SIGNAL);
    checkIterable(messages);
    let count = 0;
    let failed: { readonly error: unknown } | undefined;
    const last = new Set<Promise<void>>();
    for await (const message of messages) {
      if (failed !== undefined) break;
      checkOptions(message, "publishMany()", MESSAGE);
      const { topic, payload, qos = 0, retain = false } = message;
      const published = this.publish(topic, payload, { ...options, qos, retain });
      count++;
      if (qos === 0) await published;
      else {
        last.add(published);
        published.then(() => last.delete(published), (error) => failed ??= { error });
        await abortable(this.#sender.room(), options.signal);
      }
    }
    await Promise.all(last);
    return count;
  }

  /**
   * Subscribes to one topic filter or several, and resolves when the broker has granted them all: to something to be
   * read by `for await`, or with `onMessage` to something that calls it. Leaving the loop ends the subscription.
   *
   * A message that several of its filters match comes once; several subscriptions get it once each. (But see MQTT
   * 3.1.1: a broker may send one copy for each filter; they are all delivered.) The broker may be told to send a
   * message again, with QoS 1, when a connection was lost before its acknowledgement.
   *
   * Read it, or {@link messages}: what is not read fills up, and then nothing is read from the broker, for any
   * subscription; the status tells so. `whenFull` makes another choice.
   *
   * While there is no connection it waits for one. When more than its queue may hold comes before the broker's answer,
   * it does not wait for that.
   *
   * @throws {UsageError} `invalid-filter`, `invalid-argument`, `not-connected` after `close()`.
   * @throws {RefusedError} `subscription-refused` when the broker refuses one of the filters; none stays subscribed.
   * @throws {ConnectionError} `hung-up-on` when the broker hangs up whenever it is asked for one of the filters.
   */
  subscribe(filters: Filters, options: ListenOptions): Promise<Subscription>;
  /** The same without a callback. */
  subscribe(filters: Filters, options?: SubscribeOptions): Promise<SubscriptionStream>;
  async subscribe(
    filters: Filters,
    options: SubscribeOptions & Partial<ListenOptions> = {},
  ): Promise<Subscription> {
    checkOptions(options, "subscribe()", SUBSCRIBE);
    const { receiving } = this.#settings;
    const { qos = 0, acknowledge = "auto", whenFull = receiving.whenFull, signal, onMessage, onError } =
      options;
    if (onMessage === undefined && onError !== undefined) {
      throw new UsageError("invalid-argument", "onError belongs to onMessage, which is missing");
    }
    checkOneOf(acknowledge, "acknowledge", ["auto", "manual"]);
    checkOneOf(whenFull, "whenFull", WHEN_FULL);
    signal?.throwIfAborted();
    const list = toFilterList(filters, qos);
    if (this.#closing !== undefined || this.state === "closed") throw closed();
    const made = this.#recipient(list.map(({ topic }) => topic), acknowledge === "manual", signal, whenFull);
    const recipient = onMessage === undefined ? new Stream(made) : new Listener(made, onMessage, onError);
    await this.#subscriptions.add(recipient, list);
    return recipient;
  }

  /**
   * Every message that comes while it is read, whichever subscription it belongs to. Each loop over it gets all of
   * them, beside the subscriptions that are read themselves. It subscribes to nothing; with a resumed session it also
   * tells what the broker sends for subscriptions of an earlier program.
   */
  get messages(): AsyncIterable<ReceivedMessage> {
    return { [Symbol.asyncIterator]: () => this.#tap(undefined) };
  }

  /**
   * The same as {@link messages} in arrays, all that have come since the last one: less work per message. A loop over
   * it rejects with the signal's reason when that is aborted.
   */
  batches(options: { readonly signal?: AbortSignal } = {}): AsyncIterable<readonly ReceivedMessage[]> {
    checkOptions(options, "batches()", SIGNAL);
    return { [Symbol.asyncIterator]: () => this.#tap(options.signal).batches() };
  }

  /**
   * How the connection is, and every change of it until the client has ended. Each loop over it gets all of them, and
   * rejects with the signal's reason when that is aborted.
   */
  status(options: { readonly signal?: AbortSignal } = {}): AsyncIterableIterator<Status> {
    checkOptions(options, "status()", SIGNAL);
    return this.#board.read(options.signal);
  }

  /**
   * Finishes what was published, with a new connection if need be, says goodbye to the broker and ends the client.
   * Loops over its messages end at once: what is in their queues is not delivered any more, nor acknowledged; a
   * message that a loop is at work on counts as done, unless acknowledged by hand. What is not finished within
   * `closeTimeout` is given up, and the last status tells how much that was. Rejects for options that are wrong only; may be called again, with
   * `drop` to be quicker.
   */
  close(options: CloseOptions = {}): Promise<void> {
    try {
      checkOptions(options, "close()", CLOSE);
    } catch (error) {
      return Promise.reject(error);
    }
    const { drop = false, signal } = options;
    const giveUp = () => this.#hurry.abort();
    this.#sender.stop(closed());
    if (drop || signal?.aborted) giveUp();
    signal?.addEventListener("abort", giveUp);
    this.#closing ??= this.#close();
    return this.#closing.finally(() => signal?.removeEventListener("abort", giveUp));
  }

  /** Is {@link close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The signal ends a client that has not been online yet. */
  #giveUpWith(signal: AbortSignal): void {
    const onAbort = () => {
      this.#lifeline.stop(signal.reason);
      void this.close({ drop: true });
    };
    signal.addEventListener("abort", onAbort);
    const forget = () => signal.removeEventListener("abort", onAbort);
    this.connected.then(forget, forget);
  }

  async #close(): Promise<void> {
    const until = this.#clock.now() + this.#settings.closeTimeout;
    const hurry = this.#hurry.signal;
    this.#subscriptions.close(null, closed());
    await this.#within(this.#sender.drained(), until, hurry);
    this.#givenUp = this.#sender.drop(closed());
    this.#lifeline.stop(closed());
    this.#engine.disconnect();
    // A broker that reads nothing more does not keep us.
    const patience = this.#givenUp > 0 || hurry.aborted ? SHORT_GOODBYE : this.#settings.replyTimeout;
    await this.#within(
      this.#link.drained(),
      Math.max(until, this.#clock.now() + SHORT_GOODBYE),
      undefined,
      patience,
    );
    await this.#link.detach();
    await this.#lifeline.ended;
    if (this.state === "closed") return;
    const givenUp = this.#givenUp;
    const text = givenUp === 0 ? "closed" : `closed; ${givenUp} published messages were given up`;
    this.#board.set({ state: "closed", error: null, givenUp, text });
  }

  /** Waits for a promise, until some moment at most, or until the signal is aborted. */
  async #within(
    promise: Promise<void>,
    until: Millis,
    signal?: AbortSignal,
    most: Millis = Infinity,
  ): Promise<void> {
    const enough = new AbortController();
    const at = Math.min(until, this.#clock.now() + most);
    const late = sleep(
      this.#clock,
      at,
      signal === undefined ? enough.signal : AbortSignal.any([enough.signal, signal]),
    );
    await Promise.race([promise, late]);
    enough.abort();
  }

  #tap(signal: AbortSignal | undefined): Stream {
    const stream = new Stream(this.#recipient([], false, signal, this.#settings.receiving.whenFull));
    if (this.#closing !== undefined || this.state === "closed") stream.end(null);
    else if (signal?.aborted) stream.end({ error: signal.reason });
    else this.#subscriptions.tap(stream);
    return stream;
  }

  #recipient(
    filters: readonly string[],
    manual: boolean,
    signal: AbortSignal | undefined,
    whenFull: WhenFull,
  ): RecipientOptions {
    const subscriptions = this.#subscriptions;
    return {
      filters,
      manual,
      limits: this.#settings.receiving,
      whenFull,
      gate: this.#gate,
      signal,
      leave: (recipient, ended) => subscriptions.remove(recipient, ended),
      opened: () => subscriptions.changed(),
    };
  }
}

/** An error of ours with the line of who called: it came about elsewhere. */
function addCaller(error: unknown, called: Error): unknown {
  if (error instanceof MqttError) error.stack += called.stack!.slice(called.stack!.search(/\n|$/));
  return error;
}

/** @throws {UsageError} `invalid-argument` */
function checkIterable(messages: unknown): void {
  try {
    const { [Symbol.iterator]: one, [Symbol.asyncIterator]: other } = messages as
      & AsyncIterable<unknown>
      & Iterable<unknown>;
    if (typeof messages !== "string" && (one ?? other) !== undefined) return;
  } catch {
    // Told below.
  }
  throw new UsageError("invalid-argument", "publishMany() takes an iterable of messages");
}

function closed(): UsageError {
  return new UsageError("not-connected", "the client was closed");
}

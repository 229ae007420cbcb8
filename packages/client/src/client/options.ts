/**
 * What a `Client` is made from, checked and brought into one form.
 *
 * Longer than 300 lines: the contract of every option stands with it.
 *
 * @module
 */
import {
  type Engine,
  type Filter,
  type Millis,
  type QoS,
  type Transport,
  UsageError,
  type Will,
} from "@minimqtt/core";
import {
  checkFilter,
  checkKeepAlive,
  checkOptions,
  checkQoS,
  having,
  type Kinds,
} from "@minimqtt/core/internal";
import type { Clock } from "../link/clock.ts";
import { checkCredentials, type Credentials, type CredentialsSource } from "./dialler.ts";
import type { ForeignLogger, Logger, LoggerPackage } from "../link/logger.ts";
import type { QueueLimits, WhenFull } from "./message_queue.ts";
import { toBytes } from "../link/payload.ts";
import type { ReceivedMessage } from "./received_message.ts";

const LONGEST_KEEP_ALIVE = 65_535_000;
const MOST_IDENTIFIERS = 60_000;

/** Options of `Client.connect`. Times are in milliseconds. */
export type ClientOptions = CommonOptions & (CleanSession | ResumedSession);

/** The broker keeps nothing when the connection ends; subscriptions are made again on the next. */
export interface CleanSession {
  /** `"clean"` is what it is when absent. */
  readonly session?: "clean";
  /** Client identifier; when absent, `ts` and 16 random characters. */
  readonly clientId?: string;
}

/** The broker keeps subscriptions and messages with QoS 1 and 2 while the client is away. */
export interface ResumedSession {
  /** The session goes on where it was, in this program and in the next one with the same client identifier. */
  readonly session: "resume";
  /** Client identifier, by which the broker knows the session. */
  readonly clientId: string;
}

/** What all clients are made from. */
export interface CommonOptions {
  /** How to reach the broker: `tcp()`, `tls()`, `ws()`, ... */
  readonly transport: Transport;
  /** User name and password, or what makes them before each attempt. They win over those in a URL. */
  readonly credentials?: Credentials | CredentialsSource;
  /** What the broker publishes when the client is gone without `close()`. */
  readonly will?: ClientWill;
  /**
   * The most time between two packets, 1000 to 65 535 000, rounded up to seconds; 0 switches it off. 60 000 when
   * absent. A dead peer is noticed within this and `replyTimeout`.
   */
  readonly keepAlive?: Millis;
  /** How long opening a connection may take, credentials included; 10 000 when absent. */
  readonly connectTimeout?: Millis;
  /** How long the broker may take for CONNACK and PINGRESP, and within a packet; 10 000 when absent. */
  readonly replyTimeout?: Millis;
  /**
   * How long the broker may leave everything that waits for an acknowledgement without one; then the connection counts
   * as broken, and the next one sends again. 60 000 when absent, `Infinity` for ever. A broker that is slow but
   * acknowledges something now and then is left alone.
   */
  readonly acknowledgeTimeout?: Millis;
  /**
   * How long `close()`, and leaving an `await using` block, may go on finishing what was published before the rest is
   * given up; 10 000 when absent, `Infinity` for ever.
   */
  readonly closeTimeout?: Millis;
  /** How to come back after the connection is lost; false: not at all. */
  readonly reconnect?: false | ReconnectOptions;
  /** What may wait to be sent. */
  readonly sending?: SendingOptions;
  /** What may wait to be read. */
  readonly receiving?: ReceivingOptions;
  /** How to ask for subscriptions. */
  readonly subscribing?: SubscribingOptions;
  /** Gives up waiting for the first connection: `connect` rejects with its reason. */
  readonly signal?: AbortSignal;
  /**
   * Where log lines go: what happens to the connection, and at debug each packet without what it carries. `@minimqtt/logger`,
   * the console, a pino, or any object with the five methods.
   */
  readonly logger?: LoggerPackage | Logger | ForeignLogger;
  /** The lowest level that is logged, where the logger does not choose by itself: 20 (info) when absent, 10 for debug. */
  readonly logLevel?: number;
  /**
   * Where the client takes its time from: the runtime's own clock when absent; `workerClock()` of
   * `@minimqtt/client/worker_clock` in pages, whose timers run once a minute while their tab is hidden; or a clock that
   * stands still, in tests.
   */
  readonly clock?: Clock;
  /** Random numbers from 0 up to 1, for tests of the waits between attempts. */
  readonly random?: () => number;
}

/** A message that the broker publishes when the client is gone without `close()`. */
export interface ClientWill extends Omit<Will, "payload"> {
  /** Text or bytes, at most 65 535 bytes. */
  readonly payload: ClientPayload;
}

/** How to come back. */
export interface ReconnectOptions {
  /**
   * The wait after all brokers of the list have failed; doubled with each further round up to 16 times, with up to a
   * second on top. Before the first attempt after a loss it is a random part of it, so that those who lost a broker
   * together do not come back together. 1000 when absent; 0: no wait at all.
   */
  readonly delay?: Millis;
  /** How many attempts in a row may fail; when absent it goes on for ever. */
  readonly attempts?: number;
  /**
   * Whether `connect` as well goes on trying, under the same rules. When absent it rejects after each broker has
   * been tried once.
   */
  readonly initially?: boolean;
  /**
   * Whether an error takes the broker off the list, so that the client ends when it was the last one; asked after each
   * attempt and each loss. When absent: before the first connection (unless `initially`) whatever an unchanged attempt
   * can only repeat, such as wrong credentials or a certificate that is not trusted; afterwards only a refusal of the
   * protocol version or the client identifier, for all else may heal, and the client goes on with the longest wait.
   */
  readonly final?: (error: Error) => boolean;
}

/** How to ask for subscriptions. */
export interface SubscribingOptions {
  /**
   * The most filters in one SUBSCRIBE or UNSUBSCRIBE, for brokers that take few (AWS IoT takes eight); no limit when
   * absent. Where it is needed and absent the client finds it out by itself, at the price of some connections.
   */
  readonly filtersPerPacket?: number;
}

/** What `Client.publish` takes: text, which is sent as UTF-8, or bytes of any kind. */
export type ClientPayload = string | Uint8Array | ArrayBuffer | ArrayBufferView;

/** Options of `Client.publish`. */
export interface PublishOptions {
  /** Quality of service; 0 when absent. */
  readonly qos?: QoS;
  /** Whether the broker keeps it for later subscribers; false when absent. */
  readonly retain?: boolean;
  /**
   * Rejects the promise with the signal's reason. A message that has not been handed to the connection is not sent
   * then; one that has may still arrive.
   */
  readonly signal?: AbortSignal;
}

/** What may wait to be sent, and what becomes of the rest. */
export interface SendingOptions {
  /** The number of messages, unacknowledged ones included; 10 000 when absent. */
  readonly messages?: number;
  /** The bytes of their payloads together; 16 MiB when absent. */
  readonly bytes?: number;
  /**
   * What a message does for which there is no room: `"wait"`, as when absent, holds it, and its promise waits, up to
   * eight times as many messages or bytes; beyond that, and with `"reject"` at once, it rejects with a `UsageError`
   * `queue-full`. `"drop-oldest"` gives up the oldest that waits, and `"latest"` the oldest for whose topic a newer one
   * waits, if there is one: their promises reject with `queue-full`, and `Client.unsent` counts them.
   */
  readonly whenFull?: "wait" | "reject" | "drop-oldest" | "latest";
  /**
   * What becomes of a message with QoS 0 while there is no connection: `"keep"`, as when absent, lets it wait like
   * the others, `"drop"` forgets it, `"reject"` rejects with a `UsageError` `not-connected`.
   */
  readonly offline?: "keep" | "drop" | "reject";
  /** The most messages with QoS 1 and 2 that may be unacknowledged at a time, 1 to 60 000; 1024 when absent. */
  readonly window?: number;
  /**
   * The most of them that may have QoS 2; 10 when absent. MQTT 3.1.1 has no way to ask a broker what it takes, and
   * mosquitto closes the connection of a client whose unfinished QoS 2 messages reach its `max_inflight_messages`, 20.
   */
  readonly windowQoS2?: number;
}

/** What may wait to be read. Beyond that nothing is read from the broker, so that it slows down. */
export interface ReceivingOptions {
  /** The number of messages in the queue of one subscription; 1024 when absent. */
  readonly messages?: number;
  /** The bytes of their payloads together; 4 MiB when absent. */
  readonly bytes?: number;
  /** The longest packet taken from the broker, in bytes; 10 065 546 when absent. */
  readonly maxPacketSize?: Engine["maxPacketSize"];
  /**
   * What becomes of a message for which a queue has no room: with `"pause"`, as when absent, nothing more is read from
   * the broker until there is some, for any subscription; `"drop-oldest"` and `"drop-newest"` give one up, acknowledge it
   * and count it in `Client.stats().dropped`. Each subscription may choose for itself.
   */
  readonly whenFull?: WhenFull;
  /**
   * What becomes of a longer message: `"skip"`, as when absent, acknowledges it without holding it, counts it in
   * `Client.dropped` and tells in the status which it was; `"close"` ends the connection, and the next one, as long as
   * the broker sends it.
   */
  readonly tooLarge?: "skip" | "close";
}

/** What `subscribe` takes: a topic filter, one with its own quality of service, or a list of them. */
export type Filters = string | Filter | readonly (string | Filter)[];

/** Options of `Client.subscribe`. */
export interface SubscribeOptions {
  /** The highest quality of service for filters that name none; 0 when absent. */
  readonly qos?: QoS;
  /**
   * `"auto"`, as when absent: a message is acknowledged when the loop asks for the next one or is left, or when the
   * callback has returned (its promise has settled). `"manual"`: by its `acknowledge()` alone.
   */
  readonly acknowledge?: "auto" | "manual";
  /** What becomes of a message for which its queue has no room; `receiving.whenFull` when absent. */
  readonly whenFull?: WhenFull;
  /** Ends it: `subscribe` rejects with the signal's reason; after that, a loop over it does. */
  readonly signal?: AbortSignal;
}

/** Options of `Client.subscribe` with a callback. */
export interface ListenOptions extends SubscribeOptions {
  /** Called with each message. A promise is waited for; messages are queued meanwhile. */
  readonly onMessage: (message: ReceivedMessage) => unknown;
  /**
   * Called with what `onMessage` throws, and with what ends the subscription without being asked to. Without it such
   * an error is reported as uncaught, as one of an event listener is.
   */
  readonly onError?: (error: unknown) => void;
}

/** Options of `Client.close`. */
export interface CloseOptions {
  /** Gives up what waits and what is unacknowledged instead of finishing it. */
  readonly drop?: boolean;
  /** Does so when aborted. */
  readonly signal?: AbortSignal;
}

/** The options, complete. */
export interface Settings {
  readonly keepAlive: Millis;
  readonly connectTimeout: Millis;
  readonly replyTimeout: Millis;
  readonly acknowledgeTimeout: Millis;
  readonly closeTimeout: Millis;
  readonly reconnect: false | Required<Omit<ReconnectOptions, "final">> & Pick<ReconnectOptions, "final">;
  readonly sending: Required<SendingOptions>;
  readonly receiving: QueueLimits & {
    readonly maxPacketSize: number | undefined;
    readonly tooLarge: "skip" | "close";
    readonly whenFull: WhenFull;
  };
  readonly subscribing: Required<SubscribingOptions>;
  readonly will: Will | undefined;
}

/**
 * Checks the options and fills in what is absent.
 *
 * @throws {UsageError} `invalid-argument`
 */
export function toSettings(options: ClientOptions): Settings {
  checkOptions(options, "connect()", OPTIONS);
  if (typeof options.transport?.connect !== "function") {
    const text = "no transport: pass transport: tcp() of @minimqtt/transport-tcp, or another one";
    throw new UsageError("no-transport", text);
  }
  const { session = "clean", clientId, keepAlive = 60_000, connectTimeout = 10_000, replyTimeout = 10_000 } =
    options;
  const { acknowledgeTimeout = 60_000, closeTimeout = 10_000 } = options;
  checkOneOf(session, "session", ["clean", "resume"]);
  if (session === "resume" && !clientId) throw invalid('session: "resume" needs a clientId');
  const reconnect: ReconnectOptions | false = options.reconnect ?? {};
  const { delay = 1000, attempts = Infinity, initially = false, final } = reconnect || {};
  const sending = {
    messages: 10_000,
    bytes: 16 * 1024 * 1024,
    whenFull: "wait",
    offline: "keep",
    window: 1024,
    windowQoS2: 10,
    ...options.sending,
  } as const;
  const { messages = 1024, bytes = 4 * 1024 * 1024, maxPacketSize, tooLarge = "skip", whenFull = "pause" } =
    options.receiving ?? {};
  const { filtersPerPacket = Infinity } = options.subscribing ?? {};
  checkRange(keepAlive, "keepAlive", 0, LONGEST_KEEP_ALIVE);
  if (keepAlive > 0 && keepAlive < 1000) {
    throw invalid(`keepAlive is in milliseconds, ${keepAlive} is too short`);
  }
  checkRange(connectTimeout, "connectTimeout", 1);
  checkRange(replyTimeout, "replyTimeout", 1);
  checkRange(acknowledgeTimeout, "acknowledgeTimeout", 1, Infinity);
  checkRange(closeTimeout, "closeTimeout", 0, Infinity);
  checkCount(filtersPerPacket, "subscribing.filtersPerPacket", 1, Infinity);
  checkOneOf(whenFull, "receiving.whenFull", WHEN_FULL);
  checkOneOf(tooLarge, "receiving.tooLarge", ["skip", "close"]);
  checkRange(delay, "reconnect.delay", 0);
  checkCount(attempts, "reconnect.attempts", 1, Infinity);
  checkCount(sending.messages, "sending.messages", 1, Infinity);
  checkCount(sending.bytes, "sending.bytes", 1, Infinity);
  checkCount(sending.window, "sending.window", 1, MOST_IDENTIFIERS);
  checkCount(sending.windowQoS2, "sending.windowQoS2", 1, MOST_IDENTIFIERS);
  checkOneOf(sending.whenFull, "sending.whenFull", ["wait", "reject", "drop-oldest", "latest"]);
  checkOneOf(sending.offline, "sending.offline", ["keep", "drop", "reject"]);
  checkCount(messages, "receiving.messages", 1);
  checkCount(bytes, "receiving.bytes", 1);
  if (maxPacketSize !== undefined) checkCount(maxPacketSize, "receiving.maxPacketSize", 1, Infinity);
  const seconds = Math.ceil(keepAlive / 1000);
  checkKeepAlive(seconds);
  return {
    keepAlive: seconds,
    connectTimeout,
    replyTimeout,
    acknowledgeTimeout,
    closeTimeout,
    reconnect: reconnect && { delay, attempts, initially, ...(final && { final }) },
    sending,
    receiving: { messages, bytes, maxPacketSize, tooLarge, whenFull },
    subscribing: { filtersPerPacket },
    will: options.will && toWill(options.will),
  };
}

/**
 * All forms of `subscribe`'s first argument as a list without duplicates.
 *
 * @throws {UsageError} `invalid-argument`, `invalid-filter`
 */
export function toFilterList(filters: Filters, qos: QoS = 0): Filter[] {
  const list = Array.isArray(filters) ? filters : [filters];
  if (list.length === 0) throw invalid("subscribe() needs at least one topic filter");
  checkQoS(qos);
  const byTopic = new Map<string, QoS>();
  for (const entry of list) {
    if (typeof entry !== "string") checkOptions(entry, "subscribe()", FILTER);
    const filter = typeof entry === "string" ? { topic: entry, qos } : { qos, ...entry };
    checkFilter(filter.topic);
    checkQoS(filter.qos);
    byTopic.set(filter.topic, filter.qos);
  }
  return Array.from(byTopic, ([topic, qos]) => ({ topic, qos }));
}

/**
 * One of a few words.
 *
 * @throws {UsageError} `invalid-argument`
 */
export function checkOneOf(value: unknown, name: string, words: readonly unknown[]): void {
  if (!words.includes(value)) {
    throw invalid(`${name} must be one of ${words.join(", ")}, not ${String(value)}`);
  }
}

function toWill(will: ClientWill): Will {
  const payload = toBytes(will.payload);
  return { ...will, payload: typeof payload === "string" ? payload : new Uint8Array(payload) };
}

function checkCount(value: unknown, name: string, from: number, to?: number): void {
  checkRange(value, name, from, to);
  if (value !== Infinity && !Number.isInteger(value)) {
    throw invalid(`${name} must be a whole number, not ${value}`);
  }
}

function checkRange(value: unknown, name: string, from: number, to = Number.MAX_SAFE_INTEGER): void {
  if (typeof value === "number" && value >= from && value <= to) return;
  throw invalid(`${name} must be a number from ${from} to ${to}, not ${String(value)}`);
}

function invalid(text: string): UsageError {
  return new UsageError("invalid-argument", text);
}

// What is "any" here is checked where it is used.
const OPTIONS: Kinds = {
  transport: "any",
  session: "any",
  clientId: "string",
  credentials(value, name) {
    if (typeof value !== "function") checkCredentials(value, name);
  },
  will(value, name) {
    checkOptions(value, name, { topic: "any", payload: "any", qos: "any", retain: "boolean" });
  },
  keepAlive: "any",
  connectTimeout: "any",
  replyTimeout: "any",
  acknowledgeTimeout: "any",
  closeTimeout: "any",
  subscribing(value, name) {
    checkOptions(value, name, { filtersPerPacket: "any" });
  },
  reconnect(value, name) {
    const kinds: Kinds = { delay: "any", attempts: "any", initially: "boolean", final: "function" };
    if (value !== false) checkOptions(value, name, kinds);
  },
  sending(value, name) {
    const kinds: Kinds = { messages: "any", bytes: "any", window: "any", windowQoS2: "any" };
    checkOptions(value, name, { ...kinds, whenFull: "any", offline: "any" });
  },
  receiving(value, name) {
    checkOptions(value, name, {
      messages: "any",
      bytes: "any",
      maxPacketSize: "any",
      tooLarge: "any",
      whenFull: "any",
    });
  },
  signal: "AbortSignal",
  logger: "any",
  logLevel: "number",
  clock: having("now", "timer", "turn"),
  random: "function",
};

/** What `whenFull` may be. */
export const WHEN_FULL: readonly WhenFull[] = ["pause", "drop-oldest", "drop-newest"];

const FILTER: Kinds = { topic: "any", qos: "any" };

/** Options of the other calls. */
export const SIGNAL: Kinds = { signal: "AbortSignal" };
export const PUBLISH: Kinds = { ...SIGNAL, qos: "any", retain: "boolean" };
export const MESSAGE: Kinds = { topic: "any", payload: "any", qos: "any", retain: "boolean" };
export const SUBSCRIBE: Kinds = {
  ...SIGNAL,
  qos: "any",
  acknowledge: "any",
  whenFull: "any",
  onMessage: "function",
  onError: "function",
};
export const CLOSE: Kinds = { ...SIGNAL, drop: "boolean" };

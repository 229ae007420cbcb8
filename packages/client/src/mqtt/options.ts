/**
 * What `MQTT` is made from, and the arguments of its methods, checked and brought into one form.
 *
 * Longer than 300 lines: the contract of every option stands with it.
 *
 * @module
 */
import { type Filter, type Payload, type QoS, type Transport, UsageError, type Will } from "@minimqtt/core";
import {
  checkFilter,
  checkOptions,
  checkQoS,
  checkTopic,
  checkWill,
  having,
  type Kind,
  type Kinds,
} from "@minimqtt/core/internal";
import { type Clock, systemClock } from "../link/clock.ts";
import { defaultTransport } from "./default_transport.ts";
import { type MessageInput, toPayload } from "../link/payload.ts";

/** Options of `new MQTT(...)`. Times are in seconds. */
export interface MQTTOptions<U = unknown, B extends boolean = boolean> {
  /** Host name, IPv4 or IPv6 address, or a URL: `mqtt://user:password@host:port`. */
  readonly broker: string;
  /** How to reach it: `tcp()`, `tls()`, ... When absent, what `setSocket` set. */
  readonly transport?: Transport;
  /** Port; absent, null or 0: the transport's default, 1883 for plain connections and 8883 for TLS (MM-001). */
  readonly port?: number | null;
  /** User name; the empty one is sent and differs from none (MM-061). */
  readonly username?: string | null;
  /** Password: text, or bytes. Needs a user name (MM-063). */
  readonly password?: Payload | null;
  /** Client identifier; absent or null: `cpy` and 16 random characters (MM-010). May be empty (MM-011). */
  readonly clientId?: string | null;
  /** Whether the connection must be, or must not be, encrypted; absent: as the transport is (MM-002). */
  readonly isSsl?: boolean | null;
  /** Seconds from 0 to 65535 between two packets at most; 0 switches it off. 60 when absent. */
  readonly keepAlive?: number;
  /** Seconds that an answer of the broker, or a gap within a packet, may take. 10 when absent (MM-202). */
  readonly recvTimeout?: number;
  /** Seconds that opening the connection may take. 1 when absent (MM-201). */
  readonly socketTimeout?: number;
  /** How many times `connect` tries. 5 when absent. */
  readonly connectRetries?: number;
  /** Seconds before the second attempt, doubled before each further one, up to 16 times. 2 when absent (MM-036). */
  readonly retryDelay?: number;
  /**
   * Messages reach callbacks as `Uint8Array` instead of text. The bytes are yours for good; they are a view of a larger
   * chunk, so `slice()` those that you keep for long, or whose `buffer` you need.
   */
  readonly useBinaryMode?: B;
  /** Anything; callbacks get it. */
  readonly userData?: U;
  /** Kept for MiniMQTT's sake; no effect (MM-046). */
  readonly sessionId?: string | null;
  /** The clock, for tests. */
  readonly clock?: Clock;
  /** Random numbers from 0 up to 1, for tests of the waits between attempts. */
  readonly random?: () => number;
}

/** What callbacks get as the message: text, or bytes in binary mode. */
export type Received<B extends boolean> = B extends true ? Uint8Array : string;

/** Arguments of `connect` by name; times in seconds. */
export interface ConnectArguments {
  /** True when absent: the broker keeps no session. */
  readonly cleanSession?: boolean | undefined;
  /** Replaces `client.broker`. */
  readonly host?: string | null | undefined;
  /** Replaces `client.port`. */
  readonly port?: number | null | undefined;
  /** Replaces `client.keepAlive`. */
  readonly keepAlive?: number | null | undefined;
  /** Replaces `client.sessionId`. */
  readonly sessionId?: string | null | undefined;
  /** Gives the attempt up. */
  readonly signal?: AbortSignal | undefined;
}

/** What ends a call before its answer. */
export interface CallOptions {
  /** Rejects the call with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Seconds to wait for the answer, in `recvTimeout`'s place. */
  readonly timeout?: number;
}

/** Arguments of `publish` by name. */
export interface PublishArguments extends CallOptions {
  /** Whether the broker keeps it for later subscribers; false when absent. */
  readonly retain?: boolean;
  /** Quality of service; 0 when absent. */
  readonly qos?: QoS;
}

/** Arguments of `subscribe` by name. */
export interface SubscribeArguments extends CallOptions {
  /** Quality of service for filters that name none; 0 when absent. */
  readonly qos?: QoS;
}

/** What `subscribe` takes: a filter, a pair of filter and QoS, or a list of them. */
export type Subscriptions =
  | string
  | readonly [string, QoS]
  | readonly (string | readonly [string, QoS] | Filter)[];

/** How a will is published: what may be absent of its arguments. */
export interface WillArguments {
  readonly retain?: boolean;
  readonly qos?: QoS;
}

/** Arguments of `willSet` by name; `msg` stands for `payload`. */
export interface NamedWill extends WillArguments {
  readonly topic: string;
  readonly payload?: MessageInput;
  readonly msg?: MessageInput;
}

/** Options of `new MQTT(...)`, complete. */
export interface Settings {
  readonly broker: string;
  readonly transport: Transport;
  readonly port: number;
  readonly username: string | undefined;
  readonly password: Payload | undefined;
  readonly clientId: string | undefined;
  readonly isSsl: boolean | undefined;
  readonly keepAlive: number;
  readonly recvTimeout: number;
  readonly socketTimeout: number;
  readonly connectRetries: number;
  readonly retryDelay: number;
  readonly useBinaryMode: boolean;
  readonly userData: unknown;
  readonly sessionId: string | null;
  readonly clock: Clock;
  readonly random: () => number;
}

/** Every option there is, and what it is when absent or null. */
const DEFAULTS: Settings & { readonly [Name in keyof Required<MQTTOptions>]: unknown } = {
  broker: undefined as unknown as string,
  transport: undefined as unknown as Transport,
  port: 0,
  username: undefined,
  password: undefined,
  clientId: undefined,
  isSsl: undefined,
  keepAlive: 60,
  recvTimeout: 10,
  socketTimeout: 1,
  connectRetries: 5,
  retryDelay: 2,
  useBinaryMode: false,
  userData: undefined,
  sessionId: null,
  clock: systemClock,
  random: Math.random,
};

/**
 * The constructor's options with what is absent filled in, checked in the reference's order (MM-003 to MM-005,
 * MM-016).
 *
 * @throws {UsageError} `invalid-argument`
 */
export function toSettings(options: MQTTOptions): Settings {
  checkOptions(options, "new MQTT()", OPTIONS, null);
  const settings: { -readonly [Name in keyof Settings]: Settings[Name] } & Record<string, unknown> = {
    ...DEFAULTS,
  };
  for (const [name, value] of Object.entries(options)) {
    (settings as Record<string, unknown>)[name] = value ?? settings[name];
  }
  for (const name of ["recvTimeout", "socketTimeout", "retryDelay"] as const) {
    checkSeconds(settings[name], name);
  }
  const { recvTimeout, socketTimeout, connectRetries } = settings;
  if (recvTimeout <= socketTimeout) {
    throw new UsageError("invalid-argument", "recv_timeout must be strictly greater than socket_timeout");
  }
  if (!Number.isInteger(connectRetries) || connectRetries <= 0) {
    throw new UsageError("invalid-argument", "connect_retries must be positive");
  }
  settings.transport ??= defaultTransport();
  return settings;
}

// What is "any" here is checked where it is used.
const OPTIONS: { readonly [Name in keyof Required<MQTTOptions>]: Kind } = {
  broker: "any",
  transport: having("connect"),
  port: "any",
  username: "string",
  password: "any",
  clientId: "string",
  isSsl: "boolean",
  keepAlive: "any",
  recvTimeout: "any",
  socketTimeout: "any",
  connectRetries: "any",
  retryDelay: "any",
  useBinaryMode: "boolean",
  userData: "any",
  sessionId: "string",
  clock: having("now", "timer", "turn"),
  random: "function",
};

/** Options of the calls. */
export const SIGNAL: Kinds = { signal: "AbortSignal" };
export const CALL: Kinds = { ...SIGNAL, timeout: "any" };
export const SUBSCRIBE: Kinds = { ...CALL, qos: "any" };
export const PUBLISH: Kinds = { ...SUBSCRIBE, retain: "any" };
export const CONNECT: Kinds = {
  ...SIGNAL,
  cleanSession: "boolean",
  host: optional("string"),
  port: "any",
  keepAlive: "any",
  sessionId: optional("string"),
};
const WILL: Kinds = { retain: "any", qos: "any" };
const NAMED_WILL: Kinds = { ...WILL, topic: "any", payload: "any", msg: "any" };

/**
 * Arguments of a method by name, or those by position in the same form.
 *
 * @throws {UsageError} `invalid-argument` for what `kinds` does not have.
 */
export function byName<Named extends object>(
  first: Named | unknown,
  positional: Named,
  what: string,
  kinds: Kinds,
): Named {
  if (typeof first !== "object" || first === null) return positional;
  checkOptions(first, what, kinds);
  return first as Named;
}

function optional(type: "string"): Kind {
  return (value, name) => {
    if (value !== null && typeof value !== type) {
      throw new UsageError("invalid-argument", `${name} must be a ${type}`);
    }
  };
}

/**
 * A time in seconds.
 *
 * @throws {UsageError} `invalid-argument`
 */
export function checkSeconds(seconds: unknown, what: string): asserts seconds is number {
  if (Number.isFinite(seconds) && seconds as number >= 0) return;
  throw new UsageError("invalid-argument", `${what} must be a number of seconds, not ${String(seconds)}`);
}

/**
 * RETAIN is a boolean: who passes QoS third is told so (MM-073).
 *
 * @throws {UsageError} `invalid-argument`
 */
export function checkRetain(retain: unknown): asserts retain is boolean {
  if (typeof retain === "boolean") return;
  const text = `retain must be true or false, not ${String(retain)}; qos comes behind it`;
  throw new UsageError("invalid-argument", text);
}

/**
 * All forms of `subscribe`'s first argument as a list of filters (MM-100, MM-102). That the list is not empty is
 * left to the engine to check.
 *
 * @throws {UsageError} `invalid-argument`, `invalid-filter`
 */
export function toFilters(topics: unknown, qos: QoS): Filter[] {
  if (typeof topics === "string") {
    checkFilter(topics);
    checkQoS(qos);
    return [{ topic: topics, qos }];
  }
  if (!Array.isArray(topics)) throw new UsageError("invalid-argument", SUBSCRIPTIONS);
  const list = typeof topics[0] === "string" && typeof topics[1] === "number" ? [topics] : topics;
  return list.map((entry) => {
    const pair = typeof entry === "string"
      ? [entry, qos]
      : Array.isArray(entry)
      ? entry
      : [entry?.topic, entry?.qos ?? qos];
    if (pair.length !== 2 || pair[0] === undefined) throw new UsageError("invalid-argument", SUBSCRIPTIONS);
    checkQoS(pair[1]);
    checkFilter(pair[0]);
    return { topic: pair[0], qos: pair[1] };
  });
}

const SUBSCRIPTIONS =
  "subscribe() takes a topic filter, [filter, qos], or a list of these and { topic, qos }";

/**
 * `unsubscribe`'s argument as a list without duplicates (MM-115, MM-118, MM-119, MM-121).
 *
 * @throws {UsageError} `invalid-argument`, `invalid-filter`
 */
export function toTopics(topics: unknown): string[] {
  const list = typeof topics === "string" ? [topics] : topics;
  if (!Array.isArray(list)) {
    throw new UsageError("invalid-argument", "unsubscribe() takes a topic filter or a list of them");
  }
  for (const filter of list) checkFilter(filter);
  return [...new Set<string>(list)];
}

/**
 * Both forms of `willSet`'s arguments as a will with bytes of its own, checked in the reference's order (MM-053).
 *
 * @throws {UsageError} for what cannot be sent.
 */
export function toWill(
  first: string | NamedWill,
  message: MessageInput | undefined,
  retention: boolean | WillArguments,
  quality: QoS,
): Will {
  const byNames = typeof first === "object" && first !== null;
  if (byNames) checkOptions(first, "willSet()", NAMED_WILL);
  const { topic, payload, retain = false, qos = 0 } = byNames
    ? { ...first, payload: first.payload ?? first.msg ?? "" }
    : {
      topic: first,
      payload: message,
      ...byName<WillArguments>(retention, { retain: retention as boolean, qos: quality }, "willSet()", WILL),
    };
  checkTopic(topic);
  const bytes = toPayload(payload);
  checkRetain(retain);
  const will: Will = { topic, payload: ownBytes(bytes), qos, retain };
  checkWill(will);
  return will;
}

/** Bytes of our own: the caller's may change. Not slice(): a Buffer's does not copy. */
export function ownBytes<P extends Payload | undefined>(payload: P): P {
  return payload instanceof Uint8Array ? new Uint8Array(payload) as P : payload;
}

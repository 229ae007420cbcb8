/**
 * What the application subscribed to: which filters the broker must have, and who gets which message.
 *
 * A filter goes to the broker once for every `subscribe`, so that each gets the retained messages, with the highest
 * quality of service that any of its recipients asked for; and it is unsubscribed when its last recipient has left.
 * A message goes once to each recipient one of whose filters matches, however many of them do.
 *
 * MQTT 3.1.1 does not say for which filter a message was sent. That has two consequences:
 *
 * - A retained message that a new subscription brings matches older ones as well, which have had it. It goes to those
 *   whose filter was granted last, and to those whose SUBACK is awaited: a broker may send it before that
 *   [MQTT-3.8.4-3].
 * - A broker may send one copy for each filter that matches [MQTT-3.3.5-1] (mosquitto sends one in all, NATS one
 *   each). Copies cannot be told from messages that were published twice, so each is delivered.
 *
 * A subscription that nobody has begun to read may have been made for who reads all messages. While somebody does, it
 * gets what it has room for, and keeps nobody waiting.
 *
 * Longer than 300 lines: what the broker holds and what recipients want are two sides of one table.
 *
 * @module
 */
import {
  type Engine,
  type Filter,
  type Message,
  type Millis,
  MQTTMatcher,
  type PacketId,
  type QoS,
  RefusedError,
  type Settled,
} from "@minimqtt/core";
import { type Gate, MessageQueue, type QueueLimits } from "./message_queue.ts";
import { Delivery, Receipt } from "./received_message.ts";
import type { Recipient } from "./recipient.ts";
import { Requests } from "./requests.ts";
import type { Suspect } from "./suspects.ts";

/** How many topics are remembered with those who get their messages. */
const MOST_ROUTES = 1024;
const NOBODY: readonly Recipient[] = [];

/** A filter that somebody wants. */
interface Interest {
  readonly filter: string;
  qos: QoS;
  readonly recipients: Set<Recipient>;
  /** The number of the SUBACK that granted it in this session; 0 while it is to be asked for. */
  granted: number;
}

/** Who gets the messages of one topic. */
interface Route {
  readonly readers: readonly Recipient[];
  /** Those who have not begun to read, while others read all messages. */
  readonly idlers: readonly Recipient[];
}

/** A `subscribe` that waits until all its filters are granted. */
interface Claim {
  readonly missing: Set<string>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** All subscriptions of one client. */
export class Subscriptions {
  readonly #engine: Engine;
  readonly #acknowledge: (message: Message) => void;
  readonly #interests = new Map<string, Interest>();
  readonly #matcher = new MQTTMatcher<Interest>();
  /** Those that get every message. */
  readonly #taps = new Set<Recipient>();
  readonly #claims = new Map<Recipient, Claim>();
  readonly #requests: Requests;
  /** What the session may still hold and nobody wants. */
  readonly #leaving = new Set<string>();
  #grants = 0;
  /** Who gets the messages of a topic, until anything changes. */
  readonly #routes = new Map<string, Route>();
  /**
   * Messages that came before the application had time to subscribe: kept for a while, unacknowledged, for whoever
   * subscribes. They stop the reading as any queue does.
   */
  readonly #unclaimed: MessageQueue<Message>;
  #unclaimedUntil: Millis | undefined;
  /** Whether the first subscription ends the waiting for claims. */
  #claimedOnce = false;
  readonly #gate: Gate;
  #closed = false;

  constructor(
    engine: Engine,
    limits: QueueLimits,
    filtersPerPacket: number,
    gate: Gate,
    acknowledge: (message: Message) => void,
    kick: () => void,
  ) {
    this.#engine = engine;
    this.#requests = new Requests(engine, filtersPerPacket, kick, {
      wanted: (filter) => this.#interests.get(filter)?.qos,
      answered: (filters, reasons, recipient) => this.#answered(filters, reasons, recipient),
      left: (filters) => {
        for (const filter of filters) this.#leaving.delete(filter);
      },
      failed: (filter, error) => {
        for (const recipient of [...this.#interests.get(filter)?.recipients ?? []]) {
          this.#fail(recipient, error);
        }
        // Nor would it take an UNSUBSCRIBE from it.
        this.#leaving.delete(filter);
      },
    });
    this.#gate = gate;
    this.#unclaimed = new MessageQueue(limits, gate);
    gate.onJam = () => this.#relieve();
    this.#acknowledge = acknowledge;
  }

  /** Whether an answer of the broker is awaited. */
  get awaited(): boolean {
    return this.#requests.awaited;
  }

  /** How many requests are unanswered or wait for their turn. */
  get underWay(): number {
    return this.#requests.underWay;
  }

  /** When {@link expire} wants to be called. */
  get expiresAt(): Millis {
    return this.#unclaimedUntil ?? Infinity;
  }

  /** Messages that nobody wants are kept until then: somebody may subscribe. With `once`, until somebody does. */
  expectClaims(until: Millis, once: boolean): void {
    this.#unclaimedUntil = until;
    this.#claimedOnce = once;
  }

  /** The application has had its time. What an earlier connection brought the broker sends again, but for QoS 0. */
  expectNoClaims(): void {
    this.#unclaimedUntil = undefined;
    for (const { qos } of this.#unclaimed.takeAll()) if (qos === 0) this.#gate.dropped++;
  }

  /** Takes a recipient of all messages in. */
  tap(recipient: Recipient): void {
    this.#taps.add(recipient);
    this.changed();
    // What was subscribed to and is not read is read here.
    for (const { recipients } of this.#interests.values()) {
      for (const recipient of recipients) if (!recipient.isRead) recipient.setAside();
    }
    this.#claim();
  }

  /** Who gets what has to be found anew. */
  changed(): void {
    this.#routes.clear();
  }

  /**
   * Takes a recipient in, and resolves when the broker has granted its filters.
   *
   * @throws {RefusedError} when it refuses one.
   */
  add(recipient: Recipient, filters: readonly Filter[]): Promise<void> {
    for (const { topic, qos } of filters) {
      let interest = this.#interests.get(topic);
      if (interest === undefined) {
        interest = { filter: topic, qos, recipients: new Set(), granted: 0 };
        this.#interests.set(topic, interest);
        this.#matcher.set(topic, interest);
      }
      interest.recipients.add(recipient);
      interest.granted = 0;
      if (qos > interest.qos) interest.qos = qos;
      this.#leaving.delete(topic);
    }
    this.changed();
    this.#claim();
    const topics = filters.map(({ topic }) => topic);
    const granted = new Promise<void>((resolve, reject) =>
      this.#claims.set(recipient, { missing: new Set(topics), resolve, reject })
    );
    if (this.#engine.state === "online") this.#requests.subscribe(topics, recipient);
    return granted;
  }

  /** Takes a recipient out, with an error if need be; resolves when the broker has been told, or cannot be. */
  remove(recipient: Recipient, ended: { readonly error: unknown } | null = null): Promise<void> {
    this.#taps.delete(recipient);
    const claim = this.#claims.get(recipient);
    recipient.end(claim === undefined ? ended : null);
    recipient.takeAll();
    claim?.reject(ended?.error);
    return this.#detach(recipient);
  }

  /** Hands a message to all who want it. */
  deliver(message: Message): void {
    let { readers, idlers } = this.#routes.get(message.topic) ?? this.#match(message.topic);
    if (message.retain && readers.length + idlers.length > 1) {
      ({ readers, idlers } = this.#newest(message.topic));
    }
    for (let i = 0; i < idlers.length; i++) idlers[i]!.offer(new Delivery(message, undefined));
    const count = readers.length;
    if (count === 0) return this.#keep(message);
    if (message.qos === 0) {
      for (let i = 0; i < count; i++) readers[i]!.deliver(new Delivery(message, undefined));
      return;
    }
    const receipt = new Receipt(message, count, this.#acknowledge);
    for (let i = 0; i < count; i++) readers[i]!.deliver(new Delivery(message, receipt));
  }

  /** The connection is up: tells the broker what it does not know, one packet at a time if it is to be `careful`. */
  online(resumed: boolean, careful: boolean): void {
    this.#requests.careful = careful;
    if (!resumed) {
      this.#leaving.clear();
      for (const interest of this.#interests.values()) interest.granted = 0;
    }
    const wanted = [...this.#interests.values()].filter(({ granted }) => granted === 0);
    this.#requests.subscribe(wanted.map(({ filter }) => filter));
    void this.#requests.unsubscribe([...this.#leaving]);
  }

  /** What is asked now on needs not be asked one at a time. */
  relax(): void {
    this.#requests.careful = false;
  }

  /** An identifier may be free: what waits for one is asked. */
  pump(): void {
    this.#requests.pump();
  }

  /** The request under way with this identifier, as what may have made the broker hang up. */
  suspect(id: PacketId): Suspect | undefined {
    return this.#requests.suspect(id);
  }

  /** A request was answered; false when it was not one of these. */
  settled(event: Settled): boolean {
    return this.#requests.settled(event);
  }

  /** A message over the limit came, and nothing of it was kept. */
  skip(message: Message): void {
    this.#gate.dropped++;
    if (message.qos !== 0) this.#acknowledge(message);
  }

  /** The connection is gone, and with it every request. */
  offline(): void {
    this.#requests.offline();
  }

  /** The time for claims is over: nobody wants these. */
  expire(now: Millis): void {
    if (now < this.expiresAt) return;
    this.#unclaimedUntil = undefined;
    for (const message of this.#unclaimed.takeAll()) {
      this.#gate.dropped++;
      this.#acknowledge(message);
    }
  }

  /** Ends all: for ever, with an error if it was not asked for. Nothing is acknowledged any more. */
  close(ended: { readonly error: unknown } | null, reason: unknown): void {
    this.#closed = true;
    this.#unclaimed.takeAll();
    const recipients = new Set(this.#taps);
    for (const interest of this.#interests.values()) {
      for (const recipient of interest.recipients) recipients.add(recipient);
    }
    for (const recipient of recipients) {
      if (ended === null) recipient.takeAll();
      recipient.end(ended);
      this.#claims.get(recipient)?.reject(reason);
    }
    this.#claims.clear();
    this.#interests.clear();
    this.#taps.clear();
    this.offline();
    this.changed();
  }

  #answered(
    filters: readonly string[],
    reasons: readonly number[],
    recipient: Recipient | undefined,
  ): void {
    this.#grants++;
    filters.forEach((filter, i) => {
      const interest = this.#interests.get(filter);
      if (interest === undefined) return;
      const code = reasons[i]!;
      if (code <= 2) this.#granted(interest, code as QoS);
      else {
        const text = `the broker refused the subscription to ${filter} (0x${code.toString(16)})`;
        const error = new RefusedError("subscription-refused", text, code, code);
        for (const refused of recipient ? [recipient] : [...interest.recipients]) this.#fail(refused, error);
      }
    });
  }

  /**
   * Who waits for SUBACK and gets so many messages before it that the SUBACK is not read would wait for ever: nobody
   * else empties its queue. Should the broker refuse it yet, the loop over it ends with that.
   */
  #relieve(): void {
    for (const [recipient, claim] of this.#claims) {
      if (!recipient.isJammed) continue;
      this.#claims.delete(recipient);
      claim.resolve();
    }
  }

  #granted(interest: Interest, qos: QoS): void {
    interest.granted = this.#grants;
    for (const recipient of interest.recipients) {
      recipient.granted[recipient.places.get(interest.filter)!] = qos;
      const claim = this.#claims.get(recipient);
      claim?.missing.delete(interest.filter);
      if (claim?.missing.size !== 0) continue;
      this.#claims.delete(recipient);
      claim.resolve();
    }
  }

  /** One refused filter ends the whole subscription: half of it is not what was asked for. */
  #fail(recipient: Recipient, error: unknown): void {
    const claim = this.#claims.get(recipient);
    // Who waits for `subscribe` is told there, and there alone.
    recipient.end(claim === undefined ? { error } : null);
    claim?.reject(error);
    void this.#detach(recipient);
  }

  #detach(recipient: Recipient): Promise<void> {
    this.#claims.delete(recipient);
    const unwanted: string[] = [];
    for (const filter of recipient.filters) {
      const interest = this.#interests.get(filter);
      if (interest?.recipients.delete(recipient) !== true || interest.recipients.size > 0) continue;
      this.#interests.delete(filter);
      this.#matcher.delete(filter);
      this.#leaving.add(filter);
      unwanted.push(filter);
    }
    this.changed();
    if (unwanted.length === 0 || this.#engine.state !== "online") return Promise.resolve();
    return this.#requests.unsubscribe(unwanted);
  }

  #match(topic: string): Route {
    if (this.#routes.size === MOST_ROUTES) this.#routes.clear();
    const route = this.#route(this.#matcher.match(topic, []));
    this.#routes.set(topic, route);
    return route;
  }

  #newest(topic: string): Route {
    const interests = this.#matcher.match(topic, []);
    let last = 0;
    for (const { granted } of interests) if (granted > last) last = granted;
    return this.#route(interests.filter(({ granted }) => granted === last || granted === 0));
  }

  #route(interests: readonly Interest[]): Route {
    // What is common costs least: one filter matches, and all who have it read.
    if (this.#taps.size === 0 && interests.length === 1) {
      return { readers: [...interests[0]!.recipients], idlers: NOBODY };
    }
    const readers = new Set(this.#taps);
    const idlers = new Set<Recipient>();
    for (const { recipients } of interests) {
      for (const recipient of recipients) {
        (recipient.isRead || this.#taps.size === 0 ? readers : idlers).add(recipient);
      }
    }
    return { readers: [...readers], idlers: [...idlers] };
  }

  /** Nobody wants it, or nobody yet. */
  #keep(message: Message): void {
    if (this.#closed) return;
    if (this.#unclaimedUntil === undefined) this.#acknowledge(message);
    else this.#unclaimed.push(message);
  }

  #claim(): void {
    if (this.#claimedOnce) this.#unclaimedUntil = undefined;
    for (const message of this.#unclaimed.takeAll()) this.deliver(message);
  }
}

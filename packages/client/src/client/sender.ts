/**
 * Messages on their way to the broker, in the order in which they were published, whatever their quality of service.
 *
 * The engine is given what the send window has room for, connection or not: it sends it, and sends it again. What is
 * published beyond that waits in one queue here. A message with QoS 0 takes the short way, straight into the batch
 * that leaves next, when nothing waits before it.
 *
 * Longer than 300 lines: the way of one message from the call to its promise, and all that may end it before.
 *
 * @module
 */
import { ConnectionError, MqttError, UsageError } from "@minimqtt/core";
import type { Engine, PacketId, Payload, QoS, Settled } from "@minimqtt/core";
import { checkOptions, checkPayload, checkQoS, checkTopic, utf8Length } from "@minimqtt/core/internal";
import type { Link } from "../link/link.ts";
import { toBytes } from "../link/payload.ts";
import { Backlog, type Waiting } from "./backlog.ts";
import { OVERFLOW } from "./message_queue.ts";
import {
  checkOneOf,
  type ClientPayload,
  PUBLISH,
  type PublishOptions,
  type SendingOptions,
} from "./options.ts";
import type { Counter, Stats, Unsent } from "./stats.ts";
import type { Suspect } from "./suspects.ts";

/** From here on a batch is full, for the engine as for the link. */
const HIGH_WATER = 64 * 1024;
const SETTLED: Promise<void> = Promise.resolve();
const DEFAULTS: PublishOptions = {};
const BOOLEANS = [false, true];

/** Messages that failed by what the broker or the network did. */
export interface Failures {
  readonly count: number;
  /** Why the last one did. */
  readonly error: MqttError;
}

class Entry implements Waiting {
  readonly topic: string;
  /** Dropped when the engine has its own copy, or nobody wants it sent any more. */
  payload: Payload;
  readonly size: number;
  readonly qos: QoS;
  readonly retain: boolean;
  waits = true;
  /** Its packet identifier while the engine has it. */
  id: PacketId = 0;
  /** What the caller waits for. */
  promise: Promise<void> = SETTLED;
  resolve: () => void = ignore;
  reject: (error: unknown) => void = ignore;
  /** Kept over connections that ended while it was the first thing unanswered. */
  suspect: Suspect | undefined;

  constructor(topic: string, payload: Payload, qos: QoS, retain: boolean) {
    this.topic = topic;
    this.payload = payload;
    this.size = payload.length;
    this.qos = qos;
    this.retain = retain;
  }
}

/** The way out of one client. */
export class Sender {
  /** What was given up. */
  readonly unsent: { -readonly [Cause in keyof Unsent]: number } = { replaced: 0, failed: 0 };
  readonly #published: Counter;
  readonly #engine: Engine;
  readonly #link: Link;
  readonly #limits: Required<SendingOptions>;
  readonly #kick: () => void;
  readonly #nextTurn: () => Promise<void>;
  /** The next turn of the event loop, while anybody waits for it. */
  #turning: Promise<void> | undefined;
  /** Whether newer messages take the place of older ones: what is in the batch cannot make room. */
  readonly #replaces: boolean;
  readonly #waiting: Backlog<Entry>;
  readonly #inflight = new Map<PacketId, Entry>();
  #inflightQoS2 = 0;
  #inflightBytes = 0;
  #count = 0;
  #bytes = 0;
  #pumping = false;
  /** What failed since {@link takeFailures} was called last. */
  #failures: Failures | undefined;
  #closed: { readonly error: unknown } | undefined;
  #idle: (() => void) | undefined;
  #roomy: (() => void)[] = [];

  /** `kick`: something was commanded. `turn`: resolves in the next turn of the event loop. */
  constructor(
    engine: Engine,
    link: Link,
    limits: Required<SendingOptions>,
    published: Counter,
    kick: () => void,
    turn: () => Promise<void>,
  ) {
    this.#published = published;
    this.#engine = engine;
    this.#link = link;
    this.#kick = kick;
    this.#nextTurn = turn;
    this.#limits = limits;
    this.#replaces = limits.whenFull === "latest" || limits.whenFull === "drop-oldest";
    this.#waiting = new Backlog(limits.whenFull === "latest");
  }

  /** Whether an acknowledgement is awaited. */
  get awaited(): boolean {
    return this.#inflight.size > 0;
  }

  /** How many messages are unacknowledged. */
  get underWay(): number {
    return this.#inflight.size;
  }

  /** What is on its way out. */
  get outgoing(): Stats["outgoing"] {
    return { unacknowledged: this.#inflight.size, waiting: this.#waiting.length, bytes: this.#bytes };
  }

  /** Sends a message, or has it wait. */
  publish(topic: string, message: ClientPayload, options: PublishOptions = DEFAULTS): Promise<void> {
    try {
      if (this.#closed !== undefined) throw again(this.#closed.error);
      if (options !== DEFAULTS && !isCommon(options)) checkOptions(options, "publish()", PUBLISH);
      const { qos = 0, retain = false, signal } = options;
      const payload = typeof message === "string" ? message : toBytes(message);
      const engine = this.#engine;
      if (qos === 0 && this.#link.online && this.#isFirst && signal === undefined) {
        if (typeof retain !== "boolean") checkOneOf(retain, "retain", BOOLEANS);
        const { bytes, whenFull } = this.#limits;
        if (engine.pending >= (whenFull === "reject" ? bytes : OVERFLOW * bytes)) return this.#refuse(full());
        const before = engine.pending;
        engine.publish(topic, payload, 0, retain);
        this.#published.addPacket(0, topic, payload, engine.pending - before);
        this.#link.kick();
        return engine.pending < HIGH_WATER ? SETTLED : this.#link.room();
      }
      return this.#accept(topic, payload, qos, retain, signal);
    } catch (error) {
      return this.#rejected(error);
    }
  }

  /** Resolves when another message has room. */
  room(): Promise<void> {
    if (this.#waiting.length === 0 && this.#inflight.size < this.#limits.window) return SETTLED;
    return new Promise((resolve) => this.#roomy.push(resolve));
  }

  /** Hands on what waits, as far as there is room; to be called when there may be more. */
  pump(): void {
    for (let entry = this.#waiting.first; entry !== undefined; entry = this.#waiting.first) {
      const isOnline = this.#link.online;
      if (isOnline && this.#engine.pending >= HIGH_WATER) return this.#pumpLater();
      if (entry.qos === 0 ? !isOnline : !this.#hasWindow(entry.qos)) return;
      this.#waiting.shift();
      this.#hand(entry);
    }
    this.#progressed();
  }

  /** A message is answered for good; false when it was not one of these. */
  settled({ id, error }: Settled): boolean {
    const entry = this.#take(id);
    if (entry === undefined) return false;
    if (error === undefined) entry.resolve();
    else this.#fail(entry, error);
    this.pump();
    return true;
  }

  /** The broker lost a message that it had taken over. */
  lost(id: PacketId): void {
    const entry = this.#take(id);
    if (entry === undefined) return;
    const text =
      "the broker lost the session after it had taken the message over, and may or may not deliver it";
    this.#fail(entry, new ConnectionError("session-lost", text));
    this.pump();
  }

  /** The message under way with this identifier, as what may have made the broker hang up. */
  suspect(id: PacketId): Suspect | undefined {
    const entry = this.#inflight.get(id);
    if (entry === undefined) return undefined;
    const what = `the message to ${entry.topic} (${entry.size} bytes)`;
    return entry.suspect ??= {
      what,
      losses: 0,
      get isOver() {
        return entry.id === 0;
      },
      condemn: (resumed) => {
        // What the broker may have in its session must be sent again [MQTT-4.4.0-1].
        if (resumed) return;
        this.#abandon(entry);
        this.#fail(entry, new ConnectionError("hung-up-on", `the broker hangs up whenever it gets ${what}`));
        this.pump();
      },
    };
  }

  /** What has failed since the last call. */
  takeFailures(): Failures | undefined {
    const failures = this.#failures;
    this.#failures = undefined;
    return failures;
  }

  /** Resolves when nothing waits or is unacknowledged any more. */
  drained(): Promise<void> {
    if (this.#count === 0) return SETTLED;
    return new Promise((resolve) => this.#idle = resolve);
  }

  /** Takes nothing any more: whoever publishes gets this error. */
  stop(error: unknown): void {
    this.#closed ??= { error };
  }

  /** Gives up what waits and what is unacknowledged; gives the number of them. */
  drop(error: unknown): number {
    this.stop(error);
    const count = this.#count;
    for (const entry of [...this.#inflight.values()]) {
      this.#abandon(entry);
      quietly(entry).reject(error);
    }
    for (let entry = this.#waiting.shift(); entry !== undefined; entry = this.#waiting.shift()) {
      entry.waits = false;
      this.#release(entry);
      quietly(entry).reject(error);
    }
    this.#progressed();
    return count;
  }

  /** Whether nothing waits before a message published now, so that it may go straight into the batch. */
  get #isFirst(): boolean {
    if (this.#waiting.length > 0) return false;
    const isRoomy = this.#engine.pending < HIGH_WATER;
    return isRoomy || (this.#inflight.size === 0 && !this.#replaces);
  }

  #accept(
    topic: string,
    payload: Payload,
    qos: QoS,
    retain: boolean,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    signal?.throwIfAborted();
    checkOneOf(retain, "retain", BOOLEANS);
    const direct = qos !== 0 && this.#waiting.length === 0 && this.#hasWindow(qos);
    if (!direct) {
      checkTopic(topic);
      checkQoS(qos);
      checkPayload(payload, utf8Length(topic) + 4);
    }
    const { whenFull, offline } = this.#limits;
    if (qos === 0 && offline !== "keep" && !this.#link.online) {
      if (offline === "drop") {
        this.unsent.replaced++;
        return this.#turn();
      }
      return this.#refuse(
        new UsageError("not-connected", "there is no connection, and QoS 0 is not kept (sending.offline)"),
      );
    }
    const size = payload.length;
    const isFull = this.#isFull(size, 1);
    if (isFull) {
      if (whenFull === "reject" || (whenFull === "wait" && this.#isFull(size, OVERFLOW))) {
        return this.#refuse(full());
      }
      if (whenFull !== "wait") this.#makeRoom(size);
    }
    const entry = new Entry(topic, payload, qos, retain);
    // A message with QoS 0 is done with when it is in the queue.
    if (qos !== 0 || (isFull && whenFull === "wait") || signal !== undefined) {
      entry.promise = new Promise<void>((resolve, reject) => {
        entry.resolve = resolve;
        entry.reject = reject;
      });
    }
    if (direct) this.#hand(entry);
    else if (typeof payload !== "string") entry.payload = new Uint8Array(payload);
    this.#count++;
    this.#bytes += size;
    if (!direct) {
      this.#waiting.push(entry);
      // Anything that waits before it is waited for already.
      if (this.#waiting.first === entry) this.pump();
    }
    if (signal !== undefined) this.#abortWith(signal, entry);
    return entry.promise;
  }

  /** Whether one more message of this size is over the limits, or over so many times the limits. */
  #isFull(size: number, times: number): boolean {
    const { messages, bytes } = this.#limits;
    return this.#count > 0 && (this.#count >= times * messages || this.#bytes + size > times * bytes);
  }

  /** Gives up what waits, oldest first, until a newer message has room. What is under way cannot be taken back. */
  #makeRoom(size: number): void {
    for (let entry = this.#waiting.oldest; entry !== undefined; entry = this.#waiting.oldest) {
      this.#withdraw(entry);
      this.unsent.replaced++;
      quietly(entry).reject(
        new UsageError("queue-full", "the message was given up for a newer one (sending.whenFull)"),
      );
      if (!this.#isFull(size, 1)) return;
    }
  }

  /** What the network did, to the client as a whole, ends no program that does not wait for this message. */
  #rejected(error: unknown): Promise<never> {
    const promise = Promise.reject(error);
    if (error instanceof MqttError && !(error instanceof UsageError)) {
      this.unsent.failed++;
      promise.catch(ignore);
    }
    return promise;
  }

  /** The next turn of the event loop: one for all, however many are refused in this one. */
  #turn(): Promise<void> {
    return this.#turning ??= this.#nextTurn().then(() => this.#turning = undefined);
  }

  /** Rejects in the next turn of the event loop, so that who tries again and again does not stop it. */
  async #refuse(error: UsageError): Promise<void> {
    await this.#turn();
    throw error;
  }

  #abortWith(signal: AbortSignal, entry: Entry): void {
    const onAbort = () => {
      if (entry.waits) this.#withdraw(entry);
      else if (entry.id !== 0) this.#abandon(entry);
      entry.reject(signal.reason);
      this.pump();
    };
    signal.addEventListener("abort", onAbort);
    const forget = () => signal.removeEventListener("abort", onAbort);
    entry.promise.then(forget, forget);
  }

  /** Gives a message to the engine. */
  #hand(entry: Entry): void {
    const { topic, payload, qos, retain } = entry;
    const before = this.#engine.pending;
    const id = this.#engine.publish(topic, payload, qos, retain);
    this.#published.addPacket(qos, topic, payload, this.#engine.pending - before);
    entry.waits = false;
    entry.id = id;
    // The engine has a copy of its own.
    entry.payload = "";
    if (id !== 0) {
      this.#inflight.set(id, entry);
      this.#inflightBytes += entry.size;
    }
    if (qos === 2) this.#inflightQoS2++;
    this.#kick();
    if (id !== 0) return;
    this.#release(entry);
    entry.resolve();
  }

  /** Takes a message out of the queue. */
  #withdraw(entry: Entry): void {
    entry.waits = false;
    entry.payload = "";
    this.#waiting.removed(entry);
    this.#release(entry);
  }

  /** Takes a message back that is under way: it is not sent again. */
  #abandon(entry: Entry): void {
    const { id } = entry;
    this.#take(id);
    this.#engine.abandon(id);
    this.#kick();
  }

  #take(id: PacketId): Entry | undefined {
    const entry = this.#inflight.get(id);
    if (entry === undefined) return undefined;
    this.#inflight.delete(id);
    entry.id = 0;
    this.#inflightBytes -= entry.size;
    if (entry.qos === 2) this.#inflightQoS2--;
    this.#release(entry);
    return entry;
  }

  /** What the network or the broker did to a message ends no program that does not wait for it. */
  #fail(entry: Entry, error: MqttError): void {
    this.unsent.failed++;
    this.#failures = { count: (this.#failures?.count ?? 0) + 1, error };
    quietly(entry).reject(error);
  }

  #hasWindow(qos: QoS): boolean {
    const { window, windowQoS2, messages, bytes } = this.#limits;
    const { size } = this.#inflight;
    // What the engine has cannot make room for newer ones, so it gets what is sent at once, and no more than may wait.
    if (this.#replaces && !(this.#link.online && size < messages && this.#inflightBytes < bytes)) {
      return false;
    }
    return size < window && this.#engine.freeIds > 0 && (qos !== 2 || this.#inflightQoS2 < windowQoS2);
  }

  #release(entry: Entry): void {
    this.#count--;
    this.#bytes -= entry.size;
  }

  #pumpLater(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    void this.#link.room().then(() => {
      this.#pumping = false;
      this.pump();
    });
  }

  #progressed(): void {
    if (this.#count === 0) this.#idle?.();
    if (
      this.#roomy.length === 0 || this.#waiting.length > 0 || this.#inflight.size >= this.#limits.window
    ) {
      return;
    }
    const roomy = this.#roomy;
    this.#roomy = [];
    for (const resolve of roomy) resolve();
  }
}

/** What has closed the sender, with the line of who publishes now. */
function again(error: unknown): unknown {
  return error instanceof UsageError ? new UsageError(error.code, error.message) : error;
}

/** Whether these options are the common ones, which are checked without more ado. */
function isCommon(options: PublishOptions): boolean {
  try {
    const { qos, retain, signal } = options;
    if ((qos === undefined && retain === undefined) || signal !== undefined) return false;
    for (const name in options) if (name !== "qos" && name !== "retain") return false;
    return true;
  } catch {
    return false;
  }
}

/** The entry, whose rejection stops nobody who does not look at it. */
function quietly(entry: Entry): Entry {
  entry.promise.catch(ignore);
  return entry;
}

function full(): UsageError {
  return new UsageError(
    "queue-full",
    "the queue of messages to be sent is full (sending.messages, sending.bytes)",
  );
}

function ignore(): void {}

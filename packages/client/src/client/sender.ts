/**
 * Messages on their way to the broker, in the order in which they were published, whatever their quality of service.
 *
 * The engine is given what the send window has room for, connection or not: it sends it, and sends it again. What is
 * published beyond that waits in one queue here. A message with QoS 0 takes the short way, straight into the batch
 * that leaves next, when nothing waits before it.
 *
 * @module
 */
import { ConnectionError, UsageError } from "@minimqtt/core";
import type { Engine, PacketId, Payload, QoS } from "@minimqtt/core";
import { checkPayload, checkQoS, checkTopic, Queue, utf8Length } from "@minimqtt/core/internal";
import { checkOneOf, type ClientPayload, type PublishOptions, type SendingOptions } from "./options.ts";
import type { Link } from "../link/link.ts";
import { toBytes } from "../link/payload.ts";

/** From here on a batch is full, for the engine as for the link. */
const HIGH_WATER = 64 * 1024;
const SETTLED: Promise<void> = Promise.resolve();
const DEFAULTS: PublishOptions = {};
const BOOLEANS = [false, true];

interface Entry {
  readonly topic: string;
  /** Dropped when the engine has its own copy. */
  payload: Payload;
  readonly size: number;
  readonly qos: QoS;
  readonly retain: boolean;
  /** Whether it waits here, the engine has it, or it was given up before its turn. */
  state: "waiting" | "handed" | "gone";
  /** What the caller waits for. */
  promise: Promise<void>;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** The way out of one client. */
export class Sender {
  readonly #engine: Engine;
  readonly #link: Link;
  readonly #limits: Required<SendingOptions>;
  readonly #kick: () => void;
  readonly #waiting = new Queue<Entry>();
  readonly #inflight = new Map<PacketId, Entry>();
  #inflightQoS2 = 0;
  #count = 0;
  #bytes = 0;
  #pumping = false;
  #closed: { readonly error: unknown } | undefined;
  #idle: (() => void) | undefined;
  #roomy: (() => void)[] = [];

  constructor(engine: Engine, link: Link, limits: Required<SendingOptions>, kick: () => void) {
    this.#engine = engine;
    this.#link = link;
    this.#kick = kick;
    this.#limits = limits;
  }

  /** Whether an acknowledgement is awaited. */
  get awaited(): boolean {
    return this.#inflight.size > 0;
  }

  /** Sends a message, or has it wait. */
  publish(topic: string, message: ClientPayload, options: PublishOptions = DEFAULTS): Promise<void> {
    try {
      if (this.#closed !== undefined) throw this.#closed.error;
      const { qos = 0, retain = false, signal } = options;
      const payload = typeof message === "string" || message instanceof Uint8Array
        ? message
        : toBytes(message);
      const engine = this.#engine;
      if (qos === 0 && engine.state === "online" && this.#isFirst && signal === undefined) {
        if (typeof retain !== "boolean") checkOneOf(retain, "retain", BOOLEANS);
        if (engine.pending >= this.#limits.bytes && this.#limits.whenFull === "reject") throw full();
        engine.publish(topic, payload, 0, retain);
        this.#link.kick();
        return engine.pending < HIGH_WATER ? SETTLED : this.#link.room();
      }
      return this.#accept(topic, payload, qos, retain, signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Resolves when another message has room. */
  room(): Promise<void> {
    if (this.#waiting.first === undefined && this.#inflight.size < this.#limits.window) return SETTLED;
    return new Promise((resolve) => this.#roomy.push(resolve));
  }

  /** Hands on what waits, as far as there is room; to be called when there may be more. */
  pump(): void {
    const engine = this.#engine;
    for (let entry = this.#waiting.first; entry !== undefined; entry = this.#waiting.first) {
      if (entry.state === "waiting") {
        const isOnline = engine.state === "online";
        if (isOnline && engine.pending >= HIGH_WATER) return this.#pumpLater();
        if (entry.qos === 0 ? !isOnline : !this.#hasWindow(entry.qos)) return;
        this.#hand(entry);
      }
      this.#waiting.shift();
    }
    this.#progressed();
  }

  /** A packet identifier is free; false when it was not one of these. */
  settled(id: PacketId): boolean {
    const entry = this.#take(id);
    if (entry === undefined) return false;
    entry.resolve();
    this.pump();
    return true;
  }

  /** The broker lost a message that it had taken over. */
  lost(id: PacketId): void {
    const text =
      "the broker lost the session after it had taken the message over, and may or may not deliver it";
    this.#take(id)?.reject(new ConnectionError("session-lost", text));
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

  /** Gives up what waits and what is unacknowledged. */
  drop(error: unknown): void {
    this.stop(error);
    const entries = [...this.#inflight.values()];
    for (let entry = this.#waiting.shift(); entry !== undefined; entry = this.#waiting.shift()) {
      entries.push(entry);
    }
    this.#inflight.clear();
    this.#count = this.#bytes = 0;
    for (const { promise, reject } of entries) {
      // Who does not wait for it learns of the client's end elsewhere, and need not be stopped by it.
      promise.catch(ignore);
      reject(error);
    }
    this.#progressed();
  }

  /** Whether nothing waits before a message published now, so that it may go straight into the batch. */
  get #isFirst(): boolean {
    return this.#waiting.first === undefined &&
      (this.#inflight.size === 0 || this.#engine.pending < HIGH_WATER);
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
    const direct = qos !== 0 && this.#waiting.first === undefined && this.#hasWindow(qos);
    if (!direct) {
      checkTopic(topic);
      checkQoS(qos);
      checkPayload(payload, utf8Length(topic) + 4);
    }
    const { messages, bytes, whenFull, offline } = this.#limits;
    if (qos === 0 && offline !== "keep" && this.#engine.state !== "online") {
      if (offline === "drop") return SETTLED;
      throw new UsageError(
        "not-connected",
        "there is no connection, and QoS 0 is not kept (sending.offline)",
      );
    }
    const size = payload.length;
    const isFull = this.#count > 0 && (this.#count >= messages || this.#bytes + size > bytes);
    if (isFull && whenFull === "reject") throw full();
    const entry: Entry = {
      topic,
      payload,
      size,
      qos,
      retain,
      state: "waiting",
      promise: SETTLED,
      resolve: ignore,
      reject: ignore,
    };
    // A message with QoS 0 is done with when it is in the queue.
    if (qos !== 0 || isFull || signal !== undefined) {
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

  #abortWith(signal: AbortSignal, entry: Entry): void {
    const onAbort = () => {
      if (entry.state === "waiting") {
        entry.state = "gone";
        this.#release(entry);
      }
      entry.reject(signal.reason);
    };
    signal.addEventListener("abort", onAbort);
    const forget = () => signal.removeEventListener("abort", onAbort);
    entry.promise.then(forget, forget);
  }

  /** Gives a message to the engine. */
  #hand(entry: Entry): void {
    const { topic, payload, qos, retain } = entry;
    const id = this.#engine.publish(topic, payload, qos, retain);
    entry.state = "handed";
    // The engine has a copy of its own.
    entry.payload = "";
    if (id !== 0) this.#inflight.set(id, entry);
    if (qos === 2) this.#inflightQoS2++;
    this.#kick();
    if (id !== 0) return;
    this.#release(entry);
    entry.resolve();
  }

  #take(id: PacketId): Entry | undefined {
    const entry = this.#inflight.get(id);
    if (entry === undefined) return undefined;
    this.#inflight.delete(id);
    if (entry.qos === 2) this.#inflightQoS2--;
    this.#release(entry);
    return entry;
  }

  #hasWindow(qos: QoS): boolean {
    return this.#inflight.size < this.#limits.window &&
      (qos !== 2 || this.#inflightQoS2 < this.#limits.windowQoS2);
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
      this.#roomy.length === 0 || this.#waiting.first !== undefined ||
      this.#inflight.size >= this.#limits.window
    ) {
      return;
    }
    const roomy = this.#roomy;
    this.#roomy = [];
    for (const resolve of roomy) resolve();
  }
}

function full(): UsageError {
  return new UsageError(
    "queue-full",
    "the queue of messages to be sent is full (sending.messages, sending.bytes)",
  );
}

function ignore(): void {}

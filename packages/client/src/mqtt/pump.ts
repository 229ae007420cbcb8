/**
 * Pulls events while calls are in progress, as MiniMQTT does: nothing moves between calls.
 *
 * One call drives at a time; the others sleep until their answer has been pulled or it is their turn. Messages are
 * delivered one after the other, and the call that drives owns what their callbacks throw. It does not end before a
 * callback it called, and drives on meanwhile: pings leave, and if somebody waits for an answer (a publish within the
 * callback, say), it pulls on, and messages queue behind the callback. The queue is short; when it is full nothing is
 * read, and the server is slowed down.
 *
 * @module
 */
import type { Engine, EngineEvent, Message, Millis, MqttError, PacketId, Settled } from "@minimqtt/core";
import type { Call } from "./call.ts";
import type { Clock } from "../link/clock.ts";
import { isPromise } from "../link/is_promise.ts";
import type { Link } from "../link/link.ts";

/** Enough that the answer to a callback's own publish is found behind what was under way. */
const LONGEST_QUEUE = 1024;

/** How long callbacks follow one another when there is no time at all, as in `loop(0)`, in milliseconds. */
const GLANCE: Millis = 50;

/** What the owner of a pump does with what is pulled. */
export interface PumpHandlers {
  /** Hands a message to the application; a promise holds further messages back until it settles. */
  deliver(message: Message): unknown;
  /** The connection is lost. Every call in progress is to be ended by {@link Pump.end}. */
  offline(error: MqttError): Promise<void>;
  /** What calls in progress reject with when the connection is lost. */
  toException(error: MqttError): unknown;
  /** An acknowledgement came that nobody waits for. */
  stray(event: EngineEvent): void;
}

/** Runs calls on one engine and link. */
export class Pump {
  readonly #engine: Engine;
  readonly #link: Link;
  readonly #clock: Clock;
  readonly #handlers: PumpHandlers;
  readonly #calls = new Set<Call>();
  readonly #settling = new Map<PacketId, Call>();
  #records: readonly number[][] = [];
  readonly #queue: Message[] = [];
  /** Messages with QoS 2 that earlier connections of the session have brought and not delivered. */
  readonly #kept: Message[] = [];
  #delivering: Message | undefined;
  /** What the callback that waited has thrown, until the call that drives takes it. */
  #thrown: { readonly error: unknown } | undefined;
  /** The loss of the connection, from when it is pulled until the messages that came before it are delivered. */
  #lostBy: MqttError | undefined;
  #driver: Call | undefined;

  constructor(engine: Engine, link: Link, clock: Clock, handlers: PumpHandlers) {
    this.#engine = engine;
    this.#link = link;
    this.#clock = clock;
    this.#handlers = handlers;
  }

  /** The message whose callback runs. */
  get delivering(): Message | undefined {
    return this.#delivering;
  }

  /** Whether the connection was lost and that is still to be handled, by the next {@link run}. */
  get losing(): boolean {
    return this.#lostBy !== undefined;
  }

  /**
   * Pulls until the call has ended or `until` has come; false when its time came first.
   *
   * Rejects with the call's error, with what a callback threw meanwhile, or with the signal's reason.
   */
  async run(call: Call, until: Millis, signal?: AbortSignal): Promise<boolean> {
    this.#calls.add(call);
    if (call.type === "settled") this.#settling.set(call.id, call);
    const { types } = call;
    if (types !== undefined) this.#records = [...this.#records, types];
    // Who drives behind a callback may have stopped pulling, and knows nothing of a new deadline.
    if (this.#delivering !== undefined) this.#link.wake();
    const aborted = () => {
      call.wake();
      this.#link.wake();
    };
    signal?.addEventListener("abort", aborted);
    try {
      while (!call.done) {
        signal?.throwIfAborted();
        if (this.#driver === undefined && call.type !== "room") {
          if (!await this.#drive(call, until, signal)) return false;
        } else if (this.#clock.now() >= until) return false;
        else await this.#sleep(call, until);
      }
      if (call.event === undefined && call.error !== undefined) throw call.error;
      return true;
    } finally {
      signal?.removeEventListener("abort", aborted);
      this.#calls.delete(call);
      this.#settling.delete(call.id);
      if (types !== undefined) this.#records = this.#records.filter((record) => record !== types);
      if (this.#driver === undefined) this.#passOn();
    }
  }

  /**
   * Ends every call in progress when the connection has ended: those that wait for an answer fail with `error`, and
   * so do all others unless the end was `asked` for (MM-231). What was not delivered is dropped, except messages with
   * QoS 2: a server that resumes the session sends them again, but the engine has seen them and gives them only once.
   */
  end(error: unknown, asked: boolean): void {
    this.#lostBy = undefined;
    this.#kept.push(...this.#queue.splice(0).filter(isQoS2));
    for (let event = this.#engine.next(); event !== null; event = this.#engine.next()) {
      if (event.type === "settled") this.#answer(this.#settling.get(event.id), event);
      else if (event.type === "message" && isQoS2(event)) this.#kept.push(event);
    }
    for (const call of this.#calls) {
      if (asked && call.type === "time") call.settle();
      else call.fail(error);
    }
    this.#link.wake();
  }

  /** Pulls for all, until this call has ended or its time has come: false then. */
  async #drive(call: Call, until: Millis, signal: AbortSignal | undefined): Promise<boolean> {
    this.#driver = call;
    const patient = this.#clock.now() + GLANCE;
    let losing: Promise<void> | undefined;
    try {
      for (let waited = false;; waited = true) {
        let step: boolean | Promise<void> = true;
        while (step === true) {
          const done = signal?.aborted || (call.done && this.#lostBy === undefined);
          if (done && this.#delivering === undefined) return true;
          step = this.#step(call);
        }
        if (step !== false) {
          losing = step;
          break;
        }
        const behind = this.#delivering !== undefined;
        if (behind) {
          await this.#link.wait(Infinity, { read: !this.#full && this.#isAwaited });
        } else {
          if (waited && this.#clock.now() >= until) return false;
          await this.#link.wait(until);
        }
        if (this.#thrown !== undefined) {
          const { error } = this.#thrown;
          this.#thrown = undefined;
          throw error;
        }
        if (behind && this.#delivering === undefined && !call.done) {
          // However many messages come, each with a callback that takes its time: a deadline holds (MM-082).
          const now = this.#clock.now();
          if (now >= until && now >= patient) return false;
        }
      }
    } finally {
      this.#driver = undefined;
      this.#link.rest();
      // An answer may have made room for what was queued.
      if (this.#engine.pending > 0) this.#link.kick();
      this.#passOn();
    }
    await losing;
    return true;
  }

  /** Handles one event; false when there is none, a promise when it is the loss of the connection. */
  #step(driver: Call): boolean | Promise<void> {
    if (this.#delivering === undefined) {
      if (this.#queue.length > 0) return this.#deliver(this.#queue.shift()!);
      if (this.#lostBy !== undefined) {
        const error = this.#lostBy;
        this.#lostBy = undefined;
        return this.#handlers.offline(error);
      }
    } else if (this.#full || !this.#isAwaited) return false;
    const event = this.#engine.next();
    if (event === null) return false;
    if (event.packet !== 0) {
      const records = this.#records;
      for (let i = 0; i < records.length; i++) records[i]!.push(event.packet);
    }
    if (event.type === "message") {
      if (this.#delivering === undefined) return this.#deliver(event);
      this.#queue.push(event);
    } else if (event.type === "settled") {
      const call = this.#settling.get(event.id);
      if (call === undefined) this.#handlers.stray(event);
      else this.#answer(call, event);
    } else if (event.type === "progress") {
      // A step of QoS 2 may have queued its answer.
      this.#link.kick();
      if (!event.expected) this.#handlers.stray(event);
    } else if (event.type === "offline") {
      // One that was asked for has no error: who asked goes on with it.
      if (event.error !== null) {
        this.#lostBy = event.error;
        if (this.#delivering === undefined) return true;
        // The callback that runs may wait for any of these; the driver delivers what came before, and fails then.
        const error = this.#handlers.toException(event.error);
        for (const call of this.#calls) if (call !== driver) call.fail(error);
      }
    } else {
      if (event.type === "online") {
        if (event.connack.sessionPresent) this.#queue.unshift(...this.#kept);
        this.#kept.length = 0;
      }
      for (const call of this.#calls) if (call.type === event.type) call.settle(event);
    }
    return true;
  }

  #answer(call: Call | undefined, event: Settled): void {
    if (event.error === undefined) call?.settle(event);
    else call?.fail(this.#handlers.toException(event.error));
  }

  #deliver(message: Message): true {
    this.#delivering = message;
    let result: unknown;
    try {
      result = this.#handlers.deliver(message);
    } catch (error) {
      this.#delivered(message);
      throw error;
    }
    if (!isPromise(result)) this.#delivered(message);
    else {
      Promise.resolve(result).then(() => this.#delivered(message), (error) => {
        this.#thrown = { error };
        this.#delivered(message);
      });
    }
    return true;
  }

  /** Whatever its callback did, the message counts as received [MQTT-4.5.0-2] (MM-130). */
  #delivered(message: Message): void {
    this.#delivering = undefined;
    if (message.qos !== 0) {
      this.#engine.acknowledge(message);
      this.#link.kick();
    }
    this.#link.wake();
  }

  get #full(): boolean {
    return this.#queue.length >= LONGEST_QUEUE;
  }

  /** Whether a call in progress waits for an answer, so that it is worth pulling on while a callback runs. */
  get #isAwaited(): boolean {
    for (const call of this.#calls) if (call.type !== "time" && !call.done) return true;
    return false;
  }

  async #sleep(call: Call, until: Millis): Promise<void> {
    const cancel = until === Infinity ? undefined : this.#clock.timer(until, call.wake);
    await call.sleep();
    cancel?.();
  }

  /** It is the turn of another call to pull. */
  #passOn(): void {
    for (const call of this.#calls) {
      if (call.asleep && !call.done && call.type !== "room") return call.wake();
    }
  }
}

function isQoS2(message: Message): boolean {
  return message.qos === 2;
}

/**
 * Scenarios on the bare engine: no socket, no promise, no clock but a number. Around the engine there is only what an
 * application would write: commands by name, and callbacks made of events.
 *
 * Longer than 300 lines: the smallest client there can be, whole.
 *
 * @module
 */
import {
  ConnectionError,
  Engine,
  type EngineEvent,
  type Filter,
  type Message,
  type Millis,
  MQTTMatcher,
  type Payload,
  type QoS,
  RefusedError,
  UsageError,
  v4,
  type Will,
} from "@minimqtt/core";
import { fromHex, toHex } from "../wire/bytes.ts";
import type { Case } from "../case.ts";
import { isDivisible, type Scenario, type ScenarioOptions, type Step } from "./scenario.ts";
import { casesOf, type Stage } from "./play.ts";
import type { Outcome } from "./words.ts";

/**
 * The scenarios for the bare engine. With `chunkSize` those of few bytes, and the broker's come in pieces of at most so
 * many: boundaries mean nothing.
 */
export function engineCases(
  scenarios: readonly Scenario[],
  options: { readonly chunkSize?: number } = {},
): Case[] {
  const { chunkSize = Infinity } = options;
  const chosen = chunkSize === Infinity ? scenarios : scenarios.filter(isDivisible);
  const prefix = chunkSize === Infinity ? "engine" : `engine by ${chunkSize}`;
  return casesOf(chosen, "engine", { prefix, stage: (scenario) => new EngineStage(scenario, chunkSize) });
}

/** A call in progress. */
interface Pending {
  readonly command: string;
  readonly outcome: Outcome;
  /** The packet types that came meanwhile. */
  readonly types: number[];
  readonly id?: number;
  readonly topics?: readonly string[];
  readonly until?: Millis;
}

class EngineStage implements Stage {
  readonly called: [string, ...unknown[]][] = [];
  readonly #named: ReadonlySet<string>;
  readonly #options: ScenarioOptions;
  readonly #chunkSize: number;
  readonly #engine: Engine;
  readonly #callbacks = new MQTTMatcher<string>();
  #pending: Pending[] = [];
  #now: Millis = 0;
  #sent = "";
  #arriving: Uint8Array[] = [];
  #lost: ConnectionError | null | undefined;
  #open = false;
  #wasOnline = false;
  #username: string | undefined;
  #password: Payload | undefined;
  #will: Will | undefined;

  constructor({ options = {}, steps }: Scenario, chunkSize: number) {
    this.#options = options;
    this.#chunkSize = chunkSize;
    this.#named = new Set(steps.flatMap((step) => step.step === "callback" ? [step.name] : []));
    this.#username = options.username ?? undefined;
    this.#password = options.password ?? undefined;
    this.#engine = new Engine({ codec: v4, replyTimeout: (options.recvTimeout ?? 10) * 1000 });
  }

  start({ command, args }: Step & { readonly step: "call" }): Outcome {
    const outcome: Outcome = { done: false, met: false };
    try {
      this.#command(command, args, outcome);
    } catch (error) {
      this.#fail(outcome, error);
    }
    this.#progress();
    return outcome;
  }

  until(): void {}

  accept(): void {}

  received(length: number): string {
    if (length === 0) return this.#sent;
    const bytes = this.#sent.slice(0, length * 2);
    this.#sent = this.#sent.slice(length * 2);
    return bytes;
  }

  ended(): string | undefined {
    return this.#sent !== "" || this.#open ? this.#sent : undefined;
  }

  send(bytes: string): void {
    const all = fromHex(bytes);
    for (let from = 0; from < all.length; from += this.#chunkSize) {
      this.#arriving.push(all.slice(from, Math.min(all.length, from + this.#chunkSize)));
    }
    this.#progress();
  }

  drop(how: "end" | "reset"): void {
    this.#lost = how === "end"
      ? null
      : new ConnectionError("read-failed", "Unexpected error while waiting for messages");
    this.#progress();
  }

  wait(time: Millis): void {
    const target = this.#now + time;
    for (let turns = 0; turns < 100_000; turns++) {
      this.#progress();
      const next = this.#pending.length === 0
        ? Infinity
        : Math.min(this.#engine.deadline, ...this.#pending.map(({ until = Infinity }) => until));
      if (next > target) break;
      this.#now = Math.max(this.#now, next);
      this.#engine.tick(this.#now);
      this.#progress();
      for (const call of [...this.#pending]) {
        if (call.until !== undefined && call.until <= this.#now) this.#end(call, types(call));
      }
    }
    this.#now = target;
    this.#progress();
  }

  network(): void {
    throw new Error("the engine has no network");
  }

  when(): void {
    throw new Error("the engine has no callbacks");
  }

  leave(): string {
    return this.#sent;
  }

  clear(): void {}

  #command(command: string, args: readonly unknown[], outcome: Outcome): void {
    const engine = this.#engine;
    const pending = (more: Partial<Pending> = {}) =>
      void this.#pending.push({ command, outcome, types: [], ...more });
    switch (command) {
      case "isConnected":
        return this.#done(outcome, engine.state === "online");
      case "connect": {
        this.#connect(args[0] as boolean | { cleanSession?: boolean; keepAlive?: number } | undefined);
        return pending();
      }
      case "publish": {
        const [topic, payload, more, third] = args as [string, Payload, unknown, QoS | undefined];
        const { retain = false, qos = 0 } = typeof more === "object" && more !== null
          ? more as { retain?: boolean; qos?: QoS }
          : { retain: more as boolean | undefined, qos: third };
        const id = engine.publish(topic, payload, qos, retain);
        if (qos !== 0) return pending({ id, topics: [topic] });
        this.#call("onPublish", topic, engine.lastId);
        return this.#done(outcome, undefined);
      }
      case "subscribe": {
        const filters = toFilters(args[0], args[1] as QoS | undefined);
        return pending({ id: engine.subscribe(filters), topics: filters.map(({ topic }) => topic) });
      }
      case "unsubscribe": {
        const topics = Array.isArray(args[0]) ? args[0] as string[] : [args[0] as string];
        return pending({ id: engine.unsubscribe(topics), topics });
      }
      case "ping":
        engine.ping(this.#now);
        return pending();
      case "loop":
        if (engine.state !== "online") throw new UsageError("not-connected", "not connected");
        return pending({ until: this.#now + (args[0] as number ?? 1) * 1000 });
      case "disconnect":
        return this.#disconnect(outcome);
      case "willSet":
        this.#will = toWill(args);
        return this.#done(outcome, undefined);
      case "usernamePwSet":
        [this.#username, this.#password] = args as [string | undefined, Payload | undefined];
        return this.#done(outcome, undefined);
      case "addTopicCallback":
        this.#callbacks.set(args[0] as string, args[0] as string);
        return this.#done(outcome, undefined);
      default:
        throw new Error(`the engine knows no ${command}`);
    }
  }

  #connect(how: boolean | { cleanSession?: boolean; keepAlive?: number } = {}): void {
    const { cleanSession = true, keepAlive = this.#options.keepAlive ?? 60 } = typeof how === "object"
      ? how
      : { cleanSession: how };
    const pongTimeout = (keepAlive || (this.#options.recvTimeout ?? 10)) * 1000;
    this.#engine.opened(
      {
        clientId: this.#options.clientId ?? "golden",
        cleanSession,
        keepAlive,
        ...(this.#username !== undefined && { username: this.#username }),
        ...(this.#password !== undefined && { password: this.#password }),
        ...(this.#will !== undefined && { will: this.#will }),
      },
      pongTimeout,
      this.#now,
    );
    this.#open = true;
    this.#wasOnline = false;
    this.#lost = undefined;
    this.#arriving = [];
  }

  #disconnect(outcome: Outcome): void {
    if (this.#engine.state === "offline") throw new UsageError("not-connected", "not connected");
    this.#engine.disconnect();
    this.#flush();
    this.#engine.closed(null);
    for (const call of this.#pending.splice(0)) {
      if (call.command === "loop") this.#done(call.outcome, types(call));
      else this.#fail(call.outcome, new ConnectionError("closed", "disconnected"));
    }
    while (this.#engine.next() !== null);
    this.#open = false;
    this.#call("onDisconnect", 0);
    this.#done(outcome, undefined);
  }

  /** Nothing moves unless a call is in progress, but what is to be sent leaves at once. */
  #progress(): void {
    this.#flush();
    while (this.#pending.length > 0) {
      this.#engine.resume(this.#now);
      for (const chunk of this.#arriving.splice(0)) this.#engine.receive(chunk, this.#now);
      if (this.#lost !== undefined) this.#engine.closed(this.#lost);
      const event = this.#engine.next();
      if (event !== null) this.#handle(event);
      else if (this.#now < this.#engine.deadline) break;
      else this.#engine.tick(this.#now);
      this.#flush();
    }
    if (this.#pending.length === 0) this.#engine.pause(this.#now);
  }

  #flush(): void {
    for (let batch = this.#engine.take(this.#now); batch !== null; batch = this.#engine.take(this.#now)) {
      this.#sent += toHex(batch);
      this.#engine.give(batch, this.#now);
    }
  }

  #handle(event: EngineEvent): void {
    if (event.packet !== 0) { for (const call of this.#pending) call.types.push(event.packet); }
    switch (event.type) {
      case "online": {
        this.#wasOnline = true;
        const flags = event.connack.sessionPresent ? 1 : 0;
        this.#call("onConnect", flags, 0);
        return this.#endAll("connect", () => flags);
      }
      case "message":
        return this.#deliver(event);
      case "settled": {
        const call = this.#pending.find(({ id }) => id === event.id);
        if (call === undefined) return;
        if (event.error !== undefined) return this.#end(call, undefined, event.error);
        const topics = call.topics ?? [];
        if (call.command === "publish") this.#call("onPublish", topics[0], event.id);
        if (call.command === "unsubscribe") {
          for (const topic of topics) this.#call("onUnsubscribe", topic, event.id);
        }
        if (call.command === "subscribe") {
          const { reasons } = event;
          for (const [i, code] of reasons.entries()) {
            if (code <= 2) this.#call("onSubscribe", topics[i], code);
          }
          const i = reasons.findIndex((code) => code > 2);
          if (i >= 0) {
            const text = `SUBACK Failure for topic ${topics[i]}: 0x${reasons[i]!.toString(16)}`;
            return this.#end(
              call,
              undefined,
              new RefusedError("subscription-refused", text, reasons[i]!, reasons[i]!),
            );
          }
          return this.#end(call, [...reasons]);
        }
        return this.#end(call, undefined);
      }
      case "pong":
        return this.#endAll("ping", types);
      case "offline":
        this.#open = false;
        if (this.#wasOnline) this.#call("onDisconnect", 1);
        for (const call of this.#pending.splice(0)) this.#fail(call.outcome, event.error);
        return;
      default:
    }
  }

  #deliver(message: Message): void {
    const { topic, payload } = message;
    const text = this.#options.useBinaryMode ? payload : new TextDecoder("utf-8", DECODING).decode(payload);
    const names = [...this.#callbacks.iterMatch(topic)];
    for (const name of names.length > 0 ? names : ["onMessage"]) {
      this.called.push([name, topic, text, message]);
    }
    this.#engine.acknowledge(message);
  }

  /** Callbacks that the scenario does not speak of are not set. */
  #call(name: string, ...args: readonly unknown[]): void {
    if (this.#named.has(name)) this.called.push([name, ...args]);
  }

  #endAll(command: string, value: (call: Pending) => unknown): void {
    for (const call of this.#pending.filter((call) => call.command === command)) this.#end(call, value(call));
  }

  #end(call: Pending, value: unknown, error?: unknown): void {
    this.#pending = this.#pending.filter((other) => other !== call);
    if (error === undefined) this.#done(call.outcome, value);
    else this.#fail(call.outcome, error);
  }

  #done(outcome: Outcome, value: unknown): void {
    outcome.done = true;
    outcome.value = value;
  }

  #fail(outcome: Outcome, error: unknown): void {
    outcome.done = true;
    outcome.error = error;
  }
}

function types({ command, types }: Pending): number[] | null {
  return types.length === 0 && command === "loop" ? null : types;
}

function toFilters(topic: unknown, qos: QoS = 0): Filter[] {
  if (typeof topic === "string") return [{ topic, qos }];
  const list = topic as readonly unknown[];
  if (list.length === 2 && typeof list[1] === "number") {
    return [{ topic: list[0] as string, qos: list[1] as QoS }];
  }
  return list.map((entry) => {
    if (typeof entry === "string") return { topic: entry, qos };
    return Array.isArray(entry) ? { topic: entry[0], qos: entry[1] } : entry as Filter;
  });
}

function toWill(args: readonly unknown[]): Will {
  const [topic, payload, retain = false, qos = 0] = args as [string, Payload | number, boolean?, QoS?];
  return { topic, payload: typeof payload === "number" ? String(payload) : payload, retain, qos };
}

const DECODING = { fatal: true, ignoreBOM: true };

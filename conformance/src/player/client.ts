/**
 * Scenarios on `MQTT`, over the network in memory or a real transport, with a scripted broker at the other end.
 *
 * @module
 */
import { MQTT, type MQTTOptions, type Transport } from "@minimqtt/client";
import { memory } from "@minimqtt/client/memory";
import type { Address } from "@minimqtt/core";
import type { Case } from "../case.ts";
import { FakeClock, settled } from "./fake_clock.ts";
import { isDivisible, type Reaction, type Scenario, type Step } from "./scenario.ts";
import { casesOf, type Stage } from "./play.ts";
import type { Outcome } from "./words.ts";
import { type Patience, ScriptedBroker } from "../peers/scripted_broker.ts";
import type { Peer, TransportFixture } from "../transport/fixture.ts";
import { limitFor, paceOf } from "../transport/pace.ts";

/**
 * The scenarios for `MQTT` over the network in memory, with a clock that stands still. With `chunkSize` those of
 * few bytes, and a read gives at most so many.
 */
export function memoryCases(
  scenarios: readonly Scenario[],
  options: { readonly chunkSize?: number } = {},
): Case[] {
  const { chunkSize } = options;
  const prefix = chunkSize === undefined ? "memory" : `memory by ${chunkSize}`;
  const chosen = chunkSize === undefined ? scenarios : scenarios.filter(isDivisible);
  return casesOf(chosen, "memory", {
    prefix,
    stage(scenario) {
      const network = memory(options);
      const clock = new FakeClock();
      return new ClientStage(scenario, {
        client: {
          broker: "broker.test",
          transport: network.transport,
          clock,
          random: () => 0,
        },
        accept: () => network.accept(),
        patience: untilQuiet,
        wait: (time) => clock.advance(time),
        finish: (promise) => clock.run(promise),
        network: (answer) => network.answer = answer,
        clear: () => Promise.resolve(),
      });
    },
  });
}

/**
 * The scenarios for `MQTT` over a real transport, in real time. `name` tells the transport in the cases' identifiers; it
 * is the transport's own when absent.
 */
export function clientCases(
  scenarios: readonly Scenario[],
  fixture: TransportFixture,
  name?: string,
): Case[] {
  const { transport, lacks = {} } = fixture;
  return casesOf(scenarios, "transport", {
    prefix: name ?? transport.name,
    skip({ steps }) {
      const resets = steps.some((step) => step.step === "drop" && step.how === "reset");
      return resets ? lacks.reset : undefined;
    },
    async stage(scenario) {
      const limit = limitFor(await paceOf(fixture), fixture, LARGEST);
      const listener = await fixture.listen();
      return new ClientStage(scenario, {
        client: {
          ...address(transport, listener.address),
          transport,
          // Nothing may hang on how fast the machine is.
          socketTimeout: limit / 1000,
          recvTimeout: 2 * limit / 1000,
        },
        accept: () => listener.accept(),
        patience: (promise) => within(promise, limit),
        wait: () => Promise.reject(new Error("time is real here")),
        finish: (promise) => promise,
        network: () => undefined,
        clear: () => listener.close(),
      });
    },
  });
}

/** The bytes of the largest message of a scenario. */
const LARGEST = 300_000;

/** What a client's stage is made of. */
interface Setting {
  readonly client: MQTTOptions;
  accept(): Promise<Peer>;
  readonly patience: Patience;
  wait(time: number): Promise<void>;
  /** Lets time pass, where it stands still, until the promise has settled. */
  finish<T>(promise: Promise<T>): Promise<T>;
  network(answer: "accept" | "refuse" | "unknown" | "silence"): void;
  clear(): Promise<void>;
}

class ClientStage implements Stage {
  readonly called: [string, ...unknown[]][] = [];
  readonly #setting: Setting;
  readonly #scenario: Scenario;
  readonly #broker: ScriptedBroker;
  readonly #peers: Peer[] = [];
  readonly #reactions = new Map<string, (readonly Reaction[])[]>();
  readonly #waiting = new Set<() => void>();
  #client: MQTT<unknown, boolean> | undefined;
  /** Whether there is no connection that the broker has not closed. */
  #isOver = true;

  constructor(scenario: Scenario, setting: Setting) {
    this.#scenario = scenario;
    this.#setting = setting;
    this.#broker = new ScriptedBroker(async () => {
      const peer = await setting.accept();
      this.#peers.push(peer);
      return peer;
    }, setting.patience);
    if (!scenario.steps.some((step) => step.step === "call" && step.command === "new")) {
      this.#make(scenario.options ?? {});
    }
  }

  start({ command, args }: Step & { readonly step: "call" }): Outcome {
    const outcome: Outcome = { done: false, met: false };
    const settle = (result: { value: unknown } | { error: unknown }) => {
      Object.assign(outcome, result, { done: true });
      this.#changed();
    };
    try {
      const value = this.#command(command, args);
      if (value instanceof Promise) {
        value.then((value) => settle({ value }), (error: unknown) => settle({ error }));
      } else settle({ value });
    } catch (error) {
      settle({ error });
    }
    return outcome;
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      let wake!: () => void;
      const changed = new Promise<true>((resolve) => wake = () => resolve(true));
      this.#waiting.add(wake);
      const isChanged = await this.#setting.patience(changed);
      this.#waiting.delete(wake);
      if (!isChanged) return;
    }
  }

  accept(): Promise<void> {
    this.#isOver = false;
    return this.#broker.accept();
  }

  received(length: number): Promise<string> {
    return length === 0 ? this.#broker.unread() : this.#broker.bytes(length);
  }

  async ended(): Promise<string | undefined> {
    const inItsPlace = await this.#broker.end();
    // Who closes in good order waits for the other end to do the same.
    if (inItsPlace === undefined) await this.#hangUp();
    return inItsPlace;
  }

  send(bytes: string): Promise<void> {
    return this.#broker.send(bytes);
  }

  async drop(how: "end" | "reset"): Promise<void> {
    if (how === "end") return await this.#hangUp();
    this.#isOver = true;
    this.#peers.at(-1)!.reset!();
  }

  wait(time: number): Promise<void> {
    return this.#setting.wait(time);
  }

  network(answer: "accept" | "refuse" | "unknown" | "silence"): void {
    this.#setting.network(answer);
  }

  when({ name, reactions }: Step & { readonly step: "when" }): void {
    this.#reactions.set(name, [...this.#reactions.get(name) ?? [], reactions]);
  }

  async leave(): Promise<string> {
    const client = this.#client;
    if (client === undefined) return "";
    client.onDisconnect = null;
    const connected = client.isConnected();
    const leaving = this.#setting.finish(client.deinit());
    let left = "";
    if (!this.#isOver) {
      left = await this.#broker.rest();
      await this.#hangUp();
    }
    await leaving;
    return connected && left.endsWith("e000") ? left.slice(0, -4) : left;
  }

  async clear(): Promise<void> {
    const left = this.#client?.deinit();
    await Promise.all(this.#peers.map((peer) => peer.close()));
    if (left) await this.#setting.finish(left).catch(() => undefined);
    await this.#setting.clear();
  }

  /** The broker's end of the connection is closed; nothing is read from it any more. */
  async #hangUp(): Promise<void> {
    this.#isOver = true;
    await this.#peers.at(-1)!.close();
  }

  #command(command: string, args: readonly unknown[]): unknown {
    if (command === "new") return void this.#make(args[0] as Partial<MQTTOptions>);
    const client = this.#client as unknown as Record<string, unknown>;
    if (command === "get") return client[args[0] as string];
    if (command === "set") return void (client[args[0] as string] = args[1]);
    const more = command === "addTopicCallback" && args.length === 1
      ? [this.#callback(args[0] as string, true)]
      : [];
    return (client[command] as (...args: unknown[]) => unknown).call(client, ...args, ...more);
  }

  #make(options: Partial<MQTTOptions>): void {
    const client = new MQTT<unknown, boolean>({ clientId: "golden", ...this.#setting.client, ...options });
    const named = new Set(
      this.#scenario.steps.flatMap((step) =>
        step.step === "callback" || step.step === "when" ? [step.name] : []
      ),
    );
    client.onMessage = this.#callback("onMessage", true);
    for (const name of ["onConnect", "onDisconnect", "onSubscribe", "onUnsubscribe", "onPublish"] as const) {
      // What the scenario does not speak of stays unset, as it is for most users.
      if (named.has(name)) client[name] = this.#callback(name, false);
    }
    this.#client = client;
  }

  /** A callback that writes down its arguments behind the client, and the user data if it gets them. */
  #callback(name: string, isMessage: boolean): (...args: unknown[]) => unknown {
    return (_client, ...args) => {
      this.called.push([name, ...isMessage ? args : args.slice(1)]);
      this.#changed();
      const reactions = this.#reactions.get(name)?.shift();
      return reactions === undefined ? undefined : this.#react(reactions);
    };
  }

  async #react(reactions: readonly Reaction[]): Promise<void> {
    for (const reaction of reactions) {
      if ("throw" in reaction) throw new Error(reaction.throw);
      if ("wait" in reaction) {
        const clock = this.#setting.client.clock!;
        await new Promise<void>((resolve) => clock.timer(clock.now() + reaction.wait, resolve));
      } else await this.#command(reaction.command, reaction.args);
    }
  }

  #changed(): void {
    for (const wake of this.#waiting) wake();
  }
}

/** In memory all that can happen without time passing happens within a few turns. */
async function untilQuiet<Value>(promise: Promise<Value>): Promise<Value | undefined> {
  let result: { readonly value: Value } | undefined;
  let failed = false;
  promise.then((value) => result = { value }, () => failed = true);
  for (let turn = 0; turn < 5 && result === undefined && !failed; turn++) await settled();
  return failed ? promise : result?.value;
}

async function within<Value>(promise: Promise<Value>, limit: number): Promise<Value | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => timer = setTimeout(() => resolve(undefined), limit));
  return await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** The options by which a client reaches an address. */
function address(
  transport: Transport,
  { host, port, secure, path }: Address,
): Pick<MQTTOptions, "broker" | "port"> {
  const scheme = transport.schemes.find((scheme) => secure === undefined || scheme.secure === secure)!;
  return { broker: `${scheme.name}://${host.includes(":") ? `[${host}]` : host}:${port}${path ?? ""}` };
}

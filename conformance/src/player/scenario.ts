/**
 * A scenario: one story of a client and a broker, as data. It can be listed, shown, read by an oracle, and run at each
 * depth where it makes sense:
 *
 * - `engineCases(scenarios)` of `engine.ts`: the bare engine, with a clock that is a number;
 * - `memoryCases(scenarios)` of `client.ts`: `MQTT` over the network in memory, a scripted broker, a clock that
 *   stands still until a `wait` step;
 * - `clientCases(scenarios, fixture)` of the same file: `MQTT` over a real transport, in real time. Scenarios in which
 *   time passes, or in which nothing may happen, stay away from there by themselves.
 *
 * All three give `Case`s, for `register` of `case.ts`. Where a scenario fails, its `ScenarioError` says at which step,
 * what was `expected` and what it `got`. Nothing here, nor in `scenarios/`, needs more than TypeScript and the Web's own
 * objects: the same cases run in a page.
 *
 * How a scenario is played: steps run one after the other. A `call` starts, and goes on beside the steps behind it, until
 * `returns` or `fails` asks how it ended; by then it must have ended, without time passing. What the client sends must be
 * met by `expect`, byte for byte and in order, and what it calls back by `callback`: at the end nothing may be left over.
 *
 * @module
 */
import type { Millis, MqttErrorCode } from "@minimqtt/core";
import type { MQTTOptions } from "@minimqtt/client";
import type { Depth } from "../case.ts";

/** What a client is told: `new` with options, `get` and `set` of a property, or one of its methods. */
export type Command =
  | "new"
  | "get"
  | "set"
  | "isConnected"
  | "connect"
  | "disconnect"
  | "reconnect"
  | "deinit"
  | "publish"
  | "subscribe"
  | "unsubscribe"
  | "ping"
  | "loop"
  | "willSet"
  | "willClear"
  | "usernamePwSet"
  | "addTopicCallback"
  | "removeTopicCallback";

/** Callbacks are told apart by name; that of `addTopicCallback` is named by its filter. */
export type CallbackName = string;

/** How a call fails. */
export interface Failure {
  /** The very class. */
  readonly type: "UsageError" | "MMQTTStateError" | "MMQTTException" | "Error";
  /** The whole text, or its beginning if it ends with "…"; any when absent. */
  readonly text?: string;
  /** The code: of a `UsageError` its name, of an `MMQTTException` the broker's number. Any when absent. */
  readonly code?: string | number | null;
  /** The stable code of the error behind an `MMQTTException`. */
  readonly cause?: MqttErrorCode;
  /** The statement that was broken, as the `ProtocolError` behind it names it. */
  readonly statement?: string;
}

/** What a callback does when it is called: it throws, waits, or tells the client something and waits for its promise. */
export type Reaction =
  | { readonly throw: string }
  | { readonly wait: Millis }
  | { readonly command: Command; readonly args: readonly unknown[] };

/** One step. With `at` it is taken at these depths only. */
export type Step =
  & { readonly at?: readonly Depth[] }
  & (
    /** The client is told something; `as` names the call for `returns` and `fails`, which else mean the last one. */
    | {
      readonly step: "call";
      readonly command: Command;
      readonly args: readonly unknown[];
      readonly as?: string;
    }
    /** The call has ended, and gives this. */
    | { readonly step: "returns"; readonly value: unknown; readonly of?: string }
    /** The call has ended by this error. */
    | { readonly step: "fails"; readonly failure: Failure; readonly of?: string }
    /** What the next attempts to connect meet. */
    | { readonly step: "network"; readonly answer: "accept" | "refuse" | "unknown" | "silence" }
    /** The broker takes the next connection. */
    | { readonly step: "accept" }
    /** The broker gets exactly these bytes next, in hex; the end of the connection behind them is `closed`. */
    | { readonly step: "expect"; readonly bytes: string }
    /** The broker has got nothing else, and no callback was called. */
    | { readonly step: "nothing" }
    /**
     * The client ends the connection, and sends nothing before it. It goes before the end of the call: over a socket the
     * client waits a second for the broker to close too, as it then does.
     */
    | { readonly step: "closed" }
    /** The broker sends these bytes, in hex. */
    | { readonly step: "send"; readonly bytes: string }
    /** The broker ends the connection in good order, or breaks it. */
    | { readonly step: "drop"; readonly how: "end" | "reset" }
    /** Time passes, in milliseconds. */
    | { readonly step: "wait"; readonly time: Millis }
    /** The next callback called is this one, with these arguments, behind client and user data; more may follow them. */
    | { readonly step: "callback"; readonly name: CallbackName; readonly args: readonly unknown[] }
    /** When the callback is called next, it does this, one after the other. */
    | { readonly step: "when"; readonly name: CallbackName; readonly reactions: readonly Reaction[] }
  );

/** Options of the client under test, on top of the identifier `golden`. */
export type ScenarioOptions = Partial<Omit<MQTTOptions<unknown, boolean>, "transport" | "clock" | "random">>;

/** One story. */
export interface Scenario {
  /** Unique among all, and stable. */
  readonly id: string;
  /** The numbered area it belongs to. */
  readonly area: string;
  /** What holds, as a sentence that tells the twist. */
  readonly name: string;
  /** What it shows: `MM-085`, `v3 MQTT-2.3.1-2`. */
  readonly covers: readonly string[];
  /** The depths at which it makes sense; by what its steps need when absent. */
  readonly only?: readonly Depth[];
  /** How the client is made. */
  readonly options?: ScenarioOptions;
  /** What happens. */
  readonly steps: readonly Step[];
}

/** Scenarios of one area. */
export function area(name: string, scenarios: readonly Omit<Scenario, "area">[]): Scenario[] {
  return scenarios.map((scenario) => ({ ...scenario, area: name }));
}

/** The client is told `command`. */
export function call(command: Command, ...args: readonly unknown[]): Step & { readonly step: "call" } {
  return { step: "call", command, args };
}

/** The same under a name. */
export function named(as: string, { command, args }: Step & { readonly step: "call" }): Step {
  return { step: "call", command, args, as };
}

/** The last call, or the one called `of`, gives `value`. */
export function returns(value?: unknown, of?: string): Step {
  return { step: "returns", value, ...(of !== undefined && { of }) };
}

/** The last call, or the one called `of`, fails. */
export function fails(
  type: Failure["type"],
  text?: string,
  more: Omit<Failure, "type" | "text"> & { readonly of?: string } = {},
): Step {
  const { of, ...rest } = more;
  const failure = { type, ...(text !== undefined && { text }), ...rest };
  return { step: "fails", failure, ...(of !== undefined && { of }) };
}

/** What the next attempts meet. */
export function network(answer: "accept" | "refuse" | "unknown" | "silence"): Step {
  return { step: "network", answer };
}

/** The broker takes the next connection. */
export const accept: Step = { step: "accept" };

/** The broker gets these bytes. */
export function expect(bytes: string): Step {
  return { step: "expect", bytes };
}

/** The broker sends these bytes. */
export function send(bytes: string): Step {
  return { step: "send", bytes };
}

/** The broker has got nothing else, and nothing was called back. */
export const nothing: Step = { step: "nothing" };

/** The client ends the connection. */
export const closed: Step = { step: "closed" };

/** The broker ends the connection. */
export function drop(how: "end" | "reset" = "end"): Step {
  return { step: "drop", how };
}

/** Milliseconds pass. */
export function wait(time: Millis): Step {
  return { step: "wait", time };
}

/** A callback is called. */
export function callback(name: CallbackName, ...args: readonly unknown[]): Step {
  return { step: "callback", name, args };
}

/** When the callback is called next, it does this. */
export function when(name: CallbackName, ...reactions: readonly Reaction[]): Step {
  return { step: "when", name, reactions };
}

/** Steps for some depths only. */
export function at(depths: Depth | readonly Depth[], ...steps: readonly Step[]): Step[] {
  return steps.map((step) => ({ ...step, at: typeof depths === "string" ? [depths] : depths }));
}

/** CONNECT of the identifier `golden` with a clean session and the keep alive of 60 seconds. */
export const CONNECT = "101200044d5154540402003c0006676f6c64656e";

/** A client with the default options connects. */
export const online: readonly Step[] = connects();

/** A client connects: `connect` with these arguments sends `packet`, and the broker accepts. */
export function connects(packet: string = CONNECT, ...args: readonly unknown[]): readonly Step[] {
  return [call("connect", ...args), accept, expect(packet), send("20020000"), returns(0)];
}

/** The client disconnects. */
export const disconnects: readonly Step[] = [call("disconnect"), expect("e000"), closed, returns()];

/** A message reaches the client in the middle of a ping. */
export function arrives(...packets: readonly string[]): readonly Step[] {
  return [call("ping"), expect("c000"), ...packets.map(send), send("d000")];
}

/** The steps of a scenario that are taken at a depth. */
export function stepsAt({ steps }: Scenario, depth: Depth): Step[] {
  return steps.filter(({ at }) => at === undefined || at.includes(depth));
}

/**
 * Whether a scenario makes sense at a depth: the bare engine has no network, callbacks that do something, or what only
 * `MQTT` knows; where time is real, nothing is waited for.
 */
export function isPlayableAt(scenario: Scenario, depth: Depth): boolean {
  if (scenario.only !== undefined) return scenario.only.includes(depth);
  const steps = stepsAt(scenario, depth);
  if (depth === "engine") {
    return steps.every((step) =>
      step.step !== "when" && step.step !== "network" &&
      !(step.step === "call" && FOR_CLIENTS.has(step.command))
    );
  }
  if (depth === "memory") return true;
  return steps.every((step) =>
    step.step !== "wait" && step.step !== "nothing" && step.step !== "network" &&
    !(step.step === "call" && FOR_FAKE_TIME.has(step.command)) &&
    !(step.step === "when" && step.reactions.some((reaction) => "wait" in reaction))
  );
}

const FOR_CLIENTS = new Set<Command>([
  "new",
  "get",
  "set",
  "reconnect",
  "deinit",
  "willClear",
  "removeTopicCallback",
]);
const FOR_FAKE_TIME = new Set<Command>(["new", "loop"]);

/** Whether a scenario has few enough bytes to be played byte by byte. */
export function isDivisible({ steps }: Scenario): boolean {
  return steps.reduce((sum, step) => sum + ("bytes" in step ? step.bytes.length / 2 : 0), 0) <= 8192;
}

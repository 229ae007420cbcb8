/**
 * Plays a scenario on a stage, whatever the stage is made of, and says where it went another way.
 *
 * @module
 */
import { MqttError, ProtocolError, RefusedError, UsageError } from "@minimqtt/core";
import type { Case, Depth } from "../case.ts";
import { type Failure, isPlayableAt, type Scenario, type Step, stepsAt } from "./scenario.ts";
import { brief, describe, type Outcome, same, show, showFailure, showOutcome } from "./words.ts";

/** What a scenario is played on. */
export interface Stage {
  /** What was called back and has not been met yet: name, then arguments. */
  readonly called: (readonly [name: string, ...args: readonly unknown[]])[];
  /** Starts a call. */
  start(step: Step & { readonly step: "call" }): Outcome;
  /** Waits until `condition` holds, or nothing will make it hold any more. */
  until(condition: () => boolean): Promise<void> | void;
  /** The broker takes the next connection. */
  accept(): Promise<void> | void;
  /** What the client has sent next, in hex: `length` bytes, or all there are if they are fewer. */
  received(length: number): Promise<string> | string;
  /** Waits for the end of the connection by the client; gives in hex what comes in its place, or undefined. */
  ended(): Promise<string | undefined> | string | undefined;
  /** The broker sends. */
  send(bytes: string): Promise<void> | void;
  /** The broker ends the connection. */
  drop(how: "end" | "reset"): Promise<void> | void;
  /** Time passes. */
  wait(time: number): Promise<void> | void;
  /** What attempts meet from now on. */
  network(answer: "accept" | "refuse" | "unknown" | "silence"): void;
  /** What the callback does when it is called next. */
  when(step: Step & { readonly step: "when" }): void;
  /** Ends the client in good order; gives in hex what it has sent that no step has met, but for its DISCONNECT. */
  leave(): Promise<string> | string;
  /** Clears away what is left. */
  clear(): Promise<void> | void;
}

/** A scenario went another way. */
export class ScenarioError extends Error {
  /** The class, for logs. */
  override readonly name = "ScenarioError";
  /** The number of the step, from 1; one more than there are steps for what is left over at the end. */
  readonly step: number;
  /** What was expected: bytes in hex, or a value. */
  readonly expected: string;
  /** What came. */
  readonly got: string;

  /** Takes the step's number and words, and what was expected and came. */
  constructor(step: number, words: string, expected: string, got: string, cause?: unknown) {
    super(`step ${step}, ${words}: expected ${brief(expected)}, got ${brief(got)}`, { cause });
    this.step = step;
    this.expected = expected;
    this.got = got;
  }
}

/** The cases of the scenarios that make sense at a depth. */
export function casesOf(
  scenarios: readonly Scenario[],
  depth: Depth,
  setting: {
    /** Goes before the scenario's identifier. */
    readonly prefix: string;
    /** Makes the stage. */
    readonly stage: (scenario: Scenario) => Stage | Promise<Stage>;
    /** Why a scenario cannot run here, if so. */
    readonly skip?: (scenario: Scenario) => string | undefined;
  },
): Case[] {
  return scenarios.filter((scenario) => isPlayableAt(scenario, depth)).map((scenario) => {
    const { id, area, name, covers } = scenario;
    const skip = setting.skip?.(scenario);
    const script = stepsAt(scenario, depth).map(describe);
    const run = async () => play(scenario, depth, await setting.stage(scenario));
    return {
      id: `${setting.prefix}:${id}`,
      area,
      name,
      covers,
      depth,
      script,
      ...(skip !== undefined && { skip }),
      run,
    };
  });
}

/** Plays a scenario, and clears away afterwards. */
export async function play(scenario: Scenario, depth: Depth, stage: Stage): Promise<void> {
  const steps = stepsAt(scenario, depth);
  const calls = new Map<string, Outcome>();
  const all: { readonly step: number; readonly words: string; readonly outcome: Outcome }[] = [];
  let last: Outcome | undefined;
  try {
    for (const [index, step] of steps.entries()) {
      const fail = (expected: string, got: string, cause?: unknown): never => {
        throw new ScenarioError(index + 1, describe(step), expected, got, cause);
      };
      switch (step.step) {
        case "call": {
          last = stage.start(step);
          if (step.as !== undefined) calls.set(step.as, last);
          all.push({ step: index + 1, words: describe(step), outcome: last });
          break;
        }
        case "returns":
        case "fails": {
          const outcome = step.of === undefined ? last : calls.get(step.of);
          if (outcome === undefined) return fail("a call before it", "none");
          await stage.until(() => outcome.done);
          outcome.met = true;
          const got = outcome.done ? showOutcome(outcome) : "no end of the call";
          if (step.step === "returns") {
            if (!outcome.done || "error" in outcome || !same(outcome.value, step.value)) {
              fail(show(step.value), got, outcome.error);
            }
          } else if (!("error" in outcome) || !isFailure(outcome.error, step.failure, depth)) {
            fail(showFailure(step.failure), got, outcome.error);
          }
          break;
        }
        case "network":
          stage.network(step.answer);
          break;
        case "accept":
          await stage.accept();
          break;
        case "expect": {
          const got = await stage.received(step.bytes.length / 2);
          if (got !== step.bytes) fail(step.bytes, got, failedCall(all));
          break;
        }
        case "nothing": {
          const got = await stage.received(0);
          if (got !== "") fail("no bytes", got);
          if (stage.called.length > 0) fail("no callback", show(stage.called[0]));
          break;
        }
        case "closed": {
          const got = await stage.ended();
          if (got !== undefined) fail("the end of the connection", got === "" ? "nothing" : got);
          break;
        }
        case "send":
          await stage.send(step.bytes);
          break;
        case "drop":
          await stage.drop(step.how);
          break;
        case "wait":
          await stage.wait(step.time);
          break;
        case "callback": {
          await stage.until(() => stage.called.length > 0);
          const got = stage.called.shift();
          const expected = [step.name, ...step.args];
          if (got === undefined) return fail(show(expected), "no callback", failedCall(all));
          if (!same(got.slice(0, expected.length), expected)) fail(show(expected), show(got));
          break;
        }
        case "when":
          stage.when(step);
          break;
      }
    }
    for (const { step, words, outcome } of all) {
      if (outcome.met) continue;
      await stage.until(() => outcome.done);
      if (!outcome.done || "error" in outcome) {
        throw new ScenarioError(step, words, "an end without an error", showOutcome(outcome), outcome.error);
      }
    }
    const end = steps.length + 1;
    const left = await stage.leave();
    if (left !== "") throw new ScenarioError(end, "the end", "no more bytes", left);
    if (stage.called.length > 0) {
      throw new ScenarioError(end, "the end", "no more callbacks", show(stage.called[0]));
    }
  } finally {
    await stage.clear();
  }
}

/** The error of a call that failed though nobody asked: likely why bytes or callbacks are missing. */
function failedCall(all: readonly { readonly outcome: Outcome }[]): unknown {
  return all.find(({ outcome }) => !outcome.met && "error" in outcome)?.outcome.error;
}

/** Whether an error is the one expected. The engine knows only the error that is behind a client's exception. */
function isFailure(error: unknown, failure: Failure, depth: Depth): boolean {
  const { type, text, code, cause, statement } = failure;
  if (!(error instanceof Error)) return false;
  const behind = mqttErrorBehind(error);
  if (cause !== undefined && behind?.code !== cause) return false;
  if (statement !== undefined && !(behind instanceof ProtocolError && behind.statement === statement)) {
    return false;
  }
  if (depth === "engine" && type !== "UsageError") {
    if (behind === undefined) return false;
    if (type === "MMQTTStateError") {
      return behind.code === "not-connected" || behind.code === "already-connected";
    }
    if (behind instanceof UsageError) return false;
    if (typeof code === "number" && !(behind instanceof RefusedError && behind.returnCode === code)) {
      return false;
    }
    return isText(behind instanceof ProtocolError ? behind.summary : behind.message, text);
  }
  if (error.constructor.name !== type && error.name !== type) return false;
  return isText(error.message, text) && (code === undefined || (error as { code?: unknown }).code === code);
}

function isText(got: string, expected: string | undefined): boolean {
  if (expected === undefined || got === expected) return true;
  return expected.endsWith("…") && got.startsWith(expected.slice(0, -1));
}

/** The core's error that an exception of the client is about, or that it is itself. */
function mqttErrorBehind(error: Error): MqttError | undefined {
  for (let behind: unknown = error; behind instanceof Error; behind = behind.cause) {
    if (behind instanceof MqttError) return behind;
  }
  return undefined;
}

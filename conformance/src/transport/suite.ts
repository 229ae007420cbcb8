/**
 * The transport contract as tests: {@link transportSuite}, and {@link transportCases} for other runners than those
 * with an `it`. The rules are in `packages/core/src/transport.ts`; the number in a case's id is the rule's.
 *
 * @module
 */

import { register } from "../case.ts";
import type { Case, Test } from "../case.ts";
import { Arena } from "./arena.ts";
import type { RuleCase } from "./arena.ts";
import type { Capability, TransportFixture } from "./fixture.ts";
import { paceOf } from "./pace.ts";
import type { Pace } from "./pace.ts";
import { heldMemory } from "./program.ts";
import { shapeCases } from "./rule_00_shape.ts";
import { closingCases } from "./rule_08_closing.ts";
import { failingCases } from "./rule_09_failing.ts";
import { abortingCases } from "./rule_10_aborting.ts";
import { chunkCases } from "./rule_11_chunks.ts";
import { readingCases } from "./rules_01_to_05_reading.ts";
import { writingCases } from "./rules_06_and_07_writing.ts";
import { ruleName } from "./rules.ts";
import { speedCases } from "./speed.ts";

/**
 * All tests of the transport contract, over this transport. Each brings its own listener and connections. What they send
 * and how long they wait follows from the transport's pace, which the first of them measures where it is not given.
 */
export function transportCases(fixture: TransportFixture, pace?: Pace): Case[] {
  return cases.map(({ id, name, level = "core", needs = [], run }) => {
    // Speed is no rule: its number is none.
    const rule = Number.parseInt(id);
    const reasons = needs.flatMap((need) => missing(need, fixture) ?? []);
    return {
      id: `transport/${id}`,
      area: "transport",
      name,
      covers: Number.isNaN(rule) ? [] : [ruleName(rule)],
      depth: "transport",
      level,
      ...(reasons.length > 0 && { skip: reasons.join(", ") }),
      run: async () => new Arena(rule, fixture, pace ?? await paceOf(fixture)).try(run),
    };
  });
}

/** Registers all tests of the transport contract with `test`; speed is no rule, so what compares it is left out. */
export function transportSuite(test: Test, fixture: TransportFixture): void {
  register(test, transportCases(fixture).filter(({ level }) => level !== "fast"));
}

/** Why a capability is not there, or undefined. */
function missing(need: Capability, fixture: TransportFixture): string | undefined {
  if (fixture.lacks?.[need] !== undefined) return fixture.lacks[need];
  if (need === "memory" && heldMemory() === undefined) {
    return "this runtime does not tell how much memory is held";
  }
  return need in WHAT_TO_ADD && fixture[need as keyof typeof WHAT_TO_ADD] === undefined
    ? WHAT_TO_ADD[need as keyof typeof WHAT_TO_ADD]
    : undefined;
}

/** What a fixture may have, and what to do where it has not. */
const WHAT_TO_ADD = {
  unknown: "no address that is unknown: give the fixture `unknown`, or say in `lacks` why there is none",
  silent: "no address that is silent: give the fixture `silent()`, or say in `lacks` why there is none",
  raw: "no bare stream to compare with: give the fixture `raw()`",
} as const;

const cases: readonly RuleCase[] = [
  ...shapeCases,
  ...readingCases,
  ...writingCases,
  ...closingCases,
  ...failingCases,
  ...abortingCases,
  ...chunkCases,
  ...speedCases,
];

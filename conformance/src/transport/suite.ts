/**
 * The transport contract as tests: {@link transportSuite}, and {@link transportCases} for other runners than those
 * with an `it`. The rules are in `packages/core/src/transport.ts`; the number in a case's id is the rule's.
 *
 * @module
 */

import { register } from "../case.ts";
import type { Case, Test } from "../case.ts";
import { Arena, heldMemory } from "./arena.ts";
import type { RuleCase } from "./arena.ts";
import type { Capability, TransportFixture } from "./fixture.ts";
import { shapeCases } from "./rule_00_shape.ts";
import { closingCases } from "./rule_08_closing.ts";
import { failingCases } from "./rule_09_failing.ts";
import { abortingCases } from "./rule_10_aborting.ts";
import { chunkCases } from "./rule_11_chunks.ts";
import { readingCases } from "./rules_01_to_05_reading.ts";
import { writingCases } from "./rules_06_and_07_writing.ts";

/** All tests of the transport contract, over this transport. Each brings its own listener and connections. */
export function transportCases(fixture: TransportFixture): Case[] {
  return cases.map(({ id, name, needs = [], run }) => {
    const rule = Number.parseInt(id);
    const reasons = needs.flatMap((need) => missing(need, fixture) ?? []);
    return {
      id: `transport/${id}`,
      area: "transport",
      name,
      covers: [rule === 0 ? "transport shape" : `rule ${rule}`],
      depth: "transport",
      ...(reasons.length > 0 && { skip: reasons.join(", ") }),
      async run() {
        const arena = new Arena(rule, fixture);
        try {
          await run(arena);
        } finally {
          await arena.clear();
        }
      },
    };
  });
}

/** Registers all tests of the transport contract with `test`. */
export function transportSuite(test: Test, fixture: TransportFixture): void {
  register(test, transportCases(fixture));
}

/** Why a capability is not there, or undefined. */
function missing(need: Capability, fixture: TransportFixture): string | undefined {
  if (fixture.lacks?.[need] !== undefined) return fixture.lacks[need];
  if (need === "memory" && heldMemory() === undefined) {
    return "this runtime does not tell how much memory is held";
  }
  return (need === "unknown" || need === "silent") && !(need in fixture)
    ? `no address that is ${need}`
    : undefined;
}

const cases: readonly RuleCase[] = [
  ...shapeCases,
  ...readingCases,
  ...writingCases,
  ...closingCases,
  ...failingCases,
  ...abortingCases,
  ...chunkCases,
];

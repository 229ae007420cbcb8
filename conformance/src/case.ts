/**
 * A test before any test runner knows it: what the suites are made of, and what `node:test`, the command line and a
 * page in a browser run alike.
 *
 * @module
 */

/**
 * Where a case runs: the bare engine under a clock that stands still, a client over the network in memory, or a
 * client or connection over a real transport.
 */
export type Depth = "engine" | "memory" | "transport";

/**
 * How much is asked of a transport: `core` is what every one must do, `robust` what it must do when it is pressed, and
 * `fast` how it compares with the bare stream below it. Each holds those before it.
 */
export type Level = "core" | "robust" | "fast";

/** All levels, from the least to the most. */
export const levels: readonly Level[] = ["core", "robust", "fast"];

/** One test. */
export interface Case {
  /** Unique among all cases of a run, stable between versions: what `--only` takes. */
  readonly id: string;
  /** The numbered area it belongs to, such as `03 publish` or `transport`. */
  readonly area: string;
  /** What holds, as a sentence that tells the twist. */
  readonly name: string;
  /** What it shows: `MM-085`, `v3 MQTT-2.3.1-2`, `rule 4`. */
  readonly covers: readonly string[];
  /** Where it runs. */
  readonly depth: Depth;
  /** The least level that asks for it; all do where it is absent. */
  readonly level?: Level;
  /** What happens in it, step by step, where it is made of steps; an error's `step` counts them from 1. */
  readonly script?: readonly string[];
  /** Why it cannot run here; absent when it can. */
  readonly skip?: string;
  /** Runs it; rejects when what it shows does not hold. Each brings and clears away all that it needs. */
  run(): Promise<void>;
}

/** How a test is registered: `it` of `node:test` or of `@std/testing/bdd`, or anything alike. */
export interface Test {
  /** Registers a test that fails when `run` rejects. */
  (name: string, run: () => Promise<void>): unknown;
  /** Registers a test that is shown but not run; without it, what cannot run here goes unmentioned. */
  readonly skip?: (name: string, run: () => Promise<void>) => unknown;
}

/** Registers cases with a test runner. A skipped one has its reason in its name. */
export function register(test: Test, cases: readonly Case[]): void {
  for (const { id, name, covers, skip, run } of cases) {
    const title = `${id}: ${name}${covers.length > 0 ? ` (${covers.join(", ")})` : ""}`;
    if (skip === undefined) test(title, run);
    else test.skip?.(`${title} (skipped: ${skip})`, run);
  }
}

/**
 * The half of the command line that runs the cases, in a thread of its own: a transport that blocks its thread does not
 * block the other half, which watches.
 *
 * @module
 */

import type { Case, Depth } from "../case.ts";
import { loadFixture } from "../fixtures/from_module.ts";
import { fixture as memory } from "../fixtures/memory.ts";
import { fixture as tcp } from "../fixtures/tcp.ts";
import { runCase, thisRuntime } from "./run.ts";
import type { Result } from "./run.ts";
import { select, suitesOf } from "./suites.ts";

/** What is to be done. */
export interface Task {
  /** Modules with transports; those of the project when empty. */
  readonly transports: readonly string[];
  /** The depths to run; all that apply when empty. */
  readonly depths: readonly Depth[];
  /** The beginnings of the areas to run; all when empty. */
  readonly areas: readonly string[];
  /** The cases to run; all when empty. */
  readonly only: readonly string[];
  /** Whether nothing is run. */
  readonly list: boolean;
  /** Whether the first failure is the last. */
  readonly bail: boolean;
  /** Milliseconds that a case may take. */
  readonly timeout: number;
}

/** What can be said of a case before it has run. */
export type Plan = Omit<Case, "run">;

/** What the thread tells, in this order: `loading` for each module, `loaded`, then `plan`, `start` and `result` by turns, `end`. */
export type News =
  | { readonly type: "loading"; readonly path: string }
  | { readonly type: "loaded" }
  | {
    readonly type: "plan";
    readonly runtime: string;
    readonly version: string;
    readonly suites: readonly { readonly transport: string; readonly cases: readonly Plan[] }[];
  }
  | { readonly type: "start"; readonly suite: number; readonly index: number }
  | { readonly type: "result"; readonly suite: number; readonly result: Result }
  | { readonly type: "problem"; readonly text: string }
  | { readonly type: "end" };

/** The milliseconds of a step of a transport's case, as in the suite. */
const STEP_LIMIT = 10_000;

/** Where so many cases in a row hang, all others will, too. */
const ENOUGH_HUNG = 5;

/** Does it. Never rejects. */
export async function work(task: Task, tell: (news: News) => void): Promise<void> {
  try {
    const fixtures = task.transports.length === 0 ? [memory, tcp] : [];
    for (const path of task.transports) {
      tell({ type: "loading", path });
      fixtures.push(await loadFixture(path));
    }
    tell({ type: "loaded" });
    const own: readonly Depth[] = ["engine", "memory", "transport"];
    const depths = task.depths.length > 0
      ? task.depths
      : task.transports.length > 0
      ? ["transport" as const]
      : own;
    // A step that hangs names the rule better than a case that does.
    const step = Math.min(STEP_LIMIT, task.timeout / 2);
    const limited = fixtures.map((fixture) => ({
      ...fixture,
      limit: Math.min(fixture.limit ?? STEP_LIMIT, step),
    }));
    const suites = select(suitesOf(limited, depths), task);
    const plans = suites.map(({ transport, cases }) => ({
      transport,
      cases: cases.map(({ run: _, ...plan }): Plan => plan),
    }));
    tell({ type: "plan", ...thisRuntime(), suites: plans });
    let failed = false;
    let hung = 0;
    for (const [suite, { cases }] of task.list ? [] : suites.entries()) {
      for (const [index, one] of cases.entries()) {
        tell({ type: "start", suite, index });
        const stop = failed && task.bail
          ? "not run: a case before it failed"
          : hung >= ENOUGH_HUNG
          ? `not run: ${ENOUGH_HUNG} cases in a row hung before it`
          : undefined;
        const result = await runCase(stop === undefined ? one : { ...one, skip: stop }, task.timeout);
        failed ||= result.outcome === "failed";
        if (stop === undefined) {
          hung = result.outcome === "failed" && result.milliseconds >= step * 0.9 ? hung + 1 : 0;
        }
        tell({ type: "result", suite, result });
      }
    }
    tell({ type: "end" });
  } catch (error) {
    tell({ type: "problem", text: error instanceof Error ? error.message : String(error) });
  }
}

/**
 * The half of the command line that runs the cases, in a thread of its own: a transport that blocks its thread does not
 * block the other half, which watches.
 *
 * @module
 */

import type { Case, Depth, Level } from "../case.ts";
import { loadFixture } from "../fixtures/from_module.ts";
import { fixture as memory } from "../fixtures/memory.ts";
import { fixture as tcp } from "../fixtures/tcp.ts";
import { bound } from "../transport/fixture.ts";
import type { TransportFixture } from "../transport/fixture.ts";
import { LIMIT, limitFor, paceOf } from "../transport/pace.ts";
import { isFixtureBroken } from "../transport/rules.ts";
import { runCase, thisRuntime } from "./run.ts";
import type { Result } from "./run.ts";
import { select, shuffled, suitesOf } from "./suites.ts";

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
  /** How much is asked of a transport. */
  readonly level: Level;
  /** Whether nothing is run. */
  readonly list: boolean;
  /** Whether the first failure is the last. */
  readonly bail: boolean;
  /** The seed of the order in which cases run; their own order when absent. */
  readonly shuffle?: number;
  /** Milliseconds that a case may take; when absent a minute, and more for what is slow. */
  readonly timeout?: number;
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
  | {
    readonly type: "start";
    readonly suite: number;
    readonly index: number;
    readonly limit: number;
    readonly more: number;
  }
  | {
    readonly type: "result";
    readonly suite: number;
    readonly result: Result;
    readonly bytesPerSecond?: number;
  }
  | { readonly type: "problem"; readonly text: string }
  | { readonly type: "uncaught"; readonly text: string }
  | { readonly type: "end" };

/** Milliseconds that a case may take, and bytes that it may need to pass meanwhile. */
const CASE_LIMIT = 60_000;
const CASE_BYTES = 1_048_576;

/** Where so many cases in a row hang, or have no peer, all others will, too. */
const ENOUGH = 5;

/** Does it. Never rejects. */
export async function work(task: Task, tell: (news: News) => void): Promise<void> {
  try {
    const fixtures: TransportFixture[] = [];
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
    const { timeout } = task;
    // A step that hangs names the rule better than a case that does.
    const bind = (fixture: TransportFixture) =>
      bound(fixture, timeout === undefined ? fixture.limit : Math.min(fixture.limit ?? LIMIT, timeout / 2));
    const tested = (task.transports.length === 0 ? [memory, tcp] : fixtures).map(bind);
    const suites = select(suitesOf(tested, depths), task).map((suite) => ({
      ...suite,
      cases: task.shuffle === undefined ? suite.cases : shuffled(suite.cases, task.shuffle),
    }));
    const plans = suites.map(({ transport, cases }) => ({
      transport,
      cases: cases.map(({ run: _, ...plan }): Plan => plan),
    }));
    tell({ type: "plan", ...thisRuntime(), suites: plans });
    let failed = false;
    let hung = 0;
    let alone = 0;
    for (const [suite, { cases, fixture }] of task.list ? [] : suites.entries()) {
      const step = fixture?.limit ?? LIMIT;
      let limit = timeout ?? Math.max(CASE_LIMIT, 6 * step);
      let bytesPerSecond: number | undefined;
      for (const [index, one] of cases.entries()) {
        const stop = failed && task.bail
          ? "not run: a case before it failed"
          : hung >= ENOUGH
          ? `not run: ${ENOUGH} cases in a row hung before it`
          : alone >= ENOUGH
          ? `not run: the fixture failed ${ENOUGH} times in a row before it`
          : undefined;
        if (fixture && index === 0 && stop === undefined) {
          // Its pace is measured on the first case's time.
          tell({ type: "start", suite, index, limit, more: 3 * step });
          const pace = await paceOf(fixture);
          if (pace.unknown === undefined) bytesPerSecond = pace.bytesPerSecond;
          limit = timeout ?? Math.max(limit, CASE_LIMIT + limitFor(pace, fixture, CASE_BYTES));
        } else tell({ type: "start", suite, index, limit, more: 0 });
        const result: Result = stop === undefined
          ? await runCase(one, limit)
          : { ...await runCase({ ...one, skip: stop }, limit), notRun: true };
        failed ||= result.outcome === "failed";
        if (result.outcome === "failed") {
          hung = result.milliseconds >= step * 0.9 ? hung + 1 : 0;
          alone = isFixtureBroken(result.failure!.message) ? alone + 1 : 0;
        } else if (result.outcome === "passed") hung = alone = 0;
        tell({ type: "result", suite, result, ...(bytesPerSecond !== undefined && { bytesPerSecond }) });
      }
    }
    tell({ type: "end" });
  } catch (error) {
    tell({ type: "problem", text: error instanceof Error ? error.message : String(error) });
  }
}

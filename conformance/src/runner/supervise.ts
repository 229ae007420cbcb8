/**
 * The half of the command line that watches: it starts the thread that runs the cases, and makes a report of what comes,
 * also when nothing comes any more.
 *
 * @module
 */

import { Worker } from "node:worker_threads";
import { tooLate } from "./run.ts";
import type { Report, Result } from "./run.ts";
import type { News, Plan, Task } from "./work.ts";

/** What came of a task: a report, the plan of one that only lists, or why there is neither. */
export type Finding =
  | { readonly report: Report }
  | { readonly plan: (News & { readonly type: "plan" })["suites"] }
  | { readonly problem: string };

/** Called when a case begins: its transport, its number from 1 of all, and itself. */
export type Progress = (transport: string, number: number, of: number, plan: Plan) => void;

/** Runs a task in a thread made from `entry`. The thread is gone when it resolves; it never rejects. */
export async function supervise(entry: URL, task: Task, progress: Progress): Promise<Finding> {
  const start = performance.now();
  const results: Result[][] = [];
  let plan: (News & { readonly type: "plan" }) | undefined;
  let current: { readonly suite: number; readonly plan: Plan; readonly since: number } | undefined;
  let doing = "starting";
  let count = 0;
  let watch: ReturnType<typeof setTimeout> | undefined;
  const worker = new Worker(entry, { workerData: task });
  const problem = await new Promise<string | undefined>((resolve) => {
    const expect = (what: string, limit: number, grace = 0) => {
      doing = what;
      clearTimeout(watch);
      watch = setTimeout(() => resolve(hangs(current?.plan, doing, limit)), limit + grace);
    };
    expect("starting", STARTING);
    worker.on("message", (news: News) => {
      switch (news.type) {
        case "loading":
          return expect(`loading ${news.path}`, Math.max(task.timeout, LOADING));
        case "loaded":
          return expect("making the cases", STARTING);
        case "plan":
          plan = news;
          results.push(...news.suites.map(() => []));
          return;
        case "start": {
          const suite = plan!.suites[news.suite]!;
          current = { suite: news.suite, plan: suite.cases[news.index]!, since: performance.now() };
          progress(
            suite.transport,
            ++count,
            plan!.suites.reduce((sum, { cases }) => sum + cases.length, 0),
            current.plan,
          );
          return expect("running", task.timeout, GRACE);
        }
        case "result":
          results[news.suite]!.push(news.result);
          return current = undefined;
        case "problem":
          return resolve(news.text);
        case "end":
          return resolve(undefined);
      }
    });
    worker.on("error", (error: unknown) => {
      const text = error instanceof Error ? error.message : String(error);
      resolve(`an error that nobody caught, while ${current?.plan.id ?? doing}: ${text}`);
    });
    worker.on("exit", () => resolve(`the thread of the tests ended, while ${current?.plan.id ?? doing}`));
  });
  clearTimeout(watch);
  void worker.terminate();
  if (plan === undefined) return { problem: problem ?? "there is no plan" };
  if (task.list) return { plan: plan.suites };
  const { runtime, version, suites } = plan;
  const all = suites.map(({ transport, cases }, suite) => ({
    transport,
    // Without a problem all have run.
    results: cases.map((one, index): Result =>
      results[suite]![index] ??
        (one === current?.plan && problem !== undefined
          ? {
            ...one,
            outcome: "failed",
            milliseconds: performance.now() - current.since,
            failure: { message: problem },
          }
          : {
            ...one,
            outcome: "skipped",
            milliseconds: 0,
            reason: "not run: the thread of the tests is gone",
          })
    ),
  }));
  if (problem !== undefined && current === undefined) return { problem };
  return { report: { runtime, version, milliseconds: performance.now() - start, suites: all } };
}

function hangs(plan: Plan | undefined, doing: string, limit: number): string {
  return plan === undefined
    ? `${doing} did not end within ${limit} ms`
    : `${tooLate(plan, limit)}, nor give any other a turn: something blocks the thread`;
}

/** Milliseconds that a thread may take for what is ours, and at least for what is not: a busy machine is nobody's fault. */
const STARTING = 60_000;
const LOADING = 5000;

/** Milliseconds that a thread gets to say by itself that a case did not end. */
const GRACE = 3000;

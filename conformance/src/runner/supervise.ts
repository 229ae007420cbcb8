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

/**
 * Runs a task in a thread made from `entry`; an abort of `signal` stops it where it is. The thread is gone when it
 * resolves; it never rejects.
 */
export async function supervise(
  entry: URL,
  task: Task,
  progress: Progress,
  signal?: AbortSignal,
): Promise<Finding> {
  const start = performance.now();
  const results: Result[][] = [];
  const paces: number[] = [];
  let plan: (News & { readonly type: "plan" }) | undefined;
  let current: { readonly suite: number; readonly plan: Plan; readonly since: number } | undefined;
  let doing = "starting";
  let count = 0;
  let watch: ReturnType<typeof setTimeout> | undefined;
  const worker = new Worker(threadFrom(entry), { workerData: task });
  const problem = await new Promise<string | undefined>((resolve) => {
    const expect = (what: string, limit: number, grace = 0) => {
      doing = what;
      clearTimeout(watch);
      watch = setTimeout(() => resolve(hangs(current?.plan, doing, limit)), limit + grace);
    };
    expect("starting", STARTING);
    signal?.addEventListener("abort", () => resolve(`interrupted, while ${current ? "it ran" : doing}`));
    worker.on("message", (news: News) => {
      switch (news.type) {
        case "loading":
          return expect(`loading ${news.path}`, Math.max(task.timeout ?? 0, LOADING));
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
          return expect("running", news.limit, GRACE + news.more);
        }
        case "result":
          results[news.suite]!.push(news.result);
          if (news.bytesPerSecond !== undefined) paces[news.suite] = news.bytesPerSecond;
          return current = undefined;
        case "problem":
          return resolve(news.text);
        case "uncaught":
          return uncaught(news.text);
        case "end":
          return resolve(undefined);
      }
    });
    const uncaught = (text: string) =>
      resolve(`an error that nobody caught, while ${current?.plan.id ?? doing}: ${text}`);
    worker.on("error", (error: unknown) => uncaught(error instanceof Error ? error.message : String(error)));
    worker.on("exit", () => resolve(`the thread of the tests ended, while ${current?.plan.id ?? doing}`));
  });
  clearTimeout(watch);
  void worker.terminate();
  if (plan === undefined) return { problem: problem ?? "there is no plan" };
  if (task.list) return { plan: plan.suites };
  const { runtime, version, suites } = plan;
  // Between two cases it is the one that would have been next.
  const next = results.findIndex((done, suite) => done.length < suites[suite]!.cases.length);
  const stopped = problem === undefined
    ? undefined
    : current?.plan ?? suites[next]?.cases[results[next]!.length];
  if (problem !== undefined && stopped === undefined) return { problem };
  const all = suites.map(({ transport, cases }, suite) => ({
    transport,
    ...(paces[suite] !== undefined && { bytesPerSecond: paces[suite] }),
    // Without a problem all have run.
    results: cases.map((one, index): Result =>
      results[suite]![index] ??
        (one === stopped && problem !== undefined
          ? {
            ...one,
            outcome: "failed",
            milliseconds: performance.now() - (current?.since ?? performance.now()),
            failure: { message: problem },
          }
          : {
            ...one,
            outcome: "skipped",
            milliseconds: 0,
            notRun: true,
            reason: signal?.aborted ? "not run: interrupted" : "not run: the thread of the tests is gone",
          })
    ),
  }));
  return { report: { runtime, version, milliseconds: performance.now() - start, suites: all } };
}

/**
 * What to make the thread from. Deno starts none from a module that was loaded over a network, as those of JSR are, but it
 * does from a line that imports it.
 */
function threadFrom(entry: URL): URL {
  if (entry.protocol === "file:") return entry;
  return new URL(`data:text/javascript,${encodeURIComponent(`import ${JSON.stringify(entry.href)};`)}`);
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

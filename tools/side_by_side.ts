// Runs jobs that mostly wait beside each other: one more begins whenever a processor had nothing to do for a moment.
// Several programs may do so at once, as the tests of several packages do: they share what the machine has.
import { type CpuInfo, cpus } from "node:os";

/** Milliseconds over which the processors are watched. */
const MOMENT = 250;
/** How much of one processor must have been free. */
const FREE = 0.4;
/** So many run beside each other in any case: on a machine that is always busy, too, most of them wait. */
const LEAST = 2;

/** Runs all jobs, begun in this order, at most so many beside each other; the results are in the order of the jobs. */
export async function sideBySide<T>(jobs: readonly (() => Promise<T>)[], most: number): Promise<T[]> {
  const results: Promise<T>[] = [];
  const running = new Set<Promise<unknown>>();
  for (const job of jobs) {
    while (running.size >= LEAST) {
      const before = cpus();
      await Promise.race([delay(MOMENT), Promise.all(running)]);
      if (running.size < most && free(before, cpus()) > FREE) break;
    }
    const result = job();
    const done: Promise<unknown> = result.catch(() => {}).then(() => running.delete(done));
    running.add(done);
    results.push(result);
  }
  return await Promise.all(results);
}

/** How many processors had nothing to do between two looks at them. */
function free(before: readonly CpuInfo[], after: readonly CpuInfo[]): number {
  const idle = sum(after, ({ idle }) => idle) - sum(before, ({ idle }) => idle);
  const all = (list: readonly CpuInfo[]) =>
    sum(list, ({ user, nice, sys, irq, idle }) => user + nice + sys + irq + idle);
  return after.length * idle / Math.max(all(after) - all(before), 1);
}

function sum(list: readonly CpuInfo[], part: (times: CpuInfo["times"]) => number): number {
  return list.reduce((total, { times }) => total + part(times), 0);
}

function delay(time: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, time));
}

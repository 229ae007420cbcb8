// A reporter for Node's tests that writes each result at once, as a line: what has come is there, however it ends.
import { appendFileSync } from "node:fs";
import process from "node:process";
import type { TestEvent } from "node:test/reporters";

/** One test, or a suite that failed by itself, in a hook. */
export interface Line {
  /** Suites and test, outermost first. */
  readonly path: readonly string[];
  readonly outcome: "passed" | "failed" | "skipped";
  /** Why it was skipped. */
  readonly reason?: string;
}

/** The variable of the environment that names the file. */
export const NODE_REPORT = "TEST_NODE_REPORT";

/** Prints nothing; another reporter does that. */
// deno-lint-ignore require-yield
export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const path: string[] = [];
  for await (const event of events) {
    if (event.type !== "test:start" && event.type !== "test:pass" && event.type !== "test:fail") continue;
    const { nesting, name } = event.data;
    path.length = nesting;
    path.push(name);
    if (event.type !== "test:start") write(path, event);
  }
}

function write(
  path: readonly string[],
  event: TestEvent & { readonly type: "test:pass" | "test:fail" },
): void {
  const { details, skip } = event.data;
  const cause = event.type === "test:fail"
    ? (event.data.details.error as { readonly failureType?: string }).failureType
    : null;
  if (details.type === "suite" && (cause === null || cause === "subtestsFailed")) return;
  const outcome = cause !== null ? "failed" : skip === undefined || skip === false ? "passed" : "skipped";
  const line: Line = { path, outcome, ...(typeof skip === "string" && skip !== "" && { reason: skip }) };
  appendFileSync(process.env[NODE_REPORT]!, `${JSON.stringify(line)}\n`);
}

// Reads what the three runtimes report, which do not agree on what a test case is, and gives back the tests alone: the
// leaves of the tree of `describe` and `it`, the same ones for the same files on every runtime. Deno and Bun write JUnit
// files, in the end; for Node we have a reporter of our own, as Node's is lost when something stays open.
import { SaxesParser } from "saxes";
import type { Line } from "./node_reporter.ts";

/** The runtimes, by the name of their command. */
export type Runtime = "deno" | "bun" | "node";

/** All of them, in the order in which we name them. */
export const runtimes: readonly Runtime[] = ["deno", "bun", "node"];

/** One test, as it went. */
export interface TestCase {
  /** The names of its suites and its own, with ` > ` between them. */
  readonly name: string;
  readonly outcome: "passed" | "failed" | "skipped";
  /** Why it was skipped, where the runtime says so (only Node does). */
  readonly reason?: string;
}

/** What `tools/test_one.ts` leaves in reports/RUNTIME.json: the tests of a package on a runtime. */
export interface Result {
  readonly seconds: number;
  readonly tests: readonly TestCase[];
}

/** The last line that `tools/test_one.ts` prints begins so. */
export const doneMark = "tests done: ";

interface Case {
  /** Suites and test, outermost first. */
  readonly path: readonly string[];
  outcome: TestCase["outcome"];
  reason?: string;
}

/**
 * The tests of a report.
 *
 * @throws {Error} when it is cut off.
 */
export function readReport(text: string, runtime: Runtime): TestCase[] {
  switch (runtime) {
    case "deno":
      return withoutDenoSuites(readCases(text, runtime));
    case "bun":
      return readCases(text, runtime).map(asTest);
    case "node":
      return text.split("\n").filter((line) => line !== "").map((line) => asTest(JSON.parse(line) as Line));
  }
}

function readCases(xml: string, runtime: "deno" | "bun"): Case[] {
  const cases: Case[] = [];
  const suites: string[] = [];
  let current: Case | null = null;
  const parser = new SaxesParser();
  parser.on("opentag", ({ name, attributes }) => {
    const label = unescapeName(attributes.name ?? "", runtime);
    if (name === "testsuite") {
      // The outermost suite is the file on Bun, and the file or a module of Deno's own on Deno.
      suites.push(suites.length === 0 ? "" : label);
    } else if (name === "testcase") {
      const path = [...suites.filter((suite) => suite !== ""), label];
      current = { path, outcome: "passed" };
      cases.push(current);
    } else if (current !== null && (name === "failure" || name === "error")) {
      current.outcome = "failed";
    } else if (current !== null && name === "skipped") {
      current.outcome = "skipped";
      if (attributes.message !== undefined && attributes.message !== "true") {
        current.reason = attributes.message;
      }
    }
  });
  parser.on("closetag", ({ name }) => {
    if (name === "testsuite") suites.pop();
    if (name === "testcase") current = null;
  });
  parser.on("error", (error) => {
    throw error;
  });
  // They may be in it, though XML forbids them.
  parser.write(xml.replace(UNPRINTABLE, "?")).close();
  return cases;
}

/**
 * Deno lists suites among the cases, and names each case with its suites before it. So a case whose name begins
 * another one's is a suite; it is left out, unless it failed by itself, in a hook.
 */
function withoutDenoSuites(cases: readonly Case[]): TestCase[] {
  const tests = cases.map(asTest);
  const suites = new Set<string>();
  const failed = new Set<string>();
  for (const { name, outcome } of tests) {
    for (let at = name.indexOf(" > "); at !== -1; at = name.indexOf(" > ", at + 1)) {
      suites.add(name.slice(0, at));
      if (outcome === "failed") failed.add(name.slice(0, at));
    }
  }
  return tests.filter(({ name, outcome }) =>
    !suites.has(name) || (outcome === "failed" && !failed.has(name))
  );
}

function asTest({ path, outcome, reason }: Case): TestCase {
  const name = path.join(" > ").replace(UNPRINTABLE, "?");
  return { name, outcome, ...(reason === undefined ? {} : { reason }) };
}

/** Control characters, U+FFFE and U+FFFF. */
// deno-lint-ignore no-control-regex
const UNPRINTABLE = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g;

/** Deno writes control characters as a string literal would. */
function unescapeName(name: string, runtime: "deno" | "bun"): string {
  if (runtime !== "deno") return name;
  return name.replaceAll("\\n", "\n").replaceAll("\\r", "\r").replaceAll("\\t", "\t");
}

/** A test's name without what a run adds: why it was skipped, as only Node reports reasons, or how short it was. */
export function plainName(name: string): string {
  return name.replace(/ \((skipped|short): .*\)$/, "");
}

/** How many tests of a list ended how. */
export function count(tests: readonly TestCase[]): Record<TestCase["outcome"], number> {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const { outcome } of tests) counts[outcome]++;
  return counts;
}

/** `3 passed, 0 failed`, and how many were skipped, if any. */
export function describeCounts({ passed, failed, skipped }: Record<TestCase["outcome"], number>): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

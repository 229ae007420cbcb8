// Reads the JUnit files of the three runtimes, which do not agree on what a test case is, and gives back the tests
// alone: the leaves of the tree of `describe` and `it`, the same ones for the same files on every runtime.
import { SaxesParser } from "saxes";

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

/** What `tools/test_one.ts` leaves in reports/RUNTIME.json. */
export interface Result {
  /** The exit status of the runtime; 1 if it had none. */
  readonly status: number;
  readonly seconds: number;
  readonly tests: readonly TestCase[];
}

/** The last line that `tools/test_one.ts` prints begins so. */
export const doneMark = "tests done: ";

interface Case {
  /** Suites and test, outermost first. */
  readonly path: readonly string[];
  readonly file: string;
  outcome: TestCase["outcome"];
  reason?: string;
}

/** The tests of a report. */
export function readReport(xml: string, runtime: Runtime): TestCase[] {
  const cases = readCases(xml, runtime);
  if (runtime === "deno") return withoutDenoSuites(cases);
  // Node reports a file as a test of its own when the file has no tests, or breaks before it can say which.
  const isFile = (one: Case) => one.path.length === 1 && one.file.endsWith(one.path[0] ?? "");
  return cases.filter((one) => one.outcome === "failed" || !isFile(one)).map(asTest);
}

function readCases(xml: string, runtime: Runtime): Case[] {
  const cases: Case[] = [];
  const suites: string[] = [];
  let current: Case | null = null;
  const parser = new SaxesParser();
  parser.on("opentag", ({ name, attributes }) => {
    const label = unescapeName(attributes.name ?? "", runtime);
    if (name === "testsuite") {
      // The outermost suite is the file on Bun, and the file or a module of Deno's own on Deno.
      const isFile = suites.length === 0 && runtime !== "node";
      suites.push(isFile ? "" : label);
    } else if (name === "testcase") {
      const path = [...suites.filter((suite) => suite !== ""), label];
      current = { path, file: attributes.file ?? "", outcome: "passed" };
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
  // Node leaves control characters and U+FFFE and U+FFFF in, which XML forbids.
  // deno-lint-ignore no-control-regex
  parser.write(xml.replace(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, "?")).close();
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
  return { name: path.join(" > "), outcome, ...(reason === undefined ? {} : { reason }) };
}

/** Deno writes control characters as a string literal would, Node escapes quotes twice. */
function unescapeName(name: string, runtime: Runtime): string {
  if (runtime === "node") return name.replaceAll("&quot;", '"');
  if (runtime !== "deno") return name;
  return name.replaceAll("\\n", "\n").replaceAll("\\r", "\r").replaceAll("\\t", "\t");
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

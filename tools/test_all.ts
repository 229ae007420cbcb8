// `npm test`: the tests of all packages on all runtimes, by turbo, which repeats only what a change can have touched.
//
//   npm test -- [--runtime deno]... [--package core]... [--force] [--verbose]    --help says what they mean
//
// Ends with a line per runtime and `N passed, N failed`, alone on the last line; whatever else made the run fail (a
// runtime that is not there, a runner that crashed) counts as failed, too.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import {
  count,
  describeCounts,
  doneMark,
  plainName,
  type Result,
  type Runtime,
  runtimes,
  type TestCase,
} from "./junit.ts";
import { has, missingTools, tools } from "./system.ts";
import { type Member, members, root } from "./workspace.ts";

// What the runtimes print of a test that passes, or begins: left out when others fail.
const passes = /^\(pass\) |^\s*(✔|▶) |^ *ok \(\d|\.\.\.( ok \(.*)?$|^running \d+ tests? from/;
const HELP =
  `npm test -- [options]: the tests of all packages on all runtimes; what has not changed is not run again

  --runtime NAME  only on deno, bun or node; may be repeated
  --package NAME  only of this package, such as core; may be repeated
  --force         also what has not changed
  --verbose       also what tests that passed have printed
  --help          this text

One file:   npm run test:node -w packages/core -- src/checks_test.ts`;
const problems: string[] = [];
const versions = new Map<Runtime, string>();

const options = readOptions();
const wanted = choose("runtime", runtimes, (runtime) => [runtime], options.runtime);
const packages = choose(
  "package",
  testable(),
  (member) => [member.short, member.packageJson.name],
  options.package,
);
findRuntimes(wanted);
const lacking = missingTools();
if (lacking !== null) {
  if (process.env.CI) stop(`In CI nothing may be skipped. ${lacking}`);
  console.log(`${lacking}\nThe tests that need this are skipped, by name.`);
}
if (packages.length > 0 && versions.size > 0) {
  for (const { folder } of packages) {
    for (const runtime of versions.keys()) rmSync(report(folder, runtime), { force: true });
  }
  await runTurbo();
}
summarize();

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        runtime: { type: "string", multiple: true },
        package: { type: "string", multiple: true },
        force: { type: "boolean" },
        verbose: { type: "boolean" },
        help: { type: "boolean" },
      },
    });
    if (values.help) {
      console.log(HELP);
      process.exit(0);
    }
    return values;
  } catch (error) {
    return stop(`${(error as Error).message}; --help says what there is`);
  }
}

/** Members with tests; a member with tests that nobody runs, or the reverse, is a problem. */
function testable(): Member[] {
  return members().filter(({ folder, packageJson: { scripts = {} }, testFiles }) => {
    const missing = runtimes.filter((runtime) => scripts[`test:${runtime}`] === undefined);
    if (testFiles.length > 0 && missing.length > 0) {
      problems.push(`${folder} has tests, and no script ${missing.map((it) => `test:${it}`).join(", ")}`);
    }
    return testFiles.length > 0;
  });
}

function choose<T>(
  what: string,
  all: readonly T[],
  names: (one: T) => string[],
  chosen?: readonly string[],
): T[] {
  if (chosen === undefined) return [...all];
  const unknown = chosen.find((name) => !all.some((one) => names(one).includes(name)));
  if (unknown !== undefined) {
    stop(`no ${what} ${unknown} with tests; there are: ${all.map((one) => names(one)[0]).join(", ")}`);
  }
  return all.filter((one) => names(one).some((name) => chosen.includes(name)));
}

function findRuntimes(names: readonly Runtime[]): void {
  for (const runtime of names) {
    const command = runtime === "node" ? process.execPath : runtime;
    const { stdout, status } = spawnSync(command, ["--version"], { encoding: "utf8" });
    const version = status === 0 ? /\d+\.\d+\.\d+/.exec(stdout)?.[0] : undefined;
    if (version !== undefined) {
      versions.set(runtime, version);
      continue;
    }
    const mend = runtime === "bun" && existsSync(join(root, "node_modules/bun/install.js"))
      ? "npm ran no install scripts, so run: node node_modules/bun/install.js"
      : "run: npm ci";
    problems.push(`${runtime} does not start: ${mend}`);
  }
}

async function runTurbo(): Promise<void> {
  const args = [
    "run",
    ...[...versions.keys()].map((runtime) => `test:${runtime}`),
    ...packages.map((member) => `--filter=${member.packageJson.name}`),
    "--continue",
    "--json",
    // The longest three are those of conformance: they go beside each other, and share the processors (side_by_side.ts).
    `--concurrency=${Math.max(runtimes.length, availableParallelism())}`,
    ...(options.force ? ["--force"] : []),
  ];
  const environment = {
    ...process.env,
    TURBO_TELEMETRY_DISABLED: "1",
    npm_config_loglevel: "silent",
    // Part of turbo's key (turbo.json): a result does not stand for another version of a runtime, nor, with its
    // skipped tests, for a system that has the tools.
    TEST_ENVIRONMENT: [
      ...[...versions].map(([runtime, version]) => `${runtime} ${version}`),
      ...tools.filter((tool) => has(tool.command)).map((tool) => tool.command),
    ].join(", "),
  };
  const turbo = spawn("turbo", args, { cwd: root, env: environment, stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise<number>((resolve) => {
    turbo.on("error", (error) => {
      console.log(`turbo could not be started: ${error.message}`);
      resolve(1);
    });
    turbo.on("close", (status) => resolve(status ?? 1));
  });
  const open = new Map<string, string[]>();
  const errors: string[] = [];
  for await (const line of createInterface({ input: turbo.stdout })) follow(line, open, errors);
  // What is open still has crashed; its output is all there is to see of it.
  for (const [task, output] of open) console.log([`${label(task)} FAILED: ended`, ...output].join("\n"));
  if (await ended !== 0 && !results().some(({ tests }) => count(tests).failed > 0)) {
    problems.push(["turbo failed", ...errors].join(": "));
  }
}

/** Takes a line of turbo's: shows a line per task that has ended, and the output of one that failed. */
function follow(line: string, open: Map<string, string[]>, errors: string[]): void {
  if (!line.startsWith("{")) return console.log(line);
  const { source, level, text } = JSON.parse(line) as { source: string; level: string; text: string };
  if (level === "error") errors.push(text);
  if (!source.includes("#test:")) return;
  const output = open.get(source) ?? [];
  if (!text.startsWith(doneMark)) {
    open.set(source, [...output, text]);
    return;
  }
  open.delete(source);
  const summary = text.slice(doneMark.length);
  const cached = output[0]?.startsWith("cache hit") ? " (as before: nothing has changed)" : "";
  const failed = !summary.includes(" 0 failed");
  console.log(`${label(source)} ${failed ? "FAILED" : "ok"}: ${summary}${cached}`);
  if (!failed && !options.verbose) return;
  const shown = options.verbose ? output : output.filter((it) => !passes.test(it));
  console.log(shown.slice(1).map((it) => `  | ${it}`).join("\n"));
}

function label(task: string): string {
  const [name = "", script = ""] = task.split("#");
  return `${name.replace(/^@[^/]+\//, "").padEnd(20)} ${script.slice("test:".length).padEnd(5)}`;
}

function report(folder: string, runtime: Runtime): string {
  return join(root, folder, "reports", `${runtime}.json`);
}

/** Of each package on each runtime; a crash counts as a test that failed. */
function results(): { short: string; runtime: Runtime; tests: readonly TestCase[] }[] {
  return packages.flatMap(({ short, folder }) =>
    [...versions.keys()].map((runtime) => {
      const file = report(folder, runtime);
      const tests: readonly TestCase[] = existsSync(file)
        ? (JSON.parse(readFileSync(file, "utf8")) as Result).tests
        : [{ name: "the run of its tests was ended, there is no report", outcome: "failed" }];
      return { short, runtime, tests };
    })
  );
}

function summarize(): void {
  const all = versions.size > 0 ? results() : [];
  const lines: string[] = [];
  const skipped = new Map<string, string>();
  for (const { short, runtime, tests } of all) {
    for (const { name, outcome, reason } of tests) {
      if (outcome === "failed") lines.push(`FAILED ${short} on ${runtime}: ${name}`);
      const key = `${short}: ${name}`;
      if (outcome === "skipped") skipped.set(key, reason ?? skipped.get(key) ?? "");
    }
  }
  if (!all.some(({ tests }) => count(tests).failed > 0)) findDifferences(all);
  for (const [name, reason] of skipped) {
    console.log(`skipped ${name}${reason === "" || name.includes(reason) ? "" : ` (${reason})`}`);
  }
  for (const line of lines) console.log(line);
  for (const runtime of wanted) {
    const mine = all.filter((one) => one.runtime === runtime);
    const tests = mine.flatMap((one) => one.tests);
    const version = versions.get(runtime);
    if (version === undefined) {
      console.log(`${runtime}: not run`);
      continue;
    }
    if (tests.every(({ outcome }) => outcome === "skipped")) problems.push(`no test ran on ${runtime}`);
    const s = mine.length === 1 ? "" : "s";
    console.log(`${runtime} ${version}: ${describeCounts(count(tests))} (${mine.length} package${s})`);
  }
  const total = count(all.flatMap((one) => one.tests));
  finish({ ...total, failed: total.failed + problems.length });
}

/**
 * The same tests must exist on every runtime, be it as skipped ones: what one lacks, nobody would miss. Only a test
 * that has a runtime in its name may be one of that runtime alone.
 */
function findDifferences(all: ReturnType<typeof results>): void {
  for (const { short } of packages) {
    const mine = all.filter((one) => one.short === short).map(({ runtime, tests }) => ({
      runtime,
      names: tests.map((test) => plainName(test.name))
        .filter((name) => !/\b(deno|bun|node)\b/i.test(name)),
    }));
    const most = mine.toSorted((a, b) => b.names.length - a.names.length)[0];
    for (const { runtime, names } of mine) {
      if (most === undefined || names.length === most.names.length) continue;
      const here = new Set(names);
      const missing = most.names.filter((name) => !here.has(name));
      problems.push(
        `${short}: ${names.length} tests on ${runtime}, ${most.names.length} on ${most.runtime}; ` +
          `missing: ${missing.slice(0, 5).join("; ")}. (Skip tests, not suites; no t.test; no empty suite; ` +
          `no test with the name of a suite; what is for one runtime says so in its name.)`,
      );
    }
  }
}

function stop(problem: string): never {
  problems.push(problem);
  finish({ passed: 0, failed: problems.length, skipped: 0 });
}

function finish(total: Record<TestCase["outcome"], number>): never {
  for (const problem of problems) console.log(`FAILED ${problem}`);
  console.log(describeCounts(total));
  process.exit(total.failed > 0 || total.passed === 0 ? 1 : 0);
}

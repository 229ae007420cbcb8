// Runs the tests of one package on one runtime: `node test_one.ts RUNTIME [file ...]`, in the package's folder, by the
// scripts `test:deno`, `test:bun` and `test:node` of its package.json. All runtimes get the same list of files, and
// what the runtime reports is written in one form to reports/RUNTIME.json, for tools/test_all.ts.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  count,
  describeCounts,
  doneMark,
  readReport,
  type Result,
  type Runtime,
  runtimes,
  type TestCase,
} from "./junit.ts";
import { findTests, root } from "./workspace.ts";

// A test that never ends must not hold up everything.
const LIMIT_MINUTES = 20;

const [runtime, ...files] = process.argv.slice(2);
if (!isRuntime(runtime)) throw new Error(`which runtime: ${runtimes.join(", ")}?`);
process.exitCode = await testOne(runtime, files);

async function testOne(runtime: Runtime, chosen: readonly string[]): Promise<number> {
  mkdirSync("reports", { recursive: true });
  const xml = `reports/${runtime}.xml`;
  rmSync(xml, { force: true });
  // With the dot, Bun takes it for a path and not for a pattern.
  const files = (chosen.length > 0 ? chosen : findTests(".")).map((file) => `./${file.replace(/^\.\//, "")}`);
  const start = performance.now();
  const status = files.length === 0 ? 1 : await run(runtime, xml, files);
  const seconds = (performance.now() - start) / 1000;
  const tests = existsSync(xml) ? readReport(readFileSync(xml, "utf8"), runtime) : [];
  const trouble = whatIsWrong(status, files, tests);
  if (trouble !== null) tests.push({ name: trouble, outcome: "failed" });
  const result: Result = { status, seconds, tests };
  writeFileSync(`reports/${runtime}.json`, JSON.stringify(result, null, 1));
  if (trouble !== null) console.log(trouble);
  console.log(`${doneMark}${describeCounts(count(tests))} in ${seconds.toFixed(1)} s`);
  return trouble === null ? status : 1;
}

/** What makes the run a failure although no test failed, or null. */
function whatIsWrong(status: number, files: readonly string[], tests: readonly TestCase[]): string | null {
  if (files.length === 0) return "there is no file *_test.ts";
  const { passed, failed, skipped } = count(tests);
  if (status !== 0 && failed === 0) return `the runner ended with status ${status}, and no test that failed`;
  if (passed + failed + skipped === 0) return "no test ran";
  return null;
}

function run(runtime: Runtime, xml: string, files: readonly string[]): Promise<number> {
  const [command, args] = {
    deno: ["deno", [
      "test",
      "--allow-all",
      // `npm run check` checks the types.
      "--no-check",
      `--preload=${join(root, "tools/deno_guard.ts")}`,
      `--junit-path=${xml}`,
    ]],
    // Node's own limit is none, Bun's is 5 seconds.
    bun: ["bun", ["test", "--timeout", "30000", "--reporter=junit", `--reporter-outfile=${xml}`]],
    node: [process.execPath, [
      "--test",
      "--test-reporter=spec",
      "--test-reporter-destination=stdout",
      "--test-reporter=junit",
      `--test-reporter-destination=${xml}`,
    ]],
  }[runtime] as [string, string[]];
  const child = spawn(command, [...args, ...files], { stdio: "inherit" });
  const limit = setTimeout(() => {
    console.log(`stopped after ${LIMIT_MINUTES} minutes: a test, or what it left open, did not end`);
    child.kill();
    setTimeout(() => child.kill("SIGKILL"), 5000).unref();
  }, LIMIT_MINUTES * 60_000);
  return new Promise((resolve) => {
    const settle = (status: number): void => {
      clearTimeout(limit);
      resolve(status);
    };
    child.on("error", (error) => {
      console.log(`${command} could not be started: ${error.message}`);
      settle(1);
    });
    child.on("close", (status) => settle(status ?? 1));
  });
}

function isRuntime(name: string | undefined): name is Runtime {
  return runtimes.some((runtime) => runtime === name);
}

// Runs the tests of one package on one runtime: `node test_one.ts RUNTIME [file ...]`, in the package's folder, by the
// scripts `test:deno`, `test:bun` and `test:node` of its package.json. All runtimes get the same list of files, each runs
// in a process of its own, and what they report is written to reports/RUNTIME.json, for tools/test_all.ts.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { count, describeCounts, doneMark, type Result, type Runtime, runtimes } from "./junit.ts";
import { sideBySide } from "./side_by_side.ts";
import { type FileResult, runFile, stopFiles } from "./test_file.ts";
import { findTests } from "./workspace.ts";

/** The most files that run beside each other; most of them wait most of the time. */
const MOST = 8;

const [runtime, ...chosen] = process.argv.slice(2);
if (!isRuntime(runtime)) throw new Error(`which runtime: ${runtimes.join(", ")}?`);
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(name, () => {
    stopFiles();
    process.exit(1);
  });
}
process.exitCode = await testOne(runtime, chosen);

async function testOne(runtime: Runtime, chosen: readonly string[]): Promise<number> {
  const times = `reports/${runtime}.times.json`;
  // With the dot, Bun takes it for a path and not for a pattern.
  const files = (chosen.length > 0 ? chosen : inOrder(times)).map((file) => `./${file.replace(/^\.\//, "")}`);
  const start = performance.now();
  const results = await sideBySide(files.map((file) => () => runFile(runtime, file).then(show)), MOST);
  const seconds = (performance.now() - start) / 1000;
  const tests = results.flatMap((one) => one.tests);
  if (files.length === 0) tests.push({ name: "there is no file *_test.ts", outcome: "failed" });
  if (chosen.length === 0) {
    mkdirSync("reports", { recursive: true });
    const took = Object.fromEntries(results.map(({ file, seconds }) => [file.slice(2), seconds]));
    writeFileSync(times, JSON.stringify(took, null, 1));
    writeFileSync(`reports/${runtime}.json`, JSON.stringify({ seconds, tests } satisfies Result, null, 1));
  }
  console.log(`${doneMark}${describeCounts(count(tests))} in ${seconds.toFixed(1)} s`);
  return count(tests).failed > 0 ? 1 : 0;
}

/** All files, the one that took longest last time first: it is the others that wait beside it. */
function inOrder(times: string): string[] {
  const took = existsSync(times)
    ? JSON.parse(readFileSync(times, "utf8")) as Readonly<Record<string, number>>
    : {};
  // Where one is new, nobody knows.
  const seconds = (file: string) => took[file] ?? Infinity;
  return findTests(".").sort((a, b) => seconds(a) === seconds(b) ? 0 : seconds(b) - seconds(a));
}

/** What a file printed is shown as a whole when it has ended, with what is wrong with it as the last lines. */
function show(result: FileResult): FileResult {
  const { file, seconds, tests, output } = result;
  console.log(`${file} ${describeCounts(count(tests))} in ${seconds.toFixed(1)} s`);
  if (output.trim() !== "") console.log(output.trimEnd());
  const wrong = tests.filter(({ name }) => name.startsWith(file));
  for (const { name } of wrong) console.log(name);
  return result;
}

function isRuntime(name: string | undefined): name is Runtime {
  return runtimes.some((runtime) => runtime === name);
}

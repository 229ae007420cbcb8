/**
 * `npm run conformance`: all cases on all runtimes, over all transports.
 *
 *   --runtime deno --transport ws      only these; may be repeated
 *
 * Writes `conformance/report/index.html` for people, `report.json` and `report.xml` (JUnit) beside it for programs, and,
 * when nothing is left out, `docs/conformance.md`. It ends with status 0 if all that applies passed and each job ran a
 * case, and no gap of the inventory is shown by a case that passes.
 *
 * @module
 */

import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import colours from "picocolors";
import { root } from "../../tools/workspace.ts";
import { junit } from "../src/runner/formats.ts";
import { countOutcomes } from "../src/runner/run.ts";
import type { Report } from "../src/runner/run.ts";
import { DOCUMENT, writeDocument } from "./documentation.ts";
import { jobs } from "./jobs.ts";
import type { Job } from "./jobs.ts";
import { page } from "./page.ts";
import { merge, provenGaps } from "./report.ts";
import { findTitles } from "./titles.ts";

/** Failures of a job that are shown here; the page has all. */
const MOST_FAILURES = 5;

/** Milliseconds after which a job is ended. */
const LIMIT = 600_000;

const { values } = parseArgs({
  options: {
    runtime: { type: "string", multiple: true, default: [] },
    transport: { type: "string", multiple: true, default: [] },
  },
});
const chosen = jobs().filter(({ runtime, name }) =>
  (values.runtime.length === 0 || values.runtime.includes(runtime)) &&
  (values.transport.length === 0 || values.transport.includes(name))
);
const whole = chosen.length === jobs().length;
const folder = mkdtempSync(join(tmpdir(), "conformance-"));
const start = performance.now();
const problems: string[] = [];
/** In the order of the jobs, whichever ended first. */
const found = new Map<Job, Report>();
let done = 0;
try {
  await runAll();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

const reports = chosen.flatMap((job) => found.get(job) ?? []);
const merged = merge(reports, findTitles(), performance.now() - start);
for (const id of provenGaps(merged)) {
  problems.push(`${id} is a listed gap, and a case shows it: take it off the list in inventory.ts`);
}
const output = join(root, "conformance/report");
mkdirSync(output, { recursive: true });
writeFileSync(join(output, "report.json"), `${JSON.stringify(merged)}\n`);
writeFileSync(join(output, "report.xml"), junit(reports));
writeFileSync(join(output, "index.html"), await page(merged));
const total = countOutcomes(reports.flatMap(({ suites }) => suites).flatMap(({ results }) => results));
const well = problems.length === 0 && total.failed === 0 && total.passed > 0;
if (whole && well) writeDocument(merged);
for (const problem of problems) console.log(`${colours.red("FAILED")} ${problem}`);
const seconds = ((performance.now() - start) / 1000).toFixed(1);
const paint = well ? colours.green : colours.red;
console.log(
  paint(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`) + ` in ${seconds} s`,
);
console.log(`conformance/report/index.html has all of it${whole && well ? `, ${DOCUMENT} the sum` : ""}`);
process.exitCode = well ? 0 : 1;

/** As many at a time as there are processors; heavy ones alone, at the end. */
async function runAll(): Promise<void> {
  const waiting = chosen.filter(({ heavy }) => !heavy);
  const work = async () => {
    for (let job = waiting.shift(); job; job = waiting.shift()) await runOne(job);
  };
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), 4) }, work));
  for (const job of chosen.filter(({ heavy }) => heavy)) await runOne(job);
}

async function runOne(job: Job): Promise<void> {
  const title = `${job.runtime.padEnd(9)} ${job.name.padEnd(9)}`;
  if (job.skip !== undefined) {
    // Where it must not be missing, this fails.
    if (process.env.CI) problems.push(`${title} ${job.skip}`);
    console.log(`${colours.yellow("skipped")} ${title} ${job.skip}`);
    done++;
    return;
  }
  const file = join(folder, `${job.runtime} ${job.name}.json`);
  const before = performance.now();
  const { status, text } = await run([...job.command, file]);
  const seconds = `${((performance.now() - before) / 1000).toFixed(1)} s`.padStart(7);
  const progress = colours.dim(`[${String(++done).padStart(2)}/${chosen.length}]`);
  try {
    const report = JSON.parse(readFileSync(file, "utf8")) as Report;
    found.set(job, report);
    const { passed, failed, skipped } = countOutcomes(report.suites.flatMap(({ results }) => results));
    const counts = `${passed} passed, ${failed} failed, ${skipped} skipped`;
    const ok = failed === 0 && passed > 0;
    console.log(`${progress} ${title} ${seconds}  ${ok ? colours.green(counts) : colours.red(counts)}`);
    const failures = report.suites.flatMap(({ transport, results }) =>
      results.flatMap(({ id, failure }) => failure ? { name: `${transport} ${id}`, failure } : [])
    );
    for (const { name, failure } of failures.slice(0, MOST_FAILURES)) {
      console.log(`          ${colours.red(name)} ${failure.message.slice(0, 300)}`);
    }
    if (failures.length > MOST_FAILURES) console.log(`          and ${failures.length - MOST_FAILURES} more`);
    if (passed === 0) problems.push(`${title} no case passed`);
  } catch {
    problems.push(`${title} has no report, and status ${status}: ${text.trim().slice(-1000)}`);
    console.log(`${progress} ${title} ${seconds}  ${colours.red("no report")}`);
  }
}

function run([program = "", ...args]: readonly string[]): Promise<{ status: number | null; text: string }> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"], timeout: LIMIT });
    let text = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => text += data);
    child.on("error", (error) => resolve({ status: null, text: error.message }));
    child.on("close", (status) => resolve({ status, text }));
  });
}

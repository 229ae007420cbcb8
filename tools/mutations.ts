// `npm run mutations`: applies the deliberate faults of faults.ts one at a time to copies of the tree, and runs the
// cases that should notice. Each must be caught; one that survives wants a new case.
//
//   npm run mutations -- [WORD]...     only those with this in their name or file
//
// A fault whose text is not found exactly once, or after which nothing runs at all, fails the run, too: it proves nothing.
import { spawn } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import type { Report } from "../conformance/src/runner/run.ts";
import { type Fault, faults } from "./faults.ts";
import { members, root } from "./workspace.ts";

interface Finding {
  readonly fault: Fault;
  /** What caught it, or null. */
  readonly by: string | null;
  /** Why it proves nothing. */
  readonly problem?: string;
}

// A fault may well make a case hang; so long it may take.
const CASE_LIMIT = 8000;
const RUN_LIMIT = 120_000;

const words = process.argv.slice(2).map((word) => word.toLowerCase());
const chosen = faults.filter(({ name, file }) =>
  words.length === 0 || words.some((word) => `${name} ${file}`.toLowerCase().includes(word))
);
const start = performance.now();
const findings: Finding[] = [];
const waiting = [...chosen];
await Promise.all(Array.from({ length: Math.min(availableParallelism(), 4) }, work));

const caught = findings.filter(({ by }) => by !== null);
const survivors = findings.filter(({ by, problem }) => by === null && problem === undefined);
const problems = findings.filter(({ problem }) => problem !== undefined);
for (const { fault } of survivors) console.log(`SURVIVED ${fault.name} (${fault.file})`);
for (const { fault, problem } of problems) console.log(`FAILED ${fault.name} (${fault.file}): ${problem}`);
const seconds = ((performance.now() - start) / 1000).toFixed(0);
console.log(
  `${caught.length} of ${chosen.length} faults caught, ${survivors.length} survived, in ${seconds} s`,
);
process.exitCode = caught.length === chosen.length && chosen.length > 0 ? 0 : 1;

/** Takes faults from the list, one after the other, in a copy of its own. */
async function work(): Promise<void> {
  const copy = mkdtempSync(join(tmpdir(), "mutations-"));
  try {
    copyTree(copy);
    for (let fault = waiting.shift(); fault; fault = waiting.shift()) {
      const finding = await tryOne(fault, copy);
      findings.push(finding);
      const { by, problem } = finding;
      const text = problem ?? (by === null ? "SURVIVED" : `caught by ${by}`);
      console.log(`[${String(findings.length).padStart(2)}/${chosen.length}] ${fault.name}: ${text}`);
    }
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** All that the cases are made of. What is installed is linked, but for our own packages, which are the copies. */
function copyTree(to: string): void {
  for (const file of ["package.json", "deno.json", "testing"]) {
    cpSync(join(root, file), join(to, file), { recursive: true });
  }
  mkdirSync(join(to, "node_modules/@minimqtt"), { recursive: true });
  for (const { folder, packageJson } of members()) {
    const skipped = /[\\/](node_modules|reports|report|\.turbo|dist)$/;
    cpSync(join(root, folder), join(to, folder), { recursive: true, filter: (path) => !skipped.test(path) });
    symlinkSync(join(to, folder), join(to, "node_modules", packageJson.name), "dir");
  }
  for (const name of readdirSync(join(root, "node_modules"))) {
    if (name === "@minimqtt" || name === ".package-lock.json") continue;
    symlinkSync(join(root, "node_modules", name), join(to, "node_modules", name));
  }
}

async function tryOne(fault: Fault, copy: string): Promise<Finding> {
  const path = join(copy, fault.file);
  const original = readFileSync(path, "utf8");
  const places = original.split(fault.find).length - 1;
  if (places !== 1) return { fault, by: null, problem: `its text is there ${places} times, expected once` };
  writeFileSync(path, original.replace(fault.find, () => fault.replace));
  try {
    const file = join(copy, "report.json");
    rmSync(file, { force: true });
    const selection = fault.cases === "transport"
      ? ["--transport", "conformance/src/fixtures/tcp.ts", "--area", "transport"]
      : ["--depth", "engine,memory"];
    const output = await run(copy, [
      ...(fault.runtime === "deno" ? ["deno", "run", "-A", "--no-lock"] : [process.execPath]),
      "conformance/src/runner/cli.ts",
      ...selection,
      ...["--bail", "--timeout", `${CASE_LIMIT}`, "--format", "json", "--output", file],
    ]);
    return judge(fault, file, output);
  } finally {
    writeFileSync(path, original);
  }
}

function judge(fault: Fault, file: string, output: string): Finding {
  let report: Report;
  try {
    report = JSON.parse(readFileSync(file, "utf8")) as Report;
  } catch {
    return { fault, by: null, problem: `nothing ran: ${output.trim().slice(0, 300)}` };
  }
  const failed = report.suites.flatMap(({ results }) => results).find(({ outcome }) => outcome === "failed");
  return { fault, by: failed?.id ?? null };
}

function run(cwd: string, [program = "", ...args]: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd, stdio: ["ignore", "pipe", "pipe"], timeout: RUN_LIMIT });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => output += data);
    child.on("error", (error) => resolve(error.message));
    child.on("close", () => resolve(output));
  });
}

// Runs one file of tests in a process of its own, with a limit: whatever it does, there is a result, and nothing of it
// is left. A file that needs another limit than the usual says so in a line of its own: `// Test limit: 8 minutes`.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { count, readReport, type Runtime, type TestCase } from "./junit.ts";
import { descendants, describe, openOf } from "./left_open.ts";
import { NODE_REPORT } from "./node_reporter.ts";
import { RUN, type Word, wordIn } from "./test_word.ts";
import { root } from "./workspace.ts";

/** How a file went. */
export interface FileResult {
  /** As it was given. */
  readonly file: string;
  readonly seconds: number;
  /** What made it fail beside its tests is among them, as a line that names the file. */
  readonly tests: readonly TestCase[];
  /** What it printed. */
  readonly output: string;
}

const NODE_COMPILE_CACHE = join(root, "node_modules/.cache/node-compile");
/** Milliseconds for a file that asks for no other. */
const LIMIT = 180_000;
/** Milliseconds that a process gets to say what it has open, and to end when its tests have. */
const LAST_WORD = 2000;
const END = 10_000;
/** The same where we know what keeps it. */
const END_WHEN_OPEN = 500;

/** Runs it in the current folder. */
export async function runFile(runtime: Runtime, file: string): Promise<FileResult> {
  const folder = mkdtempSync(join(tmpdir(), "test-"));
  const report = join(folder, "report");
  const word = wordIn(folder);
  const start = performance.now();
  try {
    const { end, output } = await runProcess(runtime, file, report, folder, limitOf(file));
    const { tests, unread } = readTests(report, runtime);
    const said = readWord(word);
    const wrong = whatIsWrong({ runtime, tests, unread, end, said });
    const trouble = wrong.map((text): TestCase => ({ name: `${file} ${text}`, outcome: "failed" }));
    const seconds = (performance.now() - start) / 1000;
    return { file, seconds, tests: [...tests, ...trouble], output };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** How a process ended. */
interface End {
  /** Its exit status, or the signal that ended it, or why there was none. */
  readonly status: number | string;
  /** Why we ended it. */
  readonly stopped?: string;
  /** Processes that it left behind. */
  readonly left: readonly string[];
}

async function runProcess(
  runtime: Runtime,
  file: string,
  report: string,
  folder: string,
  limit: number,
): Promise<{ readonly end: End; readonly output: string }> {
  const [command, args] = commandFor(runtime, report);
  const child = spawn(command, [...args, file], {
    // The folder is also the mark of all that it starts. With the cache, Node strips types once, not in each process.
    env: { ...process.env, [RUN]: folder, [NODE_REPORT]: report, NODE_COMPILE_CACHE },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const { pid = -1 } = child;
  const mark = `${RUN}=${folder}\0`;
  const word = wordIn(folder);
  running.set(pid, mark);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => output += text);
  }
  const closed = new Promise<void>((resolve) => child.on("close", () => resolve()));
  const ended = new Promise<number | string>((resolve) => {
    child.on("error", (error) => resolve(`${command} could not be started: ${error.message}`));
    child.on("exit", (status, signal) => resolve(status ?? signal ?? 1));
  });
  const early = await Promise.race([ended, overdue(limit, word, ended)]);
  const end = early === null
    ? { stopped: await stop(pid, mark, word, limit), left: [] }
    : { left: await leftBehind(pid, mark) };
  endAll(pid, mark);
  const status = await ended;
  // Somebody may hold its output who is none of ours any more.
  await Promise.race([closed, delay(1000)]);
  running.delete(pid);
  return { end: { ...end, status }, output };
}

/** Resolves when it ought to have ended: at the limit, or a while after its last test. */
async function overdue(limit: number, word: string, ended: Promise<unknown>): Promise<null> {
  const deadline = performance.now() + limit;
  let over = false;
  void ended.then(() => over = true);
  let last = Infinity;
  while (!over && performance.now() < Math.min(deadline, last)) {
    await delay(100);
    const said = last === Infinity ? readWord(word) : null;
    if (said !== null) last = performance.now() + (said.open.length > 0 ? END_WHEN_OPEN : END);
  }
  return null;
}

/** Why it is stopped, with what it says itself. */
async function stop(id: number, mark: string, word: string, limit: number): Promise<string> {
  if (existsSync(word)) return "did not end after its last test";
  signal(id, "SIGUSR2");
  const deadline = performance.now() + LAST_WORD;
  while (!existsSync(word) && performance.now() < deadline) await delay(20);
  const said = readWord(word);
  const open = said?.open ?? openOf(id, mark);
  const where = said === null ? "; its thread is blocked" : said.test === "" ? "" : `, in: ${said.test}`;
  return `did not end within ${limit / 1000} s${where}; open: ${open.join(", ") || "nothing that is known"}`;
}

/** What still runs when its process has ended; it may take a moment to go. */
async function leftBehind(id: number, mark: string): Promise<string[]> {
  for (let tries = 0; tries < 50 && descendants(id, mark).length > 0; tries++) await delay(20);
  return descendants(id, mark).map(describe);
}

/** What makes the file a failure, in words that go behind its name; one line each. */
function whatIsWrong({ runtime, tests, unread, end, said }: {
  readonly runtime: Runtime;
  readonly tests: readonly TestCase[];
  readonly unread: string | null;
  readonly end: End;
  readonly said: Word | null;
}): string[] {
  const open = said?.ended ? said.open : [];
  const left = [...new Set([...open, ...end.left])];
  const wrong = left.length > 0 ? [`left open after its last test: ${left.join(", ")}`] : [];
  // What it has open is why it did not end.
  if (end.stopped !== undefined) return wrong.length > 0 ? wrong : [end.stopped];
  if (typeof end.status === "string") {
    return [...wrong, end.status.startsWith("SIG") ? `was ended by ${end.status}: ${runtime}` : end.status];
  }
  if (unread !== null) return [...wrong, `ended with status ${end.status}; ${unread}`];
  if (end.status !== 0 && count(tests).failed === 0) {
    return [...wrong, `ended with status ${end.status}, and no test that failed`];
  }
  return tests.length === 0 ? [...wrong, "has no test"] : wrong;
}

function readTests(file: string, runtime: Runtime): { tests: TestCase[]; unread: string | null } {
  if (!existsSync(file)) return { tests: [], unread: null };
  try {
    return { tests: readReport(readFileSync(file, "utf8"), runtime), unread: null };
  } catch {
    return { tests: [], unread: "its report is cut off" };
  }
}

function readWord(file: string): Word | null {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Word;
  } catch {
    return null;
  }
}

/** In milliseconds, what the file asks for. */
function limitOf(file: string): number {
  if (!existsSync(file)) return LIMIT;
  const [, count, unit] = /^\/\/ Test limit: (\d+) (seconds|minutes)$/m.exec(readFileSync(file, "utf8")) ??
    [];
  return count === undefined ? LIMIT : Number(count) * (unit === "minutes" ? 60_000 : 1000);
}

function commandFor(runtime: Runtime, report: string): readonly [string, readonly string[]] {
  const guard = join(root, "tools/test_guard.ts");
  switch (runtime) {
    case "deno":
      // `npm run check` checks the types.
      return ["deno", ["test", "--allow-all", "--no-check", `--preload=${guard}`, `--junit-path=${report}`]];
    case "bun":
      // Node's own limit is none, Bun's is 5 seconds.
      return ["bun", [
        ...["test", "--timeout", "60000", "--preload", guard],
        ...["--reporter=junit", `--reporter-outfile=${report}`],
      ]];
    case "node":
      return [process.execPath, [
        `--import=${guard}`,
        ...["--test-reporter=spec", "--test-reporter-destination=stdout"],
        ...[`--test-reporter=${join(root, "tools/node_reporter.ts")}`, "--test-reporter-destination=stderr"],
      ]];
  }
}

/** Those that run, with the mark of each one's children. */
const running = new Map<number, string>();

/** Ends all that runs, at once. */
export function stopFiles(): void {
  for (const [id, mark] of running) endAll(id, mark);
}

/** Ends a process, all that it has started, and all that bears the mark. */
function endAll(id: number, mark: string): void {
  if (id < 0) return;
  const started = descendants(id, mark).map((one) => one.id);
  for (const one of [-id, ...started]) signal(one, "SIGKILL");
}

function signal(id: number, name: "SIGUSR2" | "SIGKILL"): void {
  try {
    process.kill(id, name);
  } catch {
    // It has ended.
  }
}

function delay(time: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, time));
}

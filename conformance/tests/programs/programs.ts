/**
 * Runs programs of the repository in a process of their own, on the runtime that runs the tests.
 */
import { spawn } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** What runs the tests. */
export const runtime: "deno" | "bun" | "node" = "Deno" in globalThis
  ? "deno"
  : process.versions["bun"] === undefined
  ? "node"
  : "bun";

/** The path of a file of the repository. */
export function repository(path: string): string {
  return fileURLToPath(new URL(`../../../${path}`, import.meta.url));
}

/** How to run a program. */
export interface RunOptions {
  /** Environment beside the tests' own. */
  readonly env?: Record<string, string>;
  /** What the program is told. */
  readonly args?: readonly string[];
  /** Deno's flags in place of `-A`. */
  readonly permissions?: readonly string[];
  /** Whether the program is given as text instead of a path. */
  readonly source?: boolean;
}

/** What a program printed, and how it ended. */
export interface RunResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number;
}

/** A program that runs. */
export interface Program {
  /** What it has printed so far. */
  readonly stdout: string;
  /** Resolves when its standard output has this text; rejects if it ends, or a minute passes, before. */
  printed(text: string): Promise<void>;
  /** Sends it a signal; nothing happens when it has ended. */
  kill(signal: "SIGINT" | "SIGTERM" | "SIGKILL"): void;
  /** Resolves when it has ended; the status is -1 when it was a signal that did it. */
  readonly ended: Promise<RunResult>;
}

/** Runs a program to its end. */
export async function run(program: string, options: RunOptions = {}): Promise<RunResult> {
  if (!options.source) return await start(program, options).ended;
  const path = repository(`conformance/tests/.example-${process.pid}-${counter++}.ts`);
  writeFileSync(path, program);
  try {
    return await start(path, options).ended;
  } finally {
    rmSync(path);
  }
}

/** Starts a program that is given as a path. */
export function start(path: string, options: Omit<RunOptions, "source"> = {}): Program {
  const flags = runtime === "deno"
    ? ["run", "--quiet", "--no-prompt", ...(options.permissions ?? ["-A"])]
    : [];
  const child = spawn(process.execPath, [...flags, path, ...(options.args ?? [])], {
    env: { ...process.env, NO_COLOR: "1", ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = { stdout: "", stderr: "" };
  const ended = new Promise<RunResult>((resolve, reject) => {
    child.stdout.on("data", (data) => output.stdout += data);
    child.stderr.on("data", (data) => output.stderr += data);
    child.on("error", reject);
    child.on("close", (code) => resolve({ ...output, status: code ?? -1 }));
  });
  return {
    get stdout() {
      return output.stdout;
    },
    printed: (text) =>
      new Promise((resolve, reject) => {
        const fail = () => settle(new Error(`no ${JSON.stringify(text)} in ${JSON.stringify(output)}`));
        const patience = setTimeout(fail, PATIENCE);
        const look = () => output.stdout.includes(text) && settle();
        const settle = (error?: Error) => {
          clearTimeout(patience);
          child.stdout.off("data", look);
          child.off("close", fail);
          if (error === undefined) resolve();
          else reject(error);
        };
        child.stdout.on("data", look);
        child.on("close", fail);
        look();
      }),
    kill(signal) {
      // Not child.kill(): Deno's says of whoever was sent a signal that it died of it, even if it did not.
      if (child.exitCode === null && child.signalCode === null) process.kill(child.pid!, signal);
    },
    ended,
  };
}

const PATIENCE = 60_000;
let counter = 0;

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
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
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

/** Runs a program to its end. */
export async function run(program: string, options: RunOptions = {}): Promise<RunResult> {
  let path = program;
  if (options.source) {
    path = repository(`conformance/tests/.example-${process.pid}-${counter++}.ts`);
    writeFileSync(path, program);
  }
  const flags = runtime === "deno"
    ? ["run", "--quiet", "--no-prompt", ...(options.permissions ?? ["-A"])]
    : [];
  try {
    return await new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [...flags, path, ...(options.args ?? [])], {
        env: { ...process.env, NO_COLOR: "1", ...options.env },
        stdio: ["ignore", "pipe", "pipe"],
      });
      const printed = { stdout: "", stderr: "" };
      child.stdout.on("data", (data) => printed.stdout += data);
      child.stderr.on("data", (data) => printed.stderr += data);
      child.on("error", reject);
      child.on("close", (code) => resolve({ ...printed, status: code ?? -1 }));
    });
  } finally {
    if (options.source) rmSync(path);
  }
}

let counter = 0;

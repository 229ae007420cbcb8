// Runs the tests of a package in a process of tools/test_one.ts, for other commands than `npm test`.
import { spawn } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { doneMark, type Runtime } from "./junit.ts";
import { root } from "./workspace.ts";

/** How it went. */
export interface PackageRun {
  readonly well: boolean;
  /** In a few words, with the time that it took. */
  readonly summary: string;
  readonly output: string;
}

/** Runs these files, relative to the folder of the package. */
export function runPackage(
  folder: string,
  runtime: Runtime,
  files: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<PackageRun> {
  const child = spawn(process.execPath, [join(root, "tools/test_one.ts"), runtime, ...files], {
    cwd: join(root, folder),
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (text) => output += String(text));
  return new Promise((resolve) => {
    child.on("close", (status) => {
      const lines = output.trimEnd().split("\n");
      const last = lines.at(-1) ?? "";
      const summary = last.startsWith(doneMark) ? last.slice(doneMark.length) : "its run was ended";
      resolve({ well: status === 0, summary, output: lines.slice(0, -1).join("\n") });
    });
  });
}

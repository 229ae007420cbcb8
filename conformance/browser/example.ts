/**
 * `examples/browser` as it would be deployed: built by Vite, served on loopback.
 *
 * @module
 */

import { execFile } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { serve } from "./serve.ts";
import type { PageServer } from "./serve.ts";

/** Builds it in memory and serves it; on Node. */
export async function serveExample(): Promise<PageServer> {
  const program = fileURLToPath(new URL("build_example.ts", import.meta.url));
  const files = await new Promise<Record<string, string>>((resolve, reject) => {
    execFile(process.execPath, [program], { maxBuffer: MOST }, (_error, stdout, stderr) => {
      // How it ends means nothing; whether all is there, JSON tells.
      try {
        resolve(JSON.parse(stdout) as Record<string, string>);
      } catch {
        reject(new Error(`Vite did not build the example:\n${stderr}`));
      }
    });
  });
  return serve(files);
}

/** More than the example weighs. */
const MOST = 16 * 1_048_576;

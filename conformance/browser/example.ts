/**
 * `examples/browser` as it would be deployed: built by Vite, served on loopback.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { build } from "vite";
import type { Rollup } from "vite";
import { serve } from "./serve.ts";
import type { PageServer } from "./serve.ts";

/** Builds it in memory and serves it. */
export async function serveExample(): Promise<PageServer> {
  const root = fileURLToPath(new URL("../../examples/browser", import.meta.url));
  const built = await build({ root, configFile: false, logLevel: "error", build: { write: false } });
  const { output } = built as Rollup.RollupOutput;
  const files = output.map((file) => [file.fileName, file.type === "chunk" ? file.code : file.source]);
  return serve(Object.fromEntries(files));
}

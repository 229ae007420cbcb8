/**
 * Builds `examples/browser` by Vite, in memory, and prints its files as JSON. A program of its own, which ends itself: a
 * process in which Vite has built may hang when it ends, in the threads of Vite's bundler, for good
 * (https://github.com/rolldown/rolldown/issues/10606).
 */

import process from "node:process";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import type { Rollup } from "vite";

const root = fileURLToPath(new URL("../../examples/browser", import.meta.url));
const built = await build({ root, configFile: false, logLevel: "error", build: { write: false } });
const { output } = built as Rollup.RollupOutput;
const files = output.map((file) => {
  const text = file.type === "chunk" ? file.code : file.source;
  if (typeof text !== "string") throw new Error(`${file.fileName} is no text`);
  return [file.fileName, text];
});
process.stdout.write(JSON.stringify(Object.fromEntries(files)), () => process.kill(process.pid, "SIGKILL"));

/**
 * What must not outlive the tests.
 *
 * @module
 */

import process from "node:process";

/** Calls `run` when the process ends; nothing asynchronous has a chance then. */
export function atExit(run: () => void): void {
  process.on("exit", run);
  // Deno's test runner has no event "exit".
  const { addEventListener } = globalThis as {
    addEventListener?: (type: string, listener: () => void) => void;
  };
  addEventListener?.("unload", run);
}

/**
 * What runs where: the runtimes, the transports, and how a runtime is started.
 *
 * @module
 */

import process from "node:process";
import { find } from "../../tools/system.ts";

/** A program that writes a report as JSON to a file. */
export interface Job {
  /** Where it runs. */
  readonly runtime: string;
  /** What it runs: a transport's name, or `own` for what the runner does without a transport. */
  readonly name: string;
  /** The program and its arguments, relative to the repository; the file follows them. */
  readonly command: readonly string[];
  /** Whether it leaves no processor to any other job. */
  readonly heavy?: true;
  /** Why it cannot run here. */
  readonly skip?: string;
}

/** The transports beside the runner's own (engine, memory and TCP): the module of each one's fixture, and what it needs. */
const transports: Readonly<Record<string, { readonly module: string; readonly needs?: string }>> = {
  tls: { module: "conformance/src/fixtures/tls.ts", needs: "openssl" },
  ws: { module: "conformance/src/fixtures/ws.ts" },
  esp32spi: { module: "conformance/src/fixtures/esp32spi.ts" },
  unix: { module: "examples/transport-unix/fixture.ts" },
};

/** The runtimes with a command line, and how each runs a program. */
const runtimes: Readonly<Record<string, readonly string[]>> = {
  deno: ["deno", "run", "-A"],
  bun: ["bun"],
  node: [process.execPath],
};

/** All jobs, the longest first. */
export function jobs(): Job[] {
  const cli = (start: readonly string[], module?: string) => [
    ...start,
    "conformance/src/runner/cli.ts",
    ...(module === undefined ? [] : ["--transport", module]),
    ...["--format", "json", "--output"],
  ];
  const list: Job[] = [];
  for (const [runtime, start] of Object.entries(runtimes)) {
    list.push({ runtime, name: "own", command: cli(start) });
    for (const [name, { module, needs }] of Object.entries(transports)) {
      list.push({ runtime, name, command: cli(start, module), ...without(needs) });
    }
  }
  list.push({
    runtime: "chromium",
    name: "own, ws",
    command: [process.execPath, "conformance/browser/run.ts", "--format", "json", "--output"],
    heavy: true,
    ...without("chromium"),
  });
  return list;
}

function without(program: string | undefined): { readonly skip?: string } {
  if (program === undefined || find(program) !== null) return {};
  return { skip: `${program} is not installed: apt-get install ${program}` };
}

#!/usr/bin/env node
/**
 * The runner, for whoever wrote a transport: `--help` says what it takes.
 *
 * It ends with status 0 if all cases that apply passed and at least one ran, with 1 if one failed or none ran, and with 2
 * if there was nothing to run: a module that is no transport, or wrong arguments.
 *
 * @example
 * ```sh
 * deno run -A jsr:@minimqtt/conformance/cli --transport ./my_transport.ts
 * ```
 *
 * @module
 */

import { Command, InvalidArgumentError, Option } from "commander";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import process from "node:process";
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import colours from "picocolors";
import type { Depth } from "../case.ts";
import { format, formats } from "./formats.ts";
import type { Format } from "./formats.ts";
import { countOutcomes } from "./run.ts";
import { supervise } from "./supervise.ts";
import type { Plan, Task } from "./work.ts";

/** Runs the command line, and gives the exit status. */
async function main(): Promise<number> {
  const outputs: { readonly form: Format; file?: string }[] = [];
  const options = new Command("minimqtt-conformance")
    .description(
      "Tells whether a transport keeps MiniMQTT's transport contract, and whether the client works over it.\n" +
        "Without --transport: all that is known of MiniMQTT itself, on the bare engine, in memory and over TCP.",
    )
    .version(VERSION)
    .option(
      "-t, --transport <module>",
      "a module that exports `transport` (or a default) that dials host and port,\n" +
        "or `fixture`, with a listener of its own; may be repeated",
      collect,
      [],
    )
    .option("-a, --area <areas>", "only areas that begin so, such as 03,transport", collect, [])
    .option("-o, --only <ids>", "only these cases, such as transport/8.3, or transport/8", collect, [])
    .addOption(
      new Option("-d, --depth <depths>", "only cases of these depths").argParser(collectDepths).default(
        [],
        "all",
      ),
    )
    .option("-l, --list", "shows the cases and runs none", false)
    .addOption(
      new Option("-f, --format <form>", `how the report looks: ${formats.join(", ")}; may be repeated`)
        .argParser((form) => outputs.push({ form: toFormat(form) })),
    )
    .addOption(
      new Option(
        "--output <file>",
        "where the report of the --format before it goes, in place of the terminal",
      )
        .argParser((file) => {
          const last = outputs.at(-1);
          if (last === undefined || last.file !== undefined) {
            throw new InvalidArgumentError("it goes behind a --format.");
          }
          last.file = file;
        }),
    )
    .option("-b, --bail", "stops at the first failure", false)
    .option("--timeout <ms>", "how long a case may take", toMilliseconds, 60_000)
    .showHelpAfterError("(--help says what there is)")
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
    .parse()
    .opts<
      {
        transport: string[];
        area: string[];
        only: string[];
        depth: Depth[];
        list: boolean;
        bail: boolean;
        timeout: number;
      }
    >();
  // A report on the terminal is alone there.
  const spoken = outputs.filter(({ file }) => file === undefined);
  if (spoken.length > 1) return complain("two reports on one terminal: give --output FILE behind a --format");
  const task = { ...options, transports: options.transport, areas: options.area, depths: options.depth };
  const live = process.stderr.isTTY === true;
  const finding = await supervise(new URL(import.meta.url), task, live ? showProgress : () => undefined);
  if (live) process.stderr.write("\r\x1b[K");
  if ("problem" in finding) return complain(finding.problem);
  if ("plan" in finding) return await list(finding.plan);
  const { report } = finding;
  for (
    const { form, file } of spoken.length > 0
      ? outputs
      : [...outputs, { form: "table" as const, file: undefined }]
  ) {
    if (file === undefined) await print(format(report, form, colours.isColorSupported));
    else {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, format(report, form));
    }
  }
  const { passed, failed } = countOutcomes(report.suites.flatMap(({ results }) => results));
  return failed > 0 || passed === 0 ? 1 : 0;
}

function complain(text: string): number {
  process.stderr.write(`${colours.red("error:")} ${text}\n`);
  return 2;
}

async function list(
  suites: readonly { readonly transport: string; readonly cases: readonly Plan[] }[],
): Promise<number> {
  const lines = suites.flatMap(({ transport, cases }) => [
    colours.bold(transport),
    ...cases.map(({ id, name, covers, skip }) => {
      const notes = [...covers, ...(skip === undefined ? [] : [`skipped: ${skip}`])];
      return `  ${id}  ${name}${notes.length > 0 ? colours.dim(` (${notes.join(", ")})`) : ""}`;
    }),
  ]);
  await print(`${lines.join("\n")}\n`);
  return 0;
}

/** Waits until the text is out: the end of the process would cut it off. */
function print(text: string): Promise<void> {
  return new Promise((resolve) => process.stdout.write(text, () => resolve()));
}

function showProgress(transport: string, number: number, of: number, { id, name }: Plan): void {
  const text = `${transport} ${number}/${of} ${id} ${name}`;
  process.stderr.write(`\r\x1b[K${text.slice(0, (process.stderr.columns ?? 80) - 1)}`);
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, ...value.split(",").filter((part) => part !== "")];
}

function collectDepths(value: string, before: readonly Depth[]): Depth[] {
  return collect(value, before).map((depth) => {
    if (depth === "engine" || depth === "memory" || depth === "transport") return depth;
    throw new InvalidArgumentError("There are: engine, memory, transport.");
  });
}

function toFormat(text: string): Format {
  const form = formats.find((one) => one === text);
  if (form === undefined) throw new InvalidArgumentError(`There are: ${formats.join(", ")}.`);
  return form;
}

function toMilliseconds(text: string): number {
  const time = Number(text);
  if (!Number.isInteger(time) || time < 1) {
    throw new InvalidArgumentError("It must be a whole number of milliseconds.");
  }
  return time;
}

/** As in package.json. */
const VERSION = "0.1.0";

if (isMainThread) process.exit(await main());
const { work } = await import("./work.ts");
await work(workerData as Task, (news) => parentPort?.postMessage(news));

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
import { levels } from "../case.ts";
import type { Depth, Level } from "../case.ts";
import { withBadges } from "./badge.ts";
import { format, formats } from "./formats.ts";
import type { Format } from "./formats.ts";
import { countOutcomes } from "./run.ts";
import { supervise } from "./supervise.ts";
import type { Progress } from "./supervise.ts";
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
    .addOption(
      new Option("--level <level>", "how much is asked of a transport: each level holds those before it")
        .choices(levels).default("robust"),
    )
    .option("-b, --bail", "stops at the first failure", false)
    .option("--shuffle <seed>", "runs the cases in another order, which the number tells", toNumber)
    .option(
      "--timeout <ms>",
      "how long a case may take; without it a minute, or more for what is slow",
      toNumber,
    )
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
        level: Level;
        bail: boolean;
        shuffle?: number;
        timeout?: number;
      }
    >();
  // A report on the terminal is alone there.
  const spoken = outputs.filter(({ file }) => file === undefined);
  if (spoken.length > 1) return complain("two reports on one terminal: give --output FILE behind a --format");
  const task = { ...options, transports: options.transport, areas: options.area, depths: options.depth };
  const interruption = new AbortController();
  process.once("SIGINT", () => interruption.abort());
  const progress = process.stderr.isTTY === true ? liveProgress() : sparseProgress();
  const finding = await supervise(new URL(import.meta.url), task, progress.show, interruption.signal);
  progress.end();
  if ("problem" in finding) return complain(finding.problem, interruption.signal.aborted ? INTERRUPTED : 2);
  if ("plan" in finding) return await list(finding.plan);
  const isWhole = [task.areas, task.only, task.depths].every(({ length }) => length === 0);
  const report = isWhole && task.transports.length > 0
    ? withBadges(finding.report, task.level)
    : finding.report;
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
  if (interruption.signal.aborted) return INTERRUPTED;
  const { passed, failed } = countOutcomes(report.suites.flatMap(({ results }) => results));
  return failed > 0 || passed === 0 ? 1 : 0;
}

/** What a shell says of a program that was interrupted. */
const INTERRUPTED = 130;

function complain(text: string, status = 2): number {
  process.stderr.write(`${colours.red("error:")} ${text}\n`);
  return status;
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

/** On a terminal: one line, always anew. */
function liveProgress(): { readonly show: Progress; end(): void } {
  return {
    show(transport, number, of, { id, name }) {
      const text = `${transport} ${number}/${of} ${id} ${name}`;
      process.stderr.write(`\r\x1b[K${text.slice(0, (process.stderr.columns ?? 80) - 1)}`);
    },
    end: () => void process.stderr.write("\r\x1b[K"),
  };
}

/** Elsewhere: a line after five seconds, then after ten, twenty and so on, so that a log tells of life and stays short. */
function sparseProgress(): { readonly show: Progress; end(): void } {
  let line = "";
  let timer: ReturnType<typeof setTimeout>;
  const tell = (wait: number) => {
    timer = setTimeout(() => {
      if (line !== "") process.stderr.write(`${line}\n`);
      tell(wait * 2);
    }, wait);
  };
  tell(5000);
  return {
    show: (transport, number, of, { id, name }) => void (line = `${transport} ${number}/${of} ${id} ${name}`),
    end: () => clearTimeout(timer),
  };
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

function toNumber(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) {
    throw new InvalidArgumentError("It must be a whole number, such as a whole number of milliseconds.");
  }
  return number;
}

/** As in package.json. */
const VERSION = "0.1.0";

if (isMainThread) process.exit(await main());
if ("Deno" in globalThis) {
  // Deno prints an error that nobody caught at length, besides telling the other thread.
  const { addEventListener } = globalThis as unknown as {
    addEventListener(type: "error", listener: (event: Event & { readonly message: string }) => void): void;
  };
  addEventListener("error", (event) => {
    event.preventDefault();
    parentPort?.postMessage({ type: "uncaught", text: event.message });
  });
}
const { work } = await import("./work.ts");
await work(workerData as Task, (news) => parentPort?.postMessage(news));

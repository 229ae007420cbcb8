/**
 * docs/conformance.md: each behaviour and statement, what shows it, and how that went.
 *
 *   node conformance/matrix/documentation.ts            writes it anew, with the results that it has
 *   node conformance/matrix/documentation.ts --check    whether it is up to date, as far as it does not depend on a run
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { root } from "../../tools/workspace.ts";
import { flightCases } from "../src/player/flight_cases.ts";
import { memoryFixture } from "../src/fixtures/memory.ts";
import { behaviours } from "../src/inventory/inventory.ts";
import { countOutcomes } from "../src/runner/run.ts";
import { scenarios } from "../src/scenarios/mod.ts";
import { transportCases } from "../src/transport/suite.ts";
import { inventory, plainId } from "./report.ts";
import type { Entry, MatrixReport } from "./report.ts";
import { findTitles } from "./titles.ts";

/** Where it is, relative to the repository. */
export const DOCUMENT = "docs/conformance.md";
const path = join(root, DOCUMENT);

/** More ids than these nobody reads. */
const MOST_IDS = 5;

/** What a case of any depth shows. */
interface Showing {
  readonly id: string;
  readonly covers: readonly string[];
}

/** What depends on a run. */
interface Findings {
  /** What ran where, in Markdown. */
  readonly ran: string;
  /** ✓ or ✗ for what cases have shown, a dot for what none has. */
  mark(id: string): string;
}

/** Writes the document with the results of a run. */
export function writeDocument(report: MatrixReport): void {
  writeFileSync(path, document(ofReport(report)));
}

/** As `deno fmt` has it. */
function laidOut(text: string): string {
  const { stdout, stderr, status } = spawnSync("deno", ["fmt", "--ext", "md", "-"], {
    cwd: root,
    input: text,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`deno fmt failed: ${stderr}`);
  return stdout;
}

/** The text. */
function document(findings: Findings): string {
  const stories = flightCases.map(({ id, covers }) => ({ id: plainId(id), covers }));
  const rules = transportCases(memoryFixture());
  const cases: Showing[] = [...scenarios, ...stories, ...rules];
  const entries = inventory(findTitles());
  const meant = behaviours.filter(({ verdicts }) => verdicts.length > 0);
  const shown = (kind: Entry["kind"]) =>
    entries.filter((entry) =>
      entry.kind === kind && (entry.verdicts?.length ?? 1) > 0 && isShown(entry, cases)
    ).length;
  const of = (kind: Entry["kind"]) => entries.filter((entry) => entry.kind === kind);
  const listed = entries.filter(({ gap }) => gap !== undefined);
  const lines = [
    "# Conformance",
    "",
    "What is shown, and by what. `npm run conformance` runs it and writes this page; do not edit it.",
    "",
    `- **${shown("behaviour")} of ${meant.length}** behaviours of MiniMQTT that concern us are shown ` +
    `(${behaviours.length - meant.length} of the original's have no meaning here)`,
    `- **${shown("statement")} of ${
      of("statement").length
    }** statements of MQTT 3.1.1 that a client can show`,
    `- **${shown("rule")} of ${of("rule").length}** rules of the transport contract`,
    `- **${scenarios.length}** scenarios, each run at every depth where it makes sense, and ` +
    `**${stories.length}** stories of the bare engine`,
    `- **${rules.length}** cases of the transport contract`,
    "",
    "A case is named by its id, as the runner's `--only` takes it; a file has tests that are no cases, and run with " +
    "`npm test`. ✓: all its cases passed, wherever they ran. ·: no case shows it, but a test does, or it is a gap.",
    "",
    "## Where it ran",
    "",
    findings.ran,
    "",
    "## Gaps",
    "",
    ...(listed.length === 0 ? ["None."] : listed.map(({ id, gap }) => `- ${id}: ${gap}`)),
    "",
  ];
  for (const area of new Set(meant.map((behaviour) => behaviour.area))) {
    const ids = new Set(meant.filter((behaviour) => behaviour.area === area).map(({ id }) => id));
    lines.push(...section(`MiniMQTT: ${area}`, entries.filter(({ id }) => ids.has(id)), cases, findings));
  }
  lines.push(
    ...section("MQTT 3.1.1", of("statement"), cases, findings),
    ...section("The transport contract", of("rule"), cases, findings),
  );
  return laidOut(lines.join("\n"));
}

function section(
  title: string,
  entries: readonly Entry[],
  cases: readonly Showing[],
  { mark }: Findings,
): string[] {
  const rows = entries.map((entry) => {
    const { id, summary, verdicts = [], gap } = entry;
    const ids = cases.filter(({ covers }) => covers.includes(id)).map((one) => `\`${one.id}\``);
    const files = new Set(entry.tests.map(({ file }) => `[${label(file)}](../${file})`));
    const more = ids.length > MOST_IDS ? [`${ids.length - MOST_IDS} cases more`] : [];
    const by = [...ids.slice(0, MOST_IDS), ...more, ...files].join(", ") ||
      (gap === undefined ? "nothing" : "a gap");
    const says = [verdicts.join(" "), summary].filter((part) => part !== "").join(": ");
    return `- ${mark(id)} **${id}** ${says} _(${by})_`;
  });
  return [`## ${title}`, "", ...rows, ""];
}

function isShown({ id, tests }: Entry, cases: readonly Showing[]): boolean {
  return tests.length > 0 || cases.some(({ covers }) => covers.includes(id));
}

/** Those of a run. */
function ofReport(report: MatrixReport): Findings {
  const results = new Map<string, boolean>();
  for (const { results: all } of report.runs) {
    for (const { case: place, outcome } of all) {
      if (outcome === "skipped") continue;
      for (const id of report.cases[place]!.covers) {
        results.set(id, (results.get(id) ?? true) && outcome === "passed");
      }
    }
  }
  return {
    ran: whereItRan(report),
    mark: (id) => results.has(id) ? results.get(id) ? "✓" : "✗" : "·",
  };
}

/** Those that a document tells of. */
function ofDocument(text: string): Findings {
  const [, ran = "Nowhere yet."] = /## Where it ran\n\n([^]*?)\n\n## Gaps/.exec(text) ?? [];
  const marks = new Map([...text.matchAll(/^- (.) \*\*(.+?)\*\*/gm)].map(([, mark, id]) => [id, mark]));
  return { ran, mark: (id) => marks.get(id) ?? "·" };
}

function whereItRan(report: MatrixReport): string {
  const names = [...new Set(report.runs.map(({ transport }) => transport))];
  const places = [...new Set(report.runs.map(({ runtime, version }) => `${runtime} ${version}`))];
  const rows = places.map((place) => {
    const cells = names.map((name) => {
      const run = report.runs.find((one) =>
        `${one.runtime} ${one.version}` === place && one.transport === name
      );
      if (run === undefined) return "";
      const counts = countOutcomes(run.results);
      const more = [
        counts.failed ? `${counts.failed} failed` : "",
        counts.skipped ? `${counts.skipped} skipped` : "",
      ];
      return [`${counts.passed} passed`, ...more].filter((part) => part !== "").join(", ");
    });
    return `| ${place} | ${cells.join(" | ")} |`;
  });
  return [`| ran | ${names.join(" | ")} |`, `| - | ${names.map(() => "-").join(" | ")} |`, ...rows].join(
    "\n",
  );
}

if (import.meta.main) {
  const found = existsSync(path) ? readFileSync(path, "utf8") : "";
  const wanted = document(ofDocument(found));
  if (!process.argv.includes("--check")) writeFileSync(path, wanted);
  else if (found !== wanted) {
    const was = new Set(found.split("\n"));
    const line = wanted.split("\n").find((one) => !was.has(one)) ?? "a line too many";
    const mend = "run npm run conformance, or node conformance/matrix/documentation.ts";
    console.log(`${DOCUMENT} is not up to date: ${mend}\nexpected, for one: ${line}`);
    process.exitCode = 1;
  }
}

/** The file and the folder it lies in; `src` and `tests` tell nothing. */
function label(file: string): string {
  return file.split("/").filter((part) => part !== "src" && part !== "tests").slice(-2).join("/");
}

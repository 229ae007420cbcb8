/**
 * Reports in the forms that people and programs read.
 *
 * @module
 */

import colours from "picocolors";
import { countOutcomes } from "./run.ts";
import type { Report, Result } from "./run.ts";

/** The forms of a report. */
export type Format = "table" | "tap" | "junit" | "json";

/** All forms. */
export const formats: readonly Format[] = ["table", "tap", "junit", "json"];

/** A report in one of the forms; only the table minds `colour`. */
export function format(report: Report, form: Format, colour = false): string {
  switch (form) {
    case "table":
      return table(report, colour);
    case "tap":
      return tap(report);
    case "junit":
      return junit([report]);
    case "json":
      return `${JSON.stringify(report, null, 1)}\n`;
  }
}

/** Counts by transport and area, then what was not shown and why, what was not run, the sum, and last what failed. */
function table({ runtime, version, milliseconds, suites }: Report, colour: boolean): string {
  const { bold, dim, green, red, yellow } = colours.createColors(colour);
  const lines = [bold(`${runtime} ${version}`)];
  const number = (count: number, paint: (text: string) => string) => {
    const text = String(count).padStart(8);
    return count === 0 ? dim(text) : paint(text);
  };
  const row = (title: string, results: readonly Result[]) => {
    const { passed, failed, skipped } = countOutcomes(results);
    const time = results.reduce((sum, result) => sum + result.milliseconds, 0);
    lines.push(
      `  ${title.padEnd(26)}${number(passed, green)}${number(failed, red)}${number(skipped, yellow)}` +
        dim(seconds(time).padStart(10)),
    );
  };
  for (const { transport, results, bytesPerSecond } of suites) {
    lines.push("", `${bold(transport.padEnd(28))}${dim("  passed  failed skipped      time")}`);
    const areas = [...new Set(results.map((result) => result.area))];
    const of = (area: string) => results.filter((result) => result.area === area);
    const begun = areas.filter((area) => of(area).some(({ notRun }) => !notRun));
    for (const area of begun) row(area, of(area));
    const others = areas.filter((area) => !begun.includes(area));
    if (others.length > 0) row(`${others.length} areas not begun`, others.flatMap(of));
    if (bytesPerSecond !== undefined && bytesPerSecond < SLOW) {
      lines.push(
        dim(`  it carries ${Math.round(bytesPerSecond)} bytes a second, so cases sent fewer than they say`),
      );
    }
  }
  lines.push("");
  const all = flat(suites);
  const notRun = all.filter((result) => result.notRun);
  for (
    const [reason, results] of grouped(
      all.filter((one) => one.outcome === "skipped" && !one.notRun),
      "reason",
    )
  ) {
    lines.push(`${yellow("skipped")} ${dim(`${name(results)}, not shown:`)} ${reason}`);
  }
  for (const [reason, results] of grouped(notRun, "reason")) {
    lines.push(`${yellow("skipped")} ${dim(`${results.length} cases`)} ${reason}`);
  }
  const { passed, failed, skipped } = countOutcomes(all);
  const verdict = failed > 0 || passed === 0 ? red : green;
  lines.push(
    verdict(`${passed} passed, ${failed} failed, ${skipped} skipped`) + dim(` in ${seconds(milliseconds)}`),
  );
  for (const { badge } of suites) if (badge !== undefined) lines.push(badge);
  for (const [message, results] of grouped(all.filter((result) => result.outcome === "failed"), "message")) {
    const [first] = results;
    if (results.length > 1) lines.push(`${red("FAILED ")} ${dim(first!.transport)} ${name(results)}`);
    else lines.push(`${red("FAILED ")} ${dim(first!.transport)} ${first!.id} ${first!.name}`);
    lines.push(...message.split("\n").map((line) => `          ${line}`));
  }
  return `${lines.filter((line, index) => line !== "" || lines[index - 1] !== "").join("\n")}\n`;
}

/** Fewer bytes a second than the cases would like to have. */
const SLOW = 16 * 1_048_576 / 3;

/** Results that have the same to say are told of once. */
function grouped(results: readonly Placed[], by: "reason" | "message"): Map<string, Placed[]> {
  const groups = new Map<string, Placed[]>();
  for (const result of results) {
    const text = (by === "reason" ? result.reason : result.failure?.message) ?? "";
    groups.set(text, [...groups.get(text) ?? [], result]);
  }
  return groups;
}

/** The ids of some results: the first few. */
function name(results: readonly Placed[]): string {
  const more = results.length - MOST_IDS;
  return results.slice(0, MOST_IDS).map(({ id }) => id).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

const MOST_IDS = 6;

/** The Test Anything Protocol, version 14. */
function tap({ suites }: Report): string {
  const all = flat(suites);
  const lines = ["TAP version 14", `1..${all.length}`];
  for (const [index, { transport, id, name, outcome, reason, failure }] of all.entries()) {
    const title = `${transport} ${id}: ${name}`.replaceAll("\\", "\\\\").replaceAll("#", "\\#");
    const skip = outcome === "skipped" ? ` # SKIP ${reason}` : "";
    lines.push(`${outcome === "failed" ? "not ok" : "ok"} ${index + 1} - ${title}${skip}`);
    if (!failure) continue;
    // JSON is YAML.
    lines.push(
      "  ---",
      ...Object.entries(failure).map(([key, value]) => `  ${key}: ${JSON.stringify(value)}`),
      "  ...",
    );
  }
  return `${lines.join("\n")}\n`;
}

/** JUnit's XML, a suite for each runtime and transport. */
export function junit(reports: readonly Report[]): string {
  const lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>"];
  for (const { runtime, version, suites } of reports) {
    for (const { transport, results } of suites) {
      const { failed, skipped } = countOutcomes(results);
      const time = results.reduce((sum, result) => sum + result.milliseconds, 0) / 1000;
      lines.push(
        `<testsuite name="${xml(`${runtime} ${version}, ${transport}`)}" tests="${results.length}" ` +
          `failures="${failed}" errors="0" skipped="${skipped}" time="${time}">`,
        ...results.map((result) => testcase(`${runtime}.${transport}`, result)),
        "</testsuite>",
      );
    }
  }
  return `${lines.join("\n")}\n</testsuites>\n`;
}

function testcase(place: string, { id, area, name, outcome, milliseconds, reason, failure }: Result): string {
  const attributes = `classname="${xml(`${place}.${area}`)}" name="${xml(`${id}: ${name}`)}" time="${
    milliseconds / 1000
  }"`;
  if (outcome === "passed") return `<testcase ${attributes}/>`;
  const inside = failure
    ? `<failure message="${xml(failure.message)}">${xml(JSON.stringify(failure, null, 1))}</failure>`
    : `<skipped message="${xml(reason ?? "")}"/>`;
  return `<testcase ${attributes}>${inside}</testcase>`;
}

/** A result, and the transport it is of. */
type Placed = Result & { readonly transport: string };

function flat(suites: Report["suites"]): Placed[] {
  return suites.flatMap(({ transport, results }) => results.map((result) => ({ transport, ...result })));
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

/** Text for XML, without the control characters that it does not allow. */
function xml(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, "\ufffd")
    .replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;")
    .replaceAll("\n", "&#10;");
}

/**
 * The report by what is asked of it.
 *
 * @module
 */

import type { Entry, MatrixCase, MatrixReport, MatrixResult, Run } from "../report.ts";

/** A case's result with where it ran. */
export interface Shown {
  readonly run: Run;
  readonly case: MatrixCase;
  readonly result: MatrixResult;
}

/** How many of each. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** The report and its indexes. */
export interface Model {
  readonly report: MatrixReport;
  readonly runtimes: readonly { readonly name: string; readonly version: string }[];
  readonly transports: readonly string[];
  readonly areas: readonly string[];
  readonly counts: Counts;
  /** The results by `runtime/transport/area`. */
  readonly cells: ReadonlyMap<string, readonly Shown[]>;
  /** By the id of a case. */
  readonly byCase: ReadonlyMap<string, readonly Shown[]>;
  /** By what a case covers. */
  readonly byCover: ReadonlyMap<string, readonly Shown[]>;
  readonly entries: ReadonlyMap<string, Entry>;
}

/** Makes the indexes. */
export function model(report: MatrixReport): Model {
  const shown = report.runs.flatMap((run) =>
    run.results.map((result): Shown => ({ run, case: report.cases[result.case]!, result }))
  );
  const unique = <T>(list: readonly T[]): T[] => [...new Set(list)];
  const versions = new Map(report.runs.map(({ runtime, version }) => [runtime, version]));
  return {
    report,
    runtimes: unique(report.runs.map(({ runtime }) => runtime)).sort(byRank(RUNTIMES))
      .map((name) => ({ name, version: versions.get(name) ?? "" })),
    transports: unique(report.runs.map(({ transport }) => transport)).sort(byRank(TRANSPORTS)),
    areas: unique(report.cases.map(({ area }) => area)).sort(),
    counts: count(shown),
    cells: group(shown, ({ run, case: { area } }) => [`${run.runtime}/${run.transport}/${area}`]),
    byCase: group(shown, (one) => [one.case.id]),
    byCover: group(shown, (one) => one.case.covers),
    entries: new Map(report.inventory.map((entry) => [entry.id, entry])),
  };
}

/** How many ended how. */
export function count(shown: readonly Shown[]): Counts {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const { result } of shown) counts[result.outcome]++;
  return counts;
}

/** One word for many results. */
export function verdict(
  { passed, failed, skipped }: Counts,
): "failed" | "passed" | "partly" | "skipped" | "none" {
  if (failed > 0) return "failed";
  if (passed > 0) return skipped > 0 ? "partly" : "passed";
  return skipped > 0 ? "skipped" : "none";
}

function group(
  shown: readonly Shown[],
  keys: (one: Shown) => readonly string[],
): Map<string, Shown[]> {
  const groups = new Map<string, Shown[]>();
  for (const one of shown) {
    for (const key of keys(one)) {
      const list = groups.get(key);
      if (list) list.push(one);
      else groups.set(key, [one]);
    }
  }
  return groups;
}

function byRank(order: readonly string[]): (a: string, b: string) => number {
  const rank = (name: string) => order.includes(name) ? order.indexOf(name) : order.length;
  return (a, b) => rank(a) - rank(b) || (a < b ? -1 : 1);
}

const RUNTIMES = ["deno", "bun", "node", "chromium"];
const TRANSPORTS = ["engine", "memory", "tcp", "tls", "ws", "esp32spi", "unix"];

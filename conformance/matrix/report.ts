/**
 * The reports of all runtimes as one: what `report.json` holds, and the page shows.
 *
 * @module
 */

import type { Depth } from "../src/case.ts";
import { behaviours, gaps, mentioned, statements } from "../src/inventory/inventory.ts";
import type { FailedCheck, Report, Result } from "../src/runner/run.ts";
import type { Title } from "./titles.ts";

/** A case, whatever ran it. */
export interface MatrixCase {
  /** Without the transport in front: the same at every depth. */
  readonly id: string;
  readonly area: string;
  readonly name: string;
  /** What it shows, in the inventory's spelling. */
  readonly covers: readonly string[];
  readonly depth: Depth;
  /** Its steps, if it is made of steps. */
  readonly script?: readonly string[];
}

/** How a case went in a run. */
export interface MatrixResult {
  /** Its place in `cases`. */
  readonly case: number;
  readonly outcome: Result["outcome"];
  readonly milliseconds: number;
  readonly reason?: string;
  readonly failure?: FailedCheck;
}

/** All results of one transport on one runtime. */
export interface Run {
  readonly runtime: string;
  readonly version: string;
  readonly transport: string;
  readonly results: readonly MatrixResult[];
}

/** A behaviour, a statement, or a rule of the transport contract. */
export interface Entry {
  readonly id: string;
  readonly kind: "behaviour" | "statement" | "rule";
  /** What it says, in a line. */
  readonly summary: string;
  /** What we do about a behaviour of the reference; absent where it has no meaning here. */
  readonly verdicts?: readonly string[];
  /** Why no test shows it. */
  readonly gap?: string;
  /** Tests that are no cases: they run with `npm test`. */
  readonly tests: readonly Title[];
}

/** Everything. */
export interface MatrixReport {
  /** When it was made, as ISO 8601. */
  readonly made: string;
  /** How long it took. */
  readonly milliseconds: number;
  readonly cases: readonly MatrixCase[];
  readonly runs: readonly Run[];
  readonly inventory: readonly Entry[];
}

/** Puts reports together. */
export function merge(
  reports: readonly Report[],
  titles: readonly Title[],
  milliseconds: number,
): MatrixReport {
  const cases: MatrixCase[] = [];
  const places = new Map<string, number>();
  const place = ({ id, area, name, covers, depth, script }: Result): number => {
    const one: MatrixCase = {
      id: plainId(id),
      area,
      name,
      covers: covers.flatMap((text) => text.startsWith("rule ") ? text : mentioned(text)),
      depth,
      ...(script && { script }),
    };
    const key = `${one.id} ${depth}`;
    const known = places.get(key);
    if (known !== undefined) return known;
    places.set(key, cases.length);
    return cases.push(one) - 1;
  };
  const runs = reports.flatMap(({ runtime, version, suites }) =>
    suites.map(({ transport, results }): Run => ({
      runtime,
      version,
      transport,
      results: results.map((result): MatrixResult => {
        const { outcome, milliseconds, reason, failure } = result;
        return {
          case: place(result),
          outcome,
          milliseconds: Math.round(milliseconds),
          ...(reason !== undefined && { reason }),
          ...(failure && { failure }),
        };
      }),
    }))
  );
  return {
    made: new Date().toISOString(),
    milliseconds: Math.round(milliseconds),
    cases,
    runs,
    inventory: inventory(titles),
  };
}

/** A case's identifier without what ran it. */
export function plainId(id: string): string {
  return id.slice(id.indexOf(":") + 1);
}

/** Gaps that a case shows: they are none any more. */
export function provenGaps({ inventory, cases, runs }: MatrixReport): string[] {
  const passed = runs.flatMap(({ results }) => results.filter(({ outcome }) => outcome === "passed"));
  const shown = new Set(passed.flatMap((result) => cases[result.case]!.covers));
  return inventory.filter(({ id, gap }) => gap !== undefined && shown.has(id)).map(({ id }) => id);
}

/** All entries of the inventory, with the tests outside of the cases that name them. */
export function inventory(titles: readonly Title[]): Entry[] {
  const reasons = new Map(gaps.map(({ id, reason }) => [id, reason]));
  const tests = (id: string) => titles.filter((title) => title.mentions.includes(id));
  const entry = (id: string, kind: Entry["kind"], summary: string): Entry => {
    const gap = reasons.get(id);
    return { id, kind, summary, ...(gap !== undefined && { gap }), tests: tests(id) };
  };
  return [
    ...behaviours.map(({ id, verdicts, summary }) => ({ ...entry(id, "behaviour", summary), verdicts })),
    ...statements.map(({ id, summary }) => entry(id, "statement", summary)),
    ...RULES.map((summary, index) => entry(`rule ${index + 1}`, "rule", summary)),
  ];
}

/** The transport contract in a line each, as `packages/core/src/transport.ts` has it. */
const RULES: readonly string[] = [
  "read never resolves to an empty array",
  "the bytes that read gives belong to the caller for good",
  "bytes that arrived before the end or an error are delivered before it",
  "one read is outstanding at most; a second one rejects and takes nothing",
  "after the peer's orderly end read resolves to null, every time",
  "write has taken all bytes when it resolves; one write is outstanding at most",
  "backpressure reaches the caller, and what nobody reads stays with the peer",
  "close never rejects, delivers what was written, and settles whatever is pending",
  "failures are ConnectionError with a stable code and a cause",
  "abort rejects with the signal's reason and leaves no socket behind",
  "chunk boundaries mean nothing",
];

/**
 * Runs cases one after the other, on any runtime, and says how each went.
 *
 * @module
 */

import type { Case } from "../case.ts";

/** Why a case failed. */
export interface FailedCheck {
  /** What was wrong, for people. */
  readonly message: string;
  /** Which step of the case's script was broken, from 1; for what was left over at the end, one more than there are. */
  readonly step?: number;
  /** What was expected there, such as bytes in hex. */
  readonly expected?: string;
  /** What came in its place. */
  readonly got?: string;
}

/** How a case went. */
export interface Result extends Omit<Case, "run" | "skip"> {
  /** A case that was not run is skipped. */
  readonly outcome: "passed" | "failed" | "skipped";
  /** How long it took. */
  readonly milliseconds: number;
  /** Why it was skipped. */
  readonly reason?: string;
  /** Whether it was skipped only because the run came to an end before it. */
  readonly notRun?: true;
  /** Why it failed. */
  readonly failure?: FailedCheck;
}

/** The results over one transport; `engine` for those that need none. */
export interface SuiteReport {
  /** The name of the transport, or `engine`. */
  readonly transport: string;
  /** In the order in which they ran. */
  readonly results: readonly Result[];
  /** The badge that it has earned, in Markdown: for a transport that was asked for whole, and has failed nowhere. */
  readonly badge?: string;
  /** Bytes that pass in a second, where that was measured. */
  readonly bytesPerSecond?: number;
}

/** What one run found. */
export interface Report {
  /** Where it ran: `deno`, `bun`, `node`, or a browser's name. */
  readonly runtime: string;
  /** The runtime's version. */
  readonly version: string;
  /** How long all of it took. */
  readonly milliseconds: number;
  /** One for every transport. */
  readonly suites: readonly SuiteReport[];
}

/** Runs a case, for `limit` milliseconds at most. Never rejects. */
export async function runCase(one: Case, limit: number): Promise<Result> {
  const { run, skip, ...about } = one;
  if (skip !== undefined) return { ...about, outcome: "skipped", milliseconds: 0, reason: skip };
  const start = performance.now();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(tooLate(one, limit))), limit);
  });
  const milliseconds = () => Math.round(performance.now() - start);
  try {
    await Promise.race([run(), late]);
    return { ...about, outcome: "passed", milliseconds: milliseconds() };
  } catch (error) {
    return { ...about, outcome: "failed", milliseconds: milliseconds(), failure: failedCheck(error) };
  } finally {
    clearTimeout(timer);
  }
}

/** What is said of a case that does not end. */
export function tooLate(
  { id, area, depth, covers }: Pick<Case, "id" | "area" | "depth" | "covers">,
  limit: number,
): string {
  // Which rule of a transport is broken, only a step of the case can tell.
  const what = covers.length === 0
    ? id
    : depth === "transport" && area === "transport"
    ? ""
    : covers.join(", ");
  return `${what && `${what}: `}the case did not end within ${limit} ms`;
}

/** How many cases ended how. */
export function countOutcomes(
  results: readonly Pick<Result, "outcome">[],
): Record<Result["outcome"], number> {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const { outcome } of results) counts[outcome]++;
  return counts;
}

/** The runtime that runs this, and its version. */
export function thisRuntime(): { readonly runtime: string; readonly version: string } {
  const { Deno, Bun, process, navigator } = globalThis as {
    readonly Deno?: { readonly version: { readonly deno: string } };
    readonly Bun?: { readonly version: string };
    readonly process?: { readonly versions: { readonly node?: string } };
    readonly navigator?: { readonly userAgent: string };
  };
  if (Deno) return { runtime: "deno", version: Deno.version.deno };
  if (Bun) return { runtime: "bun", version: Bun.version };
  if (process?.versions.node) return { runtime: "node", version: process.versions.node };
  const [, version = "unknown"] = /Chrome\/([\d.]+)/.exec(navigator?.userAgent ?? "") ?? [];
  return { runtime: "chromium", version };
}

function failedCheck(error: unknown): FailedCheck {
  if (!(error instanceof Error)) return { message: String(error) };
  const { step, expected, got } = error as Error & Partial<Record<keyof FailedCheck, unknown>>;
  return {
    message: error.message || error.name,
    ...(typeof step === "number" && { step }),
    ...(typeof expected === "string" && { expected }),
    ...(typeof got === "string" && { got }),
  };
}

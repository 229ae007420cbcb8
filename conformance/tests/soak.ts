/**
 * The soaks are long; `npm test` runs the same code for fewer rounds, `npm run soak` all of it.
 */
import process from "node:process";

const whole = process.env["SOAK"] === "whole";

/** How much of it is run: `all`, or as much as `npm test` has the time for. */
export function rounds(all: number, short: number): number {
  return whole ? all : short;
}

/** What is behind the title of a soak: nothing, or how short this run is. */
export function shortened(what: string): string {
  return whole ? "" : ` (short: ${what})`;
}

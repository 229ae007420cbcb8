/**
 * Levels: numbers, so that there is room between them, and their names.
 *
 * @module
 */

/** Below every message: a logger or handler with this level takes all of them. */
export const NOTSET = 0;
/** What happens step by step, for who looks for a fault. */
export const DEBUG = 10;
/** What happens, for who wants to know that things go well. */
export const INFO = 20;
/** Something is amiss, and the program goes on. A new logger's level. */
export const WARNING = 30;
/** Something failed. */
export const ERROR = 40;
/** Nothing goes on from here. */
export const CRITICAL = 50;

/** The levels that have a name, lowest first. */
export const LEVELS: readonly (readonly [level: number, name: string])[] = [
  [NOTSET, "NOTSET"],
  [DEBUG, "DEBUG"],
  [INFO, "INFO"],
  [WARNING, "WARNING"],
  [ERROR, "ERROR"],
  [CRITICAL, "CRITICAL"],
];

/** The name of the highest named level that is not above `level`: `INFO` for 20 to 29. */
export function getLevelName(level: number): string {
  let found = "NOTSET";
  for (const [least, name] of LEVELS) {
    if (level >= least) found = name;
  }
  return found;
}

/**
 * For those without TypeScript: a name in place of a number would let nothing through, and nobody would know why.
 *
 * @throws {TypeError} when `level` is no number.
 */
export function checkLevel(level: unknown): asserts level is number {
  if (typeof level !== "number" || Number.isNaN(level)) {
    throw new TypeError(`A level is a number, such as INFO (${INFO}), not ${String(level)}`);
  }
}

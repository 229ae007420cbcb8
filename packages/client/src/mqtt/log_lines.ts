/**
 * Debug lines, which are put together only for who wants them.
 *
 * @module
 */
import { type LogDetails, type Logger, NullLogger } from "./logger.ts";

const DEBUG = 10;

/** The logger of a client that was not told to log. */
export const SILENCE: Logger = new NullLogger();

/** Whether anyone wants debug lines. */
export function isDebugging(logger: Logger): boolean {
  return logger !== SILENCE && (logger.isEnabledFor === undefined || logger.isEnabledFor(DEBUG));
}

/** Text from outside is quoted: it can neither forge a line of the log nor be taken for a directive of its format. */
export function debug(logger: Logger, what: string, details: LogDetails): void {
  logger.debug(`${what} ${JSON.stringify(details).replaceAll("%", "\\u0025")}`, details);
}

/** A line for each, if anyone wants them. */
export function debugEach(logger: Logger, what: string, list: readonly object[]): void {
  if (isDebugging(logger)) { for (const entry of list) debug(logger, what, { ...entry }); }
}

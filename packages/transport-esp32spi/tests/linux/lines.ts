/**
 * The lines of the fake board, as its source has them.
 *
 * @module
 */

/** What the module is wired to. */
export const lines = { select: 5, ready: 25, reset: 24, gpio0: 23 } as const;

/** A line that somebody else has. */
export const BUSY_LINE = 7;

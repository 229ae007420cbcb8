/**
 * What a logger hands to its handlers, and how it looks as a line.
 *
 * @module
 */

/** One message on its way to the handlers. */
export interface LogRecord {
  /** The name of the logger. */
  readonly name: string;
  /** The level, a number. */
  readonly level: number;
  /** The level's name, such as `INFO`. */
  readonly levelName: string;
  /** The text, with the arguments put in. */
  readonly message: string;
  /** When it was made, in seconds since the program began. */
  readonly created: number;
  /** The arguments as they were given. */
  readonly args: readonly unknown[];
}

/** Makes a line of a record, without the line break. */
export type Formatter = (record: LogRecord) => string;

/** The form that lines have unless a handler is told otherwise: `0.123: INFO - message`. */
export function formatLine(record: LogRecord): string {
  return `${record.created.toFixed(3)}: ${record.levelName} - ${record.message}`;
}

/**
 * Where records go.
 *
 * @module
 */

import { checkLevel, ERROR, INFO, NOTSET, WARNING } from "./levels.ts";
import { formatLine } from "./record.ts";
import type { Formatter, LogRecord } from "./record.ts";

/**
 * Takes records from the loggers it was added to. Extend it and write `emit` for a destination of your own.
 *
 * ```ts
 * import { getLogger, Handler, type LogRecord } from "@minimqtt/logger";
 *
 * class Memory extends Handler {
 *   readonly lines: string[] = [];
 *   emit(record: LogRecord): void {
 *     this.lines.push(this.format(record));
 *   }
 * }
 * getLogger("kept").addHandler(new Memory());
 * ```
 */
export abstract class Handler {
  /** Records below this level are not handed to it. */
  level: number;
  #formatter: Formatter = formatLine;

  /**
   * Takes the level.
   *
   * @throws {TypeError} when it is no number.
   */
  constructor(level: number = NOTSET) {
    checkLevel(level);
    this.level = level;
  }

  /**
   * Sets the lowest level that is handed to it.
   *
   * @throws {TypeError} when it is no number.
   */
  setLevel(level: number): void {
    checkLevel(level);
    this.level = level;
  }

  /** Sets how {@link format} makes a line of a record. */
  setFormatter(formatter: Formatter): void {
    this.#formatter = formatter;
  }

  /** Makes a line of a record, without the line break. */
  format(record: LogRecord): string {
    return this.#formatter(record);
  }

  /**
   * Does with the record what this handler is for. What it throws, and the rejection of the promise it gives, is shown
   * on the console and reaches nobody else: a log that fails must not end a connection. It must not log to a logger it
   * was added to.
   */
  abstract emit(record: LogRecord): void | Promise<void>;
}

/** Something that takes text, such as `process.stderr` or the writer of a stream. */
export interface TextStream {
  /** Takes text; a promise it gives is waited for only to learn of a failure. */
  write(text: string): unknown;
}

/** Writes lines to the console, or to a stream. */
export class StreamHandler extends Handler {
  readonly #stream: TextStream | undefined;

  /**
   * Takes the stream, which gets whole lines with `\n` at their ends. Without one, lines go to the console, by
   * `console.debug`, `info`, `warn` or `error` according to their level.
   */
  constructor(stream?: TextStream) {
    super();
    this.#stream = stream;
  }

  /** Writes the record's line. */
  emit(record: LogRecord): void | Promise<void> {
    const line = this.format(record);
    if (this.#stream !== undefined) {
      const written = this.#stream.write(`${line}\n`);
      if (written instanceof Promise) return written;
    } else if (record.level >= ERROR) {
      console.error(line);
    } else if (record.level >= WARNING) {
      console.warn(line);
    } else if (record.level >= INFO) {
      console.info(line);
    } else {
      console.debug(line);
    }
  }
}

/** Does nothing: a logger that has it, and nothing else, is silent. */
export class NullHandler extends Handler {
  /** Does nothing. */
  emit(_record: LogRecord): void {}
}

/**
 * Loggers: they decide by level, put the arguments in, and hand the record to handlers and LogTape.
 *
 * @module
 */

import { StreamHandler } from "./handlers.ts";
import type { Handler } from "./handlers.ts";
import { checkLevel, CRITICAL, DEBUG, ERROR, getLevelName, INFO, WARNING } from "./levels.ts";
import { compose, display } from "./message.ts";
import type { LogRecord } from "./record.ts";
import { Tape } from "./tape.ts";

/**
 * The logger of that name; the same object every time. Loggers know nothing of each other: neither levels nor
 * handlers are inherited, and a dot in a name means nothing.
 *
 * ```ts
 * import { getLogger, INFO } from "@minimqtt/logger";
 *
 * const logger = getLogger("boiler");
 * logger.setLevel(INFO);
 * logger.info("%s is at %d degrees", "kitchen", 21); // 0.123: INFO - kitchen is at 21 degrees
 * ```
 *
 * @param name For LogTape the category is `["minimqtt", name]`, and `["minimqtt"]` without a name.
 */
export function getLogger(name: string = ""): Logger {
  let logger = LOGGERS.get(name);
  if (logger === undefined) LOGGERS.set(name, logger = new Logger(name));
  return logger;
}

/**
 * Takes messages, made by {@link getLogger}.
 *
 * A message below the logger's level costs a comparison. Others go to each handler whose level they reach, and to
 * LogTape, if it has a sink for them. Where there is no handler and the application has not configured LogTape, they
 * are printed on the console. Nothing that happens on the way is thrown at the caller.
 *
 * In a message `%s`, `%d` and `%r` stand for the arguments, one after the other: as text, as a whole number, and as
 * text in quotes, which is the right one for what comes from others, since it cannot begin a line of its own.
 * A plain object or an error as a last argument without a directive goes along as structured properties.
 *
 * What must not be in a log must not be given to a logger: nothing is filtered here.
 */
export class Logger {
  /** As it was given to {@link getLogger}. */
  readonly name: string;
  readonly #tape: Tape;
  #level: number;
  #handlers: readonly Handler[] = [];

  /**
   * Makes a logger that {@link getLogger} does not know.
   *
   * @throws {TypeError} when the level is no number.
   */
  constructor(name: string, level: number = WARNING) {
    checkLevel(level);
    this.name = name;
    this.#level = level;
    this.#tape = new Tape(name);
  }

  /**
   * Sets the lowest level that is taken.
   *
   * @throws {TypeError} when it is no number.
   */
  setLevel(level: number): void {
    checkLevel(level);
    this.#level = level;
  }

  /** The lowest level that is taken. */
  getEffectiveLevel(): number {
    return this.#level;
  }

  /** Whether a message of this level is taken: ask before working out what only a log needs. */
  isEnabledFor(level: number): boolean {
    return level >= this.#level;
  }

  /** Adds a handler; adding it again changes nothing. From now on nothing is printed on the console by default. */
  addHandler(handler: Handler): void {
    if (!this.#handlers.includes(handler)) this.#handlers = [...this.#handlers, handler];
  }

  /** Removes a handler; one that is not there changes nothing. */
  removeHandler(handler: Handler): void {
    this.#handlers = this.#handlers.filter((other) => other !== handler);
  }

  /** Whether there are handlers. */
  hasHandlers(): boolean {
    return this.#handlers.length > 0;
  }

  /** Takes a message of any level. */
  log(level: number, message: string, ...args: unknown[]): void {
    if (level >= this.#level) this.#take(level, message, args);
  }

  /** Takes a message of level `DEBUG`. */
  debug(message: string, ...args: unknown[]): void {
    if (DEBUG >= this.#level) this.#take(DEBUG, message, args);
  }

  /** Takes a message of level `INFO`. */
  info(message: string, ...args: unknown[]): void {
    if (INFO >= this.#level) this.#take(INFO, message, args);
  }

  /** Takes a message of level `WARNING`. */
  warning(message: string, ...args: unknown[]): void {
    if (WARNING >= this.#level) this.#take(WARNING, message, args);
  }

  /** Takes a message of level `ERROR`. */
  error(message: string, ...args: unknown[]): void {
    if (ERROR >= this.#level) this.#take(ERROR, message, args);
  }

  /** Takes a message of level `CRITICAL`. */
  critical(message: string, ...args: unknown[]): void {
    if (CRITICAL >= this.#level) this.#take(CRITICAL, message, args);
  }

  /** Takes an error, at level `ERROR`: its message, where it came from, and its causes. */
  exception(error: unknown): void {
    if (ERROR < this.#level) return;
    this.#take(ERROR, "%s", error instanceof Error ? [display(error), error] : [error]);
  }

  #take(level: number, template: string, args: readonly unknown[]): void {
    try {
      const taped = this.#tape.takes(level);
      const alone = this.#handlers.length === 0;
      if (alone && !taped && this.#tape.isConfigured) return;
      const message = compose(template, args);
      if (taped) this.#tape.write(level, message);
      if (alone && taped) return;
      const created = performance.now() / 1000;
      const levelName = getLevelName(level);
      const record: LogRecord = { name: this.name, level, levelName, message: message.text, created, args };
      for (const handler of alone ? DEFAULT : this.#handlers) {
        if (level >= handler.level) this.#hand(handler, record);
      }
    } catch (error) {
      this.#failed(error);
    }
  }

  #hand(handler: Handler, record: LogRecord): void {
    try {
      const handed = handler.emit(record);
      if (handed instanceof Promise) handed.catch((error) => this.#failed(error));
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    console.error(`Logger "${this.name}" failed:`, error);
  }
}

const LOGGERS = new Map<string, Logger>();

/** For loggers without handlers. */
const DEFAULT: readonly Handler[] = [new StreamHandler()];

/**
 * What the clients ask of a logger. `@minimqtt/logger` fulfils it; so do pino and the console.
 *
 * @module
 */
import { UsageError } from "@minimqtt/core";

/** The same as in the text, by name, for sinks that keep it so. */
export type LogDetails = Readonly<Record<string, string | number | boolean>>;

/** Five methods, one a level. Neither text nor details ever hold a password or a payload. */
export interface Logger {
  /** What only someone who looks for a fault wants to know. */
  debug(message: string, details?: LogDetails): void;
  /** What happened. */
  info(message: string, details?: LogDetails): void;
  /** What should not have happened, and was coped with. */
  warning(message: string, details?: LogDetails): void;
  /** What failed. */
  error(message: string, details?: LogDetails): void;
  /** What cannot go on. */
  critical(message: string, details?: LogDetails): void;
  /** Whether records of this level go anywhere; what does not is not even put together. Absent: they all do. */
  isEnabledFor?(level: number): boolean;
}

/** A package with the shape of CircuitPython's `adafruit_logging`. */
export interface LoggerPackage {
  /** The logger of this name. */
  getLogger(name: string): Logger & { setLevel(level: number): void };
}

/** A logger by other names: the console's `warn`, pino's `warn` and `fatal`. */
export interface ForeignLogger {
  /** See {@link Logger.debug}. */
  debug(message: string): void;
  /** See {@link Logger.info}. */
  info(message: string): void;
  /** See {@link Logger.warning}. */
  warn(message: string): void;
  /** See {@link Logger.error}. */
  error(message: string): void;
  /** See {@link Logger.critical}. */
  fatal?(message: string): void;
}

/** A logger that does nothing (MM-190). */
export class NullLogger implements Logger {
  /** Does nothing. */
  debug(_message: string): void {}
  /** Does nothing. */
  info(_message: string): void {}
  /** Does nothing. */
  warning(_message: string): void {}
  /** Does nothing. */
  error(_message: string): void {}
  /** Does nothing. */
  critical(_message: string): void {}
}

/**
 * Makes a {@link Logger} of whatever `enableLogger` was given (MM-191).
 *
 * @throws {UsageError} `invalid-argument` when it can be none.
 */
export function toLogger(
  source: LoggerPackage | Logger | ForeignLogger,
  level: number,
  name: string,
): Logger {
  if (typeof level !== "number" || typeof name !== "string") {
    throw new UsageError(
      "invalid-argument",
      "a logger's level is a number (DEBUG is 10, INFO 20), its name a string",
    );
  }
  const has = (...methods: string[]) =>
    methods.every((method) =>
      typeof (source as unknown as Record<string, unknown> | null)?.[method] === "function"
    );
  if (has("getLogger")) {
    const logger = (source as LoggerPackage).getLogger(name);
    logger.setLevel(level);
    return logger;
  }
  if (has("debug", "info", "warning", "error", "critical")) return source as Logger;
  if (!has("debug", "info", "warn", "error")) {
    throw new UsageError(
      "invalid-argument",
      "a logger needs debug, info, warning (or warn), error and critical",
    );
  }
  const foreign = source as ForeignLogger;
  const isEnabledFor = (own: number) => own >= level;
  const by = (name: keyof ForeignLogger, own: number) => (message: string) => {
    if (isEnabledFor(own)) foreign[foreign[name] ? name : "error"]!(message);
  };
  return {
    debug: by("debug", 10),
    info: by("info", 20),
    warning: by("warn", 30),
    error: by("error", 40),
    critical: by("fatal", 50),
    isEnabledFor,
  };
}

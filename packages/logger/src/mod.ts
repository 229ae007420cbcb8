/**
 * A small logger with the words of CircuitPython's `adafruit_logging`, on top of LogTape.
 *
 * ```ts
 * import { DEBUG, getLogger } from "@minimqtt/logger";
 *
 * const logger = getLogger("log");
 * logger.setLevel(DEBUG);
 * logger.debug("connecting to %s:%d", "localhost", 1883); // 0.123: DEBUG - connecting to localhost:1883
 * ```
 *
 * @module
 */

export { Handler, NullHandler, StreamHandler } from "./handlers.ts";
export type { TextStream } from "./handlers.ts";
export { CRITICAL, DEBUG, ERROR, getLevelName, INFO, LEVELS, NOTSET, WARNING } from "./levels.ts";
export { getLogger, Logger } from "./logger.ts";
export { formatLine } from "./record.ts";
export type { Formatter, LogRecord } from "./record.ts";

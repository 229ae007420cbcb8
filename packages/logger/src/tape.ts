/**
 * The way to LogTape, which many TypeScript programs have their logs in already.
 *
 * @module
 */

import { getConfig, getLogger } from "@logtape/logtape";
import type { Logger, LogLevel } from "@logtape/logtape";
import { CRITICAL, DEBUG, ERROR, INFO, WARNING } from "./levels.ts";
import type { Message } from "./message.ts";

/** One logger's way into LogTape. */
export class Tape {
  // Held for good: LogTape itself holds loggers weakly as long as they are not configured.
  readonly #logger: Logger;

  /** Takes the name of our logger. */
  constructor(name: string) {
    this.#logger = getLogger(name === "" ? ["minimqtt"] : ["minimqtt", name]);
  }

  /** Whether LogTape has a sink for records of this level. */
  takes(level: number): boolean {
    return this.#takes(levelOf(level));
  }

  /**
   * Whether the application has configured LogTape, if only to keep our records out. A second copy of LogTape in the
   * program shares the loggers with ours but not the configuration, so the sinks are asked as well.
   */
  get isConfigured(): boolean {
    return getConfig() !== null || this.#takes("fatal");
  }

  /** Hands over a message as a tagged template with its values, and the properties beside it. */
  write(level: number, message: Message): void {
    const strings: TemplateStringsArray = Object.assign(message.strings, { raw: message.strings });
    this.#logger.with(message.properties)[levelOf(level)](strings, ...message.values);
  }

  #takes(level: LogLevel): boolean {
    // LogTape 1, if the application loaded it first, provides the loggers and does not know this method.
    return this.#logger.isEnabledFor?.(level) ?? true;
  }
}

function levelOf(level: number): LogLevel {
  if (level >= CRITICAL) return "fatal";
  if (level >= ERROR) return "error";
  if (level >= WARNING) return "warning";
  if (level >= INFO) return "info";
  return level >= DEBUG ? "debug" : "trace";
}

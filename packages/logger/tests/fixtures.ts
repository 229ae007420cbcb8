/**
 * What the tests share.
 *
 * @module
 */

import { getLogger, Handler, NOTSET } from "../src/mod.ts";
import type { Logger, LogRecord } from "../src/mod.ts";

/** Keeps the records it is given. */
export class Memory extends Handler {
  readonly records: LogRecord[] = [];
  emit(record: LogRecord): void {
    this.records.push(record);
  }
  get texts(): string[] {
    return this.records.map((record) => record.message);
  }
}

let number = 0;
/** A logger that no other test has. */
export function fresh(level: number = NOTSET): Logger {
  const logger = getLogger(`test ${++number}`);
  logger.setLevel(level);
  return logger;
}

/** What goes to the console, as method and text, while `action` runs. */
export function printed(action: () => void): string[][] {
  const lines: string[][] = [];
  const names = ["debug", "info", "warn", "error"] as const;
  const kept = names.map((name) => console[name]);
  for (const name of names) {
    console[name] = (...parts: unknown[]) => void lines.push([name, ...parts.map(String)]);
  }
  try {
    action();
  } finally {
    names.forEach((name, i) => console[name] = kept[i]!);
  }
  return lines;
}

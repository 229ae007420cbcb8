// What tools/test_guard.ts, within a file of tests, tells tools/test_file.ts, which runs it.
import { join } from "node:path";

/** The variable of the environment that names the folder of a run. */
export const RUN = "TEST_RUN";

/** What is told. */
export interface Word {
  /** Whether the last test has ended. */
  readonly ended: boolean;
  /** The test that ran last; empty before the first. */
  readonly test: string;
  /** What is open, in words. */
  readonly open: readonly string[];
}

/** The file of the word. */
export function wordIn(folder: string): string {
  return join(folder, "word.json");
}

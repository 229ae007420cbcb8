/**
 * The titles of the tests that are no cases, with what they say that they show.
 *
 * @module
 */

import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../tools/workspace.ts";
import { mentioned } from "../src/inventory/inventory.ts";

/** A test in a file. */
export interface Title {
  /** Relative to the repository. */
  readonly file: string;
  /** As it stands in the file, without the variable at its end: why it may be skipped. */
  readonly title: string;
  /** Behaviours and statements that it names. */
  readonly mentions: readonly string[];
}

/** All that name something of the inventory. */
export function findTitles(): Title[] {
  return globSync(FILES, { cwd: root, exclude: (name) => String(name).includes("node_modules") }).sort()
    .flatMap((path) => {
      const file = path.replaceAll("\\", "/");
      const titles = readFileSync(join(root, file), "utf8").matchAll(TITLE);
      return [...titles].map(([, , text = ""]): Title => {
        const title = text.replace(/\$\{\w+\}$/, "");
        return { file, title, mentions: mentioned(title) };
      });
    })
    .filter(({ mentions }) => mentions.length > 0);
}

const FILES = [
  "conformance/tests/**/*_test.ts",
  "packages/*/src/**/*_test.ts",
  "packages/*/tests/**/*_test.ts",
  "apps/*/**/*_test.ts",
];

/** What stands between quotes behind `it(`, `test(` or `describe(`. */
const TITLE = /\b(?:it|test|describe)(?:\.\w+)?\(\s*(["'`])((?:\\.|(?!\1)[^\\])*)\1/g;

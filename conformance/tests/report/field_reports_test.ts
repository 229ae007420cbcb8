/** docs/field-reports.md names tests: there must be such. */
import { readFileSync } from "node:fs";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { repository } from "../programs/programs.ts";

const page = readFileSync(repository("docs/field-reports.md"), "utf8");
const rows = page.split("\n").filter((line) => line.startsWith("|") && line.includes("_test.ts"));

describe("docs/field-reports.md", () => {
  it("has rows, each with the test that holds us to it", () => {
    assert(rows.length >= 25, `${rows.length}`);
    const situations = page.split("\n").filter((line) => /^\| (?!Report|-)/.test(line));
    assertEquals(situations.length, rows.length);
  });

  it("names tests that there are", () => {
    for (const row of rows) {
      let count = 0;
      for (const [, file, titles] of row.matchAll(/\]\(\.\.\/([^)]*)\): ((?:"(?:[^"\\]|\\.)*"(?:, )?)+)/g)) {
        const source = readFileSync(repository(file!), "utf8");
        const named = [...titles!.matchAll(/"((?:[^"\\]|\\.)*)"/g)];
        count += named.length;
        for (const [, title] of named) assertStringIncludes(source, title!.replaceAll('\\"', '"'), file);
      }
      assert(count > 0, row);
    }
  });
});

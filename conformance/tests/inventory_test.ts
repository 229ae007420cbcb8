/**
 * Whether everything in the inventory is shown: named by a scenario, or by the title of a test, or listed as a gap with
 * its reason.
 */
import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { behaviours, gaps, mentioned, scenarios, statements } from "../src/mod.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The titles of all tests that are code: the text between the quotes behind `it(`, `test(` and `describe(`. */
function titles(): string[] {
  const files = ["conformance/tests/*_test.ts", "packages/*/{src,tests}/**/*_test.ts", "apps/*/**/*_test.ts"]
    .flatMap((pattern) => globSync(pattern, { cwd: root, exclude: (name) => name.includes("node_modules") }));
  return files.flatMap((file) =>
    [...readFileSync(`${root}/${file}`, "utf8").matchAll(TITLE)].map((match) => match[2]!)
  );
}

const TITLE = /\b(?:it|test|describe)(?:\.\w+)?\(\s*(["'`])((?:\\.|(?!\1)[^\\])*)\1/g;

describe("inventory", () => {
  const all = [...behaviours.filter(({ verdicts }) => verdicts.length > 0), ...statements].map(({ id }) =>
    id
  );
  const known = new Set([...behaviours, ...statements].map(({ id }) => id));
  const named = new Set(
    [...scenarios.map(({ covers }) => covers.join(" ")), ...titles()].flatMap(mentioned),
  );
  const listed = new Set(gaps.map(({ id }) => id));

  it("has every identifier once", () => assertEquals(known.size, behaviours.length + statements.length));

  it("is shown by scenarios and tests, but for the gaps", () => {
    assertEquals(all.filter((id) => !named.has(id) && !listed.has(id)), []);
  });

  it("has gaps that are in it, each with a reason, and shown by no test", () => {
    assertEquals(gaps.filter(({ id, reason }) => !all.includes(id) || reason === ""), []);
    assertEquals(gaps.filter(({ id }) => named.has(id)), []);
  });

  it("has everything that scenarios and tests name", () => {
    assertEquals([...named].filter((id) => !id.startsWith("v5") && !known.has(id)), []);
  });

  it("has scenarios whose identifiers are unique, and whose covers are identifiers", () => {
    const ids = scenarios.map(({ id }) => id);
    assertEquals(ids.filter((id, i) => ids.indexOf(id) !== i), []);
    const covers = scenarios.flatMap(({ covers }) => covers);
    assertEquals(covers.filter((id) => !known.has(id)), []);
  });
});

/**
 * Whether everything in the inventory is shown: named by a scenario, or by the title of a test, or listed as a gap with
 * its reason.
 */
import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { findTitles } from "../../matrix/titles.ts";
import { behaviours, gaps, mentioned, scenarios, statements } from "../../src/mod.ts";

describe("inventory", () => {
  const all = [...behaviours.filter(({ verdicts }) => verdicts.length > 0), ...statements].map(({ id }) =>
    id
  );
  const known = new Set([...behaviours, ...statements].map(({ id }) => id));
  const named = new Set(
    [...scenarios.map(({ covers }) => covers.join(" ")), ...findTitles().map(({ title }) => title)].flatMap(
      mentioned,
    ),
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

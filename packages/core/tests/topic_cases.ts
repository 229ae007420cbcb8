/**
 * Cases that the tests of `topic.ts` and `matcher.ts` share.
 *
 * @module
 */

import fc from "fast-check";

/** Filter, topic, and whether they match: table 2.I.1 of the behaviour inventory, then cases of our own. */
export const TABLE: readonly (readonly [filter: string, topic: string, expected: boolean])[] = [
  ["a/b", "a/b", true],
  ["a/b", "a/b/", false],
  ["a/b", "A/b", false],
  ["a/+", "a/b", true],
  ["a/+", "a", false],
  ["a/+", "a/", true],
  ["a/+", "a/b/c", false],
  ["+", "a", true],
  ["+", "/a", false],
  ["+/+", "/a", true],
  ["/+", "/a", true],
  ["+/a", "/a", true],
  ["#", "a", true],
  ["#", "/", true],
  ["#", "$SYS/x", false],
  ["+/x", "$SYS/x", false],
  ["$SYS/#", "$SYS/x", true],
  ["$SYS/+", "$SYS/x", true],
  ["a/#", "a", true],
  ["a/#", "a/b/c", true],
  ["a/#", "ab", false],
  ["a/+/#", "a", false],
  ["a/+/#", "a/b", true],
  ["+/$x", "a/$x", true],

  ["/", "/", true],
  ["/", "//", false],
  ["//", "/", false],
  ["a", "ab", false],
  ["ab", "a", false],
  ["ab/c", "a/c", false],
  ["a/c", "ab/c", false],
  ["/#", "/", true],
  ["/#", "a", false],
  ["/#", "/a", true],
  ["+/#", "a", true],
  ["+/+/#", "a", false],
  ["+/+", "a", false],
  ["a//+", "a//b", true],
  ["a/+/b", "a//b", true],
  ["$SYS", "$SYS", true],
  ["$SYS/#", "$SYS", true],
  ["+", "$SYS", false],
  ["+/+", "$SYS/x", false],
  ["+/#", "$SYS/x", false],
  ["a/#", "a/$x", true],
  ["é/+", "é/😀", true],
  ["$share/g/a/b", "a/b", true],
  ["$share/g/a/b", "$share/g/a/b", false],
  ["$share/g/a/b", "g/a/b", false],
  ["$share/g/+", "a", true],
  ["$share/g/#", "a/b", true],
  ["$share/g/#", "$SYS/x", false],
  ["$share/g/$SYS/#", "$SYS/x", true],
  ["$share/g//a", "/a", true],
  ["$queue/a/+", "a/b", true],
  ["$queue/#", "$SYS/x", false],
];

const WORD = fc.constantFrom("a", "b", "", "$x");

/** Levels of which every second one or so is a wildcard, after nothing or the prefix of a shared subscription. */
export const FILTER: fc.Arbitrary<string> = fc.tuple(
  fc.constantFrom("", "", "", "$share/g/", "$share/h/", "$queue/"),
  fc.array(fc.oneof(WORD, fc.constant("+")), { maxLength: 4 }),
  fc.boolean(),
).map(([prefix, levels, open]) => prefix + [...levels, ...(open ? ["#"] : [])].join("/"))
  .filter((filter) => filter !== "" && !filter.endsWith("$queue/") && !/^\$share\/.\/$/.test(filter));

/** Names from the same levels. */
export const TOPIC: fc.Arbitrary<string> = fc.array(WORD, { minLength: 1, maxLength: 5 })
  .map((levels) => levels.join("/"))
  .filter((topic) => topic !== "");

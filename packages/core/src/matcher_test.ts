import { assert, assertEquals, assertFalse, assertLess, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import { FILTER, TABLE, TOPIC } from "../tests/topic_cases.ts";
import { UsageError } from "./errors.ts";
import { MQTTMatcher } from "./matcher.ts";
import { matches } from "./topic.ts";

/** A matcher whose values are its filters. */
function of(...filters: string[]): MQTTMatcher<string> {
  const matcher = new MQTTMatcher<string>();
  for (const filter of filters) matcher.set(filter, filter);
  return matcher;
}

/** All texts of `length` levels from `alphabet`. */
function product(alphabet: readonly string[], length: number): string[] {
  let texts = [...alphabet];
  for (let i = 1; i < length; i++) {
    texts = texts.flatMap((text) => alphabet.map((level) => `${text}/${level}`));
  }
  return texts;
}

describe("MQTTMatcher: set, get, has, delete, size", () => {
  it("set registers, replaces and is told apart from has and get by exact filters", () => {
    const matcher = new MQTTMatcher<number>();
    for (const filter of ["a/b", "a/+", "#"]) {
      assertFalse(matcher.has(filter));
      matcher.set(filter, 1);
      matcher.set(filter, 2);
      assertEquals(matcher.get(filter), 2);
      assert(matcher.has(filter));
    }
    assertEquals(matcher.size, 3);
    for (const other of ["a", "a/b/c", "+", "a/#", "+/b", "", "a/+/c", "a/#/b", "$share/g/a/b"]) {
      assertFalse(matcher.has(other), other);
      assertEquals(matcher.get(other), undefined);
    }
  });

  it("has knows a value that is undefined", () => {
    const matcher = new MQTTMatcher<undefined>();
    matcher.set("a/+", undefined);
    assert(matcher.has("a/+"));
    assertEquals([...matcher.iterMatch("a/b")], [undefined]);
  });

  it("set refuses invalid filters and registers nothing (MM-144)", () => {
    const matcher = new MQTTMatcher<number>();
    for (const filter of ["", "a/#/b", "a+", "#x", "a\0", "$share/g/", "$share//a"]) {
      assertEquals(assertThrows(() => matcher.set(filter, 1), UsageError).code, "invalid-filter");
    }
    assertEquals(matcher.size, 0);
  });

  it("delete removes what is registered, and nothing else (MM-143)", () => {
    const matcher = of("a/b", "x/+/y", "x/#");
    for (const other of ["a", "a/b/c", "x", "x/+", "x/+/y/z", "+", "#", "", "x/#/y", "$share/g/x/#"]) {
      assertFalse(matcher.delete(other), other);
    }
    assertEquals(matcher.size, 3);
    assert(matcher.delete("x/+/y"));
    assertFalse(matcher.delete("x/+/y"));
    assertEquals([...matcher.iterMatch("x/1/y")], ["x/#"]);
    assert(matcher.delete("x/#"));
    assert(matcher.delete("a/b"));
    assertEquals(matcher.size, 0);
    assertEquals([...matcher.iterMatch("a/b"), ...matcher.iterMatch("x/1/y")], []);
  });

  it("delete keeps the way to longer and shorter filters", () => {
    const matcher = of("+/a", "+/a/b", "+/a/b/c", "+/a/#");
    matcher.delete("+/a/b");
    assertEquals([...matcher.iterMatch("x/a/b/c")], ["+/a/b/c", "+/a/#"]);
    matcher.delete("+/a/b/c");
    assertEquals([...matcher.iterMatch("x/a")], ["+/a", "+/a/#"]);
    matcher.delete("+/a");
    assertEquals([...matcher.iterMatch("x/a/b/c")], ["+/a/#"]);
  });
});

describe("MQTTMatcher: what matches", () => {
  for (const [filter, topic, expected] of TABLE) {
    it(`says ${expected ? "yes" : "no"} to ${filter} for ${topic}`, () => {
      assertEquals([...of(filter).iterMatch(topic)], expected ? [filter] : []);
    });
  }

  it("has the order of MM-139", () => {
    const order = ["a/b", "a/b/#", "a/+", "a/#", "+/b", "#"];
    assertEquals([...of("#", "+/b", "a/+", "a/b", "a/#", "a/b/#").iterMatch("a/b")], order);
    assertEquals([...of(...order).iterMatch("a/b")], order);
  });

  it("matches filters that differ only in their share, in the order they were set (MM-146)", () => {
    for (const filter of ["a/b", "a/+", "#"]) {
      const registered = [`$share/g/${filter}`, filter, `$queue/${filter}`, `$share/h/${filter}`];
      const matcher = of(...registered);
      assertEquals(matcher.size, 4);
      matcher.set(filter, filter);
      assertEquals([...matcher.iterMatch("a/b")], registered);
      assert(matcher.delete(`$share/g/${filter}`));
      assertFalse(matcher.has(`$share/g/${filter}`));
      assertEquals([...matcher.iterMatch("a/b")], registered.slice(1));
      assert(matcher.delete(`$queue/${filter}`));
      assert(matcher.delete(filter));
      assertEquals([...matcher.iterMatch("a/b")], [`$share/h/${filter}`]);
      assert(matcher.delete(`$share/h/${filter}`));
      assertEquals([...matcher.iterMatch("a/b")], []);
    }
  });

  it("iterMatch is fixed when it is called (MM-147)", () => {
    const matcher = of("a", "+", "#");
    const found: string[] = [];
    for (const value of matcher.iterMatch("a")) {
      found.push(value);
      matcher.delete("+");
      matcher.set("$queue/a", "late");
    }
    assertEquals(found, ["a", "+", "#"]);
    assertEquals([...matcher.iterMatch("a")], ["a", "late", "#"]);
  });

  it("match appends and gives its array back", () => {
    const into = ["before"];
    assertEquals(of("a", "#").match("a", into), into);
    assertEquals(into, ["before", "a", "#"]);
  });

  it("match does its work after one that failed half way", () => {
    const matcher = of("a/+", "a/#", "#");
    assertThrows(() => matcher.match("a/b", Object.freeze<string[]>([]) as string[]), TypeError);
    assertEquals(matcher.match("a/b", []), ["a/+", "a/#", "#"]);
  });

  it("agrees with matches on every filter and topic", () => {
    fc.assert(fc.property(fc.uniqueArray(FILTER, { maxLength: 40 }), TOPIC, (filters, topic) => {
      const found = [...of(...filters).iterMatch(topic)];
      assertEquals(found.toSorted(), filters.filter((filter) => matches(filter, topic)).toSorted());
    }));
  });

  it("gives the same order whatever the order of registration", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(FILTER.filter((filter) => !/^\$(sh|q)/.test(filter))),
        TOPIC,
        (filters, topic) => {
          assertEquals([...of(...filters).iterMatch(topic)], [
            ...of(...filters.toReversed()).iterMatch(topic),
          ]);
        },
      ),
    );
  });

  it("behaves like a map of filters under any sequence of set and delete", () => {
    const step = fc.tuple(fc.boolean(), FILTER);
    fc.assert(fc.property(fc.array(step, { maxLength: 60 }), TOPIC, (steps, topic) => {
      const matcher = new MQTTMatcher<number>();
      const model = new Map<string, number>();
      steps.forEach(([add, filter], i) => {
        if (add) {
          matcher.set(filter, i);
          model.set(filter, i);
        } else {
          assertEquals(matcher.delete(filter), model.delete(filter));
        }
      });
      assertEquals(matcher.size, model.size);
      for (const [, filter] of steps) assertEquals(matcher.get(filter), model.get(filter));
      const expected = [...model].filter(([filter]) => matches(filter, topic)).map(([, value]) => value);
      assertEquals([...matcher.iterMatch(topic)].toSorted(), expected.toSorted());
    }));
  });
});

describe("MQTTMatcher: size and depth", () => {
  it("finds all 4096 filters of 12 levels of a and +, each once", () => {
    const filters = product(["a", "+"], 12);
    const found = [...of(...filters).iterMatch("a/a/a/a/a/a/a/a/a/a/a/a")];
    assertEquals(found, filters);
  });

  it("visits a dead end once per node, however long the topic", () => {
    const matcher = of(...product(["a", "+"], 12).map((filter) => `${filter}/end`));
    const started = performance.now();
    assertEquals([...matcher.iterMatch("a/".repeat(32767) + "end")], []);
    assertEquals([...matcher.iterMatch("a/".repeat(12) + "x".repeat(60_000))], []);
    assertLess(performance.now() - started, 1000);
  });

  it("takes filters and topics of 65535 levels", () => {
    const slashes = "/".repeat(65534);
    const pluses = "+/".repeat(32767) + "+";
    const open = "+/".repeat(32767) + "#";
    const late = "/".repeat(65533) + "+";
    const matcher = of(slashes, pluses, open, late);
    assertEquals([...matcher.iterMatch(slashes)], [slashes, open]);
    assertEquals([...matcher.iterMatch("a/".repeat(32767) + "a")], [pluses, open]);
    assertEquals([...matcher.iterMatch("/".repeat(65533) + "a")], [late, open]);
    for (const filter of [slashes, pluses, open, late]) assert(matcher.delete(filter));
    assertEquals(matcher.size, 0);
    assertEquals([...matcher.iterMatch(slashes)], []);
  });

  it("holds 100,000 exact and 100,000 wildcard filters", () => {
    const matcher = new MQTTMatcher<number>();
    for (let i = 0; i < 100_000; i++) {
      matcher.set(`device/${i}/state`, i);
      matcher.set(`device/${i}/+`, -i);
    }
    assertEquals(matcher.size, 200_000);
    assertEquals([...matcher.iterMatch("device/77777/state")], [77777, -77777]);
    assertEquals([...matcher.iterMatch("device/77777/other")], [-77777]);
    assertEquals([...matcher.iterMatch("device/100000/state")], []);
  });

  it("takes 50,000 groups of one name, and lets them go, in time in proportion to their number (MM-146)", () => {
    const matcher = new MQTTMatcher<number>();
    const started = performance.now();
    for (let i = 0; i < 50_000; i++) matcher.set(`$share/${i}/a/b`, i);
    assertEquals(matcher.match("a/b", []).length, 50_000);
    for (let i = 0; i < 50_000; i += 2) assert(matcher.delete(`$share/${i}/a/b`));
    assertEquals(matcher.match("a/b", []).slice(0, 2), [1, 3]);
    assertLess(performance.now() - started, 2000);
  });
});

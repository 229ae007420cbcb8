import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { count, readReport, type Runtime, runtimes } from "./junit.ts";

// What the runtimes wrote for one and the same file, cut down to what counts:
//
//   describe("outer", () => {
//     it("a", passes);
//     describe('in "ner" <&', () => {
//       it("b", passes);
//       it("c", { skip: "no broker" }, passes);
//     });
//   });
//   it("two\nlines", fails);
const reports: Record<Runtime, string> = {
  deno: `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="6" failures="1" errors="0" time="0.2">
  <testsuite name="./src/nested_test.ts" tests="2" disabled="0" errors="0" failures="1">
    <testcase name="outer" classname="./src/nested_test.ts" time="0.009" line="3" col="1"></testcase>
    <testcase name="two\\nlines" classname="./src/nested_test.ts" time="0.000" line="18" col="1">
      <failure message="Uncaught Error: b">Error: b</failure>
    </testcase>
  </testsuite>
  <testsuite name="ext:deno_node/testing.ts" tests="4" disabled="1" errors="0" failures="0">
    <testcase name="outer &gt; a" classname="ext:deno_node/testing.ts" time="0.001"></testcase>
    <testcase name="outer &gt; in &quot;ner&quot; &lt;&amp;" time="0.003"></testcase>
    <testcase name="outer &gt; in &quot;ner&quot; &lt;&amp; &gt; b" time="0.000"></testcase>
    <testcase name="outer &gt; in &quot;ner&quot; &lt;&amp; &gt; c" time="0.000"><skipped/></testcase>
  </testsuite>
</testsuites>`,
  bun: `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="bun test" tests="4" assertions="0" failures="1" skipped="1" time="0.04">
  <testsuite name="src/nested_test.ts" file="src/nested_test.ts" tests="4" failures="1" skipped="1">
    <testsuite name="outer" file="src/nested_test.ts" line="3" tests="3" failures="0" skipped="1">
      <testcase name="a" classname="outer" time="0.001" file="src/nested_test.ts" line="4" assertions="0" />
      <testsuite name="in &quot;ner&quot; &lt;&amp;" file="src/nested_test.ts" line="5" tests="2">
        <testcase name="b" classname="in &quot;ner&quot; &lt;&amp; &gt; outer" file="src/nested_test.ts" />
        <testcase name="c" classname="in &quot;ner&quot; &lt;&amp; &gt; outer" file="src/nested_test.ts">
          <skipped />
        </testcase>
      </testsuite>
    </testsuite>
    <testcase name="two&#10;lines" classname="" time="0.000022" file="src/nested_test.ts" line="18">
      <failure type="Error" message="b">Error: b</failure>
    </testcase>
  </testsuite>
</testsuites>`,
  node: `{"path":["outer","a"],"outcome":"passed"}
{"path":["outer","in \\"ner\\" <&","b"],"outcome":"passed"}
{"path":["outer","in \\"ner\\" <&","c"],"outcome":"skipped","reason":"no broker"}
{"path":["two\\nlines"],"outcome":"failed"}
`,
};

describe("readReport", () => {
  for (const runtime of runtimes) {
    it(`gives the leaves of nested suites, from ${runtime}`, () => {
      const tests = readReport(reports[runtime], runtime);
      assertEquals(tests.map(({ name, outcome }) => `${outcome}: ${name}`).sort(), [
        "failed: two\nlines",
        "passed: outer > a",
        'passed: outer > in "ner" <& > b',
        'skipped: outer > in "ner" <& > c',
      ]);
      assertEquals(count(tests), { passed: 2, failed: 1, skipped: 1 });
    });
  }

  it("gives the reason of a skipped test where the runtime tells it", () => {
    const skipped = readReport(reports.node, "node").find((test) => test.outcome === "skipped");
    assertEquals(skipped?.reason, "no broker");
  });

  it("counts a suite of Deno's that failed in a hook, and not one that failed through its tests", () => {
    const tests = readReport(
      `<testsuites>
        <testsuite name="./a_test.ts">
          <testcase name="hook"><failure message="b"/></testcase>
          <testcase name="tests"><failure message="1 test step failed"/></testcase>
        </testsuite>
        <testsuite name="ext:deno_node/testing.ts">
          <testcase name="hook &gt; x"></testcase>
          <testcase name="tests &gt; y"><failure message="c"/></testcase>
        </testsuite>
      </testsuites>`,
      "deno",
    );
    assertEquals(tests.map((test) => `${test.outcome}: ${test.name}`), [
      "failed: hook",
      "passed: hook > x",
      "failed: tests > y",
    ]);
  });
});

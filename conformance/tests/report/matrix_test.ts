import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { existsSync } from "node:fs";
import { jobs } from "../../matrix/jobs.ts";
import { type Entry, merge, plainId, provenGaps } from "../../matrix/report.ts";
import { findTitles } from "../../matrix/titles.ts";
import type { Report, Result } from "../../src/runner/run.ts";
import { repository } from "../programs/programs.ts";

const result = (id: string, outcome: Result["outcome"], depth: Result["depth"] = "engine"): Result => ({
  id,
  area: "01 connect",
  name: "a name",
  covers: ["MM-001"],
  depth,
  outcome,
  milliseconds: 1.5,
});

const report: Report = {
  runtime: "node",
  version: "24",
  milliseconds: 1,
  suites: [
    { transport: "engine", results: [result("engine:one", "passed"), result("engine:two", "failed")] },
    {
      transport: "tcp",
      results: [result("tcp:one", "skipped", "transport"), result("tcp:two", "passed", "transport")],
    },
  ],
};

describe("the matrix", () => {
  it("merge() knows a case again on another runtime, and keeps depths apart", () => {
    const { cases, runs } = merge([report, { ...report, runtime: "bun" }], [], 1);
    assertEquals(cases.map(({ id, depth }) => `${id} ${depth}`), [
      "one engine",
      "two engine",
      "one transport",
      "two transport",
    ]);
    assertEquals(
      runs.map(({ runtime, transport, results }) => [runtime, transport, results.map((one) => one.case)]),
      [
        ["node", "engine", [0, 1]],
        ["node", "tcp", [2, 3]],
        ["bun", "engine", [0, 1]],
        ["bun", "tcp", [2, 3]],
      ],
    );
  });

  it("provenGaps() names a gap that a case has shown, and only that", () => {
    const merged = merge([report], [], 1);
    const gap: Entry = { id: "MM-001", kind: "behaviour", summary: "", gap: "nobody knows how", tests: [] };
    assertEquals(provenGaps({ ...merged, inventory: [gap, { ...gap, id: "MM-002" }] }), ["MM-001"]);
    const failed = merge(
      [{ ...report, suites: [{ transport: "engine", results: [result("engine:two", "failed")] }] }],
      [],
      1,
    );
    assertEquals(provenGaps({ ...failed, inventory: [gap] }), []);
  });

  it("plainId() takes off what ran the case, and nothing else", () => {
    assertEquals(["engine:a", "memory transport:a-b", "transport/8.3"].map(plainId), [
      "a",
      "a-b",
      "transport/8.3",
    ]);
  });

  it("jobs() has every runtime, and modules that exist", () => {
    const all = jobs();
    assertEquals([...new Set(all.map(({ runtime }) => runtime))], ["deno", "bun", "node", "chromium"]);
    for (const { command } of all) {
      for (const file of command.filter((part) => part.endsWith(".ts"))) {
        assert(existsSync(repository(file)), file);
      }
    }
  });

  it("findTitles() finds tests with what they name", () => {
    const mine = findTitles().find(({ file }) => file === "conformance/tests/browser/browser_test.ts");
    assertEquals(mine?.mentions, ["MM-206"]);
  });
});

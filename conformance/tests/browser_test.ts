import { assertEquals, assertGreater } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { has } from "../../tools/system.ts";
import { runtime } from "./programs.ts";

const reason = runtime !== "node"
  ? " (skipped: Chromium is driven from Node)"
  : has("chromium")
  ? ""
  : " (skipped: chromium is not installed: apt-get install chromium)";
const test = reason === "" ? it : it.skip;

describe("in Chromium", () => {
  test(`all suites pass in Chromium, over ws to the peers of another program (MM-206)${reason}`, async () => {
    const { runInChromium } = await import("../browser/run_in_chromium.ts");
    const report = await runInChromium();
    assertEquals(report.runtime, "chromium");
    assertEquals(report.suites.map(({ transport }) => transport), ["engine", "memory", "ws"]);
    for (const { transport, results } of report.suites) {
      const failed = results.filter(({ outcome }) => outcome === "failed");
      assertEquals(failed.map(({ id, failure }) => `${id}: ${failure?.message}`), []);
      assertGreater(results.filter(({ outcome }) => outcome === "passed").length, 0, transport);
    }
  });

  test(`a case that fails in Chromium is reported with what was expected and what came${reason}`, async () => {
    const { runInChromium } = await import("../browser/run_in_chromium.ts");
    const report = await runInChromium({ only: ["transport/9.1"], timeout: 1 });
    const [result] = report.suites.flatMap(({ results }) => results);
    assertEquals([result?.id, result?.outcome], ["transport/9.1", "failed"]);
    assertEquals(result?.failure?.message, "rule 9: the case did not end within 1 ms");
  });
});

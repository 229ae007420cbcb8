/** The page of `npm run conformance`, in a real browser: what it shows is what the report says. */
import { assertEquals, assertLessOrEqual, assertMatch, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { has } from "../../../tools/system.ts";
import { merge } from "../../matrix/report.ts";
import { findTitles } from "../../matrix/titles.ts";
import { engineCases, scenarios } from "../../src/mod.ts";
import { memoryFixture } from "../../src/fixtures/memory.ts";
import { countOutcomes, type Report, type Result, runCase, thisRuntime } from "../../src/runner/run.ts";
import { transportCases } from "../../src/transport/suite.ts";
import { runtime } from "../programs/programs.ts";

const reason = runtime !== "node"
  ? " (skipped: Chromium is driven from Node)"
  : has("chromium")
  ? ""
  : " (skipped: chromium is not installed: apt-get install chromium)";
const test = reason === "" ? it : it.skip;

/** A report with everything in it that can be: scenarios, one of them changed so that it fails, and skipped cases. */
async function makeReport(): Promise<Report> {
  const area = scenarios.filter((scenario) => scenario.area === "01 connect");
  const [first] = area;
  const broken = {
    ...first!,
    id: "broken",
    name: "this <b>fails</b>",
    steps: first!.steps.map((step) => step.step === "expect" ? { ...step, bytes: "1000" } : step),
  };
  const fixture = { ...memoryFixture(), lacks: { reset: "not today" } };
  const results: Record<string, Result[]> = { engine: [], memory: [] };
  for (const one of engineCases([...area, broken])) results.engine!.push(await runCase(one, 5000));
  for (const one of transportCases(fixture).slice(0, 20)) results.memory!.push(await runCase(one, 5000));
  return {
    ...thisRuntime(),
    milliseconds: 1,
    suites: Object.entries(results).map(([transport, results]) => ({ transport, results })),
  };
}

describe("the report's page", () => {
  test(`it shows in Chromium what the report says, down to the bytes that came${reason}`, async () => {
    const { startChromium } = await import("../../browser/chromium.ts");
    const { page: html } = await import("../../matrix/page.ts");
    const report = await makeReport();
    const merged = merge([report], findTitles(), 1);
    const counts = countOutcomes(report.suites.flatMap(({ results }) => results));
    assertEquals([counts.failed, counts.skipped > 0], [1, true]);
    const folder = mkdtempSync(join(tmpdir(), "report-"));
    const file = join(folder, "index.html");
    writeFileSync(file, await html(merged));
    try {
      await using browser = await startChromium();
      const { page, complaints } = browser;
      await page.goto(pathToFileURL(file).href);
      const text = (selector: string) => page.locator(selector).first().innerText();
      /** Waits: the page follows a click a moment later. */
      const headed = (text: string | RegExp) => page.locator("aside h2", { hasText: text }).waitFor();

      const figures = await page.locator(".figure b").allInnerTexts();
      assertEquals(figures.slice(0, 3).map(Number), [counts.passed, counts.failed, counts.skipped]);
      assertEquals(await text(".verdict"), `1 of ${counts.passed + 1 + counts.skipped} cases failed.`);
      assertEquals(await text("aside h2"), "What failed");

      const cell = page.locator("a.cell[href='#in%2Fnode%2Fengine%2F01%20connect']");
      assertEquals(await cell.innerText(), "1");
      await cell.click();
      await page.locator("aside .sum").waitFor();
      const { results } = report.suites[0]!;
      assertEquals(await page.locator("aside .cases > li").count(), results.length);
      assertEquals(await text("aside .sum"), `${results.length - 1} passed, 1 failed, 0 skipped`);

      await page.locator("aside a.case").first().click();
      await headed("this <b>fails</b>");
      assertEquals(await text("aside h2"), "this <b>fails</b>");
      const failure = results.find(({ outcome }) => outcome === "failed")!.failure!;
      const bytes = await page.locator("aside .failure dd").allInnerTexts();
      assertEquals(bytes.map((one) => one.replaceAll(/\s/g, "")), [failure.expected, failure.got]);
      assertEquals(await page.locator(".script > li.failed").count(), 1);
      assertEquals(
        await page.locator(".script > li").count(),
        merged.cases.find(({ id }) => id === "broken")!.script!.length,
      );

      await page.locator("aside .covers a").first().click();
      await headed(/^(MM-\d{3}|v3 .*)$/);
      assertMatch(await text("aside h2"), /^(MM-\d{3}|v3 .*)$/);
      assertEquals(await page.locator(".square.current").count(), 1);
      assertStringIncludes(await text("aside"), "CASES");
      await page.keyboard.press("Escape");
      await headed("What failed");
      assertEquals(await text("aside h2"), "What failed");

      for (const kind of ["behaviour", "statement", "rule"] as const) {
        const entries = merged.inventory.filter((entry) => entry.kind === kind);
        assertEquals(await page.locator(`.squares.${kind} > a`).count(), entries.length, kind);
      }
      assertEquals(complaints, []);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test(`it has room for all runtimes and transports at 1200 pixels, with nothing to scroll${reason}`, async () => {
    const { startChromium } = await import("../../browser/chromium.ts");
    const { page: html } = await import("../../matrix/page.ts");
    const [suite] = (await makeReport()).suites;
    const transports = ["engine", "memory", "tcp", "tls", "ws", "esp32spi", "unix"];
    const reports = [["deno", 7], ["bun", 7], ["node", 7], ["chromium", 3]] as const;
    const merged = merge(
      reports.map(([runtime, count]) => ({
        ...thisRuntime(),
        runtime,
        milliseconds: 1,
        suites: transports.slice(0, count).map((transport) => ({ transport, results: suite!.results })),
      })),
      [],
      1,
    );
    const folder = mkdtempSync(join(tmpdir(), "report-"));
    const file = join(folder, "index.html");
    writeFileSync(file, await html(merged));
    try {
      await using browser = await startChromium();
      await browser.page.setViewportSize({ width: 1200, height: 800 });
      await browser.page.goto(pathToFileURL(file).href);
      const grid = browser.page.locator(".grid");
      assertEquals(await grid.locator("th.runtime").count(), reports.length);
      const [content, room] = await grid.evaluate((it) => [it.scrollWidth, it.clientWidth]);
      assertLessOrEqual(content!, room!);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

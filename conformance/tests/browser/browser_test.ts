// Test limit: 8 minutes
import { assertEquals, assertGreater } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { Locator, Page } from "playwright-core";
import { has } from "../../../tools/system.ts";
import { mosquittoMissing, startMosquitto } from "../../src/peers/brokers.ts";
import { runtime } from "../programs/programs.ts";

// All in this file, which runs one test after the other: there is room for one Chromium at a time.
const reason = runtime !== "node"
  ? " (skipped: Chromium is driven from Node)"
  : has("chromium")
  ? ""
  : " (skipped: chromium is not installed: apt-get install chromium)";
const test = reason === "" ? it : it.skip;

describe("in Chromium", () => {
  test(`all suites pass in Chromium, over ws to the peers of another program (MM-206)${reason}`, async () => {
    const { runInChromium } = await import("../../browser/run_in_chromium.ts");
    // A thousand WebSockets, one after the other, take their time where other suites run beside.
    const report = await runInChromium({ timeout: 300_000 });
    assertEquals(report.runtime, "chromium");
    assertEquals(report.suites.map(({ transport }) => transport), ["engine", "memory", "ws"]);
    for (const { transport, results } of report.suites) {
      const failed = results.filter(({ outcome }) => outcome === "failed");
      assertEquals(failed.map(({ id, failure }) => `${id}: ${failure?.message}`), []);
      assertGreater(results.filter(({ outcome }) => outcome === "passed").length, 0, transport);
    }
  });

  test(`a case that fails in Chromium is reported with what was expected and what came${reason}`, async () => {
    const { runInChromium } = await import("../../browser/run_in_chromium.ts");
    const report = await runInChromium({ only: ["transport/8.11"], timeout: 1 });
    const [result] = report.suites.find(({ transport }) => transport === "ws")?.results ?? [];
    assertEquals([result?.id, result?.outcome], ["transport/8.11", "failed"]);
    assertEquals(result?.failure?.message, "the case did not end within 1 ms");
  });

  const lacking = reason === "" && mosquittoMissing() !== null ? ` (skipped: ${mosquittoMissing()})` : reason;
  (lacking === "" ? it : it.skip)(
    `the example's page connects, subscribes, publishes, receives, and tells when the broker goes away and comes back${lacking}`,
    async () => {
      const { startChromium } = await import("../../browser/chromium.ts");
      const { serveExample } = await import("../../browser/example.ts");
      await using broker = await startMosquitto({ websocket: true });
      await using server = await serveExample();
      await using browser = await startChromium();
      const { page } = browser;
      await page.goto(`${server.url}?broker=ws://127.0.0.1:${broker.websocketPort}`);
      const status = page.getByRole("status");
      assertEquals(await status.textContent(), "not connected");
      assertEquals(await page.getByRole("button", { name: "Publish" }).isDisabled(), true);

      await press(page, "Connect");
      await shows(status, "connected to 127.0.0.1");
      await page.getByLabel("Topic filter").fill("page/#");
      await press(page, "Subscribe");
      await shows(page.getByRole("list", { name: "Subscriptions" }), "page/#");
      await page.getByLabel("Topic", { exact: true }).fill("page/one");
      await page.getByRole("textbox", { name: "Message" }).fill("grüße <b>");
      await press(page, "Publish");
      const messages = page.getByRole("list", { name: "Messages" });
      await shows(messages, "page/one");
      await shows(messages, "grüße <b>");
      await shows(messages, "QoS 1");

      await page.getByLabel("Topic filter").fill("#/wrong");
      await press(page, "Subscribe");
      await shows(page.getByRole("alert"), "#/wrong");

      await broker.kill();
      await shows(status, "connection lost");
      await broker.restart();
      await shows(status, "connected to 127.0.0.1");
      await page.getByRole("textbox", { name: "Message" }).fill("again");
      await press(page, "Publish");
      await shows(messages, "again");

      await press(page, "Disconnect");
      await shows(status, "closed");
      await broker.stop();
      await press(page, "Connect");
      await shows(page.getByRole("alert"), `cannot connect to 127.0.0.1:${broker.websocketPort}`);
      await shows(status, "not connected");
    },
  );

  (lacking === "" ? it : it.skip)(
    `workerClock() holds a keep alive in a hidden tab, which the page's own timers do not${lacking}`,
    { timeout: 240_000 },
    async () => {
      const { openTab } = await import("../../browser/hidden_tab.ts");
      await using broker = await startMosquitto({ websocket: true });
      await using tab = await openTab();
      const url = JSON.stringify(`ws://127.0.0.1:${broker.websocketPort}`);
      for (const timers of ["page", "worker"]) await tab.evaluate(`startClient(${url}, 5000, "${timers}")`);
      await tab.hide();
      // The broker throws the first one out, within a minute: as long as it has not, nothing was throttled.
      while (await tab.evaluate("losses.page") === 0) {
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
      assertEquals(await tab.evaluate("losses.worker"), 0);
      assertEquals(await tab.evaluate("document.visibilityState"), "hidden");
    },
  );
});

function press(page: Page, name: string): Promise<void> {
  return page.getByRole("button", { name, exact: true }).click();
}

/** Waits until an element has this text in it. */
function shows(element: Locator, text: string): Promise<void> {
  return element.filter({ hasText: text }).waitFor({ timeout: 20_000 });
}

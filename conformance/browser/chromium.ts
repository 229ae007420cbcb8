/**
 * Debian's Chromium, without a window, with a profile of its own that is gone afterwards.
 *
 * @module
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import type { Page } from "playwright-core";
import { find } from "../../tools/system.ts";
import { atExit } from "../src/peers/at_exit.ts";

/** A browser with one page. */
export interface Browser extends AsyncDisposable {
  readonly page: Page;
  /** What the page has complained of in its console, and errors that nobody caught. */
  readonly complaints: readonly string[];
}

/**
 * Starts it.
 *
 * @throws {Error} when there is no Chromium.
 */
export async function startChromium(): Promise<Browser> {
  const executablePath = find("chromium");
  if (executablePath === null) throw new Error("chromium is not installed: apt-get install chromium");
  const profile = mkdtempSync(join(tmpdir(), "chromium-"));
  const remove = () => rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  atExit(remove);
  try {
    const context = await chromium.launchPersistentContext(profile, {
      executablePath,
      headless: true,
      args: FLAGS,
      viewport: { width: 1000, height: 760 },
    });
    const page = context.pages()[0] ?? await context.newPage();
    const complaints: string[] = [];
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(String(error)));
    return {
      page,
      complaints,
      async [Symbol.asyncDispose]() {
        await context.close();
        remove();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

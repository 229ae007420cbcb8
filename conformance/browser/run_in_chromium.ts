/**
 * Runs the suites in Chromium: bundles the page, serves it on loopback, makes the peers, and brings the report back.
 *
 * @module
 */

import { startPeerServer } from "../src/remote/server.ts";
import type { Report } from "../src/runner/run.ts";
import type { Selection } from "../src/runner/suites.ts";
import { startChromium } from "./chromium.ts";
import type { PageTask } from "./page.ts";
import { bundle } from "./bundle.ts";
import { serve } from "./serve.ts";

/** What to run; everything, with a minute for each case, when nothing is said. */
export interface ChromiumTask extends Selection {
  /** Milliseconds that a case may take. */
  readonly timeout?: number;
}

/**
 * Runs it; a case that fails is a result.
 *
 * @throws {Error} when there is no Chromium, or when the page breaks.
 */
export async function runInChromium({ timeout = 60_000, ...selection }: ChromiumTask = {}): Promise<Report> {
  await using server = await serve({ "index.html": HTML, "page.js": await bundle("page.ts") });
  await using browser = await startChromium();
  const peers = await startPeerServer();
  try {
    await browser.page.goto(server.url);
    const task: PageTask = { ...selection, timeout, peers: peers.url };
    return await browser.page.evaluate((task) => globalThis.runConformance(task), task);
  } finally {
    await peers.stop();
  }
}

const HTML = `<!doctype html>
<html lang="en">
<title>MiniMQTT's conformance suites</title>
<body>starting</body>
<script type="module" src="page.js"></script>
</html>
`;

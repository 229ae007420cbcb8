/**
 * Runs the suites in Chromium: bundles the page, serves it on loopback, makes the peers, and brings the report back.
 *
 * @module
 */

import { build } from "esbuild";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { startPeerServer } from "../src/remote/server.ts";
import type { Report } from "../src/run.ts";
import type { Selection } from "../src/suites.ts";
import { startChromium } from "./chromium.ts";
import type { PageTask } from "./page.ts";

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
  const script = await bundle();
  const server = createServer((request, response) => {
    const isScript = request.url === "/page.js";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html; charset=utf-8");
    response.end(isScript ? script : HTML);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const peers = await startPeerServer();
  try {
    await using browser = await startChromium();
    await browser.page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const task: PageTask = { ...selection, timeout, peers: peers.url };
    return await browser.page.evaluate((task) => globalThis.runConformance(task), task);
  } finally {
    await peers.stop();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

async function bundle(): Promise<Uint8Array> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("page.ts", import.meta.url))],
    bundle: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    write: false,
  });
  return outputFiles[0]!.contents;
}

const HTML = `<!doctype html>
<html lang="en">
<title>MiniMQTT's conformance suites</title>
<body>starting</body>
<script type="module" src="page.js"></script>
</html>
`;

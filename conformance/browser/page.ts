/**
 * The runner as a page: the same suites as everywhere, over `ws` to peers that another program makes.
 *
 * @module
 */

import { fixture as memory } from "../src/fixtures/memory.ts";
import { runCase, thisRuntime } from "../src/runner/run.ts";
import type { Report, Result } from "../src/runner/run.ts";
import { remotePeers } from "../src/remote/client.ts";
import { remoteFixture } from "../src/remote/fixture.ts";
import { select, suitesOf } from "../src/runner/suites.ts";
import type { Selection } from "../src/runner/suites.ts";

/** What the page is asked to do. */
export interface PageTask extends Selection {
  /** Of the server for peers. */
  readonly peers: string;
  /** Milliseconds that a case may take. */
  readonly timeout: number;
}

declare global {
  /** Runs it, and shows on the page how far it is. */
  var runConformance: (task: PageTask) => Promise<Report>;
}

/** The part of a page that is used; declared here so that the file type-checks everywhere. */
const { document } = globalThis as unknown as {
  readonly document: { title: string; readonly body: { textContent: string } };
};

globalThis.runConformance = async (task) => {
  const start = performance.now();
  const peers = await remotePeers(task.peers);
  const fixture = remoteFixture(() => Promise.resolve(peers));
  const suites = select(suitesOf([memory, fixture], ["engine", "memory", "transport"]), task);
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const reports: { transport: string; results: Result[] }[] = [];
  for (const { transport, cases } of suites) {
    const results: Result[] = [];
    reports.push({ transport, results });
    for (const one of cases) {
      document.title = one.id;
      const result = await runCase(one, task.timeout);
      results.push(result);
      counts[result.outcome]++;
      document.body.textContent = Object.entries(counts).map(([name, count]) => `${count} ${name}`).join(
        ", ",
      );
      if (result.failure) console.error(one.id, result.failure.message);
    }
  }
  peers.stop();
  return { ...thisRuntime(), milliseconds: performance.now() - start, suites: reports };
};

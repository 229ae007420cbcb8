/**
 * What a transport that has passed may show in its README.
 *
 * @module
 */

import type { Level } from "../case.ts";
import { countOutcomes } from "./run.ts";
import type { Report } from "./run.ts";

/** A report with a badge for each transport that has passed whatever applies to it. */
export function withBadges(report: Report, level: Level): Report {
  return {
    ...report,
    suites: report.suites.map((suite) => {
      const { passed, failed, skipped } = countOutcomes(suite.results);
      if (failed > 0 || passed === 0 || suite.results.some(({ notRun }) => notRun)) return suite;
      const count = `${passed} of ${passed + skipped}`;
      const url = `https://img.shields.io/badge/MiniMQTT_transport-${
        encodeURIComponent(`${level}: ${count}`).replaceAll("-", "--")
      }-brightgreen`;
      return { ...suite, badge: `![a transport for MiniMQTT, ${level}: ${count} cases passed](${url})` };
    }),
  };
}

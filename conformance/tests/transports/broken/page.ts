/**
 * docs/broken-transports.md: each fault, and the case that shows it.
 *
 *   node conformance/tests/transports/broken/page.ts    writes it anew
 *
 * @module
 */

import { writeFileSync } from "node:fs";
import process from "node:process";
import { transportCases } from "../../../src/mod.ts";
import { repository } from "../../programs/programs.ts";
import { broken, type Fault, faults } from "./faults.ts";

/** A case that failed. */
export interface Breach {
  readonly id: string;
  readonly message: string;
}

/** What became of all cases over each broken transport. They wait most of the time, so many run at a time. */
export function tryAllFaults(): Map<Fault, Promise<readonly Breach[]>> {
  const lanes = Array.from({ length: 6 }, () => Promise.resolve<unknown>(undefined));
  return new Map(faults.map((fault, index) => {
    const lane = index % lanes.length;
    const verdict = lanes[lane]!.then(() => tryAll(fault));
    lanes[lane] = verdict.catch(() => undefined);
    return [fault, verdict];
  }));
}

async function tryAll(fault: Fault): Promise<readonly Breach[]> {
  const breaches: Breach[] = [];
  const cases = transportCases(broken(fault), PACE).filter(({ skip }) => skip === undefined);
  const attempt = ({ id, run }: typeof cases[number]) =>
    run().catch((error: Error) => void breaches.push({ id, message: error.message }));
  // What counts the memory of the whole program can only be alone in it, and is looked at where it matters.
  await Promise.all(cases.filter(({ id }) => id !== MEMORY).map(attempt));
  if (fault.rule === 7) await Promise.all(cases.filter(({ id }) => id === MEMORY).map(attempt));
  const order = cases.map(({ id }) => id);
  return breaches.sort((one, other) => order.indexOf(one.id) - order.indexOf(other.id));
}

const MEMORY = "transport/7.3";

/** Of a transport that is slow enough for cases to be short: nothing is shown by megabytes here. */
const PACE = { bytesPerSecond: 50_000, roundTrip: 0 };

/** The page. */
export async function brokenPage(verdicts: ReturnType<typeof tryAllFaults>): Promise<string> {
  const rows: string[] = [];
  for (const fault of [...verdicts.keys()].sort((one, other) => one.rule - other.rule)) {
    const { rule, name } = fault;
    const breaches = await verdicts.get(fault)!;
    const shownBy = breaches.find(({ id }) => id.startsWith(`transport/${rule}.`)) ?? breaches[0];
    rows.push(`| ${rule === 0 ? "shape" : rule} | ${name} | \`${shownBy?.id ?? "nothing"}\` |`);
  }
  return `# Broken transports

The runner is tried on transports that are broken on purpose, ${rows.length} of them, each in one way. For each, all cases
of the transport contract run: whichever of them fail, all name the rule that was broken, and no other. The last column
is one of them, of the rule's own where there is one.

\`npm test\` does so (conformance/tests/transports/suite_test.ts) and holds this page to it;
\`node conformance/tests/transports/broken/page.ts\` writes it anew.

| rule | what is broken | shown by |
| - | - | - |
${rows.join("\n")}
`;
}

if (import.meta.main) {
  writeFileSync(repository("docs/broken-transports.md"), await brokenPage(tryAllFaults()));
  process.exit();
}

// Which tests one run has and another has not: `node tools/compare_reports.ts BEFORE AFTER`, two checkouts in which
// `npm test` was run. Fails when a test is lost.
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { plainName, type Result } from "./junit.ts";

const [before, after] = process.argv.slice(2);
if (before === undefined || after === undefined) {
  console.log("node tools/compare_reports.ts BEFORE AFTER: two checkouts in which npm test was run");
  process.exit(2);
}
let lost = 0;
const reports = "{packages/*,apps/*,conformance,tools}/reports/{deno,bun,node}.json";
for (const file of globSync(reports, { cwd: before }).sort()) {
  const [old, now] = [names(join(before, file)), names(join(after, file))];
  const [missing, added] = [without(old, now), without(now, old)];
  console.log(`${file}: ${old.length} tests before, ${now.length} after`);
  for (const name of missing) console.log(`  lost: ${name}`);
  for (const name of added) console.log(`  new: ${name}`);
  lost += missing.length;
}
console.log(lost === 0 ? "no test is lost" : `${lost} tests are lost`);
process.exitCode = lost === 0 ? 0 : 1;

function names(file: string): string[] {
  if (!existsSync(file)) return [];
  return (JSON.parse(readFileSync(file, "utf8")) as Result).tests.map(({ name }) => plainName(name));
}

/** What is in one list and not, or less often, in the other one. */
function without(list: readonly string[], other: readonly string[]): string[] {
  const left = new Map<string, number>();
  for (const name of other) left.set(name, (left.get(name) ?? 0) + 1);
  return list.filter((name) => {
    const count = left.get(name) ?? 0;
    left.set(name, count - 1);
    return count <= 0;
  });
}

// `npm run soak`: the soaks as long as they are; `npm test` runs the same code for fewer rounds.
//
//   npm run soak -- [--runtime deno]...
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { runtimes } from "./junit.ts";
import { runPackage } from "./package_tests.ts";
import { root } from "./workspace.ts";

const FOLDER = "conformance";
const { values } = parseArgs({ options: { runtime: { type: "string", multiple: true } } });
const files = globSync("tests/**/*_test.ts", { cwd: join(root, FOLDER) })
  .filter((file) => readFileSync(join(root, FOLDER, file), "utf8").includes('from "../soak.ts"'));
let all = true;
for (const runtime of runtimes.filter((one) => values.runtime?.includes(one) ?? true)) {
  const { well, summary, output } = await runPackage(FOLDER, runtime, files, { SOAK: "whole" });
  console.log(`${output}\n${runtime} ${well ? "ok" : "FAILED"}: ${summary}`);
  all &&= well;
}
process.exitCode = all ? 0 : 1;

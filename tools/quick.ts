// `npm run quick`: whether a change is worth the whole `npm test`. Layout, lint and types, the tests of the packages,
// and the scenarios where they cost least: on the bare engine and in memory. On Bun, which is the quickest.
import { spawn } from "node:child_process";
import process from "node:process";
import { runPackage } from "./package_tests.ts";
import { members, root } from "./workspace.ts";

const RUNTIME = "bun";
const SCENARIOS: readonly string[] = [
  "src/player/play_test.ts",
  "tests/scenarios/engine_test.ts",
  "tests/scenarios/memory_test.ts",
];
const start = performance.now();
const [checked, tested] = await Promise.all([check(), test()]);
const seconds = ((performance.now() - start) / 1000).toFixed(1);
console.log(`${checked && tested ? "all is well" : "FAILED"} in ${seconds} s`);
process.exitCode = checked && tested ? 0 : 1;

function check(): Promise<boolean> {
  const child = spawn(process.execPath, ["tools/check.ts", "format", "lint", "types"], {
    cwd: root,
    stdio: "inherit",
  });
  return new Promise((resolve) => child.on("close", (status) => resolve(status === 0)));
}

async function test(): Promise<boolean> {
  const units = members().filter(({ folder, testFiles }) =>
    folder.startsWith("packages/") && testFiles.length > 0
  );
  const runs = [
    { short: "scenarios", folder: "conformance", files: SCENARIOS },
    ...units.map(({ short, folder, testFiles }) => ({ short, folder, files: testFiles })),
  ];
  let all = true;
  for (const { short, folder, files } of runs) {
    const { well, summary, output } = await runPackage(folder, RUNTIME, files);
    console.log(`${well ? "ok    " : "FAILED"} ${short.padEnd(20)} ${summary}`);
    if (!well) console.log(output.replaceAll(/^/gm, "  | "));
    all &&= well;
  }
  return all;
}

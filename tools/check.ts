// `npm run check`: everything that a change must pass besides the tests, a line for each step.
//
//   npm run check -- [STEP]...        only these; `npm run check -- --list` names them all
import { spawn } from "node:child_process";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { checkPackages, exportTargets } from "./check_packages.ts";
import { checkText } from "./check_text.ts";
import { members, root } from "./workspace.ts";

/** What a step found: whether it is well, what to show if it is not, and what is worth a word if it is. */
interface Verdict {
  readonly ok: boolean;
  readonly output: string;
  readonly note?: string;
}

// Of the output of a step that failed.
const MOST_LINES = 100;

const published = members().filter((member) => member.published);
const entries = published
  .flatMap(({ folder, denoJson }) => exportTargets(denoJson?.exports).map((target) => join(folder, target)))
  .filter((file) => existsSync(join(root, file)));
// Not tsconfig: it declares for tsc what Deno knows by itself.
const sourceFolders = ["packages", "conformance", "apps", "examples", "tools"]
  .filter((folder) => existsSync(join(root, folder))).join(" ");
const withExamples = globSync("packages/*/src/**/*.ts", { cwd: root }).sort()
  .filter((file) =>
    !file.endsWith("_test.ts") && /^ *\* ```ts$/m.test(readFileSync(join(root, file), "utf8"))
  );

const steps: Readonly<Record<string, { readonly what: string; run(): Promise<Verdict> | Verdict }>> = {
  format: { what: "layout of all files", run: checkFormat },
  lint: { what: "habits that Deno and JSR ask for", run: () => commands("deno lint") },
  text: { what: "length, leftovers and machine paths", run: () => findings(checkText()) },
  packages: { what: "deno.json, package.json and imports agree", run: () => findings(checkPackages()) },
  core: {
    what: "the core touches nothing outside itself",
    run: () => commands("deno lint --config tools/core.lint.json packages/core/src"),
  },
  imports: {
    what: "no circle of imports, and rooms know whom they may",
    run: () => commands(`biome lint --config-path=tools/imports.jsonc ${sourceFolders} testing`),
  },
  types: {
    what: "types for the core, Node, browsers and tests, and for Deno",
    run: () =>
      commands(
        ...["core", "node", "browser", "tests"].map((name) => `tsc -p tsconfig/${name}.json`),
        `deno check --quiet ${sourceFolders}`,
      ),
  },
  documentation: {
    what: "every public symbol is documented",
    run: () => commands(`deno doc --lint ${entries.join(" ")}`),
  },
  examples: {
    what: "examples in doc comments run",
    run: () => commands(`deno test --quiet --doc --allow-all --permit-no-files ${withExamples.join(" ")}`),
  },
  conformance: {
    what: "docs/conformance.md is as generated",
    run: () => commands("node conformance/matrix/documentation.ts --check"),
  },
  publish: {
    what: "JSR would take the packages",
    run: () => commands("deno publish --dry-run --allow-dirty"),
  },
  size: { what: "bundles stay small", run: () => commands("node tools/size.ts") },
};

const { values, positionals } = parseArgs({ allowPositionals: true, options: { list: { type: "boolean" } } });
const unknown = positionals.filter((name) => !(name in steps));
if (values.list || unknown.length > 0) {
  for (const name of unknown) console.log(`no step ${name}; there are:`);
  for (const [name, { what }] of Object.entries(steps)) console.log(`${name.padEnd(14)} ${what}`);
  process.exit(values.list ? 0 : 1);
}

const chosen = Object.entries(steps).filter(([name]) =>
  positionals.length === 0 || positionals.includes(name)
);
const start = performance.now();
let failed = 0;
for (const [name, { what, run }] of chosen) {
  const before = performance.now();
  const { ok, output, note } = await run();
  if (!ok) failed++;
  const seconds = ((performance.now() - before) / 1000).toFixed(1);
  console.log(
    `${ok ? "ok    " : "FAILED"} ${name.padEnd(14)} ${what}, ${seconds} s${note ? `: ${note}` : ""}`,
  );
  if (!ok) console.log(excerpt(output).replaceAll(/^/gm, "  | "));
}
const total = ((performance.now() - start) / 1000).toFixed(1);
console.log(`${chosen.length - failed} of ${chosen.length} checks passed in ${total} s`);
process.exitCode = failed > 0 ? 1 : 0;

/** The names of the files; how they should look, `npm run fmt` shows by doing it. */
async function checkFormat(): Promise<Verdict> {
  const verdict = await commands("deno fmt --check");
  const files = [...verdict.output.matchAll(/^from (.*):$/gm)].map((match) => relative(root, match[1] ?? ""));
  return files.length === 0
    ? verdict
    : { ok: false, output: `npm run fmt would change:\n${files.join("\n")}` };
}

function excerpt(output: string): string {
  const lines = output.trimEnd().split("\n");
  return lines.length <= MOST_LINES
    ? lines.join("\n")
    : [...lines.slice(0, MOST_LINES), `... and ${lines.length - MOST_LINES} lines more`].join("\n");
}

function findings(problems: readonly string[]): Verdict {
  return { ok: problems.length === 0, output: problems.join("\n") };
}

/** Runs commands until one fails. */
async function commands(...lines: readonly string[]): Promise<Verdict> {
  let all = "";
  for (const line of lines) {
    const { status, output } = await command(line);
    if (status !== 0) return { ok: false, output: `${line.slice(0, 200)}\n${output}` };
    all += output;
  }
  // What a command of ours prints is its result; those of others tell nothing when all is well.
  const own = lines.some((line) => line.startsWith("node "));
  return { ok: true, output: all, ...(own ? { note: all.trim().replaceAll("\n", "; ") } : {}) };
}

function command(line: string): Promise<{ status: number; output: string }> {
  const [name = "", ...args] = line.split(" ");
  return new Promise((resolve) => {
    const child = spawn(name, args, { cwd: root, env: { ...process.env, NO_COLOR: "1" }, stdio: "pipe" });
    let output = "";
    child.stdout.on("data", (text) => output += String(text));
    child.stderr.on("data", (text) => output += String(text));
    child.on("error", (error) => resolve({ status: 1, output: error.message }));
    child.on("close", (status) => resolve({ status: status ?? 1, output }));
  });
}

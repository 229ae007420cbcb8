/**
 * The packages as they are outside of the repository: served as JSR does, and built as npm has them.
 *
 * @module
 */

import { spawn } from "node:child_process";
import process from "node:process";
import {
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, matchesGlob } from "node:path";
import { type DenoJson, type Member, members, root } from "../../../tools/workspace.ts";

/** What `deno.json` says beside what the tools ask of it. */
type Config = DenoJson & { readonly imports?: Readonly<Record<string, string>> };

/** A folder like one in which somebody works who has the packages, and a transport in it. */
export interface Place {
  readonly folder: string;
  /** What to run, such as the runner's module. */
  readonly cli: string;
  close(): Promise<void>;
}

const TRANSPORT = `import { tcp } from "@minimqtt/transport-tcp";
export const transport = { ...tcp(), name: "mine" };
`;

/** Serves what JSR would publish, with the specifiers that JSR would put in, and makes a folder that imports it. */
export async function served(): Promise<Place> {
  const published = members().filter((member) => member.published);
  const server = createServer(({ url = "" }, response) => {
    const owner = published.find(({ packageJson: { name } }) =>
      url === `/${name}` || url.startsWith(`/${name}/`)
    );
    const path = owner && url.slice(owner.packageJson.name.length + 2);
    const entry = owner && (owner.denoJson?.exports as Record<string, string>)[path ? `./${path}` : "."];
    if (owner && entry !== undefined) {
      const location = `/${owner.packageJson.name}/${entry.slice(2)}`;
      response.writeHead(302, { location }).end();
    } else if (owner && path && isPublished(owner, path)) {
      const text = readFileSync(join(root, owner.folder, path), "utf8");
      response.writeHead(200, { "content-type": "application/typescript" }).end(
        rewritten(text, owner, base()),
      );
    } else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const base = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const folder = mkdtempSync(join(tmpdir(), "served-"));
  writeFileSync(join(folder, "transport.ts"), TRANSPORT);
  // As `deno add` writes it; what the packages have from npm lies there already.
  const imports = Object.fromEntries(published.map(({ packageJson: { name } }) => [name, base() + name]));
  writeFileSync(join(folder, "deno.json"), JSON.stringify({ imports, nodeModulesDir: "manual" }));
  const dependencies = { commander: "*", picocolors: "*" };
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module", dependencies }));
  mkdirSync(join(folder, "node_modules"));
  for (const name of Object.keys(dependencies)) {
    symlinkSync(join(root, "node_modules", name), join(folder, "node_modules", name), "dir");
  }
  return {
    folder,
    cli: `${base()}@minimqtt/conformance/cli`,
    close() {
      rmSync(folder, { recursive: true, force: true });
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function isPublished({ denoJson }: Member, path: string): boolean {
  const { include = [], exclude = [] } = denoJson?.publish ?? {};
  const isIn = (patterns: readonly string[]) => patterns.some((pattern) => matchesGlob(path, pattern));
  return isIn(include) && !isIn(exclude);
}

/** The text with what JSR makes of bare specifiers: another package's address, or `npm:`. */
function rewritten(text: string, { denoJson }: Member, base: string): string {
  const { imports = {} } = denoJson as Config;
  return text.replace(
    /(\bfrom |\bimport |\bimport\()"([^".][^"]*)"/g,
    (all, before: string, name: string) => {
      if (name.startsWith("@minimqtt/")) return `${before}"${base}${name}"`;
      return name in imports ? `${before}"${imports[name]}"` : all;
    },
  );
}

/** Compiles the packages to JavaScript, and makes a folder that has them in its node_modules. */
export async function built(): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), "built-"));
  const published = members().filter((member) => member.published);
  const files = published.flatMap((member) =>
    globSync("src/**/*.ts", { cwd: join(root, member.folder) })
      .filter((path) => isPublished(member, path.replaceAll("\\", "/")))
      .map((path) => join(root, member.folder, path))
  );
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({
      compilerOptions: {
        ...{ target: "es2022", module: "nodenext", rootDir: root, outDir: folder, types: [] },
        ...{ rewriteRelativeImportExtensions: true, noCheck: true, skipLibCheck: true, noResolve: true },
      },
      files,
    }),
  );
  const { status, stdout } = await run(folder, join(root, "node_modules/.bin/tsc"), ["-p", "tsconfig.json"]);
  if (status !== 0) throw new Error(`tsc failed: ${stdout}`);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  writeFileSync(join(folder, "transport.js"), TRANSPORT);
  mkdirSync(join(folder, "node_modules/@minimqtt"), { recursive: true });
  for (const name of readdirSync(join(root, "node_modules"))) {
    if (name === "@minimqtt" || name.startsWith(".")) continue;
    symlinkSync(join(root, "node_modules", name), join(folder, "node_modules", name));
  }
  for (const { packageJson: { name, exports }, folder: place } of published) {
    const compiled = JSON.stringify(exports).replaceAll(/\.ts"/g, '.js"');
    writeFileSync(join(folder, place, "package.json"), `{ "type": "module", "exports": ${compiled} }`);
    symlinkSync(join(folder, place), join(folder, "node_modules", name), "dir");
  }
  return {
    folder,
    cli: join(folder, "conformance/src/runner/cli.js"),
    close() {
      rmSync(folder, { recursive: true, force: true });
      return Promise.resolve();
    },
  };
}

/** Runs a command in a folder. */
export function run(
  cwd: string,
  command: string,
  args: readonly string[],
): Promise<{ readonly stdout: string; readonly stderr: string; readonly status: number }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const output = { stdout: "", stderr: "" };
    child.stdout.on("data", (data) => output.stdout += data);
    child.stderr.on("data", (data) => output.stderr += data);
    child.on("error", reject);
    child.on("close", (status) => resolve({ ...output, status: status ?? -1 }));
  });
}

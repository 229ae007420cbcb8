// What each package says of itself must agree: in deno.json, from which Deno and JSR read, in package.json, from which
// npm, Bun and Node read, and in its sources.
import { existsSync, globSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { join } from "node:path";
import { runtimes } from "./junit.ts";
import { type Exports, type Member, members, type PackageJson, readJson, root } from "./workspace.ts";

/** One line per problem. */
export function checkPackages(): string[] {
  const all = members();
  const rootDependencies = Object.keys(dependenciesOf(readJson<PackageJson>("package.json")));
  return all.flatMap((member) =>
    [
      ...checkFiles(member),
      ...checkTestScripts(member),
      ...checkImports(member, rootDependencies),
    ].map((problem) => `${member.folder}: ${problem}`)
  ).concat(checkVersions(all));
}

function checkFiles({ folder, packageJson, denoJson, published }: Member): string[] {
  if (denoJson === null) return ["has no deno.json, so that Deno does not know it"];
  if (!published) return [];
  const problems: string[] = [];
  for (const field of ["name", "version", "license"] as const) {
    const [here, there] = [denoJson[field], packageJson[field]];
    if (here !== there || here === undefined) {
      problems.push(`${field} is ${here} in deno.json, ${there} in package.json`);
    }
  }
  const [here, there] = [exportsOf(denoJson.exports), exportsOf(packageJson.exports)];
  if (here !== there) problems.push(`exports are ${here} in deno.json, ${there} in package.json`);
  for (const target of exportTargets(denoJson.exports)) {
    if (!existsSync(join(root, folder, target))) problems.push(`exports ${target}, which does not exist`);
  }
  for (const file of ["LICENSE", "README.md"]) {
    if (!existsSync(join(root, folder, file))) problems.push(`has no ${file}`);
    if (!denoJson.publish?.include?.includes(file)) problems.push(`does not publish ${file}`);
  }
  const license = join(root, folder, "LICENSE");
  if (existsSync(license) && readFileSync(license, "utf8") !== readFileSync(join(root, "LICENSE"), "utf8")) {
    problems.push("LICENSE is not the one at the root");
  }
  return problems;
}

/** All packages run their tests in the same way. */
function checkTestScripts({ folder, packageJson: { scripts = {} }, testFiles }: Member): string[] {
  const up = folder.replaceAll(/[^/]+/g, "..");
  return runtimes.flatMap((runtime) => {
    const script = scripts[`test:${runtime}`];
    if (testFiles.length === 0) {
      return script === undefined ? [] : [`has a script test:${runtime}, and no tests`];
    }
    const wanted = `node ${up}/tools/test_one.ts ${runtime}`;
    return script === wanted ? [] : [`needs a script test:${runtime}: ${wanted}`];
  });
}

/** Whoever gets the package must get what it imports, and turbo must know whose changes matter. */
function checkImports(
  { folder, packageJson, denoJson, testFiles }: Member,
  rootDependencies: readonly string[],
): string[] {
  const declared = Object.keys(packageJson.dependencies ?? {});
  // Tests, and what is not published, may use what the root has for all; not the other packages, though.
  const shared = rootDependencies.concat(Object.keys(packageJson.devDependencies ?? {}));
  const files = globSync(["src/**/*.ts", "*.ts", "tests/**/*.ts"], { cwd: join(root, folder) });
  return files.flatMap((file) => {
    const inSource = packageJson.private !== true && file.startsWith("src/") && !testFiles.includes(file) &&
      !denoJson?.publish?.exclude?.includes(file);
    const allowed = new Set([...declared, ...(inSource ? [] : shared), packageJson.name]);
    return importedPackages(readFileSync(join(root, folder, file), "utf8"))
      .filter((name) => !allowed.has(name))
      .map((name) => `${file} imports ${name}, which package.json does not name`);
  });
}

function checkVersions(all: readonly Member[]): string[] {
  const versions = new Map(all.map(({ packageJson }) => [packageJson.name, packageJson.version]));
  return all.flatMap(({ folder, packageJson }) =>
    Object.entries(dependenciesOf(packageJson)).flatMap(([name, range]) => {
      const version = versions.get(name);
      return version === undefined || range === `^${version}`
        ? []
        : [`${folder}: wants ${name} ${range}, which is at ${version}`];
    })
  );
}

function dependenciesOf(json: PackageJson): Record<string, string> {
  return { ...json.dependencies, ...json.devDependencies, ...json.optionalDependencies };
}

/** The files that are entries of a package. */
export function exportTargets(exports: Exports | undefined): string[] {
  return exports === undefined ? [] : typeof exports === "string" ? [exports] : Object.values(exports);
}

function exportsOf(exports: Exports | undefined): string {
  return JSON.stringify(typeof exports === "string" ? { ".": exports } : exports);
}

function importedPackages(source: string): string[] {
  // Examples in comments may import what they like.
  const code = source.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/^\s*\/\/.*$/gm, "");
  const names = [...code.matchAll(/^\s*(?:import|export|\}).*?\bfrom "([^"]+)"|\bimport\(?\s*"([^"]+)"/gm)]
    .map((match) => match[1] ?? match[2] ?? "")
    .filter((path) => !path.startsWith(".") && !path.startsWith("node:") && !builtinModules.includes(path))
    .map((path) => path.split("/").slice(0, path.startsWith("@") ? 2 : 1).join("/"));
  return [...new Set(names)];
}

// The packages of this repository, as package.json lists them.
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** What we read of a package.json. */
export interface PackageJson {
  readonly name: string;
  readonly version?: string;
  readonly license?: string;
  readonly private?: boolean;
  readonly workspaces?: readonly string[];
  readonly exports?: Exports;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** What we read of a deno.json. */
export interface DenoJson {
  readonly name?: string;
  readonly version?: string;
  readonly license?: string;
  readonly exports?: Exports;
  readonly publish?: { readonly include?: readonly string[]; readonly exclude?: readonly string[] };
}

/** The `exports` of either file. */
export type Exports = string | Readonly<Record<string, string>>;

/** A member of the workspace. */
export interface Member {
  /** Without the scope: `core`. */
  readonly short: string;
  /** Relative to the root: `packages/core`. */
  readonly folder: string;
  readonly packageJson: PackageJson;
  readonly denoJson: DenoJson | null;
  /** Whether it goes to a registry. */
  readonly published: boolean;
  /** Its test files, relative to its folder. */
  readonly testFiles: readonly string[];
}

/** The folder of the repository. */
export const root: string = fileURLToPath(new URL("..", import.meta.url));

/** Reads a JSON file below the root. */
export function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(join(root, path), "utf8")) as T;
}

/** All members, sorted by folder. */
export function members(): Member[] {
  const { workspaces = [] } = readJson<PackageJson>("package.json");
  return globSync(workspaces.map((pattern) => `${pattern}/package.json`), { cwd: root }).sort().map(
    (file) => {
      const folder = file.slice(0, -"/package.json".length).replaceAll("\\", "/");
      const packageJson = readJson<PackageJson>(file);
      const denoJson = existsSync(join(root, folder, "deno.json"))
        ? readJson<DenoJson>(`${folder}/deno.json`)
        : null;
      return {
        short: packageJson.name.replace(/^@[^/]+\//, ""),
        folder,
        packageJson,
        denoJson,
        published: packageJson.private !== true && denoJson?.name !== undefined,
        testFiles: findTests(join(root, folder)),
      };
    },
  );
}

/** The test files below a folder, relative to it. */
export function findTests(folder: string): string[] {
  const skip = ["node_modules", "dist", "reports"];
  return globSync("**/*_test.ts", { cwd: folder, exclude: (name) => skip.includes(String(name)) })
    .map((file) => file.replaceAll("\\", "/")).sort();
}

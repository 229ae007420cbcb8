// Rules for files as text: how long a source may be, and what must not stand in any file.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./workspace.ts";

interface Rule {
  readonly pattern: RegExp;
  readonly files: RegExp;
  readonly message: string;
}

const code = /\.(ts|mjs|js)$/;
const rules: readonly Rule[] = [
  { pattern: /\b(TODO|FIXME|XXX)\b/, files: code, message: "finish it, or open an issue" },
  { pattern: /not implemented/i, files: code, message: "finish it, or leave it out" },
  {
    pattern: /\b(describe|it|test)\.only\(|\bonly: true/,
    files: code,
    message: "leaves out the other tests",
  },
  {
    pattern: /(^|[\s"'`(=:])(\/home\/|\/Users\/|\/root\/|\/work\/|[A-Z]:\\Users)\w/,
    files: /./,
    message: "a path of somebody's machine",
  },
  // A lock file or a setting with an address in it breaks the install for those who use another registry.
  { pattern: /\bregistry\.[\w-]+\.\w+|\bnpm\.jsr\.io\b/, files: /./, message: "the address of a registry" },
  { pattern: /"resolved": "https?:/, files: /lock/, message: "the address of a registry" },
  { pattern: /deno-lint-ignore(-file)? .*minimqtt\//, files: code, message: "the core has no exceptions" },
];
const LONGEST = 300;

/** One line per problem. */
export function checkText(): string[] {
  // What git knows, and what it would be told of: others' files are none of our business.
  const listing = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  const files = execFileSync("git", listing, { cwd: root, encoding: "utf8" }).split("\0").filter((file) =>
    // This file must name what it looks for. A file may be removed and still be known to git.
    file !== "" && file !== "tools/check_text.ts" && existsSync(join(root, file))
  );
  return files.flatMap((file) => {
    const bytes = readFileSync(join(root, file));
    if (bytes.includes(0)) return [];
    const lines = bytes.toString("utf8").split("\n");
    return [...checkLength(file, lines), ...checkRules(file, lines)];
  });
}

function checkRules(file: string, lines: readonly string[]): string[] {
  const applying = rules.filter((rule) => rule.files.test(file));
  return lines.flatMap((line, index) =>
    applying.flatMap(({ pattern, message }) => {
      const found = pattern.exec(line);
      return found === null ? [] : [`${file}:${index + 1}: ${found[0].trim()} (${message})`];
    })
  );
}

function checkLength(file: string, lines: readonly string[]): string[] {
  const length = lines.at(-1) === "" ? lines.length - 1 : lines.length;
  if (!code.test(file) || file.endsWith("_test.ts") || length <= LONGEST) return [];
  if (lines.slice(0, 40).some((line) => line.includes(`Longer than ${LONGEST} lines: `))) return [];
  return [`${file}: ${length} lines; split it, or say near its top: // Longer than ${LONGEST} lines: why`];
}

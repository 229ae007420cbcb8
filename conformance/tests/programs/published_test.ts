/** The runner outside of the repository: as JSR would serve it to Deno, and built for Node and Bun. */
import { assertEquals, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import process from "node:process";
import { runtime } from "./programs.ts";
import { built, type Place, run, served } from "./published.ts";

const isDeno = runtime === "deno";
const ARGUMENTS = ["--only", "transport/0,transport/4,transport/11"];

async function passes(place: Place, args: readonly string[]): Promise<void> {
  try {
    const { status, stdout, stderr } = await run(place.folder, process.execPath, [...args, ...ARGUMENTS]);
    assertMatch(stdout, /^5 passed, 0 failed, 0 skipped in /m, stderr);
    assertEquals(status, 0);
  } finally {
    await place.close();
  }
}

describe("the runner outside of the repository", () => {
  (isDeno ? it : it.skip)(
    `the runner is served over HTTP${isDeno ? "" : " (skipped: only Deno imports so)"}`,
    async () => {
      const place = await served();
      const flags = [
        "run",
        "-A",
        "--no-lock",
        "--no-check",
        "--reload=http://127.0.0.1",
        "--config",
        "deno.json",
      ];
      await passes(place, [...flags, place.cli, "--transport", "./transport.ts"]);
    },
  );

  (isDeno ? it.skip : it)(
    `the runner is built to JavaScript${isDeno ? " (skipped: Deno takes TypeScript)" : ""}`,
    async () => {
      const place = await built();
      await passes(place, [place.cli, "--transport", "./transport.js"]);
    },
  );
});

/** The transport of docs/writing-a-transport.md passes the runner, as the document says. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { readFileSync } from "node:fs";
import process from "node:process";
import { repository, run } from "../programs/programs.ts";

const skip = process.platform === "win32" ? " (skipped: node:net has named pipes on Windows)" : "";
const test = skip === "" ? it : it.skip;

describe("the transport over a Unix domain socket", () => {
  test(`unix passes the runner${skip}`, async () => {
    const args = ["--transport", repository("examples/transport-unix/fixture.ts")];
    const { status, stdout } = await run(repository("conformance/src/runner/cli.ts"), { args });
    assertMatch(stdout, /\n\d+ passed, 0 failed, \d+ skipped in /);
    assertEquals(status, 0);
  });

  it("unix is in the document as it is in the repository, whole and in order", () => {
    const code = readFileSync(repository("examples/transport-unix/unix.ts"), "utf8");
    const text = readFileSync(repository("docs/writing-a-transport.md"), "utf8");
    const shown = [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, part = ""]) => part);
    let rest = bare(code);
    for (const part of shown.filter((part) => !part.includes("TransportFixture"))) {
      assertEquals(rest.startsWith(bare(part)), true, `not in unix.ts, or not in this order:\n${part}`);
      rest = rest.slice(bare(part).length);
    }
    assertEquals(rest, "");
    const fixture = readFileSync(repository("examples/transport-unix/fixture.ts"), "utf8");
    assertStringIncludes(bare(text), bare(fixture.slice(fixture.search(/^import/m))));
  });
});

/** Code without layout. */
function bare(code: string): string {
  return code.replaceAll(/\s+/g, "");
}

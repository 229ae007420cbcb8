/** The transport of docs/writing-a-transport.md passes the runner, as the document says, and its breaks do not. */
import type { Transport } from "@minimqtt/core";
import { listen, SOCKET_BUFFERS } from "@minimqtt/conformance/fixtures";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { transportCases } from "../../src/mod.ts";
import { repository, run, runtime } from "../programs/programs.ts";

const skip = process.platform === "win32" ? " (skipped: node:net has named pipes on Windows)" : "";
const test = skip === "" ? it : it.skip;
const cli = repository("conformance/src/runner/cli.ts");
const code = readFileSync(repository("examples/transport-unix/unix.ts"), "utf8");
const text = readFileSync(repository("docs/writing-a-transport.md"), "utf8");

/** What the document says that the runner says. */
const [shownGood = "", shownBad = ""] = [...text.matchAll(/^```text\n([\s\S]*?)^```$/gm)].map(([, part]) =>
  part
);

describe("the transport over a Unix domain socket", () => {
  test(`unix passes the runner${skip}`, async () => {
    const args = ["--transport", repository("examples/transport-unix/fixture.ts")];
    const { status, stdout } = await run(cli, { args });
    assertMatch(stdout, /\n\d+ passed, 0 failed, \d+ skipped in /);
    assertEquals(status, 0);
    // The document leaves rows out, and a time is never the same.
    for (const line of shownGood.split("\n").filter((line) => line !== "")) {
      assertStringIncludes(timeless(stdout), timeless(line));
    }
  });

  test(`unix that is not careful at its end fails as the document says${skip}`, async () => {
    const { failures } = await tryBroken(CARELESS);
    const [, id, rule] = /FAILED {2}unix (\S+) [\s\S]*?rule (\d+):/.exec(shownBad) ?? [];
    assertEquals(Object.keys(failures), [id]);
    assertEquals(failures[id!]!.replace(/:.*/s, ""), `rule ${rule}`);
    if (runtime === "node") assertStringIncludes(shownBad, failures[id!]!);
  });

  for (
    const [what, rule, ...change] of [
      ["it takes a second read", 4, /^.*another read is pending.*$/m, ""],
      ["it takes a second write", 6, /^.*another write is pending.*$/m, ""],
      [
        "it gives an empty array",
        1,
        "this.#wake = undefined;",
        "this.#wake = undefined; if (!this.#socket.readableLength && !this.#ended) return new Uint8Array(0);",
      ],
      ["it ends with its peer", 5, ", allowHalfOpen: true", ""],
      ["it encrypts in words only", 0, /^.*encrypts nothing.*$/m, ""],
      [
        "it throws the system's own errors",
        9,
        /throw new ConnectionError\("dial-failed".*$/m,
        "throw cause;",
      ],
      ["it keeps causes to itself", 9, /(cannot connect to .*), \{ cause \}\)/, "$1)"],
      [
        "it wraps the reason of an abort",
        10,
        /socket\.destroy\(\);\n +signal\?\.throwIfAborted\(\);/,
        "socket.destroy();",
      ],
      ["it waits for its peer at close", 8, "this.#socket.destroy(), 1000", "{}, 1000"],
      [
        "it says that it writes after close",
        8,
        /^.*the connection is closed.*$/m,
        "if (this.#closing) return;",
      ],
      ["it tells the end before the bytes", 3, /(const bytes: .*\n)/, "if (this.#ended) break;\n$1"],
    ] as const
  ) {
    test(`unix is refused by its rule when ${what}: rule ${rule}${skip}`, async () => {
      const { failures } = await tryBroken(change);
      const named = rule === 0 ? "transport shape" : `rule ${rule}`;
      assert(Object.keys(failures).length > 0, "no case failed");
      for (const [id, message] of Object.entries(failures)) {
        assertEquals(message.replace(/:.*/s, ""), named, `${id}: ${message}`);
      }
    });
  }

  test(`unix that ignores the signal while it dials cannot be told from one that does not, and the runner says so${skip}`, async () => {
    const { failures, skipped } = await tryBroken([", signal && { signal }", ""]);
    assertEquals(failures, {});
    assertEquals(skipped["transport/10.4"], "the system answers at once, or not at all");
  });

  it("unix is in the document as it is in the repository, whole and in order", () => {
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

/** The mistake that the document shows. */
const CARELESS = [
  'this.#socket.end().removeAllListeners("readable").resume()',
  "this.#socket.destroy()",
] as const;
let count = 0;

/** All cases over the transport of the document with one change: what failed, and what could not be shown. */
async function tryBroken([find, replace]: readonly [string | RegExp, string]): Promise<{
  readonly failures: Readonly<Record<string, string>>;
  readonly skipped: Readonly<Record<string, string>>;
}> {
  const changed = code.replace(find, replace);
  assert(changed !== code, `${find} is not in unix.ts`);
  const path = repository(`conformance/tests/.unix-${process.pid}-${count++}.ts`);
  writeFileSync(path, changed);
  const folder = mkdtempSync(join(tmpdir(), "unix-"));
  try {
    const { unix } = await import(pathToFileURL(path).href) as { unix(path: string): Transport };
    let places = 0;
    const cases = transportCases({
      transport: {
        ...unix(""),
        connect: (address, options) => unix(address.path ?? "").connect(address, options),
      },
      listen: () => listen(join(folder, `${places++}.sock`)),
      slack: SOCKET_BUFFERS,
      lacks: {
        raw: "its speed does not matter",
        reset: "a Unix domain socket is closed, never reset",
        unknown: "there are no host names",
        silent: "the system answers at once, or not at all",
      },
      limit: 3000,
    }, { bytesPerSecond: 100_000, roundTrip: 1 });
    const failures: Record<string, string> = {};
    const skipped: Record<string, string> = {};
    await Promise.all(cases.map(async ({ id, skip, run }) => {
      // What counts all sockets of the program can only be alone in it; and so can what fills a listener's queue.
      if (skip !== undefined) skipped[id] = skip;
      else if (!COUNTING.includes(id)) {
        await run().catch((error: Error) => void (failures[id] = error.message));
      }
    }));
    return { failures, skipped };
  } finally {
    rmSync(path);
    rmSync(folder, { recursive: true, force: true });
  }
}

const COUNTING = ["transport/7.3", "transport/8.11", "transport/10.3", "transport/10.6"];

/** A report without its times. */
function timeless(report: string): string {
  return report.replaceAll(/ *\d+\.\d s/g, " s");
}

/** Code without layout. */
function bare(code: string): string {
  return code.replaceAll(/\s+/g, "");
}

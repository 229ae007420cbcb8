import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SaxesParser } from "saxes";
import type { Report } from "../../src/runner/run.ts";
import { peersMissing } from "../../src/fixtures/ws.ts";
import { repository, run, type RunResult, start } from "./programs.ts";

const missing = peersMissing();
const noNode = missing === null ? "" : ` (skipped: ${missing})`;

describe("the runner", () => {
  for (
    const [module, text] of [
      ["missing", /there is no file .*missing\.ts/],
      ["faulty", /faulty\.ts cannot be loaded: no radio found/],
      ["unready", /loading .*unready\.ts did not end within 5000 ms/],
      ["empty", /exports answer; expected `transport`/],
      ["factory", /a transport that is no Transport: it is a function; export what it returns/],
      ["encrypting", /the transport secret of .* encrypts, so plain TCP is no peer for it/],
    ] as const
  ) {
    it(`the runner says what is wrong with a module: ${module}`, async () => {
      const { status, stdout, stderr } = await runner("--transport", transport(module), "--timeout", "1500");
      assertEquals([status, stdout], [2, ""]);
      assertMatch(stderr, text);
    });
  }

  it("the runner passes a transport that dials host and port", async () => {
    const { status, stdout } = await runner("-t", transport("good"), "--only", "transport/6,transport/11");
    assertEquals(status, 0);
    assertMatch(stdout, /\n8 passed, 0 failed, 0 skipped in \d+\.\d s\n$/);
  });

  it("the runner names the rule that a transport breaks, and fails", async () => {
    const { status, stdout } = await runner("-t", transport("losing"), "--only", "transport/11.2");
    assertEquals(status, 1);
    assertMatch(stdout, /FAILED {2}losing transport\/11\.2 both directions/);
    assertMatch(stdout, /rule 11: byte 1000 is \d+, expected 247/);
    assertStringIncludes(stdout, "0 passed, 1 failed, 0 skipped");
  });

  it("the runner names the rule when a transport hangs", async () => {
    const { status, stdout } = await runner(
      ...["-t", transport("hanging"), "--only", "transport/8.3", "--timeout", "400"],
    );
    assertEquals(status, 1);
    assertStringIncludes(stdout, "transport shape: connect() did not settle within 200 ms");
  });

  it("the runner gives up a transport that hangs again and again", async () => {
    const { status, stdout } = await runner("-t", transport("hanging"), "--timeout", "600");
    assertEquals(status, 1);
    assertStringIncludes(stdout, "not run: 5 cases in a row hung before it");
    assertMatch(stdout, /\n\d+ passed, [5-9] failed, \d{3} skipped in /);
  });

  it("the runner ends although a transport blocks its thread", async () => {
    const { status, stdout } = await runner(
      ...["-t", transport("blocking"), "--only", "transport/8.3,transport/11.1", "--timeout", "400"],
    );
    assertEquals(status, 1);
    assertStringIncludes(stdout, "          the case did not end within 400 ms, nor give any other a turn");
    assertStringIncludes(stdout, "0 passed, 1 failed, 1 skipped");
  });

  it("the runner stops at the first failure when it is told to", async () => {
    const { status, stdout } = await runner(
      "-t",
      transport("losing"),
      "--only",
      "transport/11",
      "--bail",
      "--timeout",
      "900",
    );
    assertEquals(status, 1);
    assertStringIncludes(stdout, "not run: a case before it failed");
    assertStringIncludes(stdout, "0 passed, 1 failed, 1 skipped");
  });

  for (
    const [what, module, last, ...more] of [
      ["--bail", "losing", /^ +rule 11: byte 1000 is/, "--bail"],
      [
        "a hang in the first case",
        "blocking",
        /^ +the case did not end within 400 ms, nor/,
        "--timeout",
        "400",
      ],
      [
        "a fixture that fails",
        "crashing",
        /^ +the fixture, not the transport: listen\(\) rejected: .*port is taken/,
      ],
      ["an exception that nobody caught", "throwing", /^ +an error that nobody caught.*out of the blue/],
    ] as const
  ) {
    it(`the runner ends in a few lines, the failure last: ${what}`, async () => {
      const { status, stdout, stderr } = await runner("-t", transport(module), ...more);
      const lines = `${stderr}${stdout}`.trimEnd().split("\n");
      assertEquals(status, 1);
      assert(lines.length <= 15, `${lines.length} lines:\n${lines.join("\n")}`);
      assertMatch(lines.at(-1)!, last);
      assertMatch(lines.at(-2)!, /^FAILED {2}/);
    });
  }

  it("the runner ends in a few lines, the failure last: SIGINT", async () => {
    const program = start(repository("conformance/src/runner/cli.ts"), {
      args: ["-t", transport("patient")],
    });
    await program.printed("dialling");
    program.kill("SIGINT");
    const { status, stdout, stderr } = await program.ended;
    const lines = `${stderr}${stdout}`.trimEnd().split("\n");
    assertEquals(status, 130);
    assert(lines.length <= 15, `${lines.length} lines:\n${lines.join("\n")}`);
    assertMatch(lines.at(-2)!, /^FAILED {2}patient transport\/0\.[12] /);
    assertMatch(lines.at(-1)!, /^ +interrupted, while it ran$/);
  });

  for (
    const [form, module] of [
      ["a class", "conformance/tests/transports/odd/forms.ts"],
      ["an object", "conformance/src/fixtures/tcp.ts"],
    ] as const
  ) {
    it(`the runner takes a fixture that is ${form}`, async () => {
      const { stdout } = await runner("-t", repository(module), "--only", "transport/4,transport/11");
      assertMatch(stdout, /\n3 passed, 0 failed, 0 skipped in /);
    });
  }

  (missing === null ? it : it.skip)(
    `the runner takes a fixture whose peers are in another process${noNode}`,
    async () => {
      const { stdout } = await runner(
        ...["-t", repository("conformance/src/fixtures/ws.ts"), "--only", "transport/4,transport/11"],
      );
      assertMatch(stdout, /\n3 passed, 0 failed, 0 skipped in /);
    },
  );

  it("the runner asks more of a transport at each level, and gives a badge for the whole of one", async () => {
    const count = async (level: string) =>
      (await runner("-t", transport("good"), "--list", "--area", "transport", "--level", level)).stdout
        .match(/^ {2}transport\//gm)!.length;
    const counts = [await count("core"), await count("robust"), await count("fast")];
    assert(counts[0]! < counts[1]! && counts[1]! < counts[2]!, counts.join());
    const part = await runner("-t", transport("good"), "--only", "transport/4");
    assert(!part.stdout.includes("img.shields.io"), part.stdout);
    const { stdout } = await runner(
      ...["-t", repository("conformance/tests/transports/odd/streams.ts"), "--level", "core"],
    );
    assertMatch(
      stdout,
      /^!\[a transport for MiniMQTT, core: (\d+) of \d+ cases passed\]\(https:.*core.*\)$/m,
    );
  });

  it("the runner says what is not shown, and what to add to the fixture", async () => {
    const { stdout } = await runner(
      ...[
        "-t",
        repository("conformance/tests/transports/odd/forms.ts"),
        "--only",
        "transport/10.4,transport/9.2",
      ],
    );
    assertMatch(stdout, /^skipped transport\/10\.4, not shown: .* give the fixture `silent\(\)`/m);
    assertMatch(stdout, /^skipped transport\/9\.2, not shown: .* give the fixture `unknown`/m);
  });

  it("the runner shuffles by a seed, and tells life where there is no terminal", async () => {
    const order = async (seed: string) => {
      const { stdout } = await runner(
        ...["-t", transport("hanging"), "--list", "--only", "transport/8", "--shuffle", seed],
      );
      return stdout.match(/^ {2}transport\/\S+/gm)!.join();
    };
    const first = await order("1");
    assertEquals(await order("1"), first);
    assert(await order("2") !== first);
    const { stderr } = await runner(
      "-t",
      transport("hanging"),
      "--only",
      "transport/8.3",
      "--timeout",
      "12000",
    );
    assertMatch(stderr, /^hanging 1\/1 transport\/8\.3 close right behind a write/m);
  });

  it("the runner writes TAP, JUnit and JSON to files beside the table", async () => {
    const folder = mkdtempSync(join(tmpdir(), "runner-"));
    const file = (name: string) => join(folder, "deeper", name);
    try {
      const { status, stdout } = await runner(
        ...["-t", transport("losing"), "--only", "transport/0,transport/11.2"],
        ...["-f", "tap", "--output", file("report.tap"), "-f", "junit", "--output", file("report.xml")],
        ...["-f", "json", "--output", file("report.json")],
      );
      assertEquals(status, 1);
      assertStringIncludes(stdout, "2 passed, 1 failed, 0 skipped");
      const lines = readFileSync(file("report.tap"), "utf8").split("\n");
      assertEquals(lines.slice(0, 2), ["TAP version 14", "1..3"]);
      assertMatch(lines[2]!, /^ok 1 - losing transport\/0\.1: /);
      assertMatch(lines[4]!, /^not ok 3 - losing transport\/11\.2: /);
      assertMatch(lines[6]!, /^ {2}message: "rule 11: /);
      const elements: string[] = [];
      const parser = new SaxesParser();
      parser.on("opentag", ({ name }) => elements.push(name));
      parser.on("error", (error) => assert(false, error.message));
      parser.write(readFileSync(file("report.xml"), "utf8")).close();
      assertEquals(elements, [
        "testsuites",
        "testsuite",
        ...["testcase", "testcase", "testcase", "failure"],
      ]);
      const report: Report = JSON.parse(readFileSync(file("report.json"), "utf8"));
      const [suite] = report.suites;
      assertEquals(suite!.transport, "losing");
      assertEquals(suite!.results.map(({ outcome }) => outcome), ["passed", "passed", "failed"]);
      assertMatch(suite!.results[2]!.failure!.message, /^rule 11: /);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("the runner writes one report to the terminal in place of the table", async () => {
    const { status, stdout } = await runner("-t", transport("good"), "--only", "transport/0.1", "-f", "json");
    assertEquals(status, 0);
    assertEquals((JSON.parse(stdout) as Report).suites.length, 1);
  });

  it("the runner lists cases and runs none", async () => {
    const { status, stdout } = await runner("-t", transport("hanging"), "--area", "transport", "--list");
    assertEquals(status, 0);
    assertMatch(stdout, /^hanging\n/);
    assertMatch(stdout, /\n {2}transport\/8\.3 {2}close right behind a write .* \(rule 8\)\n/);
  });

  it("the runner takes the project's own transports where none is given, and the depths asked for", async () => {
    const all = await runner("--list");
    assertEquals(all.stdout.match(/^\w+$/gm), ["engine", "memory", "tcp"]);
    assertMatch(all.stdout, /\n {2}transport\/8\.3 /);
    const { status, stdout } = await runner("--list", "--depth", "engine,memory");
    assertEquals(status, 0);
    assertEquals(stdout.match(/^\w+$/gm), ["engine", "memory"]);
    assert(!stdout.includes("transport/"), stdout);
  });

  for (
    const [args, text] of [
      [["--area", "99"], /there is no area 99; there are: .*transport/],
      [["--only", "transport/99"], /there is no case transport\/99: --list shows all/],
      [["--format", "yaml"], /There are: table, tap, junit, json/],
      [["--output", "x.xml"], /it goes behind a --format/],
      [["-f", "tap", "-f", "json"], /two reports on one terminal/],
      [["--timeout", "soon"], /a whole number of milliseconds/],
      [["--colour"], /unknown option '--colour'/],
      [["--depth", "sea"], /There are: engine, memory, transport/],
    ] as const
  ) {
    it(`the runner refuses ${args.join(" ")}`, async () => {
      const { status, stderr } = await runner(...args);
      assertEquals(status, 2);
      assertMatch(stderr, text);
    });
  }

  it("the runner tells its version and its options", async () => {
    const { version } = JSON.parse(readFileSync(repository("conformance/package.json"), "utf8"));
    assertEquals((await runner("--version")).stdout, `${version}\n`);
    const { status, stdout } = await runner("--help");
    assertEquals(status, 0);
    for (const option of ["--transport", "--area", "--only", "--list", "--format", "--output", "--bail"]) {
      assertStringIncludes(stdout, option);
    }
  });
});

function runner(...args: readonly string[]): Promise<RunResult> {
  return run(repository("conformance/src/runner/cli.ts"), { args });
}

function transport(name: string): string {
  return repository(`conformance/tests/transports/broken/${name}.ts`);
}

/**
 * What the suite says of scenarios that go another way: every kind of step, at the engine and in memory, fails with the
 * step's number, what was expected and what came.
 */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { Depth } from "../case.ts";
import {
  accept,
  area,
  call,
  callback,
  closed,
  CONNECT,
  drop,
  expect,
  fails,
  isPlayableAt,
  named,
  nothing,
  online,
  returns,
  type Scenario,
  send,
  type Step,
  wait,
  when,
} from "./scenario.ts";
import { clientCases, memoryCases } from "./client.ts";
import { engineCases } from "./engine.ts";
import { ScenarioError } from "./play.ts";
import { memoryFixture } from "../fixtures/memory.ts";

function scenario(...steps: readonly Step[]): Scenario {
  return area("99 wrong", [{ id: "wrong", name: "goes another way", covers: [], steps }])[0]!;
}

/** Stories that are not true: the step at which they fail, what was expected, and what came. */
const WRONG: Readonly<
  Record<string, readonly [steps: readonly Step[], step: number, expected: string, got: string]>
> = {
  "other bytes": [[call("connect"), accept, expect(CONNECT.replace("3c", "3d"))], 3, "003d", CONNECT],
  "bytes that do not come": [[...online, expect("c000")], 6, "c000", ""],
  "fewer bytes than expected": [[...online, call("ping"), expect("c000c000")], 7, "c000c000", "c000"],
  "bytes too many": [[...online, call("publish", "t", "x"), nothing], 7, "no bytes", "300400017478"],
  "bytes left over": [[...online, call("publish", "t", "x")], 7, "no more bytes", "300400017478"],
  "another value": [
    [call("connect"), accept, expect(CONNECT), send("20020000"), returns(1)],
    5,
    "1",
    "0",
  ],
  "a value in an error's place": [
    [call("isConnected"), fails("UsageError", "no")],
    2,
    "UsageError: no",
    "false",
  ],
  "an error in a value's place": [
    [...online, call("publish", "", "x"), returns()],
    7,
    "undefined",
    "UsageError: Topic may not be empty.",
  ],
  "another error": [
    [...online, call("publish", "", "x"), fails("UsageError", "another")],
    7,
    "another",
    "Topic may not be empty.",
  ],
  "an error of another code": [
    [...online, call("publish", "", "x"), fails("UsageError", undefined, { code: "invalid-filter" })],
    7,
    "invalid-filter",
    "invalid-topic",
  ],
  "an error of another class": [
    [...online, call("publish", "", "x"), fails("MMQTTException")],
    7,
    "MMQTTException",
    "UsageError",
  ],
  "another statement": [
    [
      ...online,
      call("ping"),
      expect("c000"),
      send("3000"),
      closed,
      fails("MMQTTException", undefined, {
        statement: "MQTT-9.9.9-9",
      }),
    ],
    10,
    "MQTT-9.9.9-9",
    "Malformed PUBLISH",
  ],
  "a call that does not end": [
    [...online, call("ping"), expect("c000"), returns([208])],
    8,
    "[208]",
    "no end",
  ],
  "a call that nobody asks about": [
    [...online, call("ping"), expect("c000")],
    6,
    "an end without an error",
    "no end of the call",
  ],
  "a failure that nobody asks about": [
    [...online, call("publish", "", "x")],
    6,
    "an end without an error",
    "Topic may not be empty.",
  ],
  "a call that was never made": [[returns(0)], 1, "a call before it", "none"],
  "another callback": [
    [...online, call("ping"), expect("c000"), send("3003000174"), callback("onMessage", "t", "x")],
    9,
    '["onMessage", "t", "x"]',
    '["onMessage", "t", ""',
  ],
  "a callback that does not come": [[...online, callback("onMessage", "t")], 6, "onMessage", "no callback"],
  "a callback too many": [
    [...online, call("ping"), expect("c000"), send("3003000174d000"), returns([0x30, 0xd0])],
    10,
    "no more callbacks",
    "onMessage",
  ],
  "a callback when nothing was to happen": [
    [...online, call("ping"), expect("c000"), send("3003000174"), nothing],
    9,
    "no callback",
    "onMessage",
  ],
  "a connection that stays": [[...online, closed], 6, "the end of the connection", "nothing"],
  "bytes in the end's place": [[...online, call("ping"), closed], 7, "the end of the connection", "c000"],
};

const DEPTHS: Readonly<Partial<Record<Depth, typeof engineCases>>> = {
  engine: engineCases,
  memory: memoryCases,
};

for (const [depth, cases] of Object.entries(DEPTHS)) {
  describe(`a scenario that goes another way, at the depth ${depth}:`, () => {
    for (const [name, [steps, step, expected, got]] of Object.entries(WRONG)) {
      it(name, async () => {
        const [test] = cases([scenario(...steps)]);
        const error = await assertRejects(() => test!.run(), ScenarioError);
        assertEquals(error.step, step);
        assertStringIncludes(error.expected, expected);
        assertStringIncludes(error.got, got);
        assertStringIncludes(error.message, `step ${step}`);
      });
    }
  });
}

describe("a scenario over a transport", () => {
  const fixture = { ...memoryFixture(), limit: 100 };

  it("fails after the fixture's limit where nothing comes", async () => {
    const [test] = clientCases([scenario(...online, expect("c000"))], fixture, "m");
    const error = await assertRejects(() => test!.run(), ScenarioError);
    assertEquals([error.step, error.expected, error.got], [6, "c000", ""]);
  });

  it("fails where bytes are left over, though nobody waits for them", async () => {
    const [test] = clientCases([scenario(...online, call("publish", "t", "x"))], fixture, "m");
    const error = await assertRejects(() => test!.run(), ScenarioError);
    assertEquals([error.expected, error.got], ["no more bytes", "300400017478"]);
  });

  it("fails where nobody connects", async () => {
    const [test] = clientCases([scenario(accept)], fixture, "m");
    await assertRejects(() => test!.run(), Error, "expected a connection, got none");
  });

  it("is skipped with the reason where the peer cannot reset", () => {
    const lacking = { ...fixture, lacks: { reset: "this peer only closes" } };
    const [test] = clientCases([scenario(...online, drop("reset"))], lacking, "m");
    assertEquals([test!.skip, test!.id], ["this peer only closes", "m:wrong"]);
  });

  it("leaves nothing behind when it fails: the next one over the same fixture passes", async () => {
    const [wrong] = clientCases([scenario(...online, expect("c000"))], fixture);
    const [right] = clientCases([scenario(...online)], fixture);
    await assertRejects(() => wrong!.run(), ScenarioError);
    await right!.run();
  });
});

describe("cases of scenarios", () => {
  it("tell identifier, area, name, what they cover, depth and script", () => {
    const [test] = engineCases([{ ...scenario(call("ping"), wait(5)), covers: ["MM-172"] }]);
    const { id, area, name, covers, depth, script } = test!;
    assertEquals([id, area, name, covers, depth], [
      "engine:wrong",
      "99 wrong",
      "goes another way",
      ["MM-172"],
      "engine",
    ]);
    assertEquals(script, ["ping()", "5 ms pass"]);
  });

  it("are made for the depths that have what the steps need", () => {
    const at = (...steps: readonly Step[]) =>
      (["engine", "memory", "transport"] as const).filter((depth) => isPlayableAt(scenario(...steps), depth));
    assertEquals(at(...online), ["engine", "memory", "transport"]);
    assertEquals(at(...online, wait(1)), ["engine", "memory"]);
    assertEquals(at(...online, nothing), ["engine", "memory"]);
    assertEquals(at(when("onMessage", { throw: "x" })), ["memory", "transport"]);
    assertEquals(at(when("onMessage", { wait: 1 })), ["memory"]);
    assertEquals(at(call("reconnect")), ["memory", "transport"]);
    assertEquals(at(call("new", {})), ["memory"]);
    assert(isPlayableAt({ ...scenario(call("new", {})), only: ["engine"] }, "engine"));
  });

  it("wait for calls by name, in any order", async () => {
    const story = scenario(
      ...online,
      named("one", call("publish", "a", "", false, 1)),
      named("two", call("publish", "b", "", false, 1)),
      expect("32050001610001" + "32050001620002"),
      send("40020002"),
      returns(undefined, "two"),
      send("40020001"),
      returns(undefined, "one"),
    );
    for (const cases of Object.values(DEPTHS)) await cases([story])[0]!.run();
  });
});

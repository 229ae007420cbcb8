// Test limit: 6 minutes
/** Two transports that nobody would write twice, and the suite in any order. */
import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import process from "node:process";
import { clientCases, scenarios, transportCases } from "../../src/mod.ts";
import type { Case, TransportFixture } from "../../src/mod.ts";
import { shuffled } from "../../src/runner/suites.ts";
import { broken, faults, network } from "./broken/faults.ts";
import { radioFixture } from "./odd/radio.ts";
import { streamsFixture } from "./odd/streams.ts";

const skip = process.platform === "win32" ? " (skipped: node:net has named pipes on Windows)" : "";
const onUnix = skip === "" ? it : it.skip;

/** Milliseconds that a radio may take on a busy machine. */
const PATIENT = { timeout: 150_000 };

/** Cases that count what the whole program has, or fill its queues. */
const COUNTING = ["transport/7.3", "transport/8.11", "transport/10.3", "transport/10.6"];

/** How many cases run beside each other. */
const BESIDE = 32;

/** What fails where cases run beside each other; those that count what the whole program has run behind them, alone. */
async function failures(cases: readonly Case[]): Promise<string[]> {
  const failed: string[] = [];
  const attempt = ({ id, run }: Case) =>
    run().catch((error: Error) => void failed.push(`${id}: ${error.message}`));
  const able = cases.filter(({ skip }) => skip === undefined);
  // More at a time, and on a busy machine what a case does takes longer than the time it has by its fixture's speed.
  const rest = able.filter(({ id }) => !COUNTING.includes(id));
  await Promise.all(Array.from({ length: BESIDE }, async () => {
    for (let one = rest.shift(); one !== undefined; one = rest.shift()) await attempt(one);
  }));
  for (const one of able.filter(({ id }) => COUNTING.includes(id))) await attempt(one);
  return failed;
}

function whole(fixture: TransportFixture): Case[] {
  return [...transportCases(fixture), ...clientCases(scenarios, fixture)];
}

describe("odd transports", () => {
  it("a pair of Duplex streams passes whole", async () => {
    assertEquals(await failures(whole(streamsFixture({ near: true, far: true }))), []);
  });

  // Its socket takes in some 200 kilobytes before the peer's write waits (7.2): minutes at this speed, and the next test
  // has them. So have the scenarios: node conformance/src/runner/cli.ts -t conformance/tests/transports/odd/radio.ts
  onUnix(
    `a radio of one byte a read, at a kilobyte a second, keeps the contract${skip}`,
    PATIENT,
    async () => {
      const cases = transportCases(radioFixture(1024)).filter(({ id }) => id !== "transport/7.2");
      assertEquals(await failures(cases), []);
    },
  );

  // A message of 300,000 bytes takes about as long at this speed as the keep alive of its scenario, which has no ping in it.
  onUnix(
    `a radio of one byte a read, at 16 kilobytes a second, passes whole but for messages of 300,000 bytes${skip}`,
    PATIENT,
    async () => {
      const cases = whole(radioFixture(16_384)).filter(({ id }) => !id.includes(":sizes-large-"));
      assertEquals(await failures(cases), []);
    },
  );
});

describe("the order of cases", () => {
  /** Of a case: the rule that was broken, or that none was. */
  function verdict({ run }: Case): Promise<string> {
    return run().then(() => "passed", ({ message }: Error) => message.replace(/:.*/s, ""));
  }

  /** Each with a fixture of its own; they need not wait for each other, but for those that count. */
  async function alone(make: () => TransportFixture): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    const attempt = async (id: string) => {
      found.set(id, await verdict(casesOf(make()).find((one) => one.id === id)!));
    };
    const ids = casesOf(make()).map(({ id }) => id);
    await Promise.all(ids.filter((id) => !COUNTING.includes(id)).map(attempt));
    for (const id of ids.filter((id) => COUNTING.includes(id))) await attempt(id);
    return found;
  }

  const casesOf = (fixture: TransportFixture) =>
    transportCases(fixture, { bytesPerSecond: 50_000, roundTrip: 0 }).filter(({ skip }) =>
      skip === undefined
    );
  const handing = faults.find(({ name }) => name === "read gives the very array that the peer wrote")!;
  for (
    const [what, make, unlike] of [
      ["a good transport", network, []],
      ["a broken one", () => broken(handing), [["transport/2.2", "rule 2"]]],
    ] as const
  ) {
    it(`each case alone, and all in a shuffled order, give the same verdicts: ${what}`, async () => {
      const seed = Math.floor(Math.random() * 2 ** 32);
      const together = new Map<string, string>();
      for (const one of shuffled(casesOf(make()), seed)) together.set(one.id, await verdict(one));
      const found = await alone(make);
      for (const [id, is] of found) assertEquals(together.get(id), is, `${id}, shuffled by ${seed}`);
      assertEquals<unknown>([...found].filter(([, is]) => is !== "passed"), unlike);
    });
  }
});

import type { Connection, Transport } from "@minimqtt/core";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { existsSync, readFileSync } from "node:fs";
import { tcpFixture } from "../../src/fixtures/tcp.ts";
import { transportCases, transportSuite } from "../../src/mod.ts";
import type { Capability } from "../../src/mod.ts";
import { repository } from "../programs/programs.ts";
import { faults, network } from "./broken/faults.ts";
import { brokenPage, tryAllFaults } from "./broken/page.ts";

const verdicts = tryAllFaults();

/** Nothing is measured, and so no connection opened for it. */
const FAST = { bytesPerSecond: Infinity, roundTrip: 0 };

describe("transportSuite", () => {
  for (const fault of faults) {
    const { rule, name } = fault;
    it(`transportSuite fails for rule ${rule} when ${name}`, async () => {
      const breaches = await verdicts.get(fault)!;
      assert(breaches.length > 0, "no test failed");
      const named = rule === 0 ? "transport shape: " : `rule ${rule}: `;
      for (const { id, message } of breaches) assert(message.startsWith(named), `${id} says: ${message}`);
    });
  }

  it("bytes from read() that are the peer's own array fail one case, and no other", async () => {
    const fault = faults.find(({ name }) => name === "read gives the very array that the peer wrote");
    assertEquals((await verdicts.get(fault!)!).map(({ id }) => id), ["transport/2.2"]);
  });

  it("docs/broken-transports.md tells which case shows each fault", async () => {
    const page = readFileSync(repository("docs/broken-transports.md"), "utf8");
    // `deno fmt` lays it out.
    const bare = (text: string) => text.replaceAll(/\s+/g, " ").replaceAll(/-+/g, "-");
    assertEquals(bare(page), bare(await brokenPage(verdicts)));
  });

  it("transportSuite is broken by a fault for every rule", () => {
    assertEquals([...new Set(faults.map(({ rule }) => rule))], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  const noCount = existsSync("/proc/self/fd") ? "" : " (skipped: only Linux tells how many sockets are open)";
  (noCount === "" ? it : it.skip)(
    `transportSuite fails for rule 8 when sockets are left behind${noCount}`,
    async () => {
      const good = tcpFixture();
      const other = await good.listen();
      const forgotten: Connection[] = [];
      const transport: Transport = {
        ...good.transport,
        async connect(address, options) {
          if (forgotten.length < 50) forgotten.push(await good.transport.connect(other.address));
          return good.transport.connect(address, options);
        },
      };
      const [leak] = transportCases({ ...good, transport }, FAST).filter(({ id }) => id === "transport/8.11");
      await assertRejects(() => leak!.run(), Error, "rule 8: 100 sockets are still open");
      await other.close();
      await Promise.all(forgotten.map((connection) => connection.close()));
    },
  );

  it("transportSuite shows the tests that a lack makes impossible, with the reason", () => {
    const ran: string[] = [];
    const skipped: string[] = [];
    const test = Object.assign((name: string) => ran.push(name), {
      skip: (name: string) => skipped.push(name),
    });
    const lacks: Partial<Record<Capability, string>> = { reset: "it cannot break" };
    transportSuite(test, { ...network(), lacks });
    assert(ran.length > skipped.length);
    assert(skipped.some((name) => name.endsWith("(skipped: it cannot break)")));
    assertEquals(
      skipped.filter((name) => !name.includes("it cannot break") && !name.includes("no address")),
      [],
    );
  });
});

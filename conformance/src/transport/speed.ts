/**
 * How a transport compares with the bare stream below it. Speed is no rule: these are for `--level fast`.
 *
 * @module
 */

import type { Address, Connection } from "@minimqtt/core";
import type { Arena, RuleCase } from "./arena.ts";
import type { Peer } from "./fixture.ts";

/** The cases of this file. */
export const speedCases: readonly RuleCase[] = [
  {
    id: "speed.1",
    name: "bytes pass at a third of the speed of the bare stream at least, either way",
    level: "fast",
    needs: ["raw"],
    async run(arena: Arena) {
      const dialled = await open(arena, (address) => arena.fixture.transport.connect(address));
      const raw = await open(arena, (address) => arena.fixture.raw!(address));
      for (const way of ["out", "in"] as const) {
        // By turns, so that what else the machine does meets both; the best of each is the least disturbed.
        let [best, bare] = [Infinity, Infinity];
        for (let round = 0; round < ROUNDS; round++) {
          best = Math.min(best, await time(arena, dialled, way));
          bare = Math.min(bare, await time(arena, raw, way));
        }
        if (best <= bare * MOST) continue;
        const share = Math.round(100 * bare / best);
        throw new Error(`speed: bytes pass (${way}) at ${share} % of the speed of the bare stream`);
      }
    },
  },
];

type Ends = readonly [Connection, Peer];

async function open(arena: Arena, dial: (address: Address) => Promise<Connection>): Promise<Ends> {
  const listener = await arena.listen();
  const accepting = arena.beside(listener.accept());
  const connection = await arena.within(dial(listener.address), "connect()");
  const peer = await arena.within(accepting, "the fixture's accept()");
  arena.keep(connection, peer);
  return [connection, peer];
}

/** Milliseconds that some bytes take. */
async function time(arena: Arena, [near, far]: Ends, way: "out" | "in"): Promise<number> {
  const [from, to] = way === "out" ? [near, far] : [far, near];
  const count = arena.amount(BYTES);
  const piece = arena.piece();
  const start = performance.now();
  const writing = arena.beside((async () => {
    for (let sent = 0; sent < count; sent += piece.length) await from.write(piece.subarray(0, count - sent));
  })());
  for (let got = 0; got < count;) {
    const bytes = await arena.within(to.read(), "read()");
    if (!bytes?.length) throw new Error("speed: bytes are missing");
    got += bytes.length;
  }
  await arena.within(writing, "write()");
  return performance.now() - start;
}

/** Bytes of a round, and how many rounds each has. */
const BYTES = 8 * 1_048_576;
const ROUNDS = 5;

/** How many times as long as over the bare stream it may take. */
const MOST = 3;

/**
 * Tests of streams in whatever chunks: rule 11.
 *
 * @module
 */
import type { Arena, RuleCase } from "./arena.ts";
import { pattern } from "./bytes.ts";

/** The cases of this file. */
export const chunkCases: readonly RuleCase[] = [
  {
    id: "11.1",
    name: "many tiny writes of the peer arrive complete and in order",
    async run(arena: Arena) {
      const [connection, peer] = await arena.pair();
      const bytes = pattern(arena.amount(3000));
      const sending = arena.beside((async () => {
        for (let start = 0; start < bytes.length; start++) await peer.write(bytes.subarray(start, start + 1));
      })());
      await arena.receive(connection, bytes.length);
      await arena.within(sending, "the peer's write()", arena.limit(bytes.length));
    },
  },
  {
    id: "11.2",
    name: "both directions carry bytes at the same time",
    async run(arena: Arena) {
      const [connection, peer] = await arena.pair();
      const bytes = pattern(arena.amount(4_000_000));
      await Promise.all([
        arena.within(connection.write(bytes), "write()"),
        arena.within(peer.write(bytes), "the peer's write()"),
        arena.receive(connection, bytes.length),
        arena.receive(peer, bytes.length),
      ]);
      const closing = arena.beside(peer.close());
      await arena.drain(connection);
      await arena.within(closing, "the peer's close()");
    },
  },
];

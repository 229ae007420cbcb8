/**
 * Tests of writing: rules 6 and 7.
 *
 * @module
 */

import type { Arena, RuleCase } from "./arena.ts";
import { pattern, pause, SCRIBBLE } from "./bytes.ts";
import type { Watched } from "./link.ts";
import { heldMemory } from "./program.ts";

/** The cases of this file. */
export const writingCases: readonly RuleCase[] = [
  {
    id: "6.1",
    name: "write takes 16 MiB at once, and the array may be reused when it resolves",
    async run(arena: Arena) {
      const [connection, peer] = await arena.pair();
      const bytes = pattern(arena.amount(16 * 1_048_576));
      const sent = bytes.length;
      const writing = arena.beside(connection.write(bytes).then(() => bytes.fill(SCRIBBLE)));
      await arena.receive(peer, sent);
      await arena.within(writing, "write()", arena.limit(sent));
    },
  },
  {
    id: "6.2",
    name: "write may get the same array again and again with other bytes in it",
    async run(arena: Arena) {
      const [connection, peer] = await arena.pair();
      const count = Math.ceil(arena.amount(3000 * 32) / 32);
      const sending = arena.beside((async () => {
        // A view in the middle of a larger buffer, with something else on both sides.
        const bytes = new Uint8Array(64).fill(SCRIBBLE).subarray(16, 48);
        for (let position = 0; position < count * bytes.length; position += bytes.length) {
          bytes.set(pattern(bytes.length, position));
          await connection.write(bytes);
          bytes.fill(SCRIBBLE);
        }
      })());
      await arena.receive(peer, count * 32);
      await arena.within(sending, "write()", arena.limit(count * 32));
    },
  },
  {
    id: "6.3",
    name: "write of nothing resolves and sends nothing",
    async run(arena: Arena) {
      const [connection, peer] = await arena.pair();
      await arena.within(connection.write(new Uint8Array(0)), "write() of nothing");
      await arena.within(connection.write(pattern(3)), "write()");
      await arena.receive(peer, 3);
    },
  },
  {
    id: "6.4",
    name: "write rejects with write-failed while another is pending, and sends nothing",
    needs: ["backpressure"],
    async run(arena: Arena) {
      const [connection, peer] = await arena.pair();
      const { count, pending } = await arena.fill(connection);
      await arena.rejects(
        connection.write(new Uint8Array(5).fill(SCRIBBLE)),
        "write-failed",
        "a second write()",
      );
      await arena.receive(peer, count);
      await arena.within(pending, "the first write()");
      await arena.within(connection.write(pattern(3, count)), "write()");
      await arena.receive(peer, 3, count);
    },
  },
  {
    id: "6.5",
    name: "many tiny writes arrive complete and in order",
    async run(arena: Arena) {
      const [connection, peer] = await arena.pair();
      const bytes = pattern(arena.amount(3000));
      const sending = arena.beside((async () => {
        for (let at = 0; at < bytes.length; at++) await connection.write(bytes.subarray(at, at + 1));
      })());
      await arena.receive(peer, bytes.length);
      await arena.within(sending, "write()", arena.limit(bytes.length));
    },
  },
  {
    id: "6.6",
    name: "what the peer reads is not the array that was written: it may be used again",
    async run(arena: Arena) {
      const [connection, peer] = await arena.pair();
      const written = arena.piece();
      const writing = arena.beside(connection.write(written));
      const kept: Uint8Array[] = [];
      for (let got = 0; got < written.length;) {
        const bytes = await arena.within(peer.read(), "the peer's read()");
        if (!bytes) throw arena.broken(peer.missing(), "the stream ended too early");
        kept.push(bytes);
        got += bytes.length;
      }
      await arena.within(writing, "write()");
      written.fill(SCRIBBLE);
      const shared = kept.some((bytes) => bytes.length > 0 && bytes.every((byte) => byte === SCRIBBLE));
      arena.check(
        !shared,
        "what the peer had read changed with the array that was written: it is that array",
      );
    },
  },
  {
    id: "7.1",
    name: "write waits while the peer does not read, and goes on when it does",
    needs: ["backpressure"],
    async run(arena: Arena) {
      const [connection, peer] = await arena.pair();
      const { count, pending } = await arena.fill(connection);
      await arena.receive(peer, count);
      await arena.within(pending, "write() to a peer that reads again");
    },
  },
  {
    id: "7.2",
    name: "bytes that nobody reads stay with the peer, whose write waits",
    needs: ["restraint"],
    async run(arena: Arena) {
      const [connection, peer] = await arena.pair();
      const { count, pending } = await arena.fill(peer);
      await arena.receive(connection, count);
      await arena.within(pending, "the peer's write()");
    },
  },
  {
    id: "7.3",
    name: "memory stays flat while bytes pass that nobody keeps, both ways",
    level: "robust",
    needs: ["memory"],
    async run(arena: Arena) {
      const [connection, peer] = await arena.pair();
      const round = arena.amount(64 * arena.pieceLength);
      const before = heldMemory() ?? 0;
      const start = performance.now();
      let passed = 0;
      while (passed < ENOUGH && (passed === 0 || performance.now() - start < LONG_ENOUGH)) {
        await Promise.all([pass(arena, connection, peer, round), pass(arena, peer, connection, round)]);
        passed += 2 * round;
      }
      // What has passed a moment ago may be let go of a few turns of the event loop later; what is kept never is.
      let grown = Infinity;
      for (let turn = 0; turn < 20 && grown >= passed / 4 + SOME; turn++) {
        await pause(turn * 5);
        grown = (heldMemory() ?? 0) - before;
      }
      arena.check(
        grown < passed / 4 + SOME,
        `memory grew by ${mebibytes(grown)} while ${mebibytes(passed)} went through, and nobody kept any`,
      );
    },
  },
];

/** Sends so many bytes from one end to the other. */
async function pass(arena: Arena, from: Watched, to: Watched, count: number): Promise<void> {
  const piece = arena.piece();
  const sending = arena.beside((async () => {
    for (let sent = 0; sent < count; sent += piece.length) await from.write(piece.subarray(0, count - sent));
  })());
  for (let got = 0; got < count;) {
    const bytes = await arena.within(to.read(), "read()");
    if (!bytes) throw arena.broken(to.missing(), "the stream ended too early");
    got += bytes.length;
  }
  await arena.within(sending, "write()", arena.limit(count));
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 1_048_576)} MiB`;
}

/** Bytes after which memory is looked at, and milliseconds after which fewer do. */
const ENOUGH = 64 * 1_048_576;
const LONG_ENOUGH = 4000;

/** Bytes that any program may take for itself meanwhile. */
const SOME = 1_048_576;

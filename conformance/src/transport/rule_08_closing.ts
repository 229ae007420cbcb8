/**
 * Tests of closing: rule 8.
 *
 * @module
 */

import type { Connection } from "@minimqtt/core";
import type { Arena, RuleCase } from "./arena.ts";
import { outcome, pattern, pause } from "./bytes.ts";
import { openSockets } from "./program.ts";

/** The cases of this file. */
export const closingCases: readonly RuleCase[] = [
  {
    id: "8.1",
    name: "close resolves a pending read to null, though the peer does nothing",
    async run(arena: Arena) {
      const [connection] = await arena.pair();
      const reading = arena.beside(connection.read());
      await closes(arena, connection);
      arena.check(await arena.within(reading, "the pending read()") === null, "the pending read() got bytes");
    },
  },
  {
    id: "8.2",
    name: "close settles a pending write, though the peer does not read",
    needs: ["backpressure"],
    async run(arena: Arena) {
      const [connection] = await arena.pair();
      const { pending } = await arena.fill(connection);
      const writing = pending.catch(() => undefined);
      await closes(arena, connection);
      await arena.within(writing, "the pending write()");
    },
  },
  {
    id: "8.3",
    name: "close right behind a write delivers all its bytes and then the end",
    async run(arena: Arena) {
      await arena.works();
      const [connection, peer] = await arena.pair();
      await arena.within(connection.write(arena.piece()), "write()");
      const closing = arena.beside(connection.close());
      await arena.receive(peer, arena.pieceLength);
      await arena.receiveEnd(peer);
      await arena.within(peer.close(), "the peer's close()");
      await arena.within(closing, "close()");
    },
  },
  {
    id: "8.4",
    name: "close delivers what was written though bytes from the peer were never read",
    async run(arena: Arena) {
      await arena.works();
      const [connection, peer] = await arena.pair();
      await arena.within(peer.write(arena.piece()), "the peer's write()");
      await arena.within(connection.write(arena.piece()), "write()");
      const closing = arena.beside(connection.close());
      await pause(50);
      await arena.receive(peer, arena.pieceLength);
      await arena.receiveEnd(peer);
      await arena.within(peer.close(), "the peer's close()");
      await arena.within(closing, "close()");
      await arena.receiveEnd(connection);
    },
  },
  {
    id: "8.5",
    name: "close resolves while the peer goes on writing, and the peer's writing comes to an end",
    async run(arena: Arena) {
      const [connection, peer] = await arena.pair();
      let isOver = false;
      const writing = arena.beside((async () => {
        try {
          while (!isOver) {
            await peer.write(arena.piece());
            await pause(0);
          }
        } catch {
          // This is what is waited for.
        }
      })());
      const bytes = await arena.within(connection.read(), "read()");
      if (!bytes) throw arena.broken(connection.missing(), "the stream ended too early");
      try {
        await closes(arena, connection);
        const done = await outcome(writing, arena.limit());
        arena.check(done !== undefined, `the peer could still write ${arena.limit()} ms after close()`);
      } finally {
        isOver = true;
      }
    },
  },
  {
    id: "8.6",
    name: "close is quick when the peer ends too",
    async run(arena: Arena) {
      let best = Infinity;
      // A machine that is busy with something else is not the transport's fault.
      for (let attempt = 0; attempt < 3 && best >= QUICK; attempt++) {
        const [connection, peer] = await arena.pair();
        const start = performance.now();
        const closing = arena.beside(connection.close());
        await arena.drain(peer);
        await arena.within(peer.close(), "the peer's close()");
        await arena.within(closing, "close()");
        best = Math.min(best, performance.now() - start);
      }
      arena.check(best < QUICK, `close() took ${Math.round(best)} ms though the peer had ended`);
    },
  },
  {
    id: "8.7",
    name: "close may be called twice at once, and again later",
    async run(arena: Arena) {
      const [connection, peer] = await arena.pair();
      const closing = [arena.beside(connection.close()), arena.beside(connection.close())];
      await arena.drain(peer);
      await arena.within(peer.close(), "the peer's close()");
      for (const one of closing) await arena.within(one, "close()");
      await arena.within(connection.close(), "close() once more");
    },
  },
  {
    id: "8.8",
    name: "close after the peer's end resolves",
    async run(arena: Arena) {
      const [connection, peer] = await arena.pair();
      const closing = arena.beside(peer.close());
      await arena.receiveEnd(connection);
      await closes(arena, connection);
      await arena.within(closing, "the peer's close()");
    },
  },
  {
    id: "8.9",
    name: "close after a reset that nobody has noticed resolves",
    level: "robust",
    needs: ["reset"],
    async run(arena: Arena) {
      const [connection, peer] = await arena.pair();
      peer.reset();
      await closes(arena, connection);
    },
  },
  {
    id: "8.10",
    name: "read resolves to null and write rejects with closed, during close and after it",
    async run(arena: Arena) {
      const [connection, peer] = await arena.pair();
      await arena.within(peer.write(arena.piece()), "the peer's write()");
      await arena.within(connection.read(), "read()");
      const closing = arena.beside(connection.close());
      await arena.rejects(connection.write(pattern(3)), "closed", "write() during close()");
      await arena.receiveEnd(connection);
      await arena.within(closing, "close()");
      await arena.rejects(connection.write(pattern(3)), "closed", "write() after close()");
      await arena.rejects(connection.write(new Uint8Array(0)), "closed", "write() of nothing after close()");
      for (let count = 0; count < 3; count++) await arena.receiveEnd(connection);
    },
  },
  {
    id: "8.11",
    name: "close leaves nothing behind: 1,000 connections, one after the other",
    level: "robust",
    async run(arena: Arena) {
      const listener = await arena.listen();
      const before = openSockets();
      for (let count = 0; count < 1000; count++) {
        const [connection, peer] = await arena.pair(listener);
        const writing = arena.beside(connection.write(pattern(2)));
        await arena.receive(peer, 2);
        await arena.within(writing, "write()");
        const closing = arena.beside(connection.close());
        await arena.receiveEnd(peer);
        await arena.within(peer.close(), "the peer's close()");
        await arena.within(closing, "close()");
      }
      // Those of other programs' doing, such as a pool that grows, are few.
      const left = openSockets() - before;
      arena.check(left < FEW, `${left} sockets are still open after 1,000 connections, all closed`);
    },
  },
  {
    id: "8.12",
    name: "close in the middle of a write settles it, and the peer gets a beginning of the bytes",
    level: "robust",
    async run(arena: Arena) {
      const [connection, peer] = await arena.pair();
      const writing = connection.write(pattern(arena.amount(4_000_000))).catch(() => undefined);
      let closing: Promise<void> | undefined;
      for (let position = 0;;) {
        const done = await arena.settles(peer.read(), "the peer's read()");
        if ("error" in done || done.value === null) break;
        arena.compare(done.value, position, 6);
        position += done.value.length;
        closing ??= arena.beside(connection.close());
      }
      arena.check(closing !== undefined, "the peer got nothing of a write()");
      await arena.within(writing, "the pending write()");
      await arena.within(peer.close(), "the peer's close()");
      await arena.within(closing, "close()");
    },
  },
  {
    id: "8.13",
    name: "close of both ends at the same time resolves",
    level: "robust",
    async run(arena: Arena) {
      const [connection, peer] = await arena.pair();
      await arena.within(connection.write(arena.piece()), "write()");
      await arena.within(peer.write(arena.piece()), "the peer's write()");
      const closing = arena.beside(peer.close());
      await closes(arena, connection);
      await arena.within(closing, "the peer's close()");
    },
  },
];

/** Closes, which must take about a second at most, whatever the peer does. */
async function closes(arena: Arena, connection: Connection): Promise<void> {
  await arena.within(connection.close(), "close()", 2500);
}

/** Milliseconds in which a close is done that has nothing to wait for. */
const QUICK = 900;

/** Sockets more than before that are nobody's leak. */
const FEW = 10;

/**
 * Tests of reading: rules 1 to 5.
 *
 * @module
 */

import { pattern, pause, PIECE } from "./arena.ts";
import type { Arena, RuleCase } from "./arena.ts";

/** The cases of this file. */
export const readingCases: readonly RuleCase[] = [
  {
    id: "1.1",
    name: "read does not resolve for a write of nothing",
    async run(arena: Arena) {
      const [connection, peer] = await arena.pair();
      const reading = arena.beside(connection.read());
      await arena.within(peer.write(new Uint8Array(0)), "the peer's write() of nothing");
      await arena.within(peer.write(pattern(1)), "the peer's write()");
      const bytes = await arena.within(reading, "read()");
      arena.check(bytes?.length === 1, `read() resolved to ${bytes?.length} bytes, expected 1`);
    },
  },
  {
    id: "2.1",
    name: "bytes from read never change, and changing them changes nothing else",
    async run(arena: Arena) {
      const [connection, peer] = await arena.pair();
      const total = 100 * PIECE.length;
      const sending = arena.beside((async () => {
        for (let sent = 0; sent < total; sent += PIECE.length) {
          await peer.write(PIECE);
          // Small writes between, so that chunks come in all sizes.
          for (let start = 0; start < 50; start++) await peer.write(PIECE.subarray(start, start + 1));
          await peer.write(PIECE.subarray(50));
          sent += PIECE.length;
        }
      })());
      const kept: { readonly bytes: Uint8Array; readonly position: number; readonly scribbled: boolean }[] =
        [];
      for (let position = 0; position < total;) {
        const bytes = await arena.within(connection.read(), "read()");
        arena.check(bytes !== null, "the stream ended too early");
        arena.compare(bytes, position);
        const scribbled = kept.length % 2 === 1;
        if (scribbled) bytes.fill(SCRIBBLE);
        kept.push({ bytes, position, scribbled });
        position += bytes.length;
      }
      await arena.within(sending, "the peer's write()");
      for (const { bytes, position, scribbled } of kept) {
        if (scribbled) {
          arena.check(bytes.every((byte) => byte === SCRIBBLE), "bytes from read() were written to");
        } else arena.compare(bytes, position);
      }
    },
  },
  {
    id: "3.1",
    name: "bytes before the peer's end are delivered before it, however late they are read",
    async run(arena: Arena) {
      const [connection, peer] = await arena.pair();
      await arena.within(peer.write(PIECE), "the peer's write()");
      const closing = arena.beside(peer.close());
      await pause(50);
      await arena.receive(connection, PIECE.length);
      await arena.receiveEnd(connection);
      await arena.within(connection.close(), "close()");
      await arena.within(closing, "the peer's close()");
    },
  },
  {
    id: "3.2",
    name: "bytes before a reset, in the middle of a packet, are delivered before the error",
    needs: ["reset"],
    async run(arena: Arena) {
      const [connection, peer] = await arena.pair();
      // The first read tells the transport that somebody is there; the others come after the reset.
      await arena.within(peer.write(pattern(1)), "the peer's write()");
      await arena.receive(connection, 1);
      await arena.within(peer.write(pattern(PIECE.length, 1)), "the peer's write()");
      peer.reset?.();
      await pause(50);
      await arena.receive(connection, PIECE.length, 1);
      await arena.rejects(connection.read(), "read-failed", "read() after a reset");
    },
  },
  {
    id: "4.1",
    name: "read rejects with read-failed while another is pending, and takes nothing from it",
    async run(arena: Arena) {
      const [connection, peer] = await arena.pair();
      const first = arena.beside(connection.read());
      await arena.rejects(connection.read(), "read-failed", "a second read()");
      await arena.rejects(connection.read(), "read-failed", "a third read()");
      await arena.within(peer.write(pattern(1)), "the peer's write()");
      const bytes = await arena.within(first, "the first read()");
      arena.check(bytes !== null, "the first read() resolved to null");
      arena.compare(bytes, 0);
      await arena.within(peer.write(pattern(1, 1)), "the peer's write()");
      await arena.receive(connection, 1, 1);
    },
  },
  {
    id: "5.1",
    name: "read resolves to null after the peer's end, every time",
    async run(arena: Arena) {
      const [connection, peer] = await arena.pair();
      const pending = arena.beside(connection.read());
      const closing = arena.beside(peer.close());
      arena.check(
        await arena.within(pending, "read() at the peer's end") === null,
        "a read() got bytes from nowhere",
      );
      for (let count = 0; count < 3; count++) await arena.receiveEnd(connection);
      await arena.within(connection.close(), "close()");
      await arena.receiveEnd(connection);
      await arena.within(closing, "the peer's close()");
    },
  },
  {
    id: "5.2",
    name: "write still works after the peer has ended its direction only",
    needs: ["halfClose"],
    async run(arena: Arena) {
      const [connection, peer] = await arena.pair();
      await arena.within(peer.write(pattern(5)), "the peer's write()");
      await arena.within(peer.end?.() ?? Promise.resolve(), "the peer's end()");
      await arena.receive(connection, 5);
      await arena.receiveEnd(connection);
      const writing = arena.beside(connection.write(pattern(1_000_000)));
      await arena.receive(peer, 1_000_000);
      await arena.within(writing, "write() after the peer's end");
      await arena.receiveEnd(connection);
      const closing = arena.beside(connection.close());
      await arena.receiveEnd(peer);
      await arena.within(peer.close(), "the peer's close()");
      await arena.within(closing, "close()");
    },
  },
];

/** A value that the pattern does not have. */
const SCRIBBLE = 0xff;

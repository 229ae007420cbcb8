/**
 * Tests of reading: rules 1 to 5.
 *
 * @module
 */

import type { Arena, RuleCase } from "./arena.ts";
import { pattern, pause, SCRIBBLE } from "./bytes.ts";

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
      if (bytes?.length === 1) return;
      throw arena.broken(11, `read() resolved to ${bytes?.length} bytes, expected 1`);
    },
  },
  {
    id: "2.1",
    name: "bytes from read never change, and changing them changes nothing else",
    async run(arena: Arena) {
      const [connection, peer] = await arena.pair();
      const total = arena.amount(100 * arena.pieceLength);
      const sending = arena.beside((async () => {
        // Small writes between large ones, so that chunks come in all sizes; each has an array of its own.
        for (let sent = 0, small = false; sent < total; small = !small) {
          const end = Math.min(total, sent + (small ? SMALL : arena.pieceLength));
          const step = small ? 1 : end - sent;
          for (; sent < end; sent += step) await peer.write(pattern(step, sent));
        }
      })());
      const kept: { readonly bytes: Uint8Array; readonly position: number; readonly scribbled: boolean }[] =
        [];
      for (let position = 0; position < total;) {
        const bytes = await arena.within(connection.read(), "read()");
        if (!bytes) throw arena.broken(connection.missing(), "the stream ended too early");
        arena.compare(bytes, position, connection.blame());
        const scribbled = kept.length % 2 === 1;
        if (scribbled) bytes.fill(SCRIBBLE);
        kept.push({ bytes, position, scribbled });
        position += bytes.length;
      }
      await arena.within(sending, "the peer's write()", arena.limit(total));
      for (const { bytes, position, scribbled } of kept) {
        if (scribbled) {
          arena.check(bytes.every((byte) => byte === SCRIBBLE), "bytes from read() were written to");
        } else arena.compare(bytes, position);
      }
    },
  },
  {
    id: "2.2",
    name: "bytes from read are not the array that the peer wrote: each may be changed",
    async run(arena: Arena) {
      const [connection, peer] = await arena.pair();
      const written = arena.piece();
      const writing = arena.beside(peer.write(written));
      const kept: Uint8Array[] = [];
      for (let got = 0; got < written.length;) {
        const bytes = await arena.within(connection.read(), "read()");
        if (!bytes) throw arena.broken(connection.missing(), "the stream ended too early");
        kept.push(bytes);
        got += bytes.length;
      }
      await arena.within(writing, "the peer's write()");
      written.fill(SCRIBBLE);
      const shared = kept.some((bytes) => bytes.length > 0 && bytes.every((byte) => byte === SCRIBBLE));
      arena.check(
        !shared,
        "bytes from read() changed when the peer used its array again: they are that array",
      );
    },
  },
  {
    id: "3.1",
    name: "bytes before the peer's end are delivered before it, however late they are read",
    async run(arena: Arena) {
      await arena.works();
      const [connection, peer] = await arena.pair();
      await arena.within(peer.write(arena.piece()), "the peer's write()");
      const closing = arena.beside(peer.close());
      await pause(50);
      await arena.receive(connection, arena.pieceLength);
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
      await arena.works();
      const [connection, peer] = await arena.pair();
      // The first read tells the transport that somebody is there; the others come after the reset.
      await arena.within(peer.write(pattern(1)), "the peer's write()");
      await arena.receive(connection, 1);
      await arena.within(peer.write(pattern(arena.pieceLength, 1)), "the peer's write()");
      peer.reset();
      await pause(50);
      await arena.receive(connection, arena.pieceLength, 1);
      await arena.rejects(connection.read(), "read-failed", "read() after a reset");
    },
  },
  {
    id: "3.3",
    name: "bytes that had arrived are not lost to a failing write, or it does not look like an orderly end",
    level: "robust",
    async run(arena: Arena) {
      const [connection, peer] = await arena.pair();
      // The first read tells the transport that somebody is there: it may take in what follows.
      await arena.within(peer.write(pattern(1)), "the peer's write()");
      await arena.receive(connection, 1);
      await arena.within(peer.write(pattern(FEW, 1)), "the peer's write()");
      const closing = arena.beside(peer.close());
      await pause(50);
      for (let count = 0; count < 100; count++) {
        const done = await arena.settles(connection.write(pattern(1)), "write() to a peer that has gone");
        if ("error" in done) break;
        await pause(1);
      }
      await pause(10);
      for (let position = 1;;) {
        const done = await arena.settles(connection.read(), "read() after a write() has failed");
        if ("error" in done) break;
        if (done.value === null) {
          arena.check(
            position === 1 + FEW,
            `the stream ended in good order after ${position} bytes, and the peer had written ${1 + FEW}`,
          );
          break;
        }
        arena.compare(done.value, position, connection.blame());
        position += done.value.length;
      }
      await arena.within(connection.close(), "close()");
      await arena.within(closing, "the peer's close()");
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
      arena.check(bytes?.[0] === 0, `the first read() resolved to ${bytes && bytes[0]}, expected 0`);
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
      const bytes = await arena.within(pending, "read() at the peer's end");
      arena.check(bytes === null, "a read() got bytes from nowhere");
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
      await arena.within(peer.end(), "the peer's end()");
      await arena.receive(connection, 5);
      await arena.receiveEnd(connection);
      const bytes = pattern(arena.amount(1_000_000));
      const writing = arena.beside(connection.write(bytes));
      await arena.receive(peer, bytes.length);
      await arena.within(writing, "write() after the peer's end");
      await arena.receiveEnd(connection);
      const closing = arena.beside(connection.close());
      await arena.receiveEnd(peer);
      await arena.within(peer.close(), "the peer's close()");
      await arena.within(closing, "close()");
    },
  },
];

/** Bytes that any transport takes in at once. */
const FEW = 50;

/** How many bytes are written one by one. */
const SMALL = 50;

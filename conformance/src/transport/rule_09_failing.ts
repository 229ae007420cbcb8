/**
 * Tests of failures and their codes: rule 9.
 *
 * @module
 */
import type { Arena, RuleCase } from "./arena.ts";
import { pattern, pause } from "./bytes.ts";

/** The cases of this file. */
export const failingCases: readonly RuleCase[] = [
  {
    id: "9.1",
    name: "connect rejects with dial-failed where nobody listens",
    needs: ["refusal"],
    async run(arena: Arena) {
      const listener = await arena.listen();
      const { address } = listener;
      await listener.close();
      const attempt = arena.fixture.transport.connect(address);
      const error = await arena.rejects(attempt, "dial-failed", "connect() to a closed port");
      arena.check(error.cause !== undefined, "the error of a refused connection has no cause");
      const place = address.path ?? `${address.port}`;
      arena.check(error.message.includes(place), `${place} is not in the text: ${error.message}`);
    },
  },
  {
    id: "9.2",
    name: "connect rejects with name-not-found for an unknown host name",
    needs: ["unknown"],
    async run(arena: Arena) {
      const { unknown, transport } = arena.fixture;
      arena.check(unknown !== undefined, "the fixture has no unknown address");
      const error = await arena.rejects(
        transport.connect(unknown),
        "name-not-found",
        "connect() to an unknown name",
      );
      arena.check(error.cause !== undefined, "the error of an unknown name has no cause");
      arena.check(error.message.includes(unknown.host), `the name is not in the text: ${error.message}`);
    },
  },
  {
    id: "9.3",
    name: "read rejects with read-failed and a cause when the peer resets, every time",
    needs: ["reset"],
    async run(arena: Arena) {
      const [connection, peer] = await arena.pair();
      const pending = arena.beside(connection.read());
      peer.reset();
      const error = await arena.rejects(pending, "read-failed", "read() pending at a reset");
      arena.check(error.cause !== undefined, "the error of a broken connection has no cause");
      await arena.rejects(connection.read(), "read-failed", "the next read() after a reset");
      await arena.within(connection.close(), "close() after a reset");
      await arena.receiveEnd(connection);
    },
  },
  {
    id: "9.4",
    name: "write rejects with write-failed and a cause when the peer resets",
    level: "robust",
    needs: ["reset", "backpressure"],
    async run(arena: Arena) {
      const [connection, peer] = await arena.pair();
      const { pending } = await arena.fill(connection);
      peer.reset();
      const error = await arena.rejects(pending, "write-failed", "write() pending at a reset");
      arena.check(error.cause !== undefined, "the error of a broken connection has no cause");
      await arena.rejects(connection.write(arena.piece()), "write-failed", "the next write() after a reset");
    },
  },
  {
    id: "9.5",
    name: "write to a peer that has gone rejects with write-failed before long",
    async run(arena: Arena) {
      const [connection, peer] = await arena.pair();
      const closing = arena.beside(peer.close());
      await arena.drain(connection);
      await arena.within(closing, "the peer's close()");
      // The first writes may still be taken: only their echo tells that nobody is there.
      const writing = arena.beside((async () => {
        for (let count = 0; count < 1000; count++) {
          await connection.write(pattern(100));
          await pause(0);
        }
      })());
      await arena.rejects(writing, "write-failed", "write() to a peer that has gone");
    },
  },
];

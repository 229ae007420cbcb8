/**
 * Tests of giving an attempt up: rule 10.
 *
 * @module
 */

import { ConnectionError } from "@minimqtt/core";
import type { Connection } from "@minimqtt/core";
import type { Arena, RuleCase } from "./arena.ts";
import { outcome, pattern, pause } from "./bytes.ts";
import type { Listener } from "./fixture.ts";

/** The cases of this file. */
export const abortingCases: readonly RuleCase[] = [
  {
    id: "10.1",
    name: "connect rejects with the reason of a signal that was aborted before",
    async run(arena: Arena) {
      const listener = await arena.listen();
      for (const reason of [new Error("enough"), "enough", { enough: true }]) {
        const signal = AbortSignal.abort(reason);
        await rejectsWith(arena, arena.fixture.transport.connect(listener.address, { signal }), reason);
      }
      // The first to be accepted is the first that was really opened.
      const [connection, peer] = await arena.pair(listener);
      await arena.within(connection.write(pattern(3)), "write()");
      await arena.receive(peer, 3);
    },
  },
  {
    id: "10.2",
    name: "connect aborted at once rejects with the reason",
    async run(arena: Arena) {
      const { address } = await arena.listen();
      const controller = new AbortController();
      const attempt = arena.fixture.transport.connect(address, { signal: controller.signal });
      const reason = new Error("enough");
      controller.abort(reason);
      await rejectsWith(arena, attempt, reason);
    },
  },
  {
    id: "10.3",
    name: "connect aborted at any moment rejects with the reason or resolves, and leaves no socket behind",
    level: "robust",
    async run(arena: Arena) {
      const listener = await arena.listen();
      await arena.works(1, listener);
      const closing: Promise<void>[] = [];
      // After so many microtasks, then after so many turns of the event loop; a few turns again and again, because that
      // is when sockets on this machine open.
      const moments: { readonly microtasks: number; readonly turns: number }[] = [];
      for (let count = 0; count < 30; count++) {
        moments.push({ microtasks: count, turns: 0 }, { microtasks: 0, turns: count });
        for (let turns = 1; turns < 4; turns++) moments.push({ microtasks: count, turns });
      }
      for (const { microtasks, turns } of moments) {
        const controller = new AbortController();
        const reason = { turns };
        const attempt = arena.fixture.transport.connect(listener.address, { signal: controller.signal });
        for (let turn = 0; turn < turns; turn++) await pause(0);
        for (let microtask = 0; microtask < microtasks; microtask++) await undefined;
        controller.abort(reason);
        await abandoned(arena, attempt, reason, closing);
      }
      await allEnd(arena, listener);
      for (const one of closing) await arena.within(one, "close()");
    },
  },
  {
    id: "10.4",
    name: "connect aborted at an address that does not answer rejects with the reason",
    needs: ["silent"],
    async run(arena: Arena) {
      const silent = await arena.fixture.silent?.();
      arena.check(silent !== undefined, "the fixture has no silent address");
      try {
        const controller = new AbortController();
        const attempt = arena.fixture.transport.connect(silent.address, { signal: controller.signal });
        arena.check(!await outcome(attempt, 100), "connect() settled though nobody had answered");
        const reason = new Error("enough");
        controller.abort(reason);
        await rejectsWith(arena, attempt, reason);
      } finally {
        await silent.close();
      }
    },
  },
  {
    id: "10.5",
    name: "connect that has resolved minds its signal no longer",
    async run(arena: Arena) {
      const listener = await arena.listen();
      const controller = new AbortController();
      const [connection, peer] = await arena.pair(listener, { signal: controller.signal });
      const reading = arena.beside(connection.read());
      controller.abort(new Error("too late"));
      await pause(0);
      await arena.within(connection.write(pattern(3)), "write() after an abort");
      await arena.receive(peer, 3);
      await arena.within(peer.write(pattern(3)), "the peer's write()");
      const bytes = await arena.within(reading, "read() pending at an abort");
      arena.check(bytes !== null, "read() pending at an abort resolved to null");
    },
  },
  {
    id: "10.6",
    name: "connect aborted, many at a time, rejects with the reason or resolves, and leaves no socket behind",
    level: "robust",
    needs: ["many"],
    async run(arena: Arena) {
      const listener = await arena.listen();
      await arena.works(1, listener);
      const closing: Promise<void>[] = [];
      // Where many sockets open in the same turn of the event loop, an abort finds some of them half open.
      for (let count = 0; count < 40; count++) {
        const reason = { count };
        // Where so many come at a time, some may be turned away before the abort; that says nothing of it.
        const refused = new Set<Promise<Connection>>();
        const attempts = Array.from({ length: 20 }, () => {
          const controller = new AbortController();
          const { signal } = controller;
          const attempt = arena.fixture.transport.connect(listener.address, { signal });
          attempt.catch((error) =>
            error instanceof ConnectionError && !signal.aborted && refused.add(attempt)
          );
          return { attempt, controller };
        });
        for (let turn = count % 3; turn >= 0; turn--) await pause(0);
        for (const { controller } of attempts) controller.abort(reason);
        for (const { attempt } of attempts) {
          if (!refused.has(attempt)) await abandoned(arena, attempt, reason, closing);
        }
      }
      await allEnd(arena, listener);
      for (const one of closing) await arena.within(one, "close()");
    },
  },
];

/** Waits for an attempt whose signal is aborted: it has the reason, or a connection, which is closed. */
async function abandoned(
  arena: Arena,
  attempt: Promise<Connection>,
  reason: unknown,
  closing: Promise<void>[],
): Promise<void> {
  const done = await arena.settles(attempt, "connect() after an abort");
  if ("value" in done) closing.push(arena.close(done.value));
  else {
    const text = `connect() rejected with ${done.error}, expected the signal's reason`;
    arena.check(done.error === reason, text);
  }
}

/** Waits until all connections at a listener have ended. They are accepted in order, the last one has a byte to say. */
async function allEnd(arena: Arena, listener: Listener): Promise<void> {
  const last = await arena.dial(listener);
  arena.keep(last);
  await arena.within(last.write(pattern(1)), "write()");
  for (let bytes: Uint8Array | null = null; bytes === null;) {
    const peer = await arena.within(listener.accept(), "the fixture's accept()");
    arena.keep(peer);
    const reading = arena.beside(peer.read().catch(() => null));
    bytes = await arena.within(reading, "the end, at the peer, of a connection whose attempt was aborted,");
    if (bytes === null) await arena.within(peer.close(), "the peer's close()");
  }
}

async function rejectsWith(arena: Arena, attempt: Promise<Connection>, reason: unknown): Promise<void> {
  const done = await arena.settles(attempt, "connect() with an aborted signal", PROMPT);
  arena.check("error" in done, "connect() resolved though its signal was aborted");
  arena.check(done.error === reason, `connect() rejected with ${done.error}, expected the signal's reason`);
}

/** Milliseconds after which giving up is not giving up any more. */
const PROMPT = 900;

/**
 * The transport contract as tests: {@link transportSuite}. The rules are in `packages/core/src/transport.ts`; the
 * number at the beginning of a test's name is the rule's.
 *
 * @module
 */

import type { Address, Connection, Transport } from "@minimqtt/core";
import { Arena } from "./transport_arena.ts";
import type { Case } from "./transport_arena.ts";
import { closingCases } from "./transport_closing.ts";
import { diallingCases } from "./transport_dialling.ts";
import { readingCases } from "./transport_reading.ts";
import { writingCases } from "./transport_writing.ts";

/** How a test is registered: `it` of `node:test` or of `@std/testing/bdd`, or anything alike. */
export interface Test {
  /** Registers a test that fails when `run` rejects. */
  (name: string, run: () => Promise<void>): unknown;
  /** Registers a test that is shown but not run; without it, what a transport lacks goes unmentioned. */
  readonly skip?: (name: string, run: () => Promise<void>) => unknown;
}

/**
 * What a transport, or its surroundings, may be unable to do: `halfClose` (the peer ends its direction and goes on
 * reading), `reset` (the peer breaks the connection), `backpressure` (a peer that does not read makes `write` wait),
 * `restraint` (bytes that nobody reads stay with the peer), `refusal` (where nobody listens any more, an attempt is
 * refused), `unknown` and `silent` (the fixture has the member of this name).
 */
export type Capability =
  | "halfClose"
  | "reset"
  | "backpressure"
  | "restraint"
  | "refusal"
  | "unknown"
  | "silent";

/** The other end of a connection. It must keep the contract itself, but for how it closes. */
export interface Peer extends Connection {
  /** Ends this direction only; reading goes on. Needed for `halfClose`. */
  end?(): Promise<void>;
  /** Breaks the connection at once: with TCP by RST. Needed for `reset`. */
  reset?(): void;
}

/** A place where peers wait for connections. */
export interface Listener {
  /** Where to connect. */
  readonly address: Address;
  /** The next connection, in the order in which they were opened; those that nobody accepts yet are open and wait. */
  accept(): Promise<Peer>;
  /** Stops listening: from now on the address refuses. May be called twice, and without the object it is from. */
  close(): Promise<void>;
}

/**
 * A transport under test, and what the suite needs around it. Either end must take 64 KiB at least that nobody has read
 * yet, as every socket does.
 */
export interface TransportFixture {
  /** The transport under test. */
  readonly transport: Transport;
  /** Starts to listen at a new address. */
  listen(): Promise<Listener>;
  /** What is missing, each with the reason; the tests that need it are skipped with this reason in their names. */
  readonly lacks?: Readonly<Partial<Record<Capability, string>>>;
  /** How many bytes everything between the two ends may hold, such as the system's socket buffers; 0 by default. */
  readonly slack?: number;
  /** An address whose host name is not known. */
  readonly unknown?: Address;
  /** Provides an address that never answers an attempt. */
  silent?(): Promise<{ readonly address: Address; close(): Promise<void> }>;
  /** Milliseconds after which something that should happen at once counts as failed; 10000 by default. */
  readonly limit?: number;
}

/** Registers all tests of the transport contract with `test`. Each test brings its own listener and connections. */
export function transportSuite(test: Test, fixture: TransportFixture): void {
  for (const { rule, name, needs = [], run } of cases) {
    const title = `rule ${rule}: ${name}`;
    const reasons = needs.flatMap((need) => {
      const absent = need in { unknown: 1, silent: 1 } && !(need in fixture);
      return fixture.lacks?.[need] ?? (absent ? `no address that is ${need}` : []);
    });
    const body = async () => {
      const arena = new Arena(rule, fixture);
      try {
        await run(arena);
      } finally {
        await arena.clear();
      }
    };
    if (reasons.length === 0) test(title, body);
    else test.skip?.(`${title} (skipped: ${reasons.join(", ")})`, body);
  }
}

const cases: readonly Case[] = [...diallingCases, ...readingCases, ...writingCases, ...closingCases];

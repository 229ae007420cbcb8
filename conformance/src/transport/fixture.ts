/**
 * What the suite needs around a transport: a peer, a place to listen, and what cannot be had.
 *
 * @module
 */
import type { Address, Connection, Transport } from "@minimqtt/core";

/**
 * What a transport, or its surroundings, may be unable to do: `halfClose` (the peer ends its direction and goes on
 * reading), `reset` (the peer breaks the connection), `backpressure` (a peer that does not read makes `write` wait),
 * `restraint` (bytes that nobody reads stay with the peer), `refusal` (where nobody listens any more, an attempt is
 * refused), `many` (twenty connections at a time), `memory` (the runtime tells how much memory is held), `unknown`,
 * `silent` and `raw` (the fixture has the member of this name).
 */
export type Capability =
  | "halfClose"
  | "reset"
  | "backpressure"
  | "restraint"
  | "refusal"
  | "many"
  | "memory"
  | "unknown"
  | "silent"
  | "raw";

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
  /** Stops listening: from now on the address refuses. May be called twice. */
  close(): Promise<void>;
}

/**
 * A transport under test, and what the suite needs around it: an object, or an instance of a class. Either end must take
 * 64 KiB that nobody has read yet, as every socket does, or what passes in three seconds where that is less.
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
  /**
   * Milliseconds after which something that should happen at once counts as failed; 10000 by default. What bytes need to
   * pass is added as measured.
   */
  readonly limit?: number;
  /**
   * The bare stream below the transport, to a listener's address: what it is compared with (`--level fast`).
   *
   * It must keep the contract as far as reading, writing and closing go.
   */
  raw?(address: Address): Promise<Connection>;
}

/** The same fixture with another limit; it may be an instance of a class, whose methods are called on itself. */
export function bound(fixture: TransportFixture, limit: number | undefined): TransportFixture {
  const { lacks, slack, unknown } = fixture;
  return {
    transport: fixture.transport,
    listen: () => fixture.listen(),
    ...(lacks && { lacks }),
    ...(slack !== undefined && { slack }),
    ...(unknown && { unknown }),
    ...(fixture.silent && { silent: () => fixture.silent!() }),
    ...(fixture.raw && { raw: (address: Address) => fixture.raw!(address) }),
    ...(limit !== undefined && { limit }),
  };
}

/**
 * The transport contract: how bytes reach a broker and come back.
 *
 * A transport is a value made by a factory (`tcp()`, `tls({ ca })`), passed to a client, and asked for one
 * {@link Connection} per attempt. It knows nothing of MQTT, keeps no state between connections, never reconnects,
 * never logs and never gives up by itself: the signal and the deadlines belong to the caller.
 *
 * The rules, numbered so that a failing conformance test can name the one that was broken:
 *
 * 1. `read` never resolves to an empty array.
 * 2. The bytes that `read` gives belong to the caller for good: the transport never writes to them again, so a
 *    payload may be a view of them. (A transport with a slab of its own moves along it and takes a new one.)
 * 3. Bytes that arrived before the end or an error are delivered before it. Where a write has failed, what the system
 *    had not handed over yet may be lost.
 * 4. One `read` is outstanding at most; a second one rejects with `ConnectionError` `read-failed` and takes nothing.
 * 5. After the peer's orderly end `read` resolves to `null`, every time it is called. Writing may still work.
 * 6. `write` has taken all bytes when it resolves: the array may be reused then. Until then it must not be changed.
 *    One write is outstanding at most; a second one rejects with `ConnectionError` `write-failed` and sends nothing.
 * 7. `write` does not go on resolving while the peer refuses to read: backpressure reaches the caller, and what the
 *    transport holds back stays below a few hundred kilobytes beyond one write's own bytes. Nor does it take in more
 *    than a few hundred kilobytes that nobody reads.
 * 8. `close` never rejects and may be called at any time, any number of times. A pending `read` resolves to `null`,
 *    a pending `write` settles. Bytes whose `write` had resolved still reach a peer that reads (no reset right behind
 *    a DISCONNECT). It resolves when the socket is released, at most about a second later whatever the peer does.
 *    Afterwards `read` resolves to `null` and `write` rejects with `closed`.
 * 9. Failures are {@link ConnectionError} with a stable `code` and the runtime's own error as `cause`. After a
 *    `read-failed` every later `read` rejects with it too.
 * 10. An aborted `signal` makes `connect` reject with the signal's reason, untouched, before, during and after
 *     dialling (as long as `connect` has not resolved), and leaves no socket behind. Once `connect` has resolved the
 *     signal has no effect any more.
 * 11. Chunk boundaries mean nothing: a packet may come in many chunks, many packets in one.
 *
 * @module
 */

/** A URL scheme that a transport serves. */
export interface Scheme {
  /** Without the colon: `mqtt`, `mqtts`, `ws`, `wss`. */
  readonly name: string;
  /** The port used where none is given. */
  readonly port: number;
  /** Whether the bytes are encrypted on their way. */
  readonly secure: boolean;
}

/** Where to connect. */
export interface Address {
  /** A host name, an IPv4 address, or an IPv6 address without brackets. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
  /**
   * One of the `secure` values that the transport's schemes offer, the first scheme's when absent; for any other
   * `connect` rejects with `UsageError` `invalid-argument`, so that nothing meant to be encrypted goes in the clear.
   */
  readonly secure?: boolean;
  /** The path of a URL, with its leading slash, for transports that have use for one. */
  readonly path?: string;
}

/** What `Transport.connect` takes beside the address. */
export interface DialOptions {
  /** Gives up the attempt when aborted (rule 10). */
  readonly signal?: AbortSignal;
}

/** A way to reach a broker, made by a factory such as `tcp()`. */
export interface Transport {
  /** For messages and logs: `tcp`, `tls`, `ws`, `esp32spi`, `memory`. */
  readonly name: string;
  /** The URL schemes it serves; the first is the default. */
  readonly schemes: readonly [Scheme, ...Scheme[]];
  /**
   * Opens one connection.
   *
   * @throws {ConnectionError} `name-not-found`, `not-permitted` or `dial-failed` (rule 9); the signal's reason when
   * aborted (rule 10).
   */
  connect(address: Address, options?: DialOptions): Promise<Connection>;
}

/** A two-way stream of bytes; the rules are at the top of this file. */
export interface Connection {
  /**
   * Waits for bytes: at least one, or `null` at the end of the stream (rules 1 to 5).
   *
   * @throws {ConnectionError} `read-failed`, as a rejection.
   */
  read(): Promise<Uint8Array | null>;
  /**
   * Sends all of `bytes` (rules 6 and 7).
   *
   * @throws {ConnectionError} `write-failed` or `closed`, as a rejection.
   */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends the connection in good order and releases it (rule 8). Never rejects. */
  close(): Promise<void>;
}

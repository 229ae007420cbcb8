/**
 * A transport without a network: both ends live in this program. It fulfils the transport contract like any other
 * (backpressure included), does no I/O and uses no timers, so a test over it is exact and takes no time.
 *
 * @example
 * ```ts
 * import { memory } from "@minimqtt/client/memory";
 *
 * const network = memory();
 * const client = await network.transport.connect({ host: "broker", port: 1883 });
 * const broker = await network.accept();
 * await client.write(new Uint8Array([0xc0, 0x00]));
 * const ping = await broker.read();
 * broker.reset(); // and now the cable is cut
 * ```
 *
 * @module
 */

import { ConnectionError } from "@minimqtt/core";
import type { Address, Connection, Transport } from "@minimqtt/core";
import { checkDial, checkInteger, checkOptions, type Kinds } from "@minimqtt/core/internal";

/** One end of a connection in memory: the contract, and the ways in which connections go wrong. */
export interface MemoryConnection extends Connection {
  /**
   * Ends this direction only: the peer reads what was written and then `null`; reading goes on. Afterwards `write`
   * rejects with `write-failed`.
   */
  end(): Promise<void>;
  /**
   * Breaks the connection as a reset does. The peer reads what was written, then its `read` rejects with
   * `read-failed` and its `write` with `write-failed`, with `cause` as the cause of both. This end is closed.
   */
  reset(cause?: Error): void;
}

/**
 * What becomes of an attempt to connect: `accept` opens the connection, `refuse` rejects with `dial-failed`,
 * `unknown` rejects with `name-not-found`, `silence` waits until the attempt is aborted.
 */
export type MemoryAnswer = "accept" | "refuse" | "unknown" | "silence";

/** Options of {@link memory} and {@link memoryPair}. */
export interface MemoryOptions {
  /** The most bytes that one `read` gives; 65536 by default. 1 shows whether a parser minds boundaries (rule 11). */
  readonly chunkSize?: number;
  /** The bytes that wait for the peer to read them before `write` waits too; 65536 by default. */
  readonly room?: number;
}

// Without room at all every write waits for the peer.
const KINDS: Kinds = { chunkSize: from(1), room: from(0) };

function from(least: number): (value: unknown, name: string) => void {
  return (value, name) => checkInteger(value, name, least, Number.MAX_SAFE_INTEGER);
}

/** A network of one server, made by {@link memory}. */
export interface MemoryNetwork {
  /** Named `memory`, with the schemes `mqtt` (1883) and `mqtts` (8883, secure, though nothing is encrypted). */
  readonly transport: Transport;
  /** What the next attempts get; `accept` at first. */
  answer: MemoryAnswer;
  /** The address of every attempt so far, oldest first. */
  readonly dialled: readonly Address[];
  /** Waits for the other end of the next connection; they come in the order in which they were opened. */
  accept(): Promise<MemoryConnection>;
}

/** Makes a network in memory. Nothing needs to be released. */
export function memory(options: MemoryOptions = {}): MemoryNetwork {
  checkOptions(options, "memory()", KINDS);
  const dialled: Address[] = [];
  const opened: MemoryConnection[] = [];
  const accepting: ((connection: MemoryConnection) => void)[] = [];
  const network: MemoryNetwork = {
    transport: {
      name: "memory",
      schemes: [{ name: "mqtt", port: 1883, secure: false }, { name: "mqtts", port: 8883, secure: true }],
      async connect(address, dialling) {
        checkDial(address, dialling);
        const { signal } = dialling ?? {};
        signal?.throwIfAborted();
        dialled.push(address);
        // Even in memory an attempt takes a moment, in which it can be aborted.
        await (network.answer === "silence" ? aborted(signal) : undefined);
        signal?.throwIfAborted();
        const place = `${address.host}:${address.port}`;
        if (network.answer === "refuse") {
          throw new ConnectionError("dial-failed", `${place} refused the connection`, {
            cause: new Error("refused"),
          });
        }
        if (network.answer === "unknown") {
          const cause = new Error("unknown");
          throw new ConnectionError("name-not-found", `no address found for host name ${address.host}`, {
            cause,
          });
        }
        const [near, far] = memoryPair(options);
        const accept = accepting.shift();
        if (accept) accept(far);
        else opened.push(far);
        return near;
      },
    },
    answer: "accept",
    dialled,
    accept() {
      const connection = opened.shift();
      return connection ? Promise.resolve(connection) : new Promise((resolve) => accepting.push(resolve));
    },
  };
  return network;
}

/** Makes the two ends of one connection. */
export function memoryPair(options: MemoryOptions = {}): [MemoryConnection, MemoryConnection] {
  checkOptions(options, "memoryPair()", KINDS);
  const { chunkSize = 65_536, room = 65_536 } = options;
  const there = new Pipe(chunkSize, room);
  const back = new Pipe(chunkSize, room);
  return [new End(back, there), new End(there, back)];
}

class End implements MemoryConnection {
  readonly #incoming: Pipe;
  readonly #outgoing: Pipe;
  #closed = false;

  constructor(incoming: Pipe, outgoing: Pipe) {
    this.#incoming = incoming;
    this.#outgoing = outgoing;
  }

  read(): Promise<Uint8Array | null> {
    return this.#closed ? Promise.resolve(null) : this.#incoming.read();
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#closed) return Promise.reject(new ConnectionError("closed", "the connection is closed"));
    return this.#outgoing.write(bytes);
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#outgoing.end();
    this.#incoming.abandon(new Error("the peer has closed the connection"));
    return Promise.resolve();
  }

  end(): Promise<void> {
    this.#outgoing.end();
    return Promise.resolve();
  }

  reset(cause: Error = new Error("reset by peer")): void {
    this.#closed = true;
    this.#outgoing.fail(cause);
    this.#incoming.abandon(cause);
  }
}

/** One direction. Its life: open, then ended or failed by the writing side, or abandoned by the reading side. */
class Pipe {
  readonly #chunkSize: number;
  readonly #room: number;
  #chunks: Uint8Array[] = [];
  #held = 0;
  #reader: { resolve(bytes: Uint8Array | null): void; reject(error: ConnectionError): void } | undefined;
  #writer: { resolve(): void; reject(error: ConnectionError): void } | undefined;
  #end: "open" | "ended" | ConnectionError = "open";
  #refusal: ConnectionError | undefined;

  constructor(chunkSize: number, room: number) {
    this.#chunkSize = chunkSize;
    this.#room = room;
  }

  read(): Promise<Uint8Array | null> {
    if (this.#reader) return Promise.reject(new ConnectionError("read-failed", "another read is pending"));
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
      this.#deliver();
    });
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#refusal) return Promise.reject(this.#refusal);
    if (this.#writer) return Promise.reject(new ConnectionError("write-failed", "another write is pending"));
    // One copy, because the array is the caller's again afterwards (rule 6) and the chunks are the reader's (rule 2).
    if (bytes.length > 0) this.#chunks.push(bytes.slice());
    this.#held += bytes.length;
    return new Promise((resolve, reject) => {
      this.#writer = { resolve, reject };
      this.#deliver();
    });
  }

  end(): void {
    this.#finish("ended", new ConnectionError("write-failed", "this direction was ended"));
  }

  fail(cause: Error): void {
    const error = new ConnectionError("read-failed", `connection lost: ${cause.message}`, { cause });
    this.#finish(error, new ConnectionError("write-failed", `write failed: ${cause.message}`, { cause }));
  }

  abandon(cause: Error): void {
    this.#refusal ??= new ConnectionError("write-failed", `write failed: ${cause.message}`, { cause });
    this.#writer?.reject(this.#refusal);
    this.#writer = undefined;
    this.#reader?.resolve(null);
    this.#reader = undefined;
    this.#chunks = [];
  }

  #finish(end: "ended" | ConnectionError, refusal: ConnectionError): void {
    if (this.#end !== "open") return;
    this.#end = end;
    this.#refusal ??= refusal;
    // The peer has room for what it was given; whether it reads that is its own affair.
    this.#writer?.resolve();
    this.#writer = undefined;
    this.#deliver();
  }

  #deliver(): void {
    const reader = this.#reader;
    const [first] = this.#chunks;
    if (reader && first) {
      const chunk = first.subarray(0, this.#chunkSize);
      if (chunk.length < first.length) this.#chunks[0] = first.subarray(chunk.length);
      else this.#chunks.shift();
      this.#held -= chunk.length;
      this.#reader = undefined;
      reader.resolve(chunk);
    } else if (reader && this.#end !== "open") {
      this.#reader = undefined;
      if (this.#end === "ended") reader.resolve(null);
      else reader.reject(this.#end);
    }
    if (this.#held <= this.#room) {
      this.#writer?.resolve();
      this.#writer = undefined;
    }
  }
}

/** Rejects with the signal's reason when it comes; never resolves. */
function aborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) =>
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true })
  );
}

// Longer than 300 lines: a list, each entry of which stands alone.
/**
 * Transports that are broken on purpose, each in one rule: the good one in memory, with connections that differ from its
 * own in some of their methods.
 *
 * @module
 */

import { ConnectionError } from "@minimqtt/core";
import type { Connection, Transport } from "@minimqtt/core";
import { memoryFixture } from "../../../src/fixtures/memory.ts";
import type { TransportFixture } from "../../../src/mod.ts";
import { outcome, pause } from "../../../src/transport/bytes.ts";
import type { Outcome } from "../../../src/transport/bytes.ts";
import { streamsFixture } from "../odd/streams.ts";

/** A way to break a rule: connections that differ from the good one in some of their methods. */
export interface Fault {
  readonly rule: number;
  readonly name: string;
  connection?(good: Connection): Partial<Connection>;
  connect?(good: Transport["connect"]): Transport["connect"];
  readonly transport?: Partial<Transport>;
  /** Where it is not a change of the good one. */
  fixture?(): TransportFixture;
}

/** What the faults keep for ever. */
const kept: Uint8Array[] = [];

export const faults: readonly Fault[] = [
  {
    rule: 0,
    name: "a scheme has no port",
    transport: { schemes: [{ name: "mqtt", port: 0, secure: false }] },
  },
  {
    rule: 0,
    name: "connect goes in the clear though it is asked to encrypt",
    transport: { schemes: [{ name: "mqtt", port: 1883, secure: false }] },
  },
  {
    rule: 1,
    name: "read gives an empty array",
    connection: (good) => {
      let first = true;
      return { read: () => first ? (first = false, Promise.resolve(new Uint8Array(0))) : good.read() };
    },
  },
  {
    rule: 2,
    name: "read fills the same buffer again",
    connection: (good) => {
      const buffer = new Uint8Array(65_536);
      return {
        async read() {
          const bytes = await good.read();
          if (!bytes) return null;
          buffer.set(bytes);
          return buffer.subarray(0, bytes.length);
        },
      };
    },
  },
  {
    rule: 3,
    name: "read forgets the last bytes before the end",
    connection: foreseeing((bytes, next) =>
      next !== undefined && "value" in next && next.value === null ? null : bytes
    ),
  },
  {
    rule: 3,
    name: "an error overtakes the bytes before it",
    connection: foreseeing((bytes, next) => {
      if (next !== undefined && "error" in next) throw next.error;
      return bytes;
    }),
  },
  {
    rule: 4,
    name: "a second read waits for its turn",
    connection: (good) => {
      let turn: Promise<unknown> = Promise.resolve();
      return {
        read() {
          const reading = turn.then(() => good.read());
          turn = reading.catch(() => undefined);
          return reading;
        },
      };
    },
  },
  {
    rule: 5,
    name: "read resolves to null once and then waits",
    connection: (good) => {
      let ended = false;
      let closed = false;
      return {
        async read() {
          if (ended && !closed) return new Promise(() => undefined);
          const bytes = await good.read();
          ended = bytes === null;
          return bytes;
        },
        close() {
          closed = true;
          return good.close();
        },
      };
    },
  },
  {
    rule: 6,
    name: "write resolves before it has taken the bytes",
    connection: (good) => {
      let isBusy = false;
      return {
        async write(bytes) {
          if (isBusy || bytes.length > 64) return await good.write(bytes);
          isBusy = true;
          void pause(0).then(() => good.write(bytes)).then(() => isBusy = false, () => undefined);
        },
        close() {
          isBusy = true;
          return good.close();
        },
      };
    },
  },
  {
    rule: 6,
    name: "write sends half of a large array and says that it has sent all",
    connection: (good) => ({
      write: (bytes) => good.write(bytes.length > 100_000 ? bytes.subarray(0, bytes.length / 2) : bytes),
    }),
  },
  {
    rule: 6,
    name: "write turns small arrays around when they come quickly",
    connection: (good) => {
      let held: Uint8Array | undefined;
      return {
        async write(bytes) {
          if (held === undefined && bytes.length === 1) {
            held = bytes.slice();
            return;
          }
          await good.write(bytes);
          if (held) await good.write(held);
          held = undefined;
        },
      };
    },
  },
  {
    rule: 6,
    name: "write takes the whole buffer instead of the view",
    connection: (good) => ({ write: (bytes) => good.write(new Uint8Array(bytes.buffer)) }),
  },
  {
    rule: 7,
    name: "write queues without end",
    connection: (good) => {
      const queue: Uint8Array[] = [];
      let refusal: { readonly error: unknown } | undefined;
      const send = async () => {
        try {
          for (; queue.length > 0; queue.shift()) await good.write(queue[0]!);
        } catch (error) {
          refusal = { error };
        }
      };
      return {
        write(bytes) {
          if (refusal) return Promise.reject(refusal.error);
          if (queue.push(bytes.slice()) === 1) void send();
          return Promise.resolve();
        },
        async close() {
          refusal = { error: new ConnectionError("closed", "the connection is closed") };
          await good.close();
        },
      };
    },
  },
  {
    rule: 7,
    name: "read takes in whatever comes",
    connection: (good) => {
      const chunks: Uint8Array[] = [];
      let over: { readonly error?: unknown } | undefined;
      let wake: (() => void) | undefined;
      void (async () => {
        try {
          for (let bytes = await good.read(); bytes; bytes = await good.read()) {
            chunks.push(bytes);
            wake?.();
          }
          over = {};
        } catch (error) {
          over = { error };
        }
        wake?.();
      })();
      return {
        async read() {
          if (wake) throw new ConnectionError("read-failed", "another read is pending");
          while (chunks.length === 0 && !over) await new Promise<void>((resolve) => wake = resolve);
          wake = undefined;
          const bytes = chunks.shift();
          if (!bytes && over && "error" in over) throw over.error;
          return bytes ?? null;
        },
        async close() {
          chunks.length = 0;
          over = {};
          await good.close();
        },
      };
    },
  },
  {
    rule: 7,
    name: "read keeps what it has given",
    connection: (good) => ({
      async read() {
        const bytes = await good.read();
        if (bytes) kept.push(bytes);
        return bytes;
      },
    }),
  },
  {
    rule: 8,
    name: "close never resolves",
    connection: (good) => ({
      async close() {
        await good.close();
        await new Promise(() => undefined);
      },
    }),
  },
  {
    rule: 8,
    name: "write after close resolves",
    connection: (good) => ({
      write: (bytes) =>
        good.write(bytes).catch((error) => error.code === "closed" ? undefined : Promise.reject(error)),
    }),
  },
  {
    rule: 8,
    name: "close rejects when it is called again",
    connection: (good) => {
      let closed = false;
      return {
        close() {
          if (closed) return Promise.reject(new Error("closed"));
          closed = true;
          return good.close();
        },
      };
    },
  },
  {
    rule: 8,
    name: "close waits for the peer without end",
    connection: (good) => ({
      async close() {
        while (await good.read() !== null);
        await good.close();
      },
    }),
  },
  {
    rule: 8,
    name: "close is a reset",
    connection: (good) => ({
      close() {
        (good as Connection & { reset(): void }).reset();
        return Promise.resolve();
      },
    }),
  },
  {
    rule: 9,
    name: "errors are the runtime's own",
    connection: (good) => ({
      read: () =>
        good.read().catch((error) => {
          throw error.cause;
        }),
    }),
  },
  {
    rule: 9,
    name: "errors have no cause",
    connection: (good) => ({
      write: (bytes) =>
        good.write(bytes).catch((error) => {
          throw new ConnectionError(error.code, error.message);
        }),
    }),
  },
  {
    rule: 9,
    name: "read tells of a break once and then of an end",
    connection: (good) => {
      let told = false;
      return {
        async read() {
          if (told) return null;
          try {
            return await good.read();
          } catch (error) {
            told = (error as Error).cause !== undefined;
            throw error;
          }
        },
      };
    },
  },
  { rule: 10, name: "connect knows no signal", connect: (good) => (address) => good(address) },
  {
    rule: 10,
    name: "connect wraps the reason",
    connect: (good) => (address, options) =>
      good(address, options).catch((error) => {
        throw options?.signal?.aborted
          ? new ConnectionError("dial-failed", "aborted", { cause: error })
          : error;
      }),
  },
  {
    rule: 10,
    name: "connect minds the signal when it has resolved",
    connect: (good) => async (address, options) => {
      const connection = await good(address, options);
      options?.signal?.addEventListener("abort", () => void connection.close());
      return connection;
    },
  },
  {
    rule: 10,
    name: "connect leaves the socket behind when it is aborted",
    connect: (good) => async (address, options) => {
      options?.signal?.throwIfAborted();
      const connection = await good(address);
      options?.signal?.throwIfAborted();
      return connection;
    },
  },
  {
    rule: 11,
    name: "read loses a byte between two chunks now and then",
    connection: (good) => {
      let count = 0;
      return {
        read: async () => {
          const bytes = await good.read();
          return bytes && bytes.length > 1 && ++count % 7 === 0 ? bytes.subarray(1) : bytes;
        },
      };
    },
  },
  {
    rule: 11,
    name: "read gives the second of two chunks first",
    connection: (good) => {
      let held: Uint8Array | undefined;
      return {
        async read() {
          const bytes = held ?? await good.read();
          const isHeld = held !== undefined;
          held = undefined;
          if (isHeld || bytes === null || bytes.length < 2) return bytes;
          held = bytes.subarray(0, 1);
          return bytes.subarray(1);
        },
        close() {
          held = undefined;
          return good.close();
        },
      };
    },
  },
  {
    rule: 11,
    name: "read loses what does not fit in 1000 bytes",
    connection: (good) => ({ read: async () => (await good.read())?.subarray(0, 1000) ?? null }),
  },
  {
    rule: 0,
    name: "connect gives a connection that cannot be closed",
    connection: () => ({ close: null as unknown as Connection["close"] }),
  },
  {
    rule: 1,
    name: "read gives an empty array before the end",
    connection: (good) => {
      let told = false;
      return {
        async read() {
          const bytes = await good.read();
          if (bytes !== null || told) return bytes;
          told = true;
          return new Uint8Array(0);
        },
      };
    },
  },
  {
    rule: 2,
    name: "read wipes what it gave the last time",
    connection: (good) => {
      let last: Uint8Array | null = null;
      return {
        async read() {
          const bytes = await good.read();
          last?.fill(0);
          return last = bytes;
        },
      };
    },
  },
  {
    rule: 2,
    name: "read gives the very array that the peer wrote",
    fixture: () => ({ ...streamsFixture({ near: true, far: false }), limit: LIMIT }),
  },
  {
    rule: 6,
    name: "the peer reads the very array that was written",
    fixture: () => ({ ...streamsFixture({ near: false, far: true }), limit: LIMIT }),
  },
  {
    rule: 3,
    name: "what is held back is thrown away when a write fails, as if the stream had ended",
    connection: (good) => {
      let failed = false;
      return {
        async read() {
          if (!failed) return await good.read();
          for (let bytes = await good.read(); bytes; bytes = await good.read());
          return null;
        },
        write: (bytes) =>
          good.write(bytes).catch((error) => {
            failed ||= error.cause !== undefined;
            throw error;
          }),
      };
    },
  },
  {
    rule: 4,
    name: "a second read resolves to null",
    connection: (good) => {
      let isReading = false;
      return {
        async read() {
          if (isReading) return null;
          isReading = true;
          return await good.read().finally(() => isReading = false);
        },
      };
    },
  },
  {
    rule: 5,
    name: "read rejects at the peer's end",
    connection: (good) => {
      let isClosed = false;
      return {
        async read() {
          const bytes = await good.read();
          if (bytes === null && !isClosed) throw new ConnectionError("read-failed", "the peer has ended");
          return bytes;
        },
        close() {
          isClosed = true;
          return good.close();
        },
      };
    },
  },
  {
    rule: 5,
    name: "write gives up when the peer has ended its direction only",
    connection: (good) => {
      let ended = false;
      return {
        async read() {
          const bytes = await good.read();
          ended = bytes === null;
          return bytes;
        },
        write: (bytes) =>
          good.write(bytes).then(() => {
            if (ended) {
              throw new ConnectionError("write-failed", "the peer has ended", { cause: new Error("end") });
            }
          }),
      };
    },
  },
  {
    rule: 6,
    name: "a second write waits for its turn",
    connection: (good) => {
      let turn: Promise<unknown> = Promise.resolve();
      return {
        write(bytes) {
          const writing = turn.then(() => good.write(bytes));
          turn = writing.catch(() => undefined);
          return writing;
        },
      };
    },
  },
  {
    rule: 6,
    name: "write of nothing sends a byte",
    connection: (good) => ({ write: (bytes) => good.write(bytes.length === 0 ? new Uint8Array(1) : bytes) }),
  },
  {
    rule: 8,
    name: "a write that is pending at close never settles",
    connection: (good) => {
      let closed = false;
      return {
        write: async (bytes) => {
          const was = closed;
          const done = await good.write(bytes).then(() => ({}), (error: unknown) => ({ error }));
          if (closed && !was) await new Promise(() => undefined);
          if ("error" in done) throw done.error;
        },
        close() {
          closed = true;
          return good.close();
        },
      };
    },
  },
  {
    rule: 8,
    name: "a read that is pending at close rejects",
    connection: (good) => {
      let closed = false;
      return {
        async read() {
          const was = closed;
          const bytes = await good.read();
          if (closed && !was) throw new ConnectionError("read-failed", "the connection was closed");
          return bytes;
        },
        close() {
          closed = true;
          return good.close();
        },
      };
    },
  },
  {
    rule: 8,
    name: "close sends the end before what was written last",
    connection: (good) => {
      let isFirst = true;
      let last: Uint8Array | undefined;
      let timer: ReturnType<typeof setTimeout> | undefined;
      const flush = async () => {
        clearTimeout(timer);
        const bytes = last;
        last = undefined;
        if (bytes) await good.write(bytes).catch(() => undefined);
      };
      return {
        async write(bytes) {
          await flush();
          if (!isFirst) return await good.write(bytes);
          isFirst = false;
          last = bytes.slice();
          timer = setTimeout(flush, 5);
        },
        close() {
          clearTimeout(timer);
          return good.close();
        },
      };
    },
  },
  {
    rule: 9,
    name: "a broken connection has a code of its own",
    connection: (good) => ({
      read: () =>
        good.read().catch((error) => {
          throw error.cause ? new ConnectionError("dial-failed", error.message, error) : error;
        }),
    }),
  },
  {
    rule: 9,
    name: "an unknown name is a refused connection",
    connect: (good) => (address, options) =>
      good(address, options).catch((error) => {
        throw error.code === "name-not-found"
          ? new ConnectionError("dial-failed", error.message, error)
          : error;
      }),
  },
  {
    rule: 10,
    name: "connect minds its signal only when somebody has answered",
    connect: (good) => async (address, options) => {
      options?.signal?.throwIfAborted();
      const connection = await good(address);
      if (!options?.signal?.aborted) return connection;
      await connection.close();
      throw options.signal.reason;
    },
  },
  {
    rule: 10,
    name: "connect has an error of its own for an abort",
    connect: (good) => (address, options) =>
      good(address, options).catch((error) => {
        throw options?.signal?.aborted ? new DOMException("aborted", "AbortError") : error;
      }),
  },
  {
    rule: 11,
    name: "read skips chunks of one byte",
    connection: (good) => {
      let first = true;
      return {
        async read() {
          for (;;) {
            const bytes = await good.read();
            if (bytes?.length !== 1 || first) {
              first = false;
              return bytes;
            }
          }
        },
      };
    },
  },
];

/** Connections whose `read` knows for a moment what comes next, and gives or throws what `choose` makes of it. */
function foreseeing(
  choose: (bytes: Uint8Array, next: Outcome<Uint8Array | null> | undefined) => Uint8Array | null,
): NonNullable<Fault["connection"]> {
  return (good) => {
    let held: Promise<Uint8Array | null> | undefined;
    let isReading = false;
    let isClosed = false;
    return {
      async read() {
        if (isReading) throw new ConnectionError("read-failed", "another read is pending");
        isReading = true;
        try {
          const bytes = await (held ?? good.read());
          held = undefined;
          if (bytes === null) return null;
          held = good.read();
          held.catch(() => undefined);
          const chosen = choose(bytes, await outcome(held, 5));
          return isClosed ? null : chosen;
        } finally {
          isReading = false;
        }
      },
      close() {
        isClosed = true;
        held = Promise.resolve(null);
        return good.close();
      },
    };
  };
}

/** A fixture whose transport has the fault. */
export function broken({ connection, connect, transport, fixture }: Fault): TransportFixture {
  if (fixture) return fixture();
  const good = network();
  const dial = connect?.(good.transport.connect) ?? good.transport.connect;
  const bad: Transport = {
    ...good.transport,
    ...transport,
    async connect(address, options) {
      const opened = await dial(address, options);
      const differs = connection?.(opened) ?? {};
      return {
        read: differs.read ?? (() => opened.read()),
        write: differs.write ?? ((bytes) => opened.write(bytes)),
        close: differs.close === undefined ? () => opened.close() : differs.close,
      };
    },
  };
  return { ...good, transport: bad };
}

/** The good one. */
export function network(): TransportFixture {
  return { ...memoryFixture({ chunkSize: 5000 }), limit: LIMIT };
}

/** Milliseconds that are enough in memory, also where many cases run at a time. */
const LIMIT = 3000;

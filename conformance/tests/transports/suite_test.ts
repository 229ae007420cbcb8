import { memory } from "@minimqtt/client/memory";
import type { MemoryNetwork } from "@minimqtt/client/memory";
import { ConnectionError } from "@minimqtt/core";
import type { Connection, Transport } from "@minimqtt/core";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { existsSync } from "node:fs";
import { tcpFixture } from "../../src/fixtures/tcp.ts";
import { transportCases, transportSuite } from "../../src/mod.ts";
import type { Capability, TransportFixture } from "../../src/mod.ts";

/** A way to break a rule: connections that differ from the good one in some of their methods. */
interface Fault {
  readonly rule: number;
  readonly name: string;
  connection?(good: Connection): Partial<Connection>;
  connect?(good: Transport["connect"]): Transport["connect"];
  readonly transport?: Partial<Transport>;
}

/** What the faults keep for ever. */
const kept: Uint8Array[] = [];

const faults: readonly Fault[] = [
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
    connection: (good) => {
      let held: Promise<Uint8Array | null> | undefined;
      return {
        async read() {
          const bytes = await (held ?? good.read());
          held = good.read();
          const next = await held.catch(() => null);
          return next && bytes;
        },
      };
    },
  },
  {
    rule: 3,
    name: "an error overtakes the bytes before it",
    connection: (good) => {
      const chunks: Uint8Array[] = [];
      let end: Promise<null> | undefined;
      let wake = () => {};
      // Reads ahead, and lets whoever reads late have the end first.
      const ahead = async () => {
        for (;;) {
          const bytes = await good.read();
          if (bytes === null) return null;
          chunks.push(bytes);
          wake();
        }
      };
      return {
        async read() {
          end ??= ahead();
          end.catch(() => undefined);
          if (chunks.length === 0) {
            await Promise.race([end, new Promise<void>((resolve) => wake = resolve)]).catch(() => undefined);
          }
          const over = await Promise.race([end, Promise.resolve(undefined)]);
          return over === null ? null : chunks.shift() ?? end;
        },
      };
    },
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
      return {
        async read() {
          if (ended) return new Promise(() => undefined);
          const bytes = await good.read();
          ended = bytes === null;
          return bytes;
        },
      };
    },
  },
  {
    rule: 6,
    name: "write resolves before it has taken the bytes",
    connection: (good) => ({
      write(bytes) {
        void Promise.resolve().then(() => Promise.resolve()).then(() => good.write(bytes)).catch(() =>
          undefined
        );
        return Promise.resolve();
      },
    }),
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
      let turn: Promise<unknown> = Promise.resolve();
      return {
        write(bytes) {
          const copy = bytes.slice();
          turn = turn.then(() => good.write(copy)).catch(() => undefined);
          return Promise.resolve();
        },
      };
    },
  },
  {
    rule: 7,
    name: "read takes in whatever comes",
    connection: (good) => {
      const chunks: (Uint8Array | null)[] = [];
      let wake = () => {};
      let failure: unknown;
      void (async () => {
        try {
          while (chunks.push(await good.read()) && chunks.at(-1) !== null) wake();
        } catch (error) {
          failure = error;
        }
        wake();
      })();
      return {
        async read() {
          while (chunks.length === 0) {
            if (failure) throw failure;
            await new Promise<void>((resolve) => wake = resolve);
          }
          return chunks[0] === null ? null : chunks.shift() ?? null;
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
            told = true;
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
      let held: Uint8Array | null | undefined;
      return {
        async read() {
          if (held !== undefined) {
            const bytes = held;
            held = undefined;
            return bytes;
          }
          const first = await good.read();
          if (first === null || first.length < 2) return first;
          held = first.subarray(0, 1);
          return first.subarray(1);
        },
      };
    },
  },
  {
    rule: 11,
    name: "read loses what does not fit in 1000 bytes",
    connection: (good) => ({ read: async () => (await good.read())?.subarray(0, 1000) ?? null }),
  },
];

describe("transportSuite", () => {
  for (const { rule, name, connection, connect, transport } of faults) {
    it(`transportSuite fails for rule ${rule} when ${name}`, async () => {
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
            close: differs.close ?? (() => opened.close()),
          };
        },
      };
      const failures: string[] = [];
      const cases: (() => Promise<void>)[] = [];
      for (const { id, run } of transportCases({ ...good, transport: bad })) {
        if (id.startsWith(`transport/${rule}.`)) cases.push(run);
      }
      // The first failure is enough: a hanging transport takes its time for each.
      for (const run of cases) {
        if (failures.length === 0) await run().catch((error) => failures.push(error.message));
      }
      assert(failures.length > 0, "no test failed");
      const named = rule === 0 ? "transport shape: " : `rule ${rule}: `;
      for (const failure of failures) assert(failure.startsWith(named), failure);
    });
  }

  it("transportSuite is broken by a fault for every rule", () => {
    assertEquals([...new Set(faults.map(({ rule }) => rule))], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  const noCount = existsSync("/proc/self/fd") ? "" : " (skipped: only Linux tells how many sockets are open)";
  (noCount === "" ? it : it.skip)(
    `transportSuite fails for rule 8 when sockets are left behind${noCount}`,
    async () => {
      const good = tcpFixture();
      const other = await good.listen();
      const forgotten: Connection[] = [];
      const transport: Transport = {
        ...good.transport,
        async connect(address, options) {
          if (forgotten.length < 50) forgotten.push(await good.transport.connect(other.address));
          return good.transport.connect(address, options);
        },
      };
      const [leak] = transportCases({ ...good, transport }).filter(({ id }) => id === "transport/8.11");
      await assertRejects(() => leak!.run(), Error, "rule 8: 100 sockets are still open");
      await other.close();
      await Promise.all(forgotten.map((connection) => connection.close()));
    },
  );

  it("transportSuite shows the tests that a lack makes impossible, with the reason", () => {
    const ran: string[] = [];
    const skipped: string[] = [];
    const test = Object.assign((name: string) => ran.push(name), {
      skip: (name: string) => skipped.push(name),
    });
    const lacks: Partial<Record<Capability, string>> = { reset: "it cannot break" };
    transportSuite(test, { ...network(), lacks });
    assert(ran.length > skipped.length);
    assert(skipped.some((name) => name.endsWith("(skipped: it cannot break)")));
    assertEquals(
      skipped.filter((name) => !name.includes("it cannot break") && !name.includes("no address")),
      [],
    );
  });
});

function network(): TransportFixture {
  const networks: MemoryNetwork[] = [];
  const at = (port: number) => networks[port - 1] ?? memory();
  return {
    transport: {
      ...memory().transport,
      connect: (address, dial) => at(address.port).transport.connect(address, dial),
    },
    limit: 500,
    listen() {
      const one = memory();
      const close = () => {
        one.answer = "refuse";
        return Promise.resolve();
      };
      const port = networks.push(one);
      return Promise.resolve({ address: { host: "memory", port }, accept: () => one.accept(), close });
    },
  };
}

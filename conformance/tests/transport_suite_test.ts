import { memory } from "@minimqtt/client/memory";
import type { MemoryNetwork } from "@minimqtt/client/memory";
import { ConnectionError } from "@minimqtt/core";
import type { Connection, Transport } from "@minimqtt/core";
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { transportSuite } from "../src/mod.ts";
import type { Capability, TransportFixture } from "../src/mod.ts";

/** A way to break a rule: connections that differ from the good one in some of their methods. */
interface Fault {
  readonly rule: number;
  readonly name: string;
  connection?(good: Connection): Partial<Connection>;
  connect?(good: Transport["connect"]): Transport["connect"];
}

const faults: readonly Fault[] = [
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
    name: "read loses what does not fit in 1000 bytes",
    connection: (good) => ({ read: async () => (await good.read())?.subarray(0, 1000) ?? null }),
  },
];

describe("transportSuite", () => {
  for (const { rule, name, connection, connect } of faults) {
    it(`transportSuite fails for rule ${rule} when ${name}`, async () => {
      const good = network();
      const dial = connect?.(good.transport.connect) ?? good.transport.connect;
      const bad: Transport = {
        ...good.transport,
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
      transportSuite((title, run) => {
        if (title.startsWith(`rule ${rule}:`)) cases.push(run);
      }, { ...good, transport: bad });
      // The first failure is enough: a hanging transport takes its time for each.
      for (const run of cases) {
        if (failures.length === 0) await run().catch((error) => failures.push(error.message));
      }
      assert(failures.length > 0, "no test failed");
      for (const failure of failures) assert(failure.startsWith(`rule ${rule}: `), failure);
    });
  }

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

/**
 * What the runtimes' socket interfaces cost under the transport contract: `node:net` against the runtime's own,
 * on loopback, with the server in a process of its own (always Node, so that all runtimes meet the same).
 *
 *     deno run -A apps/bench/transport.ts [rounds] [tls]
 *     bun apps/bench/transport.ts [rounds] [tls]
 *     node apps/bench/transport.ts [rounds] [tls]
 *
 * With `tls` the same for TLS: `node:tls` on a socket of `node:net`, on a stream over any connection, and Deno's own.
 *
 * Prints a line per measurement and variant: the medians of all rounds, per second and per second of this process's
 * processor time, each with its ratio to `node:net` in the same run. More is better everywhere. The server may be the
 * slower side, and other programs take their share: then the second number says more. Variants take turns within a
 * round, so that neighbours disturb them alike.
 *
 * @module
 */

import type { Connection, Transport } from "@minimqtt/core";
import { DenoConnection, tcp as denoTcp } from "@minimqtt/transport-tcp/deno";
import { tcp as nodeTcp } from "@minimqtt/transport-tcp/node";
import type { DenoSocket } from "@minimqtt/transport-tcp/deno";
import { tls } from "@minimqtt/transport-tls";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { createServer as createTlsServer } from "node:tls";
import { Authority } from "../../conformance/src/peers/certificates.ts";
import { bunTcp } from "./bun_tcp.ts";

const MiB = 1_048_576;
const CHUNK = 65_536;
const SMALL = 64;

interface Measurement {
  readonly name: string;
  /** What is counted, and how many of it one run takes. */
  readonly unit: string;
  readonly amount: number;
  /** The byte that tells the server what to do. */
  readonly order: string;
  run(connection: Connection): Promise<void>;
}

const BULK = 512 * MiB;
const SMALL_COUNT = 300_000;
const PING_PONGS = 20_000;

const measurements: readonly Measurement[] = [
  {
    name: "receive 64 KiB chunks",
    unit: "MiB",
    amount: BULK / MiB,
    order: "B",
    run: (connection) => receive(connection, BULK),
  },
  {
    name: "receive 64 B writes",
    unit: "k",
    amount: SMALL_COUNT / 1000,
    order: "S",
    run: (connection) => receive(connection, SMALL_COUNT * SMALL),
  },
  {
    name: "send 64 KiB chunks",
    unit: "MiB",
    amount: BULK / MiB,
    order: "K",
    async run(connection) {
      const chunk = new Uint8Array(CHUNK);
      await receive(connection, 1);
      for (let sent = 0; sent < BULK; sent += CHUNK) await connection.write(chunk);
      await receive(connection, 1);
    },
  },
  {
    name: "64 B ping-pong",
    unit: "k",
    amount: PING_PONGS / 1000,
    order: "E",
    async run(connection) {
      const chunk = new Uint8Array(SMALL);
      await receive(connection, 1);
      for (let count = 0; count < PING_PONGS; count++) {
        await connection.write(chunk);
        await receive(connection, SMALL);
      }
    },
  },
];

async function receive(connection: Connection, count: number): Promise<void> {
  while (count > 0) {
    const bytes = await connection.read();
    if (!bytes) throw new Error("the server hung up");
    count -= bytes.length;
  }
}

function serve(keyFile: string | undefined, certFile = ""): void {
  const greet = (socket: Socket) => {
    socket.on("error", () => socket.destroy());
    socket.once("data", (bytes) => orders[String.fromCharCode(bytes[0] ?? 0)]?.(socket));
  };
  const server: Server = keyFile === undefined
    ? createServer({ noDelay: true }, greet)
    : createTlsServer({ key: readFileSync(keyFile), cert: readFileSync(certFile), noDelay: true }, greet);
  server.listen(0, "127.0.0.1", () => process.send?.((server.address() as { port: number }).port));
  process.on("disconnect", () => process.exit());
}

/** What the server does by order; where the client sends first, it waits for the "!" so that no chunk holds both. */
const orders: Record<string, (socket: Socket) => void> = {
  B: (socket) => repeat(socket, new Uint8Array(CHUNK), BULK / CHUNK),
  S: (socket) => repeat(socket, new Uint8Array(SMALL), SMALL_COUNT),
  K: (socket) => {
    socket.write("!");
    let left = BULK;
    socket.on("data", (bytes) => (left -= bytes.length) || socket.write("."));
  },
  E: (socket) => {
    socket.write("!");
    socket.on("data", (bytes) => socket.write(bytes));
  },
};

function repeat(socket: Socket, bytes: Uint8Array, count: number): void {
  if (count > 0) socket.write(bytes, () => repeat(socket, bytes, count - 1));
}

/** The ways to do TLS; `node:net` is the one that the others are compared with. */
function tlsVariants(ca: string): Record<string, Transport> {
  const { Deno } = globalThis as unknown as { Deno?: DenoTls };
  const variants: Record<string, Transport> = {
    "node:net": tls({ ca, over: nodeTcp() }),
    stream: tls({ ca, over: veiled(Deno ? denoTcp() : nodeTcp()) }),
  };
  if (Deno) {
    variants["Deno.connectTls"] = {
      ...tls(),
      async connect({ host, port }) {
        const socket = await Deno.connectTls({ hostname: host, port, caCerts: [ca] });
        await socket.handshake();
        return new DenoConnection(socket);
      },
    };
  }
  return variants;
}

interface DenoTls {
  connectTls(
    options: { hostname: string; port: number; caCerts: string[] },
  ): Promise<DenoSocket & { handshake(): Promise<unknown> }>;
}

/** The same transport, whose connections do not show what they are. */
function veiled(transport: Transport): Transport {
  return {
    ...transport,
    async connect(address) {
      const connection = await transport.connect(address);
      return {
        read: () => connection.read(),
        write: (bytes) => connection.write(bytes),
        close: () => connection.close(),
      };
    },
  };
}

async function measure(rounds: number, encrypted: boolean): Promise<void> {
  const here = globalThis as { Deno?: { version: { deno: string } }; Bun?: { version: string } };
  using authority = encrypted ? new Authority("benchmark") : undefined;
  const certified = authority?.issue();
  const variants: Record<string, Transport> = authority
    ? tlsVariants(authority.cert)
    : { "node:net": nodeTcp() };
  if (here.Deno && !encrypted) variants["Deno.connect"] = denoTcp();
  if (here.Bun && !encrypted) variants["Bun.connect"] = bunTcp();
  const runtime = here.Deno
    ? `Deno ${here.Deno.version.deno}`
    : here.Bun
    ? `Bun ${here.Bun.version}`
    : `Node ${process.version}`;

  const node = fileURLToPath(new URL("../../node_modules/.bin/node", import.meta.url));
  const server = spawn(node, [
    fileURLToPath(import.meta.url),
    "serve",
    ...(certified ? [certified.keyFile, certified.certFile] : []),
  ], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    serialization: "json",
  });
  const port = await new Promise<number>((resolve) =>
    server.once("message", (port) => resolve(Number(port)))
  );

  console.log(`${runtime}, median of ${rounds} rounds: per second, per second of processor time`);
  for (const { name, unit, amount, order, run } of measurements) {
    const results: Record<string, { readonly speed: number[]; readonly thrift: number[] }> = {};
    for (let round = 0; round < rounds; round++) {
      for (const [variant, transport] of Object.entries(variants)) {
        const connection = await transport.connect({ host: "127.0.0.1", port });
        const [start, busy] = [performance.now(), process.cpuUsage()];
        await connection.write(new TextEncoder().encode(order));
        await run(connection);
        const { user, system } = process.cpuUsage(busy);
        const result = results[variant] ??= { speed: [], thrift: [] };
        result.speed.push(amount / (performance.now() - start) * 1000);
        result.thrift.push(amount / (user + system) * 1_000_000);
        await connection.close();
      }
    }
    const base = results["node:net"];
    for (const [variant, { speed, thrift }] of Object.entries(results)) {
      const cells = [cell(speed, base?.speed), cell(thrift, base?.thrift)].join(" ");
      console.log(`${name.padEnd(22)} ${unit.padEnd(4)} ${variant.padEnd(15)} ${cells}`);
    }
  }
  server.disconnect();
}

function cell(values: readonly number[], base: readonly number[] = values): string {
  const value = median(values);
  return `${value.toFixed(value < 100 ? 1 : 0).padStart(7)} (${(value / median(base)).toFixed(2)})`;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}

if (process.argv[2] === "serve") serve(process.argv[3], process.argv[4]);
else await measure(Number(process.argv[2] ?? 9), process.argv[3] === "tls");

/**
 * A client over a transport on which the n-th write fails, for every n from the first to the last that it makes: run by
 * `failing_writes_test.ts` in a process of its own, since what it looks for stops the event loop.
 *
 * `failing_writes.ts memory|tcp|tls|ws|esp32spi MQTT|Client [N:MODE]` goes on behind the case named last. It prints a line
 * when a case begins and when it has ended, and a dot ten times a second: whoever reads it knows whether timers run.
 */
import { Client, MMQTTException, MQTT } from "@minimqtt/client";
import { ConnectionError } from "@minimqtt/core";
import type { Connection, Transport } from "@minimqtt/core";
import process from "node:process";
import { stopPeers } from "../../src/fixtures/ws.ts";
import type { Listener, Peer, TransportFixture } from "../../src/transport/fixture.ts";

/**
 * How a write fails: without a byte of it sent; when all of it was sent; after a while, with everything piling up behind
 * it; or without a byte, and dialling fails at once for a while as well.
 */
const modes = ["before", "after", "late", "refused"] as const;
type Mode = (typeof modes)[number];

/** A case that takes longer hangs. */
const LIMIT = 10_000;
/** How many times as fast as the system's the clients' clock is: they wait a second for a broken peer's last words. */
const SPEED = 10;
/** Milliseconds for which a write is late, and for which dialling is refused. */
const WHILE = 50;
const PIECE = new Uint8Array(5000);

const fixtures: Record<string, () => Promise<{ readonly fixture: TransportFixture }>> = {
  memory: () => import("../../src/fixtures/memory.ts"),
  tcp: () => import("../../src/fixtures/tcp.ts"),
  tls: () => import("../../src/fixtures/tls.ts"),
  ws: () => import("../../src/fixtures/ws.ts"),
  esp32spi: () => import("../../src/fixtures/esp32spi.ts"),
};

const clock = {
  now: () => performance.now() * SPEED,
  timer(at: number, wake: () => void): () => void {
    const timer = setTimeout(wake, Math.min(2 ** 31 - 1, Math.max(0, at / SPEED - performance.now())));
    return () => clearTimeout(timer);
  },
  turn: (wake: () => void): void => void setImmediate(wake),
};
/** In the clients' time. */
const PATIENT = { connectTimeout: 100_000, replyTimeout: 100_000 };

const [name = "", who, behind = "0:before"] = process.argv.slice(2);
const [begun, mode] = behind.split(":") as [string, Mode];
const { fixture } = await fixtures[name]!();
const beat = setInterval(() => console.log("."), 100);
for (const way of modes.slice(modes.indexOf(mode))) {
  for (let n = way === mode ? Number(begun) + 1 : 1;; n++) {
    const title = `${n}:${way}`;
    console.log(`begin ${title}`);
    const { failed, outcome } = await one(n, way);
    console.log(`end ${title} ${outcome}`);
    if (!failed) break;
  }
}
console.log("complete");
clearInterval(beat);
await stopPeers();
process.exit(0);

/** One case; whether the write has failed, or there were not so many, and what came of it. */
async function one(n: number, mode: Mode): Promise<{ readonly failed: boolean; readonly outcome: string }> {
  const listener = await fixture.listen();
  void serve(listener);
  const { transport, failed } = failing(fixture.transport, n, mode);
  const { host, port } = listener.address;
  const url = `${transport.schemes[0].name}://${host}:${port}`;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<string>((resolve) => timer = setTimeout(resolve, LIMIT, "hangs"));
  const work = who === "MQTT" ? withMQTT(url, transport) : withClient(url, transport);
  const outcome = await Promise.race([work.then(() => "ok", (error) => `rejects: ${error}`), late]);
  clearTimeout(timer);
  await listener.close();
  return { failed: failed(), outcome };
}

/** Everything at once and nothing awaited before its time; all of it settles, and the client ends. */
async function withClient(url: string, transport: Transport): Promise<void> {
  const client = await Client.connect(url, {
    transport,
    clock,
    ...PATIENT,
    reconnect: { delay: 0, initially: true },
  });
  const calls: Promise<unknown>[] = [client.subscribe("t/#", { qos: 1, onMessage: () => {} })];
  for (const qos of [1, 2] as const) {
    for (let count = 0; count < 30; count++) calls.push(client.publish(`t/${qos}`, PIECE, { qos }));
  }
  const stream = async () => {
    for (let count = 0; count < 50; count++) await client.publish("t/0", PIECE);
  };
  calls.push(stream());
  await Promise.allSettled(calls);
  await client.close();
}

/** The same calls; what the network does rejects them, and they are made again. */
async function withMQTT(url: string, transport: Transport): Promise<void> {
  const client = new MQTT({ broker: url, transport, clock, recvTimeout: 100, socketTimeout: 90 });
  for (let attempt = 1; attempt < 5; attempt++) {
    try {
      if (!client.isConnected()) await client.connect();
      const calls: Promise<unknown>[] = [client.subscribe("t/#", 1)];
      for (let count = 0; count < 50; count++) calls.push(client.publish("t/0", PIECE));
      for (const qos of [1, 2] as const) calls.push(client.publish(`t/${qos}`, PIECE, false, qos));
      for (const result of await Promise.allSettled(calls)) {
        if (result.status === "rejected") throw result.reason;
      }
      await client.ping();
      return await client.disconnect();
    } catch (error) {
      if (!(error instanceof MMQTTException)) throw error;
    }
  }
  throw new Error("one write has failed, and four attempts have not been enough");
}

/** A transport whose n-th write fails, and with it all further ones of that connection. Reading goes on. */
function failing(over: Transport, n: number, mode: Mode): { transport: Transport; failed(): boolean } {
  let count = 0;
  let refusing = false;
  const wrap = (connection: Connection): Connection => {
    let broken = false;
    return {
      read: () => connection.read(),
      async write(bytes) {
        if (!broken && ++count !== n) return await connection.write(bytes);
        const first = !broken;
        broken = true;
        // Until a timer has fired, that is: whoever tries again and again without giving it a turn is refused for ever.
        if (first && mode === "refused") {
          refusing = true;
          setTimeout(() => refusing = false, WHILE);
        }
        if (first && mode === "after") await connection.write(bytes);
        if (first && mode === "late") await new Promise((resolve) => setTimeout(resolve, WHILE));
        throw new ConnectionError("write-failed", "the write was made to fail");
      },
      close: () => connection.close(),
    };
  };
  return {
    transport: {
      ...over,
      connect(address, options) {
        if (refusing) {
          return Promise.reject(new ConnectionError("dial-failed", "dialling was made to fail"));
        }
        return over.connect(address, options).then(wrap);
      },
    },
    failed: () => count >= n,
  };
}

/** A broker that acknowledges everything and delivers nothing. */
async function serve(listener: Listener): Promise<void> {
  for (;;) {
    const peer = await listener.accept();
    void answer(peer).catch(() => undefined).then(() => peer.close());
  }
}

async function answer(peer: Peer): Promise<void> {
  let held = new Uint8Array(0);
  for (let bytes = await peer.read(); bytes !== null; bytes = await peer.read()) {
    const all = new Uint8Array(held.length + bytes.length);
    all.set(held);
    all.set(bytes, held.length);
    held = all;
    const replies: number[] = [];
    for (let packet = first(held); packet !== undefined; packet = first(held)) {
      replies.push(...reply(packet.type, packet.body));
      held = held.subarray(packet.length);
    }
    if (replies.length > 0) await peer.write(Uint8Array.from(replies));
  }
}

interface Packet {
  /** The first byte. */
  readonly type: number;
  readonly body: Uint8Array;
  /** With the head. */
  readonly length: number;
}

/** The packet at the beginning, if all of it is there. */
function first(bytes: Uint8Array): Packet | undefined {
  let remaining = 0;
  for (let at = 1; at < bytes.length; at++) {
    remaining += (bytes[at]! & 127) * 128 ** (at - 1);
    if (bytes[at]! >= 128) continue;
    const length = at + 1 + remaining;
    return bytes.length < length
      ? undefined
      : { type: bytes[0]!, body: bytes.subarray(at + 1, length), length };
  }
  return undefined;
}

function reply(type: number, body: Uint8Array): number[] {
  switch (type >> 4) {
    case 1:
      return [0x20, 2, 0, 0];
    case 3: {
      const qos = type >> 1 & 3;
      const at = 2 + body[0]! * 256 + body[1]!;
      return qos === 0 ? [] : [qos === 1 ? 0x40 : 0x50, 2, body[at]!, body[at + 1]!];
    }
    case 6:
      return [0x70, 2, body[0]!, body[1]!];
    case 8:
      return [0x90, 3, body[0]!, body[1]!, 1];
    case 10:
      return [0xb0, 2, body[0]!, body[1]!];
    case 12:
      return [0xd0, 0];
    default:
      return [];
  }
}

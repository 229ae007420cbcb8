/**
 * What `Client` costs and keeps per message: floods through a callback, a loop and batches, and large binary messages
 * both ways, without a network. Prints nanoseconds per message (reading and decoding included, medians of five), and
 * the memory that is in use when all is collected.
 *
 *   deno run -A apps/bench/client_memory.ts [--messages 1000000] [--large 500] [--json]      (the same with bun, node)
 */
import { Client } from "@minimqtt/client";
import process from "node:process";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Feed } from "./feed.ts";

const { values } = parseArgs({
  options: {
    messages: { type: "string", default: "1000000" },
    large: { type: "string", default: "500" },
    json: { type: "boolean", default: false },
  },
});
const RUNS = 5;
const MEBIBYTE = 1024 * 1024;
const messages = Number(values.messages) / RUNS;
const large = Number(values.large);

const collect = collector();
const feed = new Feed();
const client = await Client.connect("mqtt://feed", { transport: feed.transport, reconnect: false });

type Reading = (count: number) => Promise<void>;
const readings: Readonly<Record<string, Reading>> = {
  async callback(count) {
    let seen = 0;
    let all!: () => void;
    const end = new Promise<void>((resolve) => all = resolve);
    const onMessage = () => {
      if (++seen === count) all();
    };
    const subscription = await client.subscribe("bench/#", { onMessage });
    feed.flood(count, 64);
    await end;
    await subscription.unsubscribe();
  },
  async "for await"(count) {
    const subscription = await client.subscribe("bench/#");
    feed.flood(count, 64);
    let seen = 0;
    for await (const _ of subscription) if (++seen === count) break;
  },
  async batches(count) {
    const subscription = await client.subscribe("bench/#");
    feed.flood(count, 64);
    let seen = 0;
    for await (const batch of subscription.batches()) if ((seen += batch.length) === count) break;
  },
};

const times: Record<string, number[]> = {};
const inUse: Record<string, number> = {};
for (const read of Object.values(readings)) await read(Math.min(messages, 50_000));
inUse["before"] = retained();
for (let run = 0; run < RUNS; run++) {
  for (const [name, read] of Object.entries(readings)) {
    const start = performance.now();
    await read(messages);
    (times[name] ??= []).push((performance.now() - start) * 1e6 / messages);
  }
}
inUse["after small messages"] = retained();
await echo(Math.ceil(large / 10));
inUse["before large messages"] = retained();
await echo(large);
inUse["after large messages"] = retained();
await client.close();

const nanoseconds = Object.fromEntries(
  Object.entries(times).map(([name, list]) => [name, list.sort((a, b) => a - b)[RUNS >> 1]!]),
);
if (values.json) console.log(JSON.stringify({ nanoseconds, inUse }));
else {
  for (const [name, time] of Object.entries(nanoseconds)) {
    const ratio = (time / nanoseconds["callback"]!).toFixed(2);
    console.log(`${name.padEnd(12)}${time.toFixed(0).padStart(6)} ns a message, ${ratio} times the callback`);
  }
  for (const [name, bytes] of Object.entries(inUse)) {
    console.log(`${name.padEnd(24)}${(bytes / MEBIBYTE).toFixed(2).padStart(8)} MiB in use`);
  }
}

/** Receives binary messages of a mebibyte, and publishes each again. */
async function echo(count: number): Promise<void> {
  const subscription = await client.subscribe("bench/#");
  feed.flood(count, MEBIBYTE);
  let seen = 0;
  for await (const message of subscription) {
    await client.publish("echo", message.payload);
    if (++seen === count) break;
  }
}

function collector(): () => void {
  const { Bun } = globalThis as { Bun?: { gc(full: boolean): void } };
  if (Bun !== undefined) return () => Bun.gc(true);
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc");
}

/** The bytes in use after a collection, array buffers included. */
function retained(): number {
  for (let i = 0; i < 3; i++) collect();
  const { heapUsed, external, arrayBuffers = 0 } = process.memoryUsage();
  return heapUsed + Math.max(external, arrayBuffers);
}

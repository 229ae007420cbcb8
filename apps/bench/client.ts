/**
 * `MQTT` beside MQTT.js: QoS 0 publish and receive, 64 bytes of payload, over loopback TCP to a counterpart in another
 * process that costs nearly nothing. The two take turns; what is printed is the median of the runs and the ratio.
 *
 *   node apps/bench/client.ts [--messages 200000] [--runs 5]      (the same with deno run -A, and with bun)
 */
import { MQTT } from "@minimqtt/client";
import { tcp } from "@minimqtt/transport-tcp";
import mqttJs from "mqtt";
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: { messages: { type: "string", default: "200000" }, runs: { type: "string", default: "5" } },
});
const messages = Number(values.messages);
const runs = Number(values.runs);
const TOPIC = "bench/topic";
const BYTES = new Uint8Array(64).fill(0x61);
const TEXT = "a".repeat(64);

type Case = (port: number) => Promise<number>;
const cases: Record<string, { ours: Case; theirs: Case }> = {
  "publish QoS 0, bytes": {
    ours: (port) => publishOurs(port, BYTES),
    theirs: (port) => publishTheirs(port, BYTES),
  },
  "publish QoS 0, text": {
    ours: (port) => publishOurs(port, TEXT),
    theirs: (port) => publishTheirs(port, TEXT),
  },
  "receive QoS 0, bytes": { ours: (port) => receiveOurs(port, true), theirs: receiveTheirs },
  "receive QoS 0, text": {
    ours: (port) => receiveOurs(port, false),
    theirs: (port) => receiveTheirs(port, true),
  },
};

const peer = spawn("node", [fileURLToPath(new URL("peer.ts", import.meta.url))], {
  stdio: ["ignore", "pipe", "inherit"],
});
const [line] = await once(peer.stdout, "data");
const port = Number(String(line));

const runtime = "Deno" in globalThis
  ? `deno ${(globalThis as unknown as { Deno: { version: { deno: string } } }).Deno.version.deno}`
  : process.versions["bun"]
  ? `bun ${process.versions["bun"]}`
  : `node ${process.versions.node}`;
console.log(`${runtime}, ${messages} messages, median of ${runs} runs, thousands of messages a second\n`);
console.log(`${"".padEnd(24)}${"MQTT".padStart(10)}${"MQTT.js".padStart(10)}${"ratio".padStart(9)}`);
for (const [name, { ours, theirs }] of Object.entries(cases)) {
  const times: { ours: number[]; theirs: number[] } = { ours: [], theirs: [] };
  await ours(port);
  await theirs(port);
  for (let run = 0; run < runs; run++) {
    times.ours.push(await ours(port));
    times.theirs.push(await theirs(port));
  }
  const [a, b] = [median(times.ours), median(times.theirs)];
  const rate = (ms: number) => (messages / ms).toFixed(0).padStart(10);
  console.log(`${name.padEnd(24)}${rate(a)}${rate(b)}${`${(b / a).toFixed(1)}x`.padStart(9)}`);
}
peer.kill();
process.exit(0);

/**
 * Milliseconds from the first message until the counterpart has read the last one. Both clients are asked for a
 * thousand messages at a time, and waited for.
 */
async function publishOurs(port: number, payload: string | Uint8Array): Promise<number> {
  const client = new MQTT({ broker: "127.0.0.1", port, transport: tcp() });
  await client.connect();
  const start = performance.now();
  for (let sent = 0; sent < messages; sent += 1000) {
    for (let i = 0; i < 999; i++) client.publish(TOPIC, payload);
    await client.publish(TOPIC, payload);
  }
  await client.ping();
  const time = performance.now() - start;
  await client.disconnect();
  return time;
}

async function publishTheirs(port: number, payload: string | Uint8Array): Promise<number> {
  const client = await mqttJs.connectAsync(`mqtt://127.0.0.1:${port}`);
  const message = typeof payload === "string" ? payload : Buffer.from(payload);
  const start = performance.now();
  for (let sent = 0; sent < messages; sent += 1000) {
    for (let i = 0; i < 999; i++) client.publish(TOPIC, message);
    await client.publishAsync(TOPIC, message);
  }
  const pong = new Promise<void>((resolve) =>
    client.on("packetreceive", (packet) => packet.cmd === "pingresp" && resolve())
  );
  client.sendPing();
  await pong;
  const time = performance.now() - start;
  await client.endAsync(true);
  return time;
}

/** Milliseconds from the subscription until the last message has reached the callback. */
async function receiveOurs(port: number, useBinaryMode: boolean): Promise<number> {
  const client = new MQTT<unknown, boolean>({ broker: "127.0.0.1", port, transport: tcp(), useBinaryMode });
  await client.connect();
  let count = 0;
  const start = performance.now();
  let end = 0;
  const all = new AbortController();
  client.onMessage = () => {
    if (++count < messages) return;
    end = performance.now();
    all.abort();
  };
  await client.subscribe(`flood/${messages}`);
  if (count < messages) await client.loop(600, { signal: all.signal }).catch(() => {});
  await client.disconnect();
  return end - start;
}

async function receiveTheirs(port: number, text = false): Promise<number> {
  const client = await mqttJs.connectAsync(`mqtt://127.0.0.1:${port}`);
  let count = 0;
  const start = performance.now();
  const all = new Promise<number>((resolve) =>
    client.on("message", (_topic, payload) => {
      if (text) payload.toString();
      if (++count === messages) resolve(performance.now());
    })
  );
  client.subscribe(`flood/${messages}`);
  const time = await all - start;
  await client.endAsync(true);
  return time;
}

function median(numbers: number[]): number {
  return numbers.sort((a, b) => a - b)[numbers.length >> 1]!;
}

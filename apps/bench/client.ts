/**
 * `MQTT` and `Client` beside MQTT.js: publish and receive, 64 bytes of payload, over loopback TCP to a counterpart in
 * another process that costs nearly nothing. They take turns; what is printed is the median of the runs and the ratio.
 *
 *   node apps/bench/client.ts [--messages 200000] [--runs 5] [--only receive]     (the same with deno run -A, and bun)
 */
import { Client, MQTT, type ReceivedMessage } from "@minimqtt/client";
import { tcp } from "@minimqtt/transport-tcp";
import mqttJs from "mqtt";
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    messages: { type: "string", default: "200000" },
    runs: { type: "string", default: "5" },
    only: { type: "string", default: "" },
  },
});
const messages = Number(values.messages);
const runs = Number(values.runs);
const TOPIC = "bench/topic";
const BYTES = new Uint8Array(64).fill(0x61);
const TEXT = "a".repeat(64);

type Case = (port: number) => Promise<number>;
type Contestants = Readonly<Record<string, Case>>;
const cases: Readonly<Record<string, { readonly ours: Contestants; readonly theirs: Case }>> = {
  "publish QoS 0, bytes": {
    ours: { MQTT: (port) => publishMQTT(port, BYTES), Client: (port) => publishClient(port, BYTES, 0) },
    theirs: (port) => publishTheirs(port, BYTES, 0),
  },
  "publish QoS 0, text": {
    ours: { MQTT: (port) => publishMQTT(port, TEXT), Client: (port) => publishClient(port, TEXT, 0) },
    theirs: (port) => publishTheirs(port, TEXT, 0),
  },
  "publish QoS 1, bytes": {
    ours: { Client: (port) => publishClient(port, BYTES, 1) },
    theirs: (port) => publishTheirs(port, BYTES, 1),
  },
  "receive QoS 0, bytes": {
    ours: {
      MQTT: (port) => receiveMQTT(port, true),
      "Client, callback": (port) => receiveCallback(port, false),
      "Client, for await": (port) => receiveLoop(port, false),
      "Client, batches": receiveBatches,
    },
    theirs: receiveTheirs,
  },
  "receive QoS 0, text": {
    ours: {
      MQTT: (port) => receiveMQTT(port, false),
      "Client, callback": (port) => receiveCallback(port, true),
      "Client, for await": (port) => receiveLoop(port, true),
    },
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
console.log(`${"".padEnd(44)}${"ours".padStart(10)}${"MQTT.js".padStart(10)}${"ratio".padStart(9)}`);
for (const [name, { ours, theirs }] of Object.entries(cases)) {
  if (!name.includes(values.only)) continue;
  const contestants = { ...ours, "MQTT.js": theirs };
  const times: Record<string, number[]> = {};
  for (let run = 0; run <= runs; run++) {
    for (const [who, measure] of Object.entries(contestants)) {
      const time = await measure(port);
      // The first run is for warming up.
      if (run > 0) (times[who] ??= []).push(time);
    }
  }
  const rate = (ms: number) => (messages / ms).toFixed(0).padStart(10);
  const base = median(times["MQTT.js"]!);
  for (const who of Object.keys(ours)) {
    const time = median(times[who]!);
    const ratio = `${(base / time).toFixed(1)}x`.padStart(9);
    console.log(`${name.padEnd(24)}${who.padEnd(20)}${rate(time)}${rate(base)}${ratio}`);
  }
}
peer.kill();
process.exit(0);

/**
 * Milliseconds from the first message until the counterpart has read the last one. Both clients are asked for a
 * thousand messages at a time, and waited for.
 */
async function publishMQTT(port: number, payload: string | Uint8Array): Promise<number> {
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

async function publishClient(port: number, payload: string | Uint8Array, qos: 0 | 1): Promise<number> {
  const client = await Client.connect(`mqtt://127.0.0.1:${port}`, { transport: tcp(), reconnect: false });
  const options = qos === 0 ? undefined : { qos };
  const start = performance.now();
  for (let sent = 0; sent < messages; sent += 1000) {
    for (let i = 0; i < 999; i++) void client.publish(TOPIC, payload, options);
    await client.publish(TOPIC, payload, options);
  }
  // Its acknowledgement comes behind all of them.
  await client.publish(TOPIC, payload, { qos: 1 });
  const time = performance.now() - start;
  await client.close();
  return time;
}

async function publishTheirs(port: number, payload: string | Uint8Array, qos: 0 | 1): Promise<number> {
  const client = await mqttJs.connectAsync(`mqtt://127.0.0.1:${port}`);
  const message = typeof payload === "string" ? payload : Buffer.from(payload);
  const start = performance.now();
  for (let sent = 0; sent < messages; sent += 1000) {
    for (let i = 0; i < 999; i++) client.publish(TOPIC, message, { qos });
    await client.publishAsync(TOPIC, message, { qos });
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
async function receiveMQTT(port: number, useBinaryMode: boolean): Promise<number> {
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

async function receiveCallback(port: number, text: boolean): Promise<number> {
  const client = await Client.connect(`mqtt://127.0.0.1:${port}`, { transport: tcp(), reconnect: false });
  let count = 0;
  let all!: (time: number) => void;
  const end = new Promise<number>((resolve) => all = resolve);
  const onMessage = (message: ReceivedMessage) => {
    if (text) message.text();
    if (++count === messages) all(performance.now());
  };
  await client.subscribe("bench/#", { onMessage });
  const start = performance.now();
  await client.subscribe(`flood/${messages}`);
  const time = await end - start;
  await client.close();
  return time;
}

async function receiveLoop(port: number, text: boolean): Promise<number> {
  const client = await Client.connect(`mqtt://127.0.0.1:${port}`, { transport: tcp(), reconnect: false });
  const subscription = await client.subscribe("bench/#");
  let count = 0;
  const start = performance.now();
  void client.subscribe(`flood/${messages}`);
  for await (const message of subscription) {
    if (text) message.text();
    if (++count === messages) break;
  }
  const time = performance.now() - start;
  await client.close();
  return time;
}

async function receiveBatches(port: number): Promise<number> {
  const client = await Client.connect(`mqtt://127.0.0.1:${port}`, { transport: tcp(), reconnect: false });
  const subscription = await client.subscribe("bench/#");
  let count = 0;
  const start = performance.now();
  void client.subscribe(`flood/${messages}`);
  for await (const batch of subscription.batches()) {
    count += batch.length;
    if (count === messages) break;
  }
  const time = performance.now() - start;
  await client.close();
  return time;
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

/**
 * Messages of 1 KiB through an emulated co-processor whose bus takes its real time, 8 MHz: our transport, and the same
 * with the 64-byte writes of the Python driver. The counterpart is a broker in another process that costs nearly
 * nothing.
 *
 *   node apps/bench/esp32spi.ts [--seconds 2] [--runs 3] [--hz 8000000] [--firmware 3.3.0]   (or deno run -A, or bun)
 *
 * The bus carries one byte per eight clocks, so that 8 MHz are 1000 kB/s at the very best. "of the bus" is the payload
 * against that; "busy" is how much of the time there were clocks at all, the rest is this machine's. Each line is the best
 * of the runs: a transfer that another program interrupts takes longer than on any bus.
 */
import { MQTT } from "@minimqtt/client";
import type { Transport } from "@minimqtt/core";
import { esp32spi, EspSpiControl } from "@minimqtt/transport-esp32spi";
import { EspEmulator } from "@minimqtt/transport-esp32spi/emulator";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "2" },
    runs: { type: "string", default: "3" },
    hz: { type: "string", default: "8000000" },
    firmware: { type: "string", default: "3.3.0" },
  },
});
const limit = Number(values.seconds) * 1000;
const busHz = Number(values.hz);
const SIZE = 1024;
const PAYLOAD = new Uint8Array(SIZE).fill(0x61);
const NETWORK = { ssid: "bench", passphrase: "correct horse" };

const peer = spawn("node", [fileURLToPath(new URL("peer.ts", import.meta.url))], {
  stdio: ["ignore", "pipe", "inherit"],
});
const [line] = await once(peer.stdout, "data");
const port = Number(String(line));

const best = busHz / 8 / 1000;
console.log(
  `firmware ${values.firmware}, ${busHz / 1e6} MHz: ${best} kB/s at most; payloads of ${SIZE} bytes\n`,
);
console.log(`${"".padEnd(34)}${"kB/s".padStart(8)}${"of the bus".padStart(12)}${"busy".padStart(8)}`);
await run("publish, QoS 0", (transport) => transport, publish);
await run("publish, QoS 0, 64-byte writes", (transport) => inPieces(transport, 64), publish);
await run("receive, QoS 0", (transport) => transport, receive);
peer.kill();

type Client = MQTT<unknown, true>;
type Work = (client: Client, end: number) => Promise<number>;

async function run(name: string, through: (transport: Transport) => Transport, work: Work): Promise<void> {
  const results = [];
  for (let count = 0; count < Number(values.runs); count++) results.push(await measure(through, work));
  const { rate, busy } = results.reduce((best, other) => other.rate > best.rate ? other : best);
  const columns = [rate.toFixed(0).padStart(8), percent(rate / best).padStart(12), percent(busy).padStart(8)];
  console.log(name.padEnd(34) + columns.join(""));
}

async function measure(
  through: (transport: Transport) => Transport,
  work: Work,
): Promise<{ rate: number; busy: number }> {
  const module = new EspEmulator({ firmware: values.firmware, networks: [NETWORK], busHz });
  const esp = new EspSpiControl(module.bus, module.pins);
  await esp.connectAP(NETWORK.ssid, NETWORK.passphrase);
  const client = new MQTT({
    broker: "127.0.0.1",
    port,
    transport: through(esp32spi(esp)),
    useBinaryMode: true,
  });
  await client.connect();
  const start = performance.now();
  const clocked = module.bytesClocked;
  const bytes = await work(client, start + limit);
  const time = performance.now() - start;
  const busy = (module.bytesClocked - clocked) * 8000 / busHz / time;
  await client.disconnect();
  await esp.close();
  module.close();
  return { rate: bytes / time, busy };
}

/** Publishes until the time is over; an acknowledged message behind the others shows that all have arrived. */
async function publish(client: Client, end: number): Promise<number> {
  let bytes = 0;
  for (; performance.now() < end; bytes += SIZE) await client.publish("bench/topic", PAYLOAD);
  await client.publish("bench/topic", PAYLOAD, false, 1);
  return bytes + SIZE;
}

async function receive(client: Client, end: number): Promise<number> {
  let bytes = 0;
  client.onMessage = (_client, _topic, message) => void (bytes += message.length);
  await client.subscribe(`flood/1000000/${SIZE}`);
  while (performance.now() < end) await client.loop();
  return bytes;
}

/** The same transport, with writes of so many bytes. */
function inPieces(transport: Transport, size: number): Transport {
  return {
    ...transport,
    async connect(address, options) {
      const connection = await transport.connect(address, options);
      return {
        read: () => connection.read(),
        close: () => connection.close(),
        async write(bytes) {
          for (let at = 0; at < bytes.length; at += size) {
            await connection.write(bytes.subarray(at, at + size));
          }
        },
      };
    },
  };
}

function percent(part: number): string {
  return `${(part * 100).toFixed(0)} %`;
}

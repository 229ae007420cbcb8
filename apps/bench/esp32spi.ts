/**
 * How much of an 8 MHz SPI bus messages of 1 KiB get through an emulated co-processor, whose transfers take their real
 * time: with whole buffers as this transport writes them, and in pieces of 64 bytes as other drivers do.
 *
 *     deno run -A apps/bench/esp32spi.ts [rounds]
 *     bun apps/bench/esp32spi.ts [rounds]
 *     node apps/bench/esp32spi.ts [rounds]
 *
 * Prints the medians: payload per second, its share of what the bus carries at most, a bit per clock; and its share of
 * the bytes that were clocked, which is the same on a machine that has nothing else to do, and with hardware.
 */
import { MQTT } from "@minimqtt/client";
import type { Transport } from "@minimqtt/core";
import { esp32spi, EspSpiControl } from "@minimqtt/transport-esp32spi";
import { EspEmulator } from "@minimqtt/transport-esp32spi/emulator";
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { fileURLToPath } from "node:url";

const BUS = 8_000_000;
const SIZE = 1024;
const COUNT = 2000;
/** Pieces that other drivers write. */
const PIECE = 64;

const rounds = Number(process.argv[2] ?? 5);
const peer = spawn("node", [fileURLToPath(new URL("peer.ts", import.meta.url))], {
  stdio: ["ignore", "pipe", "inherit"],
});
const [line] = await once(peer.stdout, "data");
const port = Number(String(line));

const module = new EspEmulator({ networks: [{ ssid: "bench" }], busHz: BUS });
const esp = new EspSpiControl(module.bus, module.pins);
await esp.connectAP("bench");
const whole = esp32spi(esp);

const measurements: readonly (readonly [name: string, run: () => Promise<void>, count: number])[] = [
  ["publish, whole buffers", () => publish(whole, COUNT), COUNT],
  [`publish, ${PIECE}-byte pieces`, () => publish(inPieces(whole), COUNT / 10), COUNT / 10],
  ["receive", () => receive(whole, COUNT), COUNT],
];
const times = measurements.map((): number[] => []);
const shares = measurements.map((): number[] => []);
for (let round = 0; round < rounds; round++) {
  for (const [index, [, run, count]] of measurements.entries()) {
    const clocked = module.bytesClocked;
    const start = performance.now();
    await run();
    times[index]!.push(performance.now() - start);
    shares[index]!.push(count * SIZE / (module.bytesClocked - clocked));
  }
}
for (const [index, [name, , count]] of measurements.entries()) {
  const rate = count * SIZE / median(times[index]!) * 1000;
  const columns = [
    `${(rate / 1024).toFixed(0).padStart(4)} KiB/s`,
    `${(rate / (BUS / 8) * 100).toFixed(0).padStart(4)} % of the bus`,
    `${(median(shares[index]!) * 100).toFixed(0).padStart(4)} % of the bytes`,
  ];
  console.log(`${name.padEnd(24)}${columns.join("")}`);
}
console.log(`host violations: ${module.violations.count}`);
module.close();
peer.kill();

function median(values: number[]): number {
  return values.sort((one, other) => one - other)[values.length >> 1]!;
}

/** Publishes with QoS 0, and once more with QoS 1: its acknowledgement says that all have arrived. */
async function publish(transport: Transport, count: number): Promise<void> {
  const client = new MQTT({ broker: "127.0.0.1", port, transport });
  const payload = new Uint8Array(SIZE);
  await client.connect();
  for (let sent = 1; sent < count; sent++) await client.publish("bench/topic", payload);
  await client.publish("bench/topic", payload, false, 1);
  await client.disconnect();
}

/** Receives a flood. */
async function receive(transport: Transport, count: number): Promise<void> {
  const client = new MQTT({ broker: "127.0.0.1", port, transport, useBinaryMode: true });
  let left = count;
  client.onMessage = () => {
    left--;
  };
  await client.connect();
  await client.subscribe(`flood/${count}/${SIZE}`);
  while (left > 0) await client.loop(1);
  await client.disconnect();
}

/** The same transport, with writes cut up. */
function inPieces(transport: Transport): Transport {
  return {
    ...transport,
    async connect(address, options) {
      const connection = await transport.connect(address, options);
      return {
        read: () => connection.read(),
        close: () => connection.close(),
        async write(bytes) {
          for (let at = 0; at < bytes.length; at += PIECE) {
            await connection.write(bytes.subarray(at, at + PIECE));
          }
        },
      };
    },
  };
}

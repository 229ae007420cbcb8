/**
 * Ends well on SIGTERM and Ctrl-C: what was published arrives, and everybody learns that the sensor is gone on purpose.
 * If it dies instead, the broker publishes its will. A second signal ends it at once.
 *
 *   deno run --allow-net=localhost:1883 --allow-env=MQTT_URL examples/tcp/graceful_shutdown.ts
 *   bun examples/tcp/graceful_shutdown.ts
 *   node examples/tcp/graceful_shutdown.ts
 */
import { Client } from "@minimqtt/client";
import { tcp } from "@minimqtt/transport-tcp";
import process from "node:process";

const stopped = new Promise<void>((resolve) => {
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => resolve());
});

const client = await Client.connect(process.env.MQTT_URL ?? "mqtt://localhost", {
  transport: tcp(),
  will: { topic: "sensor/state", payload: "died", qos: 1, retain: true },
});
void client.publish("sensor/state", "running", { qos: 1, retain: true });
let count = 0;
const publish = () => void client.publish("sensor/count", String(++count), { qos: 1 });
const timer = setInterval(publish, 200);
console.log("running");

await stopped;
clearInterval(timer);
void client.publish("sensor/state", "stopped", { qos: 1, retain: true });
// All of it is sent and acknowledged before this resolves; a broker that is gone gets five seconds.
await client.close({ signal: AbortSignal.timeout(5000) });
console.log(`stopped after ${count}`);

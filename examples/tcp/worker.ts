/**
 * Does jobs, and acknowledges each by hand when its result is published: what a worker that dies was at, the broker gives
 * out again. Jobs that come while there is no worker wait at the broker, because the session is resumed. Here a job is a
 * number of milliseconds to sleep:
 *
 *   mosquitto_pub -t jobs/nap -m 500 -q 1
 *
 *   deno run --allow-net=localhost:1883 --allow-env=MQTT_URL examples/tcp/worker.ts [NAME]
 *   bun examples/tcp/worker.ts [NAME]
 *   node examples/tcp/worker.ts [NAME]
 */
import { Client } from "@minimqtt/client";
import { tcp } from "@minimqtt/transport-tcp";
import process from "node:process";
import { setTimeout } from "node:timers/promises";

const [clientId = "worker"] = process.argv.slice(2);

await using client = await Client.connect(process.env.MQTT_URL ?? "mqtt://localhost", {
  transport: tcp(),
  session: "resume",
  clientId,
});
for await (const job of await client.subscribe("jobs/#", { qos: 1, acknowledge: "manual" })) {
  console.log(`${job.topic}: ${job.text()}${job.duplicate ? ", again" : ""}`);
  await setTimeout(Number(job.text()));
  await client.publish(`results/${job.topic}`, `slept ${job.text()} ms`, { qos: 1 });
  job.acknowledge();
}

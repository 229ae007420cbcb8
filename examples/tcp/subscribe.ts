/**
 * Prints what is published, until Ctrl-C. When the connection is lost it comes back and subscribes again.
 *
 *   deno run --allow-net=localhost:1883 --allow-env=MQTT_URL examples/tcp/subscribe.ts [FILTER]...
 *   bun examples/tcp/subscribe.ts [FILTER]...
 *   node examples/tcp/subscribe.ts [FILTER]...
 */
import { Client } from "@minimqtt/client";
import { tcp } from "@minimqtt/transport-tcp";
import process from "node:process";

const filters = process.argv.length > 2 ? process.argv.slice(2) : ["house/#"];

await using client = await Client.connect(process.env.MQTT_URL ?? "mqtt://localhost", { transport: tcp() });
for await (const message of await client.subscribe(filters, { qos: 1 })) {
  console.log(`${message.topic}: ${message.text()}`);
}

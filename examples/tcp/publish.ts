/**
 * Publishes a message, and ends when the broker has it. The broker keeps it for those who subscribe later.
 *
 *   deno run --allow-net=localhost:1883 --allow-env=MQTT_URL examples/tcp/publish.ts [TOPIC] [MESSAGE]
 *   bun examples/tcp/publish.ts [TOPIC] [MESSAGE]
 *   node examples/tcp/publish.ts [TOPIC] [MESSAGE]
 */
import { Client } from "@minimqtt/client";
import { tcp } from "@minimqtt/transport-tcp";
import process from "node:process";

const [topic = "house/kitchen/temperature", message = "21.5"] = process.argv.slice(2);

await using client = await Client.connect(process.env.MQTT_URL ?? "mqtt://localhost", { transport: tcp() });
await client.publish(topic, message, { qos: 1, retain: true });
console.log(`${topic}: ${message}`);

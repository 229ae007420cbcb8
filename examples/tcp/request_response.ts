/**
 * A question on one topic, its answer on another. MQTT 3.1.1 knows nothing of it, so that the question itself says where
 * the answer goes, and which one it is. Both sides are here; in life they are two programs.
 *
 *   deno run --allow-net=localhost:1883 --allow-env=MQTT_URL examples/tcp/request_response.ts [NUMBER]...
 *   bun examples/tcp/request_response.ts [NUMBER]...
 *   node examples/tcp/request_response.ts [NUMBER]...
 */
import { Client } from "@minimqtt/client";
import { tcp } from "@minimqtt/transport-tcp";
import process from "node:process";

const url = process.env.MQTT_URL ?? "mqtt://localhost";
const numbers = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [19, 23];

await using server = await Client.connect(url, { transport: tcp() });
await server.subscribe("calculator/request", {
  qos: 1,
  async onMessage(message) {
    const { id, replyTo, numbers } = message.json<{ id: string; replyTo: string; numbers: number[] }>();
    const sum = numbers.reduce((a, b) => a + b, 0);
    await server.publish(replyTo, JSON.stringify({ id, sum }), { qos: 1 });
  },
  onError: (error) => console.error("a request that cannot be answered:", error),
});

await using client = await Client.connect(url, { transport: tcp() });
const id = crypto.randomUUID();
const replyTo = `calculator/response/${client.clientId}`;
const responses = await client.subscribe(replyTo, { qos: 1, signal: AbortSignal.timeout(10_000) });
await client.publish("calculator/request", JSON.stringify({ id, replyTo, numbers }), { qos: 1 });
for await (const message of responses) {
  const response = message.json<{ id: string; sum: number }>();
  if (response.id !== id) continue;
  console.log(`${numbers.join(" + ")} = ${response.sum}`);
  break;
}

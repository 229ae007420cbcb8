/**
 * Takes messages from one broker to another, as they are. A message is acknowledged to the first when the second has it,
 * many at a time, and the first keeps them while the bridge is down: what has QoS 1 or 2 is not lost.
 *
 *   deno run --allow-net=localhost:1883,localhost:1884 --allow-env=MQTT_URL,MQTT_URL_TO \
 *     examples/tcp/bridge.ts [FILTER]...
 *   bun examples/tcp/bridge.ts [FILTER]...
 *   node examples/tcp/bridge.ts [FILTER]...
 */
import { Client } from "@minimqtt/client";
import { tcp } from "@minimqtt/transport-tcp";
import process from "node:process";

const { MQTT_URL = "mqtt://localhost", MQTT_URL_TO = "mqtt://localhost:1884" } = process.env;
const filters = process.argv.length > 2 ? process.argv.slice(2) : ["house/#"];

await using to = await Client.connect(MQTT_URL_TO, { transport: tcp() });
await using from = await Client.connect(MQTT_URL, {
  transport: tcp(),
  session: "resume",
  clientId: "bridge",
});
for await (const message of await from.subscribe(filters, { qos: 1, acknowledge: "manual" })) {
  const { topic, payload, qos, retain } = message;
  const published = to.publish(topic, payload, { qos, retain });
  // With QoS 0 this waits while there is no room; with QoS 1 the first broker sends no more than so many at a time.
  if (qos === 0) await published;
  else void published.then(() => message.acknowledge());
}

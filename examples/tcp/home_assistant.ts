/**
 * A sensor that Home Assistant finds by itself: a retained message describes it, once and for all, and then there are its
 * values. Run it as often as there is one (by cron, say); without any for ten minutes the sensor is "unavailable".
 * https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery
 *
 *   deno run --allow-net=localhost:1883 --allow-env=MQTT_URL examples/tcp/home_assistant.ts [DEGREES]
 *   bun examples/tcp/home_assistant.ts [DEGREES]
 *   node examples/tcp/home_assistant.ts [DEGREES]
 */
import { Client } from "@minimqtt/client";
import { tcp } from "@minimqtt/transport-tcp";
import process from "node:process";

const [degrees = "21.5"] = process.argv.slice(2);
const stateTopic = "kitchen/climate";
const discovery = {
  name: "Temperature",
  unique_id: "kitchen_temperature",
  device_class: "temperature",
  state_class: "measurement",
  unit_of_measurement: "°C",
  state_topic: stateTopic,
  value_template: "{{ value_json.temperature }}",
  expire_after: 600,
  device: { identifiers: ["kitchen"], name: "Kitchen" },
};

await using client = await Client.connect(process.env.MQTT_URL ?? "mqtt://localhost", { transport: tcp() });
const topic = `homeassistant/sensor/${discovery.unique_id}/config`;
await client.publish(topic, JSON.stringify(discovery), { qos: 1, retain: true });
await client.publish(stateTopic, JSON.stringify({ temperature: Number(degrees) }), { qos: 1 });
console.log(`${discovery.device.name}: ${degrees} ${discovery.unit_of_measurement}`);

/**
 * A display that listens, as on a PyPortal: one loop for MQTT and for what is drawn, and back after every loss.
 *
 *   deno run --allow-net=127.0.0.1:7000 --allow-env=MQTT_RADIO,MQTT_URL examples/esp32spi/display.ts [FILTER]
 *   bun examples/esp32spi/display.ts [FILTER]
 *   node examples/esp32spi/display.ts [FILTER]
 */
import { MMQTTException, MQTT } from "@minimqtt/client";
import { esp32spi, EspSpiControl, WiFiManager } from "@minimqtt/transport-esp32spi";
import { connectBus } from "@minimqtt/transport-esp32spi/remote";
import process from "node:process";

const [filter = "house/#"] = process.argv.slice(2);
const { hostname, port } = new URL(process.env.MQTT_URL ?? "mqtt://localhost");

// On a board: openBoard() from @minimqtt/transport-esp32spi/linux.
const { bus, pins } = await connectBus(process.env.MQTT_RADIO ?? "tcp:7000");
const esp = new EspSpiControl(bus, pins);
const wifi = new WiFiManager(esp, { ssid: "home", password: "correct horse" });

const client = new MQTT({
  broker: hostname,
  port: Number(port) || 1883,
  transport: esp32spi(esp, { wifi }),
});
client.onMessage = (_client, topic, message) => console.log(`${topic}: ${message}`);
await client.connect();
await client.subscribe(filter, 1);
console.log("listening");
for (;;) {
  try {
    if (!client.isConnected()) await client.reconnect();
    await client.loop(1);
  } catch (error) {
    if (!(error instanceof MMQTTException)) throw error;
    console.log(`lost, and tried again: ${error.message}`);
  }
}

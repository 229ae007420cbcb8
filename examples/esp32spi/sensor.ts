/**
 * A sensor that sleeps: it joins the network, publishes what it has measured, and is off the air again.
 *
 *   deno run --allow-net=127.0.0.1:7000 --allow-env=MQTT_RADIO,MQTT_URL examples/esp32spi/sensor.ts [TIMES] [SECONDS]
 *   bun examples/esp32spi/sensor.ts [TIMES] [SECONDS]
 *   node examples/esp32spi/sensor.ts [TIMES] [SECONDS]
 */
import { Client } from "@minimqtt/client";
import { esp32spi, EspSpiControl, WiFiManager } from "@minimqtt/transport-esp32spi";
import { connectBus } from "@minimqtt/transport-esp32spi/remote";
import process from "node:process";

const [times = "3", seconds = "60"] = process.argv.slice(2);

// On a board: openBoard() from @minimqtt/transport-esp32spi/linux.
const { bus, pins } = await connectBus(process.env.MQTT_RADIO ?? "tcp:7000");
const esp = new EspSpiControl(bus, pins);
const wifi = new WiFiManager(esp, { ssid: "home", password: "correct horse" });

for (let count = 1; count <= Number(times); count++) {
  const client = await Client.connect(process.env.MQTT_URL ?? "mqtt://localhost", {
    transport: esp32spi(esp, { wifi }),
  });
  const reading = JSON.stringify({ count, temperature: await esp.temperature() });
  await client.publish("house/cellar/sensor", reading, { qos: 1, retain: true });
  await client.close();
  await esp.disconnect();
  console.log(reading);
  if (count < Number(times)) await new Promise((resolve) => setTimeout(resolve, 1000 * Number(seconds)));
}
await esp.close();

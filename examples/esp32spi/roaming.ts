/**
 * A Wi-Fi that goes away, and comes back: nothing that is published with QoS 1 is lost meanwhile.
 *
 *   deno run --allow-net=127.0.0.1:7000 --allow-env=MQTT_RADIO,MQTT_URL examples/esp32spi/roaming.ts [COUNT]
 *   bun examples/esp32spi/roaming.ts [COUNT]
 *   node examples/esp32spi/roaming.ts [COUNT]
 */
import { Client } from "@minimqtt/client";
import { esp32spi, EspSpiControl, WiFiManager } from "@minimqtt/transport-esp32spi";
import { connectBus } from "@minimqtt/transport-esp32spi/remote";
import process from "node:process";

const count = Number(process.argv[2] ?? 100);

// On a board: openBoard() from @minimqtt/transport-esp32spi/linux.
const { bus, pins } = await connectBus(process.env.MQTT_RADIO ?? "tcp:7000");
const esp = new EspSpiControl(bus, pins);
const wifi = new WiFiManager(esp, { ssid: "home", password: "correct horse" });

const client = await Client.connect(process.env.MQTT_URL ?? "mqtt://localhost", {
  transport: esp32spi(esp, { wifi }),
  session: "resume",
  clientId: "roamer",
  keepAlive: 5000,
  reconnect: { delay: 200 },
});
const watching = (async () => {
  for await (const { text } of client.status()) console.log(text);
})();
for (let number = 1; number <= count; number++) {
  await client.publish("house/roamer", `${number}`, { qos: 1 });
  console.log(`${number} is there`);
  await new Promise((resolve) => setTimeout(resolve, 50));
}
await client.close();
await watching;
await esp.close();

/**
 * A server in the module: what a browser asks for by http://ADDRESS:PORT/on is published as the state of a light.
 *
 *   deno run --allow-net=127.0.0.1:7000 --allow-env=MQTT_RADIO,MQTT_URL examples/esp32spi/server.ts [PORT]
 *   bun examples/esp32spi/server.ts [PORT]
 *   node examples/esp32spi/server.ts [PORT]
 */
import { Client } from "@minimqtt/client";
import { esp32spi, type EspSocket, EspSpiControl, WiFiManager } from "@minimqtt/transport-esp32spi";
import { connectBus } from "@minimqtt/transport-esp32spi/remote";
import process from "node:process";

// On a board: openBoard() from @minimqtt/transport-esp32spi/linux.
const { bus, pins } = await connectBus(process.env.MQTT_RADIO ?? "tcp:7000");
const esp = new EspSpiControl(bus, pins);
const transport = esp32spi(esp, {
  wifi: new WiFiManager(esp, { ssid: "home", password: "correct horse" }),
});
await using mqtt = await Client.connect(process.env.MQTT_URL ?? "mqtt://localhost", { transport });

const server = await esp.startServer(Number(process.argv[2] ?? 80));
console.log(`http://${await esp.ipAddress()}:${server.port}/on`);
for (;;) {
  const visitor = await esp.acceptClient(server);
  if (visitor) await answer(visitor).catch(console.error);
  else await new Promise((resolve) => setTimeout(resolve, 50));
}

async function answer(visitor: EspSocket): Promise<void> {
  let request = "";
  for (let bytes; !request.includes("\r\n\r\n") && (bytes = await esp.socketReceive(visitor));) {
    request += new TextDecoder().decode(bytes);
  }
  const state = /^GET \/(on|off) /.exec(request)?.[1];
  if (state) await mqtt.publish("house/light", state, { qos: 1 });
  const reply = `HTTP/1.0 ${state ? "200 OK" : "404 Not Found"}\r\n\r\n${state ?? "nothing here"}\n`;
  await esp.socketWrite(visitor, new TextEncoder().encode(reply));
  await esp.socketClose(visitor);
}

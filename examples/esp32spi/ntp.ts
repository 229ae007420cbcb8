/**
 * The time from a time server, by a datagram and its answer.
 *
 *   deno run --allow-net=127.0.0.1:7000 --allow-env=MQTT_RADIO,MQTT_URL examples/esp32spi/ntp.ts [HOST] [PORT]
 *   bun examples/esp32spi/ntp.ts [HOST] [PORT]
 *   node examples/esp32spi/ntp.ts [HOST] [PORT]
 */
import { EspSpiControl } from "@minimqtt/transport-esp32spi";
import { connectBus } from "@minimqtt/transport-esp32spi/remote";
import process from "node:process";

const [host = "pool.ntp.org", port = "123"] = process.argv.slice(2);

// On a board: openBoard() from @minimqtt/transport-esp32spi/linux.
const { bus, pins } = await connectBus(process.env.MQTT_RADIO ?? "tcp:7000");
const esp = new EspSpiControl(bus, pins);
await esp.connectAP("home", "correct horse");

const socket = await esp.socketOpen(host, Number(port), "udp");
const question = new Uint8Array(48);
question[0] = 0x23; // version 4, a client
for (let tries = 0; tries < 5; tries++) {
  // A datagram may get lost: it is asked again.
  await esp.socketWrite(socket, question);
  const answer = await received(2000);
  if (!answer || answer.length < 48) continue;
  const seconds = new DataView(answer.buffer, answer.byteOffset).getUint32(40) - 2_208_988_800;
  console.log(new Date(1000 * seconds).toISOString());
  break;
}
await esp.close();

async function received(limit: number): Promise<Uint8Array | undefined> {
  for (let time = 0; time < limit; time += 50) {
    const datagram = await esp.socketReceiveFrom(socket);
    if (datagram) return datagram.bytes;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

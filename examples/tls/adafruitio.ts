/**
 * Publishes to a feed of Adafruit IO and gets the value back. The key is a password: it goes over TLS alone.
 *
 *   export ADAFRUIT_AIO_USERNAME=... ADAFRUIT_AIO_KEY=...
 *
 *   deno run --allow-net=io.adafruit.com:8883 --allow-env=ADAFRUIT_AIO_HOST,ADAFRUIT_AIO_USERNAME,ADAFRUIT_AIO_KEY \
 *     examples/tls/adafruitio.ts [FEED] [VALUE]
 *   bun examples/tls/adafruitio.ts [FEED] [VALUE]
 *   node examples/tls/adafruitio.ts [FEED] [VALUE]
 */
import { Client } from "@minimqtt/client";
import { tls } from "@minimqtt/transport-tls";
import process from "node:process";

const { ADAFRUIT_AIO_HOST: host = "io.adafruit.com" } = process.env;
const { ADAFRUIT_AIO_USERNAME: username = "", ADAFRUIT_AIO_KEY: password = "" } = process.env;
const [feed = "photocell", value = "42"] = process.argv.slice(2);
if (!username || !password) throw new Error("set ADAFRUIT_AIO_USERNAME and ADAFRUIT_AIO_KEY");

await using client = await Client.connect(`mqtts://${host}`, {
  transport: tls(),
  credentials: { username, password },
});
const topic = `${username}/feeds/${feed}`;
// The service tells in topics of its own what it dislikes, such as too many messages a minute.
const messages = await client.subscribe([topic, `${username}/errors`, `${username}/throttle`], {
  signal: AbortSignal.timeout(10_000),
});
await client.publish(topic, value, { qos: 1 });
for await (const message of messages) {
  console.log(`${message.topic}: ${message.text()}`);
  if (message.topic === topic) break;
}

/**
 * Runs the walkthrough on the runtime that runs this file, with nothing else needed: where no broker is named, one is
 * started in this process, on a free port of the loopback interface.
 */
import { EspEmulator } from "@minimqtt/transport-esp32spi/emulator";
import { serveBus } from "@minimqtt/transport-esp32spi/remote";
import { Aedes } from "aedes";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { readSettings } from "./settings.ts";
import { placeOf, transportFor } from "./transport.ts";

const ENVIRONMENT = [
  "MQTT_BROKER",
  "MQTT_PORT",
  "MQTT_USERNAME",
  "MQTT_PASSWORD",
  "MQTT_TOPIC",
  "MQTT_CA",
  "MQTT_RADIO",
];
const RADIO_ENVIRONMENT = ["CIRCUITPY_WIFI_SSID", "CIRCUITPY_WIFI_PASSWORD"];

const program = fileURLToPath(new URL("main.ts", import.meta.url));
const settingsFile = fileURLToPath(new URL("settings.toml", import.meta.url));
const runtime = "Deno" in globalThis ? "deno" : process.versions["bun"] ? "bun" : "node";

const { ca } = readSettings();
const readable = ca === null ? [] : [ca];

const embedded = process.env["MQTT_BROKER"] || namedInFile() ? null : await startBroker();
const broker = embedded ? "127.0.0.1" : readSettings().broker;
const port = embedded ? embedded.port : readSettings().port;

const environment = {
  ...process.env,
  ...(embedded && { MQTT_BROKER: broker, MQTT_PORT: String(port) }),
};
const status = await run(process.execPath, [...permissions(placeOf(broker, port)), program], environment) ||
  // Where a radio is set it was that already, and a radio has nothing but TCP.
  (readSettings().radio || transportFor(broker).name !== "tcp" ? 0 : await runOverRadio());
await embedded?.stop();

if (status === 0) {
  const others = ["deno", "bun", "node"].filter((name) => name !== runtime);
  console.log(`\nThat was ${runtime}. The same program on ${others.join(" and ")}:`);
  for (const name of others) console.log(`  npm run start:${name}`);
}
process.exitCode = status;

/** On Deno the program may do exactly what it needs to do. */
function permissions(net: string, ...names: string[]): string[] {
  if (runtime !== "deno") return [];
  return [
    "run",
    "--no-prompt",
    `--allow-net=${net}`,
    `--allow-read=${[settingsFile, ...readable].join(",")}`,
    `--allow-env=${[...ENVIRONMENT, ...names].join(",")}`,
  ];
}

/** The same program once more, in which an ESP32 co-processor, emulated in this process, has the network. */
async function runOverRadio(): Promise<number> {
  const wifi = { ssid: "emulated", passphrase: "correct horse" };
  const module = new EspEmulator({ networks: [{ ...wifi, rssi: -47 }] });
  const server = await serveBus(module, { port: 0 });
  console.log("\nThe same program, through an emulated ESP32 co-processor:\n");
  const arguments_ = permissions(server.address.replace("tcp:", "127.0.0.1:"), ...RADIO_ENVIRONMENT);
  const status = await run(process.execPath, [...arguments_, program], {
    ...environment,
    MQTT_RADIO: server.address,
    CIRCUITPY_WIFI_SSID: wifi.ssid,
    CIRCUITPY_WIFI_PASSWORD: wifi.passphrase,
  });
  await server.close();
  module.close();
  return status;
}

function namedInFile(): boolean {
  return readSettings().broker !== "localhost";
}

async function startBroker(): Promise<{ readonly port: number; stop(): Promise<void> }> {
  const aedes = await Aedes.createBroker();
  const server = createServer(aedes.handle);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  console.log(`No MQTT_BROKER is set: a broker was started for this run on 127.0.0.1:${port}\n`);
  return {
    port,
    stop: async () => {
      await new Promise<void>((resolve) => aedes.close(() => resolve()));
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function run(command: string, args: string[], env: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn(command, args, { env, stdio: "inherit" });
  const [code] = await once(child, "exit") as [number | null];
  return code ?? 1;
}

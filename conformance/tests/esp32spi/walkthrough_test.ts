import { assertEquals, assertMatch } from "@std/assert";
import { EspEmulator } from "@minimqtt/transport-esp32spi/emulator";
import { serveBus } from "@minimqtt/transport-esp32spi/remote";
import { describe, it } from "@std/testing/bdd";
import { readFileSync } from "node:fs";
import { mosquittoMissing, startAedes, startMosquitto } from "../../src/peers/brokers.ts";
import { repository, run, runtime } from "../programs/programs.ts";
import { NAMES, PROGRAM, SETTINGS, walkthroughLines } from "../programs/walkthrough.ts";

const missing = mosquittoMissing();
const define = missing === null ? it : it.skip;
const title = (name: string) => missing === null ? name : `${name} (skipped: ${missing})`;

describe(`walkthrough through a co-processor on ${runtime}`, () => {
  define(
    title("begins with the network, then is the same; it needs no way to the broker itself"),
    async () => {
      await using broker = await startMosquitto();
      const { module, place, close } = await serve();
      try {
        const result = await run(PROGRAM, {
          env: { MQTT_BROKER: "127.0.0.1", MQTT_PORT: String(broker.port), ...radio(place) },
          permissions: permissions(place),
        });
        assertEquals({ ...result, stdout: result.stdout.split("\n") }, {
          stdout: [
            "Connecting to AP...",
            "Connected to home RSSI: -61",
            ...walkthroughLines("127.0.0.1"),
            "",
          ],
          stderr: "",
          status: 0,
        });
        assertEquals([module.violations.list, module.socketsInUse], [[], []]);
      } finally {
        await close();
      }
    },
  );

  it("tries again when it could not connect to the network, and never tells the passphrase", async () => {
    const broker = await startAedes();
    const { module, place, close } = await serve();
    try {
      // Twice: the driver doubts the first refusal.
      module.faults.inject({ kind: "error", opcode: 0x11, times: 2 });
      const env = { MQTT_BROKER: "127.0.0.1", MQTT_PORT: String(broker.port), ...radio(place) };
      const { stdout, stderr, status } = await run(PROGRAM, { env, permissions: permissions(place) });
      assertMatch(
        stdout,
        /^Connecting to AP\.\.\.\ncould not connect to AP, retrying: SET_PASSPHRASE.*\nConnected to home RSSI: -61\n/,
      );
      assertEquals([stderr, status, stdout.includes("correct horse")], ["", 0, false]);
    } finally {
      await close();
      await broker.stop();
    }
  });
});

describe(`the document of transport-esp32spi on ${runtime}`, () => {
  it("its first example runs", async () => {
    const broker = await startAedes();
    try {
      const text = readFileSync(repository("packages/transport-esp32spi/README.md"), "utf8");
      const [, source] = /```ts\n(.*?)```/s.exec(text)!;
      const here = `broker: "127.0.0.1", port: ${broker.port}`;
      const { status, stderr } = await run(source!.replace('broker: "localhost"', here), { source: true });
      assertEquals([status, stderr], [0, ""]);
    } finally {
      await broker.stop();
    }
  });
});

async function serve() {
  const module = new EspEmulator({ networks: [{ ssid: "home", passphrase: "correct horse", rssi: -61 }] });
  const server = await serveBus(module, { port: 0 });
  return {
    module,
    place: server.address,
    async close() {
      await server.close();
      module.close();
    },
  };
}

function radio(place: string) {
  return { MQTT_RADIO: place, CIRCUITPY_WIFI_SSID: "home", CIRCUITPY_WIFI_PASSWORD: "correct horse" };
}

/** The way to the module, and none to the broker. */
function permissions(place: string): string[] {
  return [
    `--allow-net=${place.replace("tcp:", "127.0.0.1:")}`,
    `--allow-read=${SETTINGS}`,
    `--allow-env=${NAMES},CIRCUITPY_WIFI_SSID,CIRCUITPY_WIFI_PASSWORD`,
  ];
}

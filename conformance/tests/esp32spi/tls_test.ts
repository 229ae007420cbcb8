/** TLS through a co-processor, both ways: done by the module, and done here over a plain socket of the module's. */
import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { MQTT } from "@minimqtt/client";
import { ConnectionError } from "@minimqtt/core";
import type { Transport } from "@minimqtt/core";
import { esp32spi, EspSpiControl } from "@minimqtt/transport-esp32spi";
import { EspEmulator } from "@minimqtt/transport-esp32spi/emulator";
import { tls } from "@minimqtt/transport-tls";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { mosquittoMissing, startMosquitto } from "../../src/peers/brokers.ts";
import type { Mosquitto } from "../../src/peers/brokers.ts";
import { Authority, opensslMissing } from "../../src/peers/certificates.ts";

const missing = opensslMissing() ?? mosquittoMissing();
const define = missing === null ? it : it.skip;
const title = (name: string) => missing === null ? name : `${name} (skipped: ${missing})`;

describe("TLS through a co-processor", () => {
  let authority: Authority;
  let stranger: Authority;
  let broker: Mosquitto;

  beforeAll(async () => {
    if (missing !== null) return;
    authority = new Authority("esp32spi");
    stranger = new Authority("nobody");
    const { certFile, keyFile } = authority.issue();
    broker = await startMosquitto({ tls: { cert: certFile, key: keyFile } });
  });
  afterAll(async () => {
    await broker?.stop();
    authority?.[Symbol.dispose]();
    stranger?.[Symbol.dispose]();
  });

  define(title("by the module, which trusts the authorities that are built in"), async () => {
    for (const firmware of ["1.7.7", "3.3.0"]) {
      const { module, esp } = await join({ firmware, ca: authority.cert });
      await roundTrip(esp32spi(esp, { secure: true }), broker.tlsPort!);
      assertEquals([module.socketsInUse, module.violations.list], [[], []]);
      module.close();
    }
  });

  define(
    title("by the module fails when it does not trust, and the text says what to think of"),
    async () => {
      for (const firmware of ["1.7.7", "3.3.0"]) {
        const { module, esp } = await join({ firmware, ca: stranger.cert });
        const attempt = () =>
          esp32spi(esp, { secure: true }).connect({ host: "localhost", port: broker.tlsPort! });
        const error = await assertRejects(attempt, ConnectionError);
        assertEquals(error.code, "dial-failed");
        assert(error.message.includes("certificate"), error.message);
        assertEquals([module.socketsInUse, module.violations.list], [[], []]);
        module.close();
      }
    },
  );

  define(title("by the module is one connection at a time; plain ones go beside it"), async () => {
    const { module, esp } = await join({ ca: authority.cert });
    const transport = esp32spi(esp);
    const address = { host: "localhost", port: broker.tlsPort!, secure: true };
    const first = await transport.connect(address);
    const error = await assertRejects(() => transport.connect(address), ConnectionError);
    assertInstanceOf(error.cause, ConnectionError);
    assertEquals([error.code, error.cause.code], ["dial-failed", "no-socket"]);
    await roundTrip(transport, broker.port);
    await first.close();
    await (await transport.connect(address)).close();
    assertEquals([module.socketsInUse, module.violations.list], [[], []]);
    module.close();
  });

  define(
    title("here, over a plain socket: with an authority of one's own, and as many as there are sockets"),
    async () => {
      // The module trusts nobody.
      const { module, esp } = await join({ ca: stranger.cert });
      const transport = tls({ over: esp32spi(esp), ca: authority.cert });
      await Promise.all([1, 2, 3].map(() => roundTrip(transport, broker.tlsPort!)));
      const wrong = tls({ over: esp32spi(esp), ca: stranger.cert });
      const attempt = () => wrong.connect({ host: "localhost", port: broker.tlsPort! });
      assertEquals((await assertRejects(attempt, ConnectionError)).code, "certificate-untrusted");
      // What was given up is closed behind the refusal.
      while (module.socketsInUse.length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
      assertEquals(module.violations.list, []);
      module.close();
    },
  );
});

/** A module in a network. */
async function join(options: { readonly firmware?: string; readonly ca: string }) {
  const module = new EspEmulator({
    networks: [{ ssid: "home" }],
    hosts: { localhost: "127.0.0.1" },
    ...options,
  });
  const esp = new EspSpiControl(module.bus, module.pins);
  await esp.connectAP("home");
  return { module, esp };
}

/** Connects, subscribes, publishes more than one TLS record holds, and gets it back. */
async function roundTrip(transport: Transport, port: number): Promise<void> {
  const client = new MQTT({ broker: "localhost", port, transport });
  const sent = "x".repeat(20_000);
  const topic = `tls/${Math.random()}`;
  let received = "";
  client.onMessage = (_client, _topic, message) => {
    received = message;
  };
  await client.connect();
  await client.subscribe(topic);
  await client.publish(topic, sent);
  while (received === "") await client.loop(1);
  assertEquals(received, sent);
  await client.disconnect();
}

/** Messages larger than the firmware's send window, over a path that is long or narrow, from one client to another. */
import { Client } from "@minimqtt/client";
import { esp32spi, EspSpiControl, systemClock } from "@minimqtt/transport-esp32spi";
import type { Clock } from "@minimqtt/transport-esp32spi";
import { EspEmulator } from "@minimqtt/transport-esp32spi/emulator";
import { tcp } from "@minimqtt/transport-tcp";
import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { startAedes } from "../../src/peers/brokers.ts";

describe("a slow path behind a co-processor", () => {
  for (const firmware of ["3.3.0", "1.7.7"]) {
    for (const [rate, roundTrip] of [[30_000, 1], [30_000, 100], [500_000, 100], [100_000, 300]] as const) {
      const what = `${rate / 1000} kB/s and ${roundTrip} ms`;
      it(`${what} let messages of 6 to 100 kB with QoS 1 through on one connection, firmware ${firmware}`, async () => {
        const broker = await startAedes();
        const url = `mqtt://127.0.0.1:${broker.port}`;
        const module = new EspEmulator({
          firmware,
          clock,
          networks: [{ ssid: "home" }],
          path: { rate, roundTrip },
        });
        const esp = new EspSpiControl(module.bus, module.pins, { clock });
        await esp.connectAP("home");
        const observer = await Client.connect(url, { transport: tcp() });
        const sizes: number[] = [];
        await observer.subscribe("large", {
          qos: 1,
          onMessage: ({ payload }) => void sizes.push(payload.length),
        });
        const client = await Client.connect(url, { transport: esp32spi(esp), reconnect: false });
        for (const size of [6000, 20_000, 100_000]) {
          await client.publish("large", new Uint8Array(size), { qos: 1 });
        }
        while (sizes.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
        assertEquals(sizes, [6000, 20_000, 100_000]);
        await client.close();
        await observer.close();
        await broker.stop();
        assertEquals(module.violations.list, []);
        module.close();
      });
    }
  }
});

/** The module's time and the driver's run ten times as fast. */
const SPEED = 10;
const clock: Clock = {
  now: () => SPEED * systemClock.now(),
  sleep: (time, signal) => systemClock.sleep(time / SPEED, signal),
};

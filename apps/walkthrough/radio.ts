/**
 * Where the network is reached through an ESP32 co-processor: connects that to the network first, and makes it what MQTT
 * goes through.
 */
import { setSocket } from "@minimqtt/client";
import { ConnectionError } from "@minimqtt/core";
import { esp32spi, EspSpiControl } from "@minimqtt/transport-esp32spi";
import { connectBus } from "@minimqtt/transport-esp32spi/remote";
import type { Settings } from "./settings.ts";

/** Connects to the network; gives the driver, to be closed at the end. */
export async function connectRadio(settings: NonNullable<Settings["radio"]>): Promise<EspSpiControl> {
  const { bus, pins } = await connectBus(settings.place);
  const esp = new EspSpiControl(bus, pins);

  console.log("Connecting to AP...");
  while (!await esp.isConnected()) {
    try {
      await esp.connectAP(settings.ssid, settings.password);
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      console.log(`could not connect to AP, retrying: ${error.message}`);
    }
  }
  console.log(`Connected to ${await esp.ssid()} RSSI: ${await esp.rssi()}`);

  // Set the socket, and the interface that it is to use.
  setSocket(esp32spi, esp);
  return esp;
}

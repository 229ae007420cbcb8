/**
 * MQTT through an ESP32 co-processor with Adafruit's nina-fw, reached over SPI.
 *
 * @module
 */

export type { Awaitable, EspPins, Gpio0Pin, InputPin, OutputPin, SpiBus } from "./bus.ts";
export { systemClock } from "./clock.ts";
export type { Clock } from "./clock.ts";
export type { Pace } from "./commands.ts";
export { EspSpiControl, WL } from "./control.ts";
export type { EspOptions, JoinOptions, Network } from "./control.ts";
export type { EspServer } from "./servers.ts";
export type { EspSocket, SocketMode } from "./sockets.ts";
export { esp32spi } from "./transport.ts";
export type { Esp32SpiOptions } from "./transport.ts";
export type { Encryption } from "./values.ts";
export { FirmwareVersion } from "./versions.ts";
export { WiFiManager } from "./wifi_manager.ts";
export type { WiFiManagerOptions, WiFiNetwork } from "./wifi_manager.ts";

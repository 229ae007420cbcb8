/**
 * MQTT through an ESP32 co-processor with Adafruit's nina-fw, reached over SPI.
 *
 * @module
 */

export type { Awaitable, EspPins, Gpio0Pin, InputPin, OutputPin, SpiBus } from "./bus.ts";
export { systemClock } from "./clock.ts";
export type { Clock } from "./clock.ts";
export { FirmwareVersion } from "./versions.ts";

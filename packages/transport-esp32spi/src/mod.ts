/**
 * MQTT through an ESP32 co-processor with Adafruit's nina-fw, reached over SPI.
 *
 * @module
 */

export type { Awaitable, EspPins, Gpio0Pin, InputPin, OutputPin, SpiBus } from "./bus.ts";
export { systemClock } from "./clock.ts";
export type { Clock } from "./clock.ts";
export type { Pace } from "./wire/commands.ts";
export { EspSpiControl } from "./driver/control.ts";
export type { ApInfo, EspOptions } from "./driver/control.ts";
export type { PinMode } from "./driver/pins.ts";
export { AnalogIn, DigitalInOut, PWMOut } from "./driver/pin_objects.ts";
export type { WiFiNetwork } from "./driver/networks.ts";
export type { Network } from "./driver/scan.ts";
export type { EspServer } from "./driver/servers.ts";
export type { EspSocket, SocketMode } from "./driver/slots.ts";
export type { Endpoint } from "./driver/sockets.ts";
export type { Datagram } from "./driver/udp.ts";
export { WL } from "./driver/wifi.ts";
export type { EnterpriseLogin, JoinOptions, NetworkData } from "./driver/wifi.ts";
export { esp32spi } from "./transport/transport.ts";
export type { Esp32SpiOptions } from "./transport/transport.ts";
export type { Encryption } from "./wire/values.ts";
export { traceBus } from "./wire/trace.ts";
export type { TraceOptions } from "./wire/trace.ts";
export { FirmwareVersion } from "./wire/versions.ts";
export { WiFiManager } from "./driver/wifi_manager.ts";
export type { WiFiManagerOptions } from "./driver/wifi_manager.ts";

/**
 * A software model of the co-processor, for tests of drivers and of programs above them: {@link EspEmulator}.
 *
 * @example
 * ```ts
 * import { EspEmulator } from "@minimqtt/transport-esp32spi/emulator";
 *
 * const { bus, pins, violations } = new EspEmulator({ firmware: "3.3.0" });
 * bus.select();
 * bus.transfer(new Uint8Array([0xe0, 0x37, 0x00, 0xee])); // GET_FW_VERSION
 * bus.deselect();
 * console.log(pins.ready.read()); // false: LOW, the reply is waiting
 * bus.select();
 * console.log(await bus.transfer(new Uint8Array(12))); // e0 b7 01 06 "3.3.0" 00 ee 00
 * bus.deselect();
 * console.log(violations.count); // 0
 * ```
 *
 * @module
 */

export type { Awaitable, EspPins, Gpio0Pin, InputPin, OutputPin, SpiBus } from "../bus.ts";
export type { Clock } from "../clock.ts";
export { EspEmulator } from "./emulator.ts";
export type { Restart } from "./emulator.ts";
export { Faults, replyEdits } from "./faults.ts";
export type { Edit, Fault, FaultTrigger } from "./faults.ts";
export type { Pin } from "./chip/chip.ts";
export { realTiming } from "./options.ts";
export type { EmulatorOptions, Timing } from "./options.ts";
export type { OutsideOptions, Place } from "./net/outside.ts";
export type { Path } from "./net/path.ts";
export type { Phase, Stuck } from "./bus/spi_slave.ts";
export type { Network } from "./chip/station.ts";
export { WifiStatus } from "./chip/station.ts";
export { MOST_VIOLATIONS, Violations } from "./violations.ts";
export type { Violation, ViolationName } from "./violations.ts";

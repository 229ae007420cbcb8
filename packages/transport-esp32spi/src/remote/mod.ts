/**
 * A bus over a stream socket: {@link serveBus} serves an emulated module, {@link connectBus} gives the bus and pins of
 * one that is served, so that driver and module may live in different processes or languages.
 *
 * @example
 * ```ts
 * import { EspEmulator } from "@minimqtt/transport-esp32spi/emulator";
 * import { connectBus, serveBus } from "@minimqtt/transport-esp32spi/remote";
 *
 * const server = await serveBus(new EspEmulator(), { port: 0 });
 * const module = await connectBus(server.address); // tcp:PORT
 * console.log((await module.status()).phase); // command
 * module.close();
 * await server.close();
 * ```
 *
 * The messages are u32 little-endian length of opcode and payload, one opcode byte, payload, and one reply of the same
 * form to each request:
 *
 * | opcode | request              | reply                                                           |
 * | ------ | -------------------- | --------------------------------------------------------------- |
 * | 1      | a whole window: MOSI | MISO of equal length; opcode 81 if READY was HIGH, a violation  |
 * | 2      | status               | READY, GPIO0, phase (1 command, 2 response, 0 busy), violations |
 * |        |                      | (255 at most), Wi-Fi status: one byte each                      |
 * | 3      | reset                | empty; then the server closes the connection                    |
 * | 4      | Wi-Fi: 1 up, 0 drop  | empty                                                           |
 * | 6      | chip select LOW      | empty                                                           |
 * | 7      | MOSI, repeatable     | MISO of equal length                                            |
 * | 8      | chip select HIGH     | empty                                                           |
 *
 * A request that is none of these, or whose payload has the wrong size, is answered by its opcode with bit 7 set, and
 * nothing has happened; so is one to select or clock while another client holds chip select LOW. A message whose length is 0 or
 * above 65,536 ends the connection.
 *
 * @module
 */

export type { Awaitable, EspPins, Gpio0Pin, InputPin, OutputPin, SpiBus } from "../bus.ts";
export type { Clock } from "../clock.ts";
export { connectBus, RemoteModule } from "./client.ts";
export type { BusStatus, RemoteOptions } from "./client.ts";
export { formatPlace, parsePlace } from "./place.ts";
export type { BusPlace } from "./place.ts";
export { serveBus } from "./server.ts";
export type { BusServer } from "./server.ts";

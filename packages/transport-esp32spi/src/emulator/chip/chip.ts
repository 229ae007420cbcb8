/**
 * The running firmware: everything that lies in the chip's RAM, and that a restart forgets.
 *
 * @module
 */

import type { Awaitable } from "../../bus.ts";
import type { Clock } from "../../clock.ts";
import type { Client } from "../net/clients.ts";
import { client } from "../net/clients.ts";
import type { Fault } from "../faults.ts";
import type { Firmware } from "../firmware.ts";
import type { Body, Frame } from "../bus/frame.ts";
import type { Outside } from "../net/outside.ts";
import type { RawSocket } from "../net/raw_sockets.ts";
import type { Slot } from "./slots.ts";
import { Slots } from "./slots.ts";
import type { Station } from "./station.ts";
import { Crash, type ViolationName, type Violations } from "../violations.ts";
import { Line } from "../net/path.ts";
import { type Peer, Wire } from "../net/wire.ts";

/** One command's handler: what it answers, at once where nothing is to be waited for. */
export type Command = (frame: Frame, chip: Chip, fault: Fault | undefined) => Awaitable<Body>;

/** What outlives the chip's restarts. */
export interface World {
  readonly firmware: Firmware;
  readonly clock: Clock;
  readonly outside: Outside;
  readonly violations: Violations;
  /** The module's MAC address, in natural order. */
  readonly mac: Uint8Array;
  /** Seconds since 1970. */
  readonly time: () => number;
  /** Levels and voltages on the module's own pins. */
  readonly pins: Map<number, Pin>;
  /** Files in flash. */
  readonly files: Map<string, Uint8Array>;
}

/** One of the module's pins. */
export interface Pin {
  /** As SET_PIN_MODE says: 0 input, 1 output, 2 input with pull-up. */
  mode: number;
  /** What a digital read gives, or a digital write has set. */
  level: boolean;
  /** What an analog read gives (0 to 4095), or an analog write has set (0 to 255). */
  value: number;
}

/** The firmware between two resets. */
export class Chip {
  /** What outlives it. */
  readonly world: World;
  /** Its Wi-Fi. */
  readonly station: Station;
  /** Its sockets. */
  readonly slots: Slots;
  /** What REQ_HOST_BY_NAME has found. */
  resolved = "0.0.0.0";
  /** PEM of SET_CLIENT_CERT. */
  certificate = "";
  /** PEM of SET_CERT_KEY. */
  key = "";
  /** Raw sockets of the 7x commands, by descriptor. */
  readonly descriptors: Map<number, RawSocket> = new Map();
  /** Errno of the last 7x command. */
  errno = 0;
  readonly #dataChanged: () => void;
  #off = new AbortController();

  /** Starts it. `dataChanged` is called when there may be more or less to read than before. */
  constructor(world: World, station: Station, dataChanged: () => void) {
    this.world = world;
    this.station = station;
    this.slots = new Slots(world.firmware, world.violations);
    this.#dataChanged = dataChanged;
  }

  /** Aborted when power is lost. */
  get off(): AbortSignal {
    return this.#off.signal;
  }

  /** For what arrives from outside. */
  get arrived(): () => void {
    return this.#dataChanged;
  }

  /** A connection behind the IP stack. */
  wire(peer: Peer, window: number): Wire {
    const { clock, outside: { path } } = this.world;
    return new Wire(peer, window, this.arrived, path && new Line(clock, path));
  }

  /** The firmware's client object for a connection. */
  client(wire: Wire, tls: boolean): Client {
    return client(wire, tls, this.world.firmware, this.world.clock);
  }

  /** Notes that the host did something wrong. */
  violate(name: ViolationName, detail: string): void {
    this.world.violations.add(name, detail);
  }

  /**
   * Does something with the slot of a number. For a slot whose mutex was never given back this takes for ever: the
   * chip does not come back from it (trap 41).
   */
  withSlot(index: number, act: (slot: Slot) => Awaitable<Body>): Awaitable<Body> {
    const slot = this.slots.at(index);
    return slot.stuck ? new Promise<never>(() => undefined) : act(slot);
  }

  /**
   * Holds a parameter to the size of the buffer that the firmware copies it into.
   *
   * @throws {Crash} when it is longer: the firmware does not look.
   */
  fits(length: number, limit: number, what: string): void {
    if (length <= limit) return;
    this.violate("overlong-parameter", `${length} bytes of ${what}, where ${limit} fit`);
    throw new Crash(`${what} overran its buffer`);
  }

  /** Wi-Fi is gone, and with it the connections; before 2.0.0 they are left to a time-out. */
  linkLost(): void {
    const { closesOnDrop } = this.world.firmware;
    this.slots.drop(closesOnDrop);
    for (const socket of this.descriptors.values()) socket.drop();
  }

  /** Power is lost. */
  shutdown(): void {
    this.#off.abort();
    this.station.stop();
    this.slots.destroy();
    for (const socket of this.descriptors.values()) socket.destroy();
  }
}

/**
 * The socket slots: parallel arrays of client, UDP and server objects in the firmware, one object per number here.
 *
 * @module
 */

import type { Firmware } from "../firmware.ts";
import type { Client } from "../net/clients.ts";
import type { Server } from "../net/server.ts";
import { Datagrams } from "./datagrams.ts";
import { Crash, type Violations } from "../violations.ts";

/** What a slot is marked as. */
export const SlotType = { tcp: 0, udp: 1, tls: 2, free: 255 } as const;

/** One slot. */
export class Slot {
  /** A value of {@link SlotType}. */
  type: number = SlotType.free;
  /** The TCP or TLS client. It outlives the mark: a slot freed by the state query still has its socket. */
  client: Client | undefined;
  /** The UDP object. */
  readonly datagrams: Datagrams;
  /** The server. It outlives STOP_CLIENT (trap 33). */
  server: Server | undefined;
  /** Whether START_CLIENT has completed a connect here (what 3.3.0 looks at before it frees). */
  completed = false;
  /** Whether the authorities were attached once; a client certificate alone does not bring them (trap 39). */
  bundled = false;
  /** Whether the mutex was taken for good (trap 41). */
  stuck = false;
  /** Clients and servers that are open still, and that the firmware has lost sight of. */
  readonly #leaked: (Client | Server)[] = [];
  readonly #firmware: Firmware;

  /** Makes one that is free. */
  constructor(firmware: Firmware) {
    this.#firmware = firmware;
    this.datagrams = new Datagrams(firmware);
  }

  /** Whether the host may count it as its own. */
  get taken(): boolean {
    return this.type !== SlotType.free;
  }

  /** Replaces the client; the older one is closed (trap 43), or before 2.0.0 forgotten. */
  use(type: number, client: Client): void {
    if (this.#firmware.leaks && this.client) this.#leaked.push(this.client);
    else this.client?.stop();
    this.client = client;
    this.type = type;
  }

  /** Replaces the server. */
  serve(server: Server | undefined): void {
    if (this.#firmware.leaks && this.server) this.#leaked.push(this.server);
    else this.server?.stop();
    this.server = server;
    this.type = SlotType.tcp;
  }

  /** Whether there is something to read, as the GPIO0 task asks. */
  hasData(): boolean {
    if (this.type === SlotType.udp) return this.datagrams.waiting;
    if (!this.taken) return false;
    if (this.type === SlotType.tcp && this.server?.waiting) return true;
    return this.client !== undefined && this.client.connected() && this.client.available() > 0;
  }

  /** Power is lost. */
  destroy(): void {
    this.client?.destroy();
    this.datagrams.destroy();
    this.server?.stop();
    for (const one of this.#leaked) one.stop();
  }

  /** Wi-Fi is gone: connections are closed, or left to a time-out. */
  drop(closes: boolean): void {
    if (closes) this.client?.destroy();
    else this.client?.silence();
  }
}

/** All slots. */
export class Slots {
  readonly #slots: readonly Slot[];
  readonly #violations: Violations;

  /** Makes them, free. */
  constructor(firmware: Firmware, violations: Violations) {
    this.#slots = Array.from({ length: firmware.slots }, () => new Slot(firmware));
    this.#violations = violations;
  }

  /** All of them, in order. */
  get all(): readonly Slot[] {
    return this.#slots;
  }

  /** The numbers of those in use. */
  get taken(): number[] {
    return [...this.#slots.keys()].filter((index) => this.#slots[index]!.taken);
  }

  /** The lowest number that is free, 255 when there is none. Reserves nothing (trap 3). */
  get free(): number {
    const index = this.#slots.findIndex((slot) => !slot.taken);
    return index < 0 ? 255 : index;
  }

  /**
   * The slot with a number that the host gave. The firmware does not check it (trap 4).
   *
   * @throws {Crash} when there is none.
   */
  at(index: number): Slot {
    const slot = this.#slots[index];
    if (slot) return slot;
    this.#violations.add(
      "slot-out-of-range",
      `socket ${index}, where there are 0 to ${this.#slots.length - 1}`,
    );
    throw new Crash(`socket ${index} lies outside the firmware's arrays`);
  }

  /** The GPIO0 task: whether some socket has something to read. */
  hasData(): boolean {
    return this.#slots.some((slot) => !slot.stuck && slot.hasData());
  }

  /** Wi-Fi is gone: connections are closed, or left to a time-out, and slots stay marked (trap 34). */
  drop(closes: boolean): void {
    for (const slot of this.#slots) slot.drop(closes);
  }

  /** Power is lost. */
  destroy(): void {
    for (const slot of this.#slots) slot.destroy();
  }
}

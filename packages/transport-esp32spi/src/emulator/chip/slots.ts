/**
 * The socket slots: parallel arrays of client, UDP and server objects in the firmware, one object per number here.
 *
 * @module
 */

import type { Client } from "../net/clients.ts";
import type { Server } from "../net/server.ts";
import type { Udp } from "../net/udp.ts";
import { Crash, type Violations } from "../violations.ts";

/** What a slot is marked as. */
export const SlotType = { tcp: 0, udp: 1, tls: 2, free: 255 } as const;

/** One slot. */
export class Slot {
  /** A value of {@link SlotType}. */
  type: number = SlotType.free;
  /** The TCP or TLS client. It outlives the mark: a slot freed by the state query still has its socket. */
  client: Client | undefined;
  /** The UDP socket. */
  udp: Udp | undefined;
  /** The server. It outlives STOP_CLIENT (trap 33). */
  server: Server | undefined;
  /** Whether START_CLIENT has completed a connect here (what 3.3.0 looks at before it frees). */
  completed = false;
  /** Whether the authorities were attached once; a client certificate alone does not bring them (trap 39). */
  bundled = false;
  /** Whether the mutex was taken for good (trap 41). */
  stuck = false;

  /** Whether the host may count it as its own. */
  get taken(): boolean {
    return this.type !== SlotType.free;
  }

  /** Replaces the client; the older one is closed (trap 43). */
  use(type: number, client: Client): void {
    this.client?.stop();
    this.client = client;
    this.type = type;
  }

  /** Whether there is something to read, as the GPIO0 task asks. */
  hasData(): boolean {
    if (this.type === SlotType.udp) return this.udp !== undefined && this.udp.available() > 0;
    if (!this.taken) return false;
    if (this.server) return this.server.waiting;
    return this.client !== undefined && this.client.connected() && this.client.available() > 0;
  }

  /** Power is lost. */
  destroy(): void {
    this.client?.destroy();
    this.udp?.stop();
    this.server?.stop();
  }
}

/** All slots. */
export class Slots {
  readonly #slots: readonly Slot[];
  readonly #violations: Violations;

  /** Makes them, free. */
  constructor(count: number, violations: Violations) {
    this.#slots = Array.from({ length: count }, () => new Slot());
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
    for (const { client } of this.#slots) {
      if (closes) client?.destroy();
      else client?.silence();
    }
  }

  /** Power is lost. */
  destroy(): void {
    for (const slot of this.#slots) slot.destroy();
  }
}

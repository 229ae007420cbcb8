/**
 * What an emulated module can be told when it is made.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { OutsideOptions } from "./net/outside.ts";
import type { Network } from "./chip/station.ts";

/** How long things take, in milliseconds of the clock. All are 0 by default: what can be at once is at once. */
export interface Timing {
  /** From the rise of RESET until chip select and GPIO0 are read and READY is driven. Before it READY floats. */
  readonly float: number;
  /** From there until the first command is awaited; READY is HIGH meanwhile. */
  readonly start: number;
  /** From the fall of chip select until READY is HIGH. */
  readonly select: number;
  /** From SET_PASSPHRASE until the access point has answered. */
  readonly associate: number;
  /** From there until there is an address. */
  readonly address: number;
}

/** About what hardware takes. */
export const realTiming: Timing = { float: 200, start: 400, select: 0.05, associate: 800, address: 600 };

/** Options of {@link EspEmulator}. */
export interface EmulatorOptions extends OutsideOptions {
  /** The firmware's version; `3.3.0` when absent. 1.x, 2.0.0 and 3.x behave as they do. */
  readonly firmware?: string;
  /** The networks in the air; none when absent. */
  readonly networks?: readonly Network[];
  /** Where time comes from; real time when absent. */
  readonly clock?: Clock;
  /** How long things take; 0 what is absent. */
  readonly timing?: Partial<Timing>;
  /** Makes each transfer take the time it would at this rate, in Hz of real time. At once when absent. */
  readonly busHz?: number;
  /**
   * What MISO carries while the module has nothing to send: a byte, or `last`, the last one that it sent; 0 when absent.
   */
  readonly filler?: number | "last";
  /** Where READY floats while nobody drives it; HIGH (as with a pull-up) when absent. */
  readonly floatingReady?: boolean;
  /** Six bytes in natural order; `24:0a:c4:00:00:01` when absent. */
  readonly mac?: Uint8Array;
  /** What GET_TIME gives while there is a network: seconds since 1970; this machine's when absent. */
  readonly time?: () => number;
}

/** The default: what can be at once is at once. */
export const instantly: Timing = { float: 0, start: 0, select: 0, associate: 0, address: 0 };

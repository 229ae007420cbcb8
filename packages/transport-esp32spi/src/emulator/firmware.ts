/**
 * What differs between the versions of the firmware, in one place.
 *
 * @module
 */

/** When GET_CLIENT_STATE, answering 0, frees the slot as a side effect. */
export type Freeing = "always" | "never" | "once connected";

/** A version of the firmware, and how it behaves. */
export class Firmware {
  /** As GET_FW_VERSION says it. */
  readonly version: string;
  /** 3.x, on arduino-esp32; before it was a library of its own. */
  readonly modern: boolean;
  /** How many sockets there are. */
  readonly slots: number;
  /** What GET_CLIENT_STATE does with a slot that is not connected any more. */
  readonly freeing: Freeing;
  /** Whether replies are padded to a multiple of 4 bytes. */
  readonly pads: boolean;
  /** Whether MAC and BSSID come last octet first. */
  readonly reversedMac: boolean;
  /** Size of GET_TIME's value. */
  readonly timeBytes: 4 | 8;
  /** Whether the loss of Wi-Fi closes the sockets. */
  readonly closesOnDrop: boolean;
  /** Whether the state query looks into the socket, so that the peer's end is seen. */
  readonly peeks: boolean;
  /** Whether what is started in a slot in use leaves the older connection, or server, open for ever. */
  readonly leaks: boolean;
  /** Whether START_CLIENT for TCP and UDP takes the four bytes of the address that it has found for another name. */
  readonly namesBroken: boolean;
  /** Whether there is a mutex per slot, which START_CLIENT with an unknown mode never gives back. */
  readonly slotMutex: boolean;
  readonly #parts: readonly number[];

  /**
   * Takes a version such as `1.7.7`, `3.3.0` or `2.0.0-rc.0+adafruit`; `3.1` is `3.1.0`.
   *
   * @throws {RangeError} when it is none.
   */
  constructor(version: string) {
    const whole = /^\d+\.\d+$/.test(version) ? `${version}.0` : version;
    const match = /^(\d+)\.(\d+)\.(\d+)(?:[-+].*)?$/.exec(whole);
    if (match === null) throw new RangeError(`expected a firmware version such as 3.3.0, got ${version}`);
    this.version = whole;
    this.#parts = match.slice(1, 4).map(Number);
    this.modern = this.has(3, 0, 0);
    this.slots = this.has(2, 0, 0) ? 6 : 10;
    this.freeing = this.has(3, 3, 0) ? "once connected" : this.has(3, 1, 0) ? "never" : "always";
    this.pads = this.modern;
    this.reversedMac = !this.modern;
    this.timeBytes = this.modern ? 8 : 4;
    this.closesOnDrop = this.has(2, 0, 0);
    this.peeks = this.has(2, 0, 0);
    this.leaks = !this.has(2, 0, 0);
    this.namesBroken = !this.has(2, 0, 0);
    this.slotMutex = this.has(3, 1, 0);
  }

  /** Whether it is this version or a later one. */
  has(major: number, minor: number, patch: number): boolean {
    const wanted = [major, minor, patch];
    for (const [index, part] of this.#parts.entries()) {
      if (part !== wanted[index]) return part > wanted[index]!;
    }
    return true;
  }
}

/**
 * Firmware versions and what differs between them.
 *
 * 1.x (1.7.7 is what most boards in the field carry) and 2.0 stand on ESP-IDF 3 and the Arduino core of its time, 3.x on
 * ESP-IDF 5: "legacy" and "modern" below.
 *
 * @module
 */

import { ConnectionError } from "@minimqtt/core";

/** The version of the module's firmware, with what follows from it. */
export class FirmwareVersion {
  /** As the module says it: `1.7.7`, `2.0.0-rc.0+adafruit`. */
  readonly text: string;
  /** The first number. */
  readonly major: number;
  /** The second number. */
  readonly minor: number;
  /** The third number. */
  readonly patch: number;

  /**
   * Takes the version as the module says it, a trailing NUL included.
   *
   * @throws {ConnectionError} `radio-garbled` when it does not begin with three numbers.
   */
  constructor(text: string) {
    this.text = text.replace(/\0+$/, "");
    const numbers = /^v?(\d{1,5})\.(\d{1,5})\.(\d{1,5})(?![\d.])/.exec(this.text);
    if (!numbers) {
      throw new ConnectionError(
        "radio-garbled",
        `The module says that its firmware is ${
          JSON.stringify(this.text)
        }; expected a version such as 3.3.0.`,
      );
    }
    [this.major, this.minor, this.patch] = numbers.slice(1).map(Number) as [number, number, number];
  }

  /** Whether it is this version or a later one. Pre-releases count as the release they lead to. */
  atLeast(major: number, minor = 0, patch = 0): boolean {
    return (this.major - major || this.minor - minor || this.patch - patch) >= 0;
  }

  /** Whether it is 3.0.0 or later. */
  get modern(): boolean {
    return this.atLeast(3);
  }

  /** How many sockets there are: 10 before 2.0.0, 6 since. */
  get sockets(): number {
    return this.atLeast(2) ? 6 : 10;
  }

  /** Whether MAC and BSSID come with their last octet first: before 3.0.0. */
  get reversesAddresses(): boolean {
    return !this.modern;
  }

  /** Whether the module notices by itself that the peer has closed a plain connection: since 2.0.0. */
  get noticesClose(): boolean {
    return this.atLeast(2);
  }

  /** Whether a full send buffer makes SEND_DATA wait, since 3.0.0, and not the module close the connection. */
  get waitsToSend(): boolean {
    return this.modern;
  }

  /** Whether the module connects to a lost network again by itself: since 3.0.0. */
  get reconnects(): boolean {
    return this.modern;
  }

  /** The version as the module says it. */
  toString(): string {
    return this.text;
  }
}

/**
 * What the kernel's error numbers mean here, and what to do.
 *
 * @module
 */

import { ConnectionError } from "@minimqtt/core";
import type { Libc } from "./libc/libc.ts";

/** Gives `fd`, or throws when opening `path` has failed. */
export function opened(libc: Libc, path: string, fd: number): number {
  if (fd < 0) throw failure(libc, "dial-failed", path);
  return fd;
}

/** The error for the call that has just failed; `not-permitted` where the system does not let us. */
export function failure(
  libc: Libc,
  code: "dial-failed" | "read-failed" | "write-failed",
  what: string,
): ConnectionError {
  const errno = libc.errno();
  const denied = errno === 1 || errno === 13;
  const why = meanings[errno] ?? `error ${errno}`;
  return new ConnectionError(denied ? "not-permitted" : code, `${what}: ${why}`);
}

const meanings: Readonly<Record<number, string>> = {
  1: "not permitted",
  2: "does not exist; is SPI enabled (dtparam=spi=on), and is this the right device?",
  6: "no such device",
  13: "not permitted; is the user in the groups spi and gpio?",
  16: "in use by somebody else; gpioinfo tells by whom",
  19: "no such device",
  22: "the driver refuses this setting; is it the right device and line?",
  25: "is no device of this kind",
  90: "longer than spidev's buffer; raise its parameter bufsiz",
};

/**
 * What stands in parameters: addresses, numbers, names; byte orders differ from field to field.
 *
 * @module
 */

import { ConnectionError, UsageError } from "@minimqtt/core";
import type { FirmwareVersion } from "./versions.ts";

/** How a Wi-Fi network is protected. */
export type Encryption = "open" | "wep" | "wpa" | "wpa2" | "wpa3" | "enterprise" | "other";

/** Reads a little-endian number, signed when asked for, from 1 to 8 bytes. */
export function readNumber(bytes: Uint8Array | undefined, signed = false): number {
  if (!bytes || bytes.length === 0 || bytes.length > 8) throw odd("a number", bytes);
  let value = 0;
  for (let index = bytes.length; index-- > 0;) value = value * 256 + bytes[index]!;
  return signed && bytes.at(-1)! >= 0x80 ? value - 2 ** (8 * bytes.length) : value;
}

/** Two bytes, little-endian. */
export function littleEndian16(value: number): Uint8Array {
  return Uint8Array.of(value, value >> 8);
}

/** A port as its two bytes, big-endian. */
export function portArgument(port: number): Uint8Array {
  if (!Number.isInteger(port) || port < 1 || port > 0xffff) {
    throw invalid(`port must be an integer from 1 to 65535, not ${port}`);
  }
  return Uint8Array.of(port >> 8, port);
}

/** Four bytes as `192.168.1.10`. */
export function readIPv4(bytes: Uint8Array | undefined): string {
  if (bytes?.length !== 4) throw odd("an IPv4 address", bytes);
  return bytes.join(".");
}

/** The four bytes of `192.168.1.10`; `undefined` for anything else. */
export function parseIPv4(text: string): Uint8Array | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  return parts?.every((part) => part < 256) ? Uint8Array.from(parts) : undefined;
}

/**
 * The four bytes of an address that an argument gives.
 *
 * @throws {UsageError} `invalid-argument`
 */
export function ipv4Argument(name: string, text: string): Uint8Array {
  const bytes = parseIPv4(text);
  if (!bytes) {
    throw invalid(`${name} must be an IPv4 address such as 192.168.1.10, not ${JSON.stringify(text)}`);
  }
  return bytes;
}

/** MAC and BSSID, in natural order whatever the firmware's: `24:0a:c4:12:34:56`. */
export function readMac(bytes: Uint8Array | undefined, version: FirmwareVersion): string {
  if (bytes?.length !== 6) throw odd("a MAC address", bytes);
  const octets = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0"));
  return (version.reversesAddresses ? octets.reverse() : octets).join(":");
}

/** UTF-8 up to a NUL, if there is one; network names may be any bytes, so nothing is refused. */
export function readText(bytes: Uint8Array | undefined): string {
  return new TextDecoder().decode(bytes).replace(/\0.*$/s, "");
}

/**
 * The bytes of a text that must not be longer or shorter than the firmware's buffers allow: it does not check, and is
 * overrun. The text itself is never told, it may be a secret.
 *
 * @throws {UsageError} `invalid-argument`
 */
export function textArgument(name: string, text: string, least: number, most: number): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length < least || bytes.length > most || bytes.includes(0)) {
    throw invalid(
      `${name} must have ${least} to ${most} bytes of UTF-8, none of them 0; it has ${bytes.length}`,
    );
  }
  return bytes;
}

/**
 * A passphrase in bytes and not characters, or the key itself.
 *
 * @throws {UsageError} `invalid-argument`
 */
export function passphraseArgument(passphrase: string): Uint8Array {
  if (/^[0-9a-f]{64}$/i.test(passphrase)) return new TextEncoder().encode(passphrase);
  return textArgument("passphrase", passphrase, 8, 63);
}

/**
 * An integer argument, in one byte.
 *
 * @throws {UsageError} `invalid-argument`
 */
export function byteArgument(name: string, value: number, most = 255): Uint8Array {
  if (!Number.isInteger(value) || value < 0 || value > most) {
    throw invalid(`${name} must be an integer from 0 to ${most}, not ${value}`);
  }
  return Uint8Array.of(value);
}

/** The numbers of GET_CURR_ENCT, and of GET_IDX_ENCT before 3.0.0. */
export function currentEncryption(code: number): Encryption {
  return ({ 7: "open", 5: "wep", 2: "wpa", 4: "wpa2" } as const)[code] ?? "other";
}

/** The numbers of GET_IDX_ENCT, which since 3.0.0 are ESP-IDF's: 5 and 7 mean something else there. */
export function networkEncryption(code: number, version: FirmwareVersion): Encryption {
  if (!version.modern) return currentEncryption(code);
  return IDF_ENCRYPTION[code] ?? "other";
}

const IDF_ENCRYPTION: readonly Encryption[] = [
  "open",
  "wep",
  "wpa",
  "wpa2",
  "wpa2",
  "enterprise",
  "wpa3",
  "wpa3",
];

/** A wrong argument. */
export function invalid(message: string): UsageError {
  return new UsageError("invalid-argument", `${message}.`);
}

function odd(what: string, bytes: Uint8Array | undefined): ConnectionError {
  const came = bytes ? `${bytes.length} bytes` : "nothing";
  return new ConnectionError(
    "radio-garbled",
    `The co-processor answered with ${came} in the place of ${what}.`,
  );
}

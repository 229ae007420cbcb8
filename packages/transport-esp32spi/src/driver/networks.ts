/**
 * The networks that a program knows, by its settings.
 *
 * @module
 */

import { invalid } from "../wire/values.ts";

/** A network to connect to. */
export interface WiFiNetwork {
  /** Its name, 1 to 32 bytes. */
  readonly ssid: string;
  /** Its passphrase, or the password of the enterprise user; without it the network is open. */
  readonly password?: string;
  /** The user of a WPA2 enterprise network; such a one needs a password. */
  readonly user?: string;
  /** The outer identity for an enterprise network; empty by default. */
  readonly identity?: string;
}

/**
 * The networks of CircuitPython's settings; see `WiFiManager.fromSettings`.
 *
 * @throws {UsageError} `invalid-argument` when there is no name, or the lists do not fit.
 */
export function networksFromSettings(settings: Readonly<Record<string, unknown>>): WiFiNetwork[] {
  const list = (name: string, older: string) => {
    const value = settings[name] ?? settings[older] ?? [];
    return (Array.isArray(value) ? value : [value]).map(String);
  };
  const names = list("CIRCUITPY_WIFI_SSID", "ssid");
  const passwords = list("CIRCUITPY_WIFI_PASSWORD", "password");
  const [user] = list("CIRCUITPY_WIFI_ENT_USER", "ent_user");
  const [identity] = list("CIRCUITPY_WIFI_ENT_IDENT", "ent_ident");
  if (names.length === 0) throw invalid("The settings have no CIRCUITPY_WIFI_SSID");
  if (passwords.length > 0 && passwords.length !== names.length) {
    throw invalid(`The settings have ${names.length} network names and ${passwords.length} passwords`);
  }
  return names.map((ssid, index): WiFiNetwork => ({
    ssid,
    ...(passwords[index] && { password: passwords[index] }),
    ...(user && { user }),
    ...(identity && { identity }),
  }));
}

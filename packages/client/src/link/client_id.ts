/**
 * Client identifiers for those who choose none.
 *
 * @module
 */

/** A prefix, and 16 characters of 5 random bits, within what every server takes [MQTT-3.1.3-5]. */
export function generateClientId(prefix: string): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return prefix + Array.from(bytes, (byte) => (byte & 31).toString(32)).join("");
}

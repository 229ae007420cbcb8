/**
 * Bytes as people read and write them.
 *
 * @module
 */

/** Bytes in lower-case hex, without separators. */
export function toHex(bytes: Uint8Array): string {
  let hex = "";
  for (const byte of bytes) hex += HEX[byte];
  return hex;
}

/**
 * Hex as bytes; white space between bytes is skipped.
 *
 * @throws {Error} for anything that is no hex.
 */
export function fromHex(hex: string): Uint8Array {
  const digits = hex.replace(/\s+/g, "");
  const bytes = new Uint8Array(digits.length >> 1);
  let wrong = digits.length % 2 !== 0;
  for (let i = 0; i < bytes.length; i++) {
    const high = digit(digits.charCodeAt(2 * i)), low = digit(digits.charCodeAt(2 * i + 1));
    wrong ||= high < 0 || low < 0;
    bytes[i] = high << 4 | low;
  }
  if (wrong) throw new Error(`no hex: ${hex.slice(0, 400)}`);
  return bytes;
}

function digit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const letter = (code | 32) - 87;
  return letter >= 10 && letter <= 15 ? letter : -1;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/**
 * Text to bytes and back, the fast way for the short strings that topics and most payloads are.
 *
 * @module
 */
import type { Payload } from "./packets.ts";

/** Writes `text` at `at` as UTF-8; there is room for it. */
export function writeText(bytes: Uint8Array, at: number, text: string): void {
  ENCODER.encodeInto(text, bytes.subarray(at));
}

/**
 * A payload as bytes: its own, or its text in UTF-8. They are good until the next call, so copy them at once.
 *
 * Text goes through one array that serves for ever: an array of its own for every message would cost more than
 * encoding it.
 */
export function payloadBytes(payload: Payload): Uint8Array {
  if (typeof payload !== "string") return payload;
  if (payload.length * 3 > SCRATCH.length) return ENCODER.encode(payload);
  return SCRATCH.subarray(0, ENCODER.encodeInto(payload, SCRATCH).written);
}

/** Encodes `text` into an array of its own. */
export function encodeText(text: string): Uint8Array {
  return ENCODER.encode(text);
}

/**
 * Decodes UTF-8 strictly: U+FEFF is a character like any other [MQTT-1.5.3-3].
 *
 * @throws {TypeError} for ill-formed bytes [MQTT-1.5.3-1].
 */
export function decodeText(bytes: Uint8Array): string {
  const text = LENIENT.decode(bytes);
  // The strict decoder is two to four times slower on Deno; only where the lenient one may have mended something is
  // it asked.
  return text.includes("\ufffd") ? STRICT.decode(bytes) : text;
}

const ENCODER = new TextEncoder();
const LENIENT = new TextDecoder("utf-8", { ignoreBOM: true });
const STRICT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const SCRATCH = new Uint8Array(4096);

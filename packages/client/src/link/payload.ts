/**
 * Messages as the `MQTT` class takes them, turned into what the core sends.
 *
 * @module
 */
import { type Payload, UsageError } from "@minimqtt/core";
import { isBytes } from "@minimqtt/core/internal";

/** What `publish` and `willSet` take: text, numbers (sent as text), or bytes of any kind. */
export type MessageInput = string | number | bigint | Uint8Array | ArrayBuffer | ArrayBufferView;

/** Text as it is, and bytes of any kind as a view of the same bytes (MM-076); undefined for anything else. */
export function asPayload(message: unknown): Payload | undefined {
  if (typeof message === "string" || isBytes(message)) return message;
  try {
    if (ArrayBuffer.isView(message) && !(message instanceof Uint8Array)) {
      return new Uint8Array(message.buffer, message.byteOffset, message.byteLength);
    }
    // A proxy of one has no length.
    if (message instanceof ArrayBuffer && message.byteLength >= 0) return new Uint8Array(message);
  } catch {
    // Transferred to somebody else, or a proxy.
  }
  return undefined;
}

/**
 * The same for `Client`, which takes nothing else.
 *
 * @throws {UsageError} `invalid-argument`
 */
export function toBytes(message: unknown): Payload {
  const payload = asPayload(message);
  if (payload !== undefined) return payload;
  throw new UsageError(
    "invalid-argument",
    "a payload is text, a Uint8Array, an ArrayBuffer or a view of one",
  );
}

/**
 * Text stays text, numbers become text by Python's rules (MM-077), bytes become a view of the same bytes (MM-076).
 *
 * @throws {UsageError} `invalid-argument` for null, booleans, objects and numbers that are not finite.
 */
export function toPayload(message: unknown): Payload {
  const payload = asPayload(message);
  if (payload !== undefined) return payload;
  if (typeof message === "number") return numberToText(message);
  if (typeof message === "bigint") return String(message);
  const text = message === null || message === undefined
    ? "Message can not be None."
    : "Invalid message data type.";
  throw new UsageError("invalid-argument", text);
}

/**
 * The digits Python prints: JavaScript finds the same shortest ones, but changes to exponents elsewhere. Python does
 * so below 1e-4 and from 1e16 on, with two digits of exponent at least; whole numbers never (they are ints there).
 */
function numberToText(value: number): string {
  if (!Number.isFinite(value)) throw new UsageError("invalid-argument", `a message can not be ${value}`);
  const size = Math.abs(value);
  if (Number.isSafeInteger(value) || (size >= 1e-4 && size < 1e16)) return String(value);
  return value.toExponential().replace(/(?<=e.)(?=.$)/, "0");
}

/**
 * Messages as the `MQTT` class takes them, turned into what the core sends.
 *
 * @module
 */
import { type Payload, UsageError } from "@minimqtt/core";

/** What `publish` and `willSet` take: text, numbers (sent as text), or bytes of any kind. */
export type MessageInput = string | number | bigint | Uint8Array | ArrayBuffer | ArrayBufferView;

/**
 * Text stays text, numbers become text by Python's rules (MM-077), bytes become a view of the same bytes (MM-076).
 *
 * @throws {UsageError} `invalid-argument` for null, booleans, objects and numbers that are not finite.
 */
export function toPayload(message: unknown): Payload {
  if (typeof message === "string" || message instanceof Uint8Array) return message;
  if (typeof message === "number") return numberToText(message);
  if (typeof message === "bigint") return message.toString();
  if (message instanceof ArrayBuffer) return new Uint8Array(message);
  if (ArrayBuffer.isView(message)) {
    return new Uint8Array(message.buffer, message.byteOffset, message.byteLength);
  }
  const absent = message === null || message === undefined;
  throw new UsageError(
    "invalid-argument",
    absent ? "Message can not be None." : "Invalid message data type.",
  );
}

/**
 * The digits Python prints: JavaScript finds the same shortest ones, but changes to exponents elsewhere. Python does
 * so below 1e-4 and from 1e16 on, with two digits of exponent at least; whole numbers never (they are ints there).
 */
function numberToText(value: number): string {
  if (!Number.isFinite(value)) throw new UsageError("invalid-argument", `a message can not be ${value}`);
  if (Number.isSafeInteger(value)) return Object.is(value, -0) ? "0" : String(value);
  const [digits, exponent] = value.toExponential().split("e") as [string, string];
  const power = Number(exponent);
  if (power < -4 || power >= 16) {
    return `${digits}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  }
  // Between 1e-7 and 1e-4 and up to 1e21 JavaScript prints no exponent either.
  return String(value);
}

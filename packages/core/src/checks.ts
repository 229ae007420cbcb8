/**
 * What a command is checked for before a byte of it is queued. The texts are MiniMQTT's where it has one.
 *
 * @module
 */
import { UsageError } from "./errors.ts";
import {
  type ConnectOptions,
  MAX_FIELD_LENGTH,
  MAX_REMAINING_LENGTH,
  type Payload,
  type QoS,
  type Will,
} from "./packets.ts";
import { checkText, checkTopic, checkWellFormed, utf8Length } from "./topic.ts";

/**
 * The quality of service is 0, 1 or 2 (MM-087).
 *
 * @throws {UsageError} `invalid-argument`
 */
export function checkQoS(qos: unknown): asserts qos is QoS {
  if (qos === 0 || qos === 1 || qos === 2) return;
  const text = Number.isInteger(qos) ? "QoS must be between 1 and 2." : "QoS must be an integer.";
  throw new UsageError("invalid-argument", text);
}

/**
 * An integer within limits.
 *
 * @throws {UsageError} `invalid-argument`
 */
export function checkInteger(
  value: unknown,
  what: string,
  least: number,
  most: number,
): asserts value is number {
  if (Number.isInteger(value) && value as number >= least && value as number <= most) return;
  throw new UsageError(
    "invalid-argument",
    `${what} must be an integer from ${least} to ${most}, not ${value}`,
  );
}

/**
 * A payload that a packet can carry beside `overhead` other bytes (MM-076, MM-093, MM-094).
 *
 * @throws {UsageError} `invalid-argument`, `payload-too-large`
 */
export function checkPayload(payload: unknown, overhead: number): asserts payload is Payload {
  // No character takes more than three bytes for each unit of a JavaScript string: short text needs no counting.
  if (typeof payload === "string" && payload.length < 1e6 && payload.isWellFormed()) return;
  const length = payloadLength(payload, "message");
  if (length > MAX_REMAINING_LENGTH) {
    const text = `Message size larger than protocol max ${MAX_REMAINING_LENGTH} bytes.`;
    throw new UsageError("payload-too-large", text);
  }
  checkSize(length + overhead);
}

/**
 * What follows a fixed header fits the remaining length (MM-094).
 *
 * @throws {UsageError} `payload-too-large`
 */
export function checkSize(remaining: number): void {
  if (remaining <= MAX_REMAINING_LENGTH) return;
  const text = `invalid remaining length: ${remaining}, at most ${MAX_REMAINING_LENGTH}`;
  throw new UsageError("payload-too-large", text);
}

/**
 * Keep alive fits its two bytes (MM-008).
 *
 * @throws {UsageError} `invalid-argument`
 */
export function checkKeepAlive(seconds: unknown): asserts seconds is number {
  checkInteger(seconds, "keepAlive", 0, 65_535);
}

/**
 * User name and password fit CONNECT (MM-006, MM-007), and no password comes alone [MQTT-3.1.2-22] (MM-063).
 *
 * @throws {UsageError} `invalid-argument`
 */
export function checkCredentials(username: string | undefined, password: Payload | undefined): void {
  if (username !== undefined) checkText(username, "The username", "Username length is too large.");
  if (password === undefined) return;
  if (payloadLength(password, "password") > MAX_FIELD_LENGTH) {
    throw new UsageError("invalid-argument", "Password length is too large.");
  }
  if (username === undefined) throw new UsageError("invalid-argument", "Password requires a username");
}

/**
 * A will that CONNECT can carry (MM-053, MM-055).
 *
 * @throws {UsageError} `invalid-topic`, `invalid-argument`, `payload-too-large`
 */
export function checkWill(will: Will): void {
  checkTopic(will.topic);
  if (payloadLength(will.payload, "message") > MAX_FIELD_LENGTH) {
    const text = `Last Will message size larger than ${MAX_FIELD_LENGTH} bytes.`;
    throw new UsageError("payload-too-large", text);
  }
  checkQoS(will.qos === undefined ? 0 : will.qos);
}

/**
 * Length 0 to 65535 bytes of UTF-8, not empty without a clean session [MQTT-3.1.3-7].
 *
 * @throws {UsageError} `invalid-argument`
 */
export function checkClientId(clientId: unknown, cleanSession = true): asserts clientId is string {
  checkText(clientId, "The clientId", `Encoded clientId length is larger than ${MAX_FIELD_LENGTH}`);
  if (clientId !== "" || cleanSession) return;
  throw new UsageError("invalid-argument", "an empty client identifier needs a clean session [MQTT-3.1.3-7]");
}

/**
 * Everything that CONNECT says.
 *
 * @throws {UsageError} `invalid-argument`, `invalid-topic`, `payload-too-large`
 */
export function checkConnect(options: ConnectOptions): void {
  checkClientId(options.clientId, options.cleanSession);
  checkKeepAlive(options.keepAlive);
  checkCredentials(options.username, options.password);
  if (options.will !== undefined) checkWill(options.will);
}

/** Whether it is a `Uint8Array` with bytes to read: no proxy of one, nor one whose buffer was transferred. */
export function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && ArrayBuffer.isView(value) &&
    (value.length > 0 || (value.buffer as { readonly detached?: boolean }).detached !== true);
}

function payloadLength(payload: unknown, what: string): number {
  if (isBytes(payload)) return payload.length;
  if (typeof payload !== "string") throw new UsageError("invalid-argument", `Invalid ${what} data type.`);
  checkWellFormed(payload, `The ${what}`);
  return utf8Length(payload);
}

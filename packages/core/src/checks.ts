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
import { checkText, checkTopic, utf8Length } from "./topic.ts";

const SHORT = 1 << 20;

/**
 * The quality of service is 0, 1 or 2 (MM-087).
 *
 * @throws {UsageError} `invalid-argument`
 */
export function checkQoS(qos: unknown): asserts qos is QoS {
  if (qos === 0 || qos === 1 || qos === 2) return;
  const integer = typeof qos === "number" && Number.isInteger(qos);
  throw new UsageError(
    "invalid-argument",
    integer ? "QoS must be between 1 and 2." : "QoS must be an integer.",
  );
}

/**
 * A payload that a packet can carry beside `overhead` other bytes (MM-076, MM-093, MM-094).
 *
 * @throws {UsageError} `invalid-argument`, `payload-too-large`
 */
export function checkPayload(payload: unknown, overhead: number): asserts payload is Payload {
  // No character takes more than three bytes for each unit of a JavaScript string: short text needs no counting.
  if (typeof payload === "string" && payload.length < SHORT && payload.isWellFormed()) return;
  const length = payloadLength(payload);
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
  const text = `invalid remaining length: ${remaining} bytes, at most ${MAX_REMAINING_LENGTH} fit one packet`;
  throw new UsageError("payload-too-large", text);
}

/**
 * Keep alive fits its two bytes (MM-008).
 *
 * @throws {UsageError} `invalid-argument`
 */
export function checkKeepAlive(seconds: unknown): asserts seconds is number {
  if (typeof seconds === "number" && Number.isInteger(seconds) && seconds >= 0 && seconds <= 65_535) return;
  throw new UsageError(
    "invalid-argument",
    `keepAlive must be an integer from 0 to 65535 seconds, not ${seconds}`,
  );
}

/**
 * User name and password fit CONNECT (MM-006, MM-007), and no password comes alone [MQTT-3.1.2-22] (MM-063).
 *
 * @throws {UsageError} `invalid-argument`
 */
export function checkCredentials(username: string | undefined, password: Payload | undefined): void {
  if (username !== undefined) {
    if (typeof username === "string" && utf8Length(username) > MAX_FIELD_LENGTH) {
      throw new UsageError("invalid-argument", "Username length is too large.");
    }
    checkText(username, "username");
  }
  if (password === undefined) return;
  if (typeof password === "string" ? utf8Length(password) < 0 : !(password instanceof Uint8Array)) {
    throw new UsageError("invalid-argument", "password must be well-formed text or bytes");
  }
  if (payloadLength(password) > MAX_FIELD_LENGTH) {
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
  if (payloadLength(will.payload) > MAX_FIELD_LENGTH) {
    throw new UsageError(
      "payload-too-large",
      `Last Will message size larger than ${MAX_FIELD_LENGTH} bytes.`,
    );
  }
  checkQoS(will.qos ?? 0);
}

/**
 * Everything that CONNECT says.
 *
 * @throws {UsageError} `invalid-argument`, `invalid-topic`, `payload-too-large`
 */
export function checkConnect(options: ConnectOptions): void {
  checkText(options.clientId, "client identifier");
  if (options.clientId === "" && !options.cleanSession) {
    const text = "an empty client identifier needs a clean session [MQTT-3.1.3-7]";
    throw new UsageError("invalid-argument", text);
  }
  checkKeepAlive(options.keepAlive);
  checkCredentials(options.username, options.password);
  if (options.will !== undefined) checkWill(options.will);
}

function payloadLength(payload: unknown): number {
  if (typeof payload === "string") {
    const length = utf8Length(payload);
    if (length >= 0) return length;
    throw new UsageError(
      "invalid-argument",
      "the message is not well-formed text: it holds half a surrogate pair",
    );
  }
  if (payload instanceof Uint8Array) return payload.length;
  throw new UsageError("invalid-argument", "Invalid message data type.");
}

/**
 * MiniMQTT's exceptions. Only the `MQTT` class knows them: the core's errors become these at its border, and stay
 * reachable as the `cause`.
 *
 * @module
 */
import { type MqttError, ProtocolError, RefusedError } from "@minimqtt/core";

/** Whatever network and broker do to a client. */
export class MMQTTException extends Error {
  /** The class, for logs. */
  override name = "MMQTTException";
  /** What the broker said: CONNACK's return code, or 0x80 for a refused subscription; null for anything else. */
  readonly code: number | null;

  /** Takes the text, the broker's code, and the error behind it as `cause`. */
  constructor(message: string, code: number | null = null, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** The call does not fit the client's state: not connected, or connected already. */
export class MMQTTStateError extends MMQTTException {
  /** The class, for logs. */
  override name = "MMQTTStateError";
}

/** The MiniMQTT exception for an error of the core. */
export function toException(error: MqttError): MMQTTException {
  const code = error instanceof RefusedError ? error.returnCode : null;
  const text = error instanceof ProtocolError
    ? error.summary
    : error.code === "read-failed"
    ? "Unexpected error while waiting for messages"
    : error.message;
  return new MMQTTException(text, code, { cause: error });
}

/**
 * MiniMQTT's exceptions. Only the `MQTT` class knows them: the core's errors become these at its border, and stay
 * reachable as the `cause`.
 *
 * @module
 */
import { ConnectionError, type MqttError, ProtocolError, RefusedError } from "@minimqtt/core";

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

/** The MiniMQTT exception for an error of the core; `recvTimeout` in seconds. */
export function toException(error: MqttError, recvTimeout: number): MMQTTException {
  const options = { cause: error };
  if (error instanceof RefusedError) return new MMQTTException(error.message, error.returnCode, options);
  if (error instanceof ProtocolError) return new MMQTTException(error.summary, null, options);
  if (error instanceof ConnectionError) {
    if (error.code === "connack-timeout") return new MMQTTException(noData(recvTimeout), null, options);
    if (error.code === "read-failed") {
      return new MMQTTException("Unexpected error while waiting for messages", null, options);
    }
  }
  return new MMQTTException(error.message, null, options);
}

/** The text for an acknowledgement that does not come (MM-041, MM-082, MM-113). */
export function noData(seconds: number): string {
  return `No data received from broker for ${seconds} seconds.`;
}

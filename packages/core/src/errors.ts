/**
 * Errors, by the question "whose move is it?": {@link UsageError} is the caller's, {@link ProtocolError} the peer's
 * fault, {@link RefusedError} the server's answer, {@link ConnectionError} the network's.
 *
 * Every error has a `code`: stable, in kebab case, part of the API. Aborting is no error of ours: whatever waits
 * rejects with the signal's own reason.
 *
 * @module
 */
import type { RefusalProperties } from "./properties.ts";

/** Codes of {@link UsageError}. */
export type UsageCode =
  /** An argument or option has the wrong type or value. */
  | "invalid-argument"
  /** A topic name may not be sent: empty, too long, with wildcards, U+0000 or a lone surrogate. */
  | "invalid-topic"
  /** A topic filter breaks the rules of section 4.7 of the standard. */
  | "invalid-filter"
  /** The message is larger than a limit allows. */
  | "payload-too-large"
  /** The command needs a connection. */
  | "not-connected"
  /** The command needs there to be no connection, or no connection attempt. */
  | "already-connected"
  /** All 65535 packet identifiers are in use. */
  | "no-packet-id"
  /** The queue of messages to be sent is full, and was asked not to wait. */
  | "queue-full"
  /** No transport was given. */
  | "no-transport"
  /** A topic callback, or a subscription, was named that is not there. */
  | "unknown-topic"
  /** The server said in CONNACK that it does not have this: a quality of service, retained messages, wildcards, ... */
  | "not-supported";

/** Codes of {@link ProtocolError}. */
export type ProtocolCode =
  /** The bytes are no valid packet. */
  | "malformed-packet"
  /** A valid packet, at a moment or in a direction in which the standard forbids it. */
  | "unexpected-packet"
  /** The packet announces more bytes than the limit for incoming packets. */
  | "packet-too-large";

/** Codes of {@link RefusedError}. */
export type RefusedCode =
  /** CONNACK with a return code other than 0. */
  | "connection-refused"
  /** SUBACK with a failure code. */
  | "subscription-refused"
  /** A message with QoS 2 was acknowledged as one with QoS 1: it has arrived, once or more often. */
  | "qos-not-supported"
  /** The server sent a DISCONNECT (MQTT 5). */
  | "disconnected-by-server";

/** Codes of {@link ConnectionError}. */
export type ConnectionCode =
  /** The host's name has no address. */
  | "name-not-found"
  /** The connection could not be opened: refused, unreachable, not allowed. */
  | "dial-failed"
  /** The runtime does not let this program connect there: Deno without the right `--allow-net`. */
  | "not-permitted"
  /** The connection could not be opened in time. */
  | "dial-timeout"
  /** The connection has ended: by the peer, or because it was closed here. */
  | "closed"
  /** Reading failed. */
  | "read-failed"
  /** Writing failed. */
  | "write-failed"
  /** No CONNACK came in time. */
  | "connack-timeout"
  /** No PINGRESP came in time. */
  | "pingresp-timeout"
  /** A packet began and did not go on in time. */
  | "packet-timeout"
  /** The broker did not acknowledge a request in time, or nothing at all. */
  | "acknowledgement-timeout"
  /** The broker hangs up whenever it gets this message or this subscription. */
  | "hung-up-on"
  /** The broker lost the session after it had taken a QoS 2 message over: whether it delivers it nobody knows. */
  | "session-lost"
  /** The message was not worth delivering any more before it could be sent (MQTT 5). */
  | "message-expired"
  /** A co-processor did not answer in time. */
  | "radio-silent"
  /** A co-processor answered with something that is no answer to the question. */
  | "radio-garbled"
  /** A co-processor could not carry out a command, or does not know it. */
  | "radio-refused"
  /** A co-processor was started anew: its sockets, and its Wi-Fi settings, are gone. */
  | "radio-reset"
  /** All sockets of a co-processor are in use. */
  | "no-socket"
  /** There is no Wi-Fi network of this name in reach. */
  | "wifi-not-found"
  /** The Wi-Fi network did not let the co-processor in: most often the passphrase is wrong. */
  | "wifi-refused"
  /** The connection to the Wi-Fi network did not come about in time, or there is none. */
  | "wifi-down"
  /** The broker answers in TLS, and we spoke in the clear. */
  | "tls-expected"
  /** The peer does not speak TLS: it answered something else, or hung up without an answer. */
  | "not-tls"
  /** The peer speaks no version of TLS that is allowed here. */
  | "tls-version"
  /** TLS could not be agreed on for another reason: no cipher or application protocol in common, a broken record. */
  | "tls-failed"
  /** The broker's certificate is not from an authority that is trusted here, or not for a server. */
  | "certificate-untrusted"
  /** The broker's certificate is for another name. */
  | "certificate-wrong-name"
  /** The broker's certificate was valid until some time ago; or the clock here is wrong. */
  | "certificate-expired"
  /** The broker's certificate will be valid later; or the clock here is wrong. */
  | "certificate-not-yet-valid"
  /** The broker demands a certificate from the client, and there was none. */
  | "certificate-required"
  /** The broker does not accept the client's certificate. */
  | "certificate-rejected";

/** All codes, of all classes. */
export type MqttErrorCode = UsageCode | ProtocolCode | RefusedCode | ConnectionCode;

/** The base of every error the project throws. */
export abstract class MqttError<Code extends MqttErrorCode = MqttErrorCode> extends Error {
  /** Stable name of what went wrong. */
  readonly code: Code;

  /** Takes the stable code, the text for people, and the error behind it as `cause`. */
  constructor(code: Code, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** Yours: thrown at once, nothing was sent. Fix the call. */
export class UsageError extends MqttError<UsageCode> {
  /** The class, for logs. */
  override readonly name = "UsageError";
}

/** The peer broke the protocol: the connection is over. */
export class ProtocolError extends MqttError<ProtocolCode> {
  /** The class, for logs. */
  override readonly name = "ProtocolError";
  /** What happened, without the reference: short, for programs that show it on a small display. */
  readonly summary: string;
  /**
   * The statement that was broken: `MQTT-3.3.1-4`, or a section such as `2.2.3` where the rule has no number. Those of
   * MQTT 5 begin with `MQTT5`: `MQTT5-3.3.2-8`, `MQTT5 section 3.3.2`.
   */
  readonly statement: string;
  /** The first byte of a packet that a server may never send; absent for any other fault. */
  readonly firstByte: number | undefined;
  /** What our DISCONNECT told the server: MQTT 5's 0x81 is "malformed packet". Absent in MQTT 3.1.1. */
  declare readonly reason?: number;

  /** Takes the stable code, what happened, and the statement of the standard that was broken. */
  constructor(code: ProtocolCode, summary: string, statement: string, firstByte?: number) {
    super(code, `${summary} [${statement}]`);
    this.summary = summary;
    this.statement = statement;
    this.firstByte = firstByte;
  }
}

/** The server understood and said no. */
export class RefusedError extends MqttError<RefusedCode> {
  /** The class, for logs. */
  override readonly name = "RefusedError";
  /** The reason in MQTT 5's numbers, whatever the version spoken: 0x87 is "not authorized". */
  readonly reason: number;
  /** The code as the server sent it: CONNACK 1 to 255, SUBACK 0x80 to 255. */
  readonly returnCode: number;
  /** What else the server said: a reason string, user properties, another server. Absent in MQTT 3.1.1. */
  declare readonly properties?: RefusalProperties;

  /** Takes the stable code, the text, the reason in MQTT 5's numbers and the code as it was sent. */
  constructor(code: RefusedCode, message: string, reason: number, returnCode: number) {
    super(code, message);
    this.reason = reason;
    this.returnCode = returnCode;
  }
}

/** The network's: try again. The runtime's own error, if there is one, is the `cause`. */
export class ConnectionError extends MqttError<ConnectionCode> {
  /** The class, for logs. */
  override readonly name = "ConnectionError";
}

/**
 * Whether the same attempt may succeed later without anyone changing anything: true for what the network did, for a
 * broken protocol (it may be a broken network), and for a server that is unavailable, busy or at a limit. A DISCONNECT
 * of the server may be followed by another attempt, unless it says that another client has taken the session over. False for wrong usage
 * and for a refusal that an unchanged CONNECT can only repeat: protocol version, client identifier, credentials,
 * authorization. False as well where the runtime does not permit the connection, and where TLS names something that
 * somebody has to change: a certificate, a clock, a version, a port. True for `not-tls` and `tls-failed`: a proxy
 * whose broker is just starting hangs up in the same way.
 */
export function isRetriable(error: unknown): boolean {
  if (error instanceof RefusedError) {
    const { code, reason } = error;
    // All but "session taken over".
    if (code === "disconnected-by-server") return reason !== 0x8e;
    // Server unavailable, server busy, quota exceeded, connection rate exceeded.
    return code === "connection-refused" && [0x88, 0x89, 0x97, 0x9f].includes(reason);
  }
  if (error instanceof ConnectionError) {
    return !/^(not-permitted|tls-expected|tls-version|certificate-.*)$/.test(error.code);
  }
  return error instanceof ProtocolError;
}

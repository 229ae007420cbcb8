/**
 * Words of the standard shared by codec and engine: packet types, quality of service, and the shapes that cross the
 * boundary between them.
 *
 * @module
 */
import type {
  ConnackProperties,
  ConnectProperties,
  MessageProperties,
  ReasonProperties,
  WillProperties,
} from "./properties.ts";

/** Monotonic milliseconds from a clock that the caller owns; the core reads none. */
export type Millis = number;

/** Quality of service: 0 at most once, 1 at least once, 2 exactly once. */
export type QoS = 0 | 1 | 2;

/** A packet identifier, 1 to 65535; 0 means "none", as a QoS 0 PUBLISH has none [MQTT-2.3.1-5]. */
export type PacketId = number;

/** What a PUBLISH carries: text is sent as UTF-8, bytes as they are. */
export type Payload = string | Uint8Array;

/** First bytes of the packets, flags included where the standard fixes them [MQTT-2.2.2-1]. */
export const CONNECT = 0x10;
/** First byte of a CONNACK. */
export const CONNACK = 0x20;
/** First byte of a PUBLISH with QoS 0, neither retained nor sent again. */
export const PUBLISH = 0x30;
/** First byte of a PUBACK. */
export const PUBACK = 0x40;
/** First byte of a PUBREC. */
export const PUBREC = 0x50;
/** The type of a PUBREL; its first byte is 0x62 [MQTT-3.6.1-1]. */
export const PUBREL = 0x60;
/** First byte of a PUBCOMP. */
export const PUBCOMP = 0x70;
/** First byte of a SUBSCRIBE [MQTT-3.8.1-1]. */
export const SUBSCRIBE = 0x82;
/** First byte of a SUBACK. */
export const SUBACK = 0x90;
/** First byte of an UNSUBSCRIBE [MQTT-3.10.1-1]. */
export const UNSUBSCRIBE = 0xa2;
/** First byte of an UNSUBACK. */
export const UNSUBACK = 0xb0;
/** First byte of a PINGREQ. */
export const PINGREQ = 0xc0;
/** First byte of a PINGRESP. */
export const PINGRESP = 0xd0;
/** First byte of a DISCONNECT. */
export const DISCONNECT = 0xe0;
/** First byte of an AUTH, which MQTT 5 has. */
export const AUTH = 0xf0;

/** The most a remaining length can say (section 2.2.3). */
export const MAX_REMAINING_LENGTH = 268_435_455;

/** Length limit of every UTF-8 string and of the binary fields of CONNECT, in bytes (section 1.5.3). */
export const MAX_FIELD_LENGTH = 65_535;

/** A message the server publishes when the connection is lost without a DISCONNECT. */
export interface Will {
  /** A topic name: no wildcards. */
  readonly topic: string;
  /** At most 65535 bytes. */
  readonly payload: Payload;
  /** Quality of service, 0 when absent. */
  readonly qos?: QoS;
  /** Whether the server keeps it as the topic's retained message; false when absent. */
  readonly retain?: boolean;
  /** What MQTT 5 carries with it. */
  readonly properties?: WillProperties | undefined;
}

/** What CONNECT says, and how long its answers may take. */
export interface ConnectOptions {
  /** 0 to 65535 bytes; empty only with `cleanSession` [MQTT-3.1.3-7], or with MQTT 5, where the server chooses one. */
  readonly clientId: string;
  /**
   * True: the server drops and keeps no session [MQTT-3.1.2-6]. MQTT 5 calls it Clean Start: the server drops the
   * session there was, and `sessionExpiryInterval` says how long it keeps this one.
   */
  readonly cleanSession: boolean;
  /** Seconds, 0 to 65535; 0 switches keep alive off. */
  readonly keepAlive: number;
  /** User name; may be empty, which differs from absent. */
  readonly username?: string | undefined;
  /** Password; needs a user name in MQTT 3.1.1 [MQTT-3.1.2-22]. */
  readonly password?: Payload | undefined;
  /** The will, if there is to be one. */
  readonly will?: Will | undefined;
  /** What MQTT 5 carries beside it. */
  readonly properties?: ConnectProperties | undefined;
  /**
   * Whether topics that are published often are sent as numbers, as far as the server takes them: one with MQTT 3.1.1
   * takes none.
   */
  readonly topicAliases?: boolean | undefined;
}

/** A topic filter and the quality of service asked for. */
export interface Filter {
  /** The topic filter. */
  readonly topic: string;
  /** The highest quality of service the server may use for it. */
  readonly qos: QoS;
  /** With MQTT 5: true keeps messages away that this client published. */
  readonly noLocal?: boolean;
  /** With MQTT 5: true leaves the RETAIN flag of a message as it was published. */
  readonly retainAsPublished?: boolean;
  /** With MQTT 5, when retained messages are sent: 0 always, as when absent, 1 for a new subscription only, 2 never. */
  readonly retainHandling?: 0 | 1 | 2;
}

/** The server's answer to CONNECT. */
export interface Connack {
  /** Whether the server holds a session of this client identifier [MQTT-3.2.2-2]. */
  readonly sessionPresent: boolean;
  /** The code as sent: 0 accepted. */
  readonly returnCode: number;
  /** The same in MQTT 5's numbers: 0x87 is "not authorized". */
  readonly reason: number;
  /** How many unacknowledged QoS 1 and 2 messages the server takes; MQTT 3.1.1 knows no limit: 65535. */
  readonly receiveMaximum: number;
  /** What it carries, with MQTT 5; absent in MQTT 3.1.1. */
  readonly properties?: ConnackProperties;
}

/** One message that arrived: flat, always with the same fields. */
export interface Message {
  /** Tells it from the other events. */
  readonly type: "message";
  /** The packet type that brought it: 0x30. */
  readonly packet: number;
  /** The topic name. */
  readonly topic: string;
  /**
   * The bytes: a view of what was read, yours to keep. It keeps the whole chunk (often 64 KiB) alive, so `slice()` a
   * small one that you mean to keep for long.
   */
  readonly payload: Uint8Array;
  /** Quality of service of this delivery. */
  readonly qos: QoS;
  /** Whether it is a retained message sent because of a new subscription [MQTT-3.3.1-8]. */
  readonly retain: boolean;
  /** Whether the server says that it may have sent it before. */
  readonly duplicate: boolean;
  /** The packet identifier; 0 with QoS 0. */
  readonly id: PacketId;
  /**
   * What it carries, with MQTT 5: undefined when there is nothing; absent in MQTT 3.1.1. Decoded when it is first asked
   * for, by a getter that a copy of the message does not have. Bytes in it are views, as the payload is.
   */
  readonly properties?: MessageProperties | undefined;
}

/** The fields of PUBACK, PUBREC, PUBREL and PUBCOMP, read into an object that is used again. */
export interface Acknowledgement {
  /** The packet identifier. */
  id: PacketId;
  /** The reason code; always 0 in MQTT 3.1.1. */
  reason: number;
  /** What it carries, if anything; nothing in MQTT 3.1.1. */
  properties?: ReasonProperties | undefined;
}

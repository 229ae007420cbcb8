/**
 * The boundary between the engine and a version of the protocol. The engine knows packets and their order; a codec
 * knows bytes. What differs between MQTT 3.1.1 and 5 belongs behind this boundary, so that there is one engine.
 *
 * @module
 */
import type { MqttError } from "./errors.ts";
import type { Auth, Dropped } from "./events.ts";
import type { Inbox } from "./inbox.ts";
import type { Outbox } from "./outbox.ts";
import type { Outgoing } from "./outgoing.ts";
import type {
  Acknowledgement,
  Connack,
  ConnectOptions,
  Filter,
  Message,
  Millis,
  PacketId,
  Payload,
  QoS,
} from "./packets.ts";
import type {
  AuthProperties,
  DisconnectProperties,
  PublishProperties,
  SubscribeProperties,
  UnsubscribeProperties,
} from "./properties.ts";

/** A version of the protocol, passed to the engine as a value, so that bundlers drop the others. */
export interface Codec {
  /** The protocol level that CONNECT states: 4 is MQTT 3.1.1. */
  readonly level: 4 | 5;
  /** Whether CONNECT says how long a packet may be: then one that is longer is the server's fault. */
  readonly announcesLimit?: true;
  /** What one connection needs: MQTT 5 keeps topic aliases and the server's limits there. */
  open(): Wire;
  /**
   * Checks everything that CONNECT says.
   *
   * @throws {UsageError} `invalid-argument`, `invalid-topic`, `payload-too-large`
   */
  checkConnect(options: ConnectOptions): void;
  /**
   * The properties of a message as bytes, without their length.
   *
   * @throws {UsageError} `invalid-argument`, `invalid-topic`: for all in MQTT 3.1.1, which has none.
   */
  encode(properties: PublishProperties): Uint8Array;
}

/**
 * Writes and reads the packets of one connection. Writers append one whole packet to the outbox. What they are given
 * has been checked, but for what only the version and its connection know: that the server takes it. Whatever it does
 * not take throws {@link UsageError} before a byte is appended. Readers decode the packet under the inbox's cursor, in place, and throw {@link ProtocolError} for
 * whatever the standard does not allow.
 */
export interface Wire {
  /**
   * Judges a packet by its first byte and remaining length alone, before its body is waited for.
   *
   * @throws {ProtocolError}
   */
  check(first: number, remaining: number): void;
  /** Appends a CONNECT; `limit` is the longest packet that is taken from the server. */
  writeConnect(out: Outbox, options: ConnectOptions, limit?: number): void;
  /**
   * Checks a message that is to be sent later by what the server has said it takes; `topic` is the length of its name in
   * bytes. Absent where a server says nothing.
   *
   * @throws {UsageError} `not-supported`, `payload-too-large`
   */
  checkPublish?(
    topic: number,
    payload: Payload,
    qos: QoS,
    retain: boolean,
    properties: Uint8Array | undefined,
  ): void;
  /**
   * Looks through the messages under way: settles those that will not be sent, because they have waited too long for
   * their first sending or, on a new connection, because its server does not take them; sets when the next one expires;
   * and appends, on a new connection, what need not wait for its turn. Gives the last one that it dropped first. Absent
   * where there is no such thing.
   */
  review?(out: Outbox, outgoing: Outgoing, now: Millis, isNew?: boolean): Dropped[];
  /**
   * Appends a PUBLISH, of a topic and a payload in bytes; `name` is the topic as text. `left` is how long the message is
   * still worth delivering, in place of the message expiry interval in `properties`: not finite where it has none.
   */
  writePublish(
    out: Outbox,
    topic: Uint8Array,
    payload: Uint8Array,
    qos: QoS,
    retain: boolean,
    duplicate: boolean,
    id: PacketId,
    name?: string,
    properties?: Uint8Array,
    left?: Millis,
  ): void;
  /** Appends a SUBSCRIBE. */
  writeSubscribe(
    out: Outbox,
    id: PacketId,
    filters: readonly Filter[],
    properties?: SubscribeProperties,
  ): void;
  /** Appends an UNSUBSCRIBE. */
  writeUnsubscribe(
    out: Outbox,
    id: PacketId,
    filters: readonly string[],
    properties?: UnsubscribeProperties,
  ): void;
  /** Appends PUBACK, PUBREC, PUBREL or PUBCOMP; `isUnknown` for an identifier that is not in use. */
  writeAcknowledgement(out: Outbox, type: number, id: PacketId, isUnknown?: boolean): void;
  /** Appends a PINGREQ. */
  writePing(out: Outbox): void;
  /** Appends a DISCONNECT. */
  writeDisconnect(out: Outbox, reason?: number, properties?: DisconnectProperties): void;
  /** Appends an AUTH. */
  writeAuth(out: Outbox, reason: number, properties?: AuthProperties): void;
  /** Reads a CONNACK. */
  readConnack(packet: Inbox): Connack;
  /** Reads a PUBLISH. */
  readPublish(packet: Inbox): Message;
  /** Reads PUBACK, PUBREC, PUBREL or PUBCOMP into `into`. */
  readAcknowledgement(packet: Inbox, into: Acknowledgement): void;
  /** Reads the identifier of a SUBACK or UNSUBACK into `into`, and gives its codes (MQTT 3.1.1: none in UNSUBACK). */
  readReasons(packet: Inbox, into: Acknowledgement): readonly number[];
  /**
   * Reads an AUTH; throws {@link RefusedError} for a DISCONNECT. Absent where the server sends neither.
   */
  readControl?(packet: Inbox): Auth;
  /**
   * The connection ends by this error: appends what the server is to be told of it, and gives the error as this version
   * puts it. Absent where the server is told nothing.
   */
  fault?(out: Outbox, error: MqttError): MqttError;
}

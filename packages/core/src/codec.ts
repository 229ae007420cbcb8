/**
 * The boundary between the engine and a version of the protocol. The engine knows packets and their order; a codec
 * knows bytes. What differs between MQTT 3.1.1 and 5 belongs behind this boundary, so that there is one engine.
 *
 * @module
 */
import type { Inbox } from "./inbox.ts";
import type { Outbox } from "./outbox.ts";
import type { Acknowledgement, Connack, ConnectOptions, Filter, Message, PacketId, QoS } from "./packets.ts";

/** A version of the protocol, passed to the engine as a value, so that bundlers drop the others. */
export interface Codec {
  /** The protocol level that CONNECT states: 4 is MQTT 3.1.1. */
  readonly level: 4 | 5;
  /** What one connection needs: MQTT 5 keeps topic aliases there. */
  open(): Wire;
}

/**
 * Writes and reads the packets of one connection. Writers append one whole packet to the outbox; what they are given
 * has been checked. Readers decode the packet under the inbox's cursor, in place, and throw {@link ProtocolError} for
 * whatever the standard does not allow.
 */
export interface Wire {
  /**
   * Judges a packet by its first byte and remaining length alone, before its body is waited for.
   *
   * @throws {ProtocolError}
   */
  check(first: number, remaining: number): void;
  /** Appends a CONNECT. */
  writeConnect(out: Outbox, options: ConnectOptions): void;
  /** Appends a PUBLISH, of a topic and a payload in bytes. */
  writePublish(
    out: Outbox,
    topic: Uint8Array,
    payload: Uint8Array,
    qos: QoS,
    retain: boolean,
    duplicate: boolean,
    id: PacketId,
  ): void;
  /** Appends a SUBSCRIBE. */
  writeSubscribe(out: Outbox, id: PacketId, filters: readonly Filter[]): void;
  /** Appends an UNSUBSCRIBE. */
  writeUnsubscribe(out: Outbox, id: PacketId, filters: readonly string[]): void;
  /** Appends PUBACK, PUBREC, PUBREL or PUBCOMP. */
  writeAcknowledgement(out: Outbox, type: number, id: PacketId): void;
  /** Appends a PINGREQ. */
  writePing(out: Outbox): void;
  /** Appends a DISCONNECT. */
  writeDisconnect(out: Outbox): void;
  /** Reads a CONNACK. */
  readConnack(packet: Inbox): Connack;
  /** Reads a PUBLISH. */
  readPublish(packet: Inbox): Message;
  /** Reads PUBACK, PUBREC, PUBREL or PUBCOMP into `into`. */
  readAcknowledgement(packet: Inbox, into: Acknowledgement): void;
  /** Reads the identifier of a SUBACK or UNSUBACK into `into`, and gives its codes (MQTT 3.1.1: none in UNSUBACK). */
  readReasons(packet: Inbox, into: Acknowledgement): readonly number[];
}

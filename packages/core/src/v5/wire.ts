/**
 * One connection with MQTT 5: what a client sends on it.
 *
 * @module
 */
import type { Wire } from "../codec.ts";
import { ConnectionError, type MqttError, ProtocolError, type UsageError } from "../errors.ts";
import type { Dropped } from "../events.ts";
import {
  begin,
  connectFields,
  lengthBytes,
  type Parts,
  sizeOfParts,
  writeField,
  writeLength,
  writeNumber,
  writePacket,
} from "../fields.ts";
import { checkInteger } from "../checks.ts";
import type { Outbox } from "../outbox.ts";
import type { Outgoing } from "../outgoing.ts";
import {
  AUTH,
  CONNECT,
  type ConnectOptions,
  DISCONNECT,
  type Filter,
  type Millis,
  type PacketId,
  type Payload,
  PINGREQ,
  PUBACK,
  PUBCOMP,
  PUBLISH,
  PUBREL,
  type QoS,
  SUBSCRIBE,
  UNSUBSCRIBE,
} from "../packets.ts";
import type {
  AuthProperties,
  ConnackProperties,
  DisconnectProperties,
  SubscribeProperties,
  UnsubscribeProperties,
} from "../properties.ts";
import { utf8Length } from "../topic.ts";
import { TopicAliases } from "./aliases.ts";
import { encode, encodeLength, invalid, WILL_TYPE } from "./properties.ts";
import { Reader } from "./read.ts";
import { inMqtt5 } from "./statements.ts";
import { lacks } from "./terms.ts";

/** The wire of one connection. */
export class V5Wire extends Reader implements Wire {
  #wantsAliases = false;
  #aliases: TopicAliases | undefined;

  writeConnect(out: Outbox, options: ConnectOptions, limit: number = Infinity): void {
    const { keepAlive, will, properties } = options;
    const maximumPacketSize = Math.min(limit, properties?.maximumPacketSize ?? Infinity);
    this.ours = { ...properties, ...(maximumPacketSize <= 4_294_967_295 && { maximumPacketSize }) };
    this.#wantsAliases = options.topicAliases ?? false;
    if (properties?.authenticationMethod !== undefined) this.authentication = "server";
    const [flags, fields] = connectFields(options, withLength(encode(WILL_TYPE, will?.properties ?? {})));
    const ours = withLength(encode(CONNECT, this.ours));
    writePacket(out, CONNECT, ["MQTT", 5, flags, keepAlive >> 8, keepAlive, ...ours, ...fields]);
  }

  checkPublish(
    topic: number,
    payload: Payload,
    qos: QoS,
    retain: boolean,
    properties: Uint8Array = NONE,
  ): void {
    const length = typeof payload === "string" ? utf8Length(payload) : payload.length;
    this.checkMessage(qos, retain, remainingOf(topic, qos, properties.length, length));
  }

  review(out: Outbox, outgoing: Outgoing, now: Millis, isNew: boolean): Dropped[] {
    const dropped: Dropped[] = [];
    outgoing.expiresAt = Infinity;
    for (const flight of outgoing.all()) {
      const { id, phase, topic, payload, qos, retain, properties, expiresAt } = flight;
      let error: MqttError | undefined;
      if (phase === "queued" && expiresAt <= now) {
        error = new ConnectionError("message-expired", "the message expired before it could be sent");
      } else if (phase === "queued") outgoing.expiresAt = Math.min(outgoing.expiresAt, expiresAt);
      if (isNew && phase === "released") {
        // Before all others: it is not held back by the window, and takes a place in it [MQTT5-4.9.0-3].
        this.writeAcknowledgement(out, PUBREL, id);
        outgoing.fly(flight);
      } else if (isNew) {
        try {
          this.checkPublish(utf8Length(topic), payload, qos, retain, properties);
        } catch (reason) {
          error ??= reason as UsageError;
        }
      }
      if (error === undefined) continue;
      outgoing.settle(flight);
      dropped.push({ type: "dropped", packet: 0, id, error });
    }
    return dropped.reverse();
  }

  writePublish(
    out: Outbox,
    topic: Uint8Array,
    payload: Uint8Array,
    qos: QoS,
    retain: boolean,
    duplicate: boolean,
    id: PacketId,
    name: string = "",
    properties: Uint8Array = NONE,
    expiry: number = Infinity,
  ): void {
    let length = properties.length;
    let remaining = remainingOf(topic.length, qos, length, payload.length);
    // Judged as it would be sent again: with its topic, and without an alias.
    this.checkMessage(qos, retain, remaining);
    let alias = 0;
    // An alias takes three bytes; the length before it may take one more.
    if (this.#aliases !== undefined && !duplicate && topic.length > 4 && this.fits(remaining + 4)) {
      alias = this.#aliases.choose(name);
      if (alias !== 0) length += 3;
      if (alias > 0) topic = NONE;
      remaining = remainingOf(topic.length, qos, length, payload.length);
    }
    let at = begin(out, PUBLISH | (duplicate ? 0x08 : 0) | (qos << 1) | (retain ? 1 : 0), remaining);
    const bytes = out.bytes;
    at = writeField(bytes, at, topic);
    if (qos !== 0) at = writeNumber(bytes, at, id);
    at = writeLength(bytes, at, length);
    bytes.set(properties, at);
    if (expiry !== Infinity) {
      // The table has it first. What was sent once must be sent again, however late.
      const left = Math.max(expiry, properties.subarray(1, 5).some(Boolean) ? 1 : 0);
      writeNumber(bytes, writeNumber(bytes, at + 1, left >>> 16), left);
    }
    at += properties.length;
    if (alias !== 0) {
      bytes[at] = TOPIC_ALIAS;
      at = writeNumber(bytes, at + 1, Math.abs(alias));
    }
    bytes.set(payload, at);
  }

  writeSubscribe(
    out: Outbox,
    id: PacketId,
    filters: readonly Filter[],
    properties: SubscribeProperties = {},
  ): void {
    if (
      properties.subscriptionIdentifier !== undefined &&
      this.server.subscriptionIdentifiersAvailable === false
    ) throw lacks("subscription identifiers");
    const fields = filters.flatMap((filter) => {
      this.checkFilter(filter.topic);
      return [filter.topic, optionsOf(filter)];
    });
    this.#ask(out, SUBSCRIBE, id, filters.length, encode(SUBSCRIBE, properties), fields);
  }

  writeUnsubscribe(
    out: Outbox,
    id: PacketId,
    filters: readonly string[],
    properties: UnsubscribeProperties = {},
  ): void {
    this.#ask(out, UNSUBSCRIBE, id, filters.length, encode(UNSUBSCRIBE, properties), filters);
  }

  writeAcknowledgement(out: Outbox, type: number, id: PacketId, reason: number = 0): void {
    const at = begin(out, type === PUBREL ? type | 0x02 : type, reason === 0 ? 2 : 3);
    writeNumber(out.bytes, at, id);
    if (reason !== 0) out.bytes[at + 2] = reason;
    // One that we do not know has not been counted.
    if (reason === 0 && (type === PUBACK || type === PUBCOMP) && this.unfinished > 0) this.unfinished--;
  }

  writePing(out: Outbox): void {
    writePacket(out, PINGREQ, []);
  }

  writeDisconnect(out: Outbox, reason: number = 0, properties: DisconnectProperties = {}): void {
    if (!OURS.includes(reason)) throw invalid(`reason ${reason} in DISCONNECT [MQTT5-3.14.2-1]`);
    const { sessionExpiryInterval } = properties;
    if (sessionExpiryInterval && !this.ours.sessionExpiryInterval) {
      throw invalid("CONNECT asked for no session, DISCONNECT cannot [MQTT5 section 3.14.2.2.2]");
    }
    let encoded = encode(DISCONNECT, properties);
    // Words that are too many are left away [MQTT5-3.14.2-3] [MQTT5-3.14.2-4].
    if (!this.fits(5 + encoded.length)) encoded = encode(DISCONNECT, { sessionExpiryInterval });
    writePacket(
      out,
      DISCONNECT,
      reason === 0 && encoded.length === 0 ? [] : [reason, ...withLength(encoded)],
    );
  }

  writeAuth(out: Outbox, reason: number, properties: AuthProperties): void {
    const { authenticationMethod } = this.ours;
    const method = properties.authenticationMethod ?? authenticationMethod;
    if (method === undefined || method !== authenticationMethod) {
      throw invalid("the authentication method is CONNECT's [MQTT5-4.12.0-5] [MQTT5-4.12.0-7]");
    }
    if (this.authentication !== (reason === 0x18 ? "ours" : reason === 0x19 ? "none" : "")) {
      throw invalid("AUTH out of turn [MQTT5-4.12.0-3]");
    }
    const parts = [reason, ...withLength(encode(AUTH, { ...properties, authenticationMethod }))];
    this.checkSize(sizeOfParts(parts));
    writePacket(out, AUTH, parts);
    this.authentication = "server";
  }

  fault(out: Outbox, error: MqttError): MqttError {
    if (!(error instanceof ProtocolError)) return error;
    const { code, summary, statement, firstByte } = error;
    const reason = error.reason ??
      (code === "malformed-packet" ? 0x81 : code === "packet-too-large" ? 0x95 : 0x82);
    writePacket(out, DISCONNECT, [reason, 0]);
    return new ProtocolError(code, summary, inMqtt5(statement), firstByte, reason);
  }

  #ask(out: Outbox, first: number, id: PacketId, count: number, properties: Uint8Array, fields: Parts): void {
    const parts = [id >> 8, id, ...withLength(properties), ...fields];
    this.checkSize(sizeOfParts(parts));
    writePacket(out, first, parts);
    this.counts.set(id, count);
  }

  override accepted(server: ConnackProperties): void {
    super.accepted(server);
    const { topicAliasMaximum = 0 } = server;
    if (this.#wantsAliases && topicAliasMaximum > 0) this.#aliases = new TopicAliases(topicAliasMaximum);
  }
}

/** The options byte of a subscription (section 3.8.3.1). */
function optionsOf({ topic, qos, noLocal, retainAsPublished, retainHandling = 0 }: Filter): number {
  checkInteger(retainHandling, "retainHandling", 0, 2);
  if (noLocal && topic.startsWith("$share/")) {
    throw invalid("noLocal is not for shared subscriptions [MQTT5-3.8.3-4]");
  }
  return qos | (noLocal ? 0x04 : 0) | (retainAsPublished ? 0x08 : 0) | retainHandling << 4;
}

/** The remaining length of a PUBLISH. */
function remainingOf(topic: number, qos: QoS, properties: number, payload: number): number {
  return 2 + topic + (qos === 0 ? 0 : 2) + lengthBytes(properties) + properties + payload;
}

/** Properties behind their length, byte by byte. */
function withLength(properties: Uint8Array): number[] {
  return [...encodeLength(properties.length), ...properties];
}

/** The reasons of a DISCONNECT of ours. */
const OURS: readonly number[] = [
  0,
  4,
  0x80,
  0x81,
  0x82,
  0x83,
  0x90,
  0x93,
  0x94,
  0x95,
  0x96,
  0x97,
  0x98,
  0x99,
];
const TOPIC_ALIAS = 35;
const NONE = new Uint8Array(0);

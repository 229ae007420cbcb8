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
  DisconnectProperties,
  SubscribeProperties,
  UnsubscribeProperties,
} from "../properties.ts";
import { utf8Length } from "../topic.ts";
import { TopicAliases } from "./aliases.ts";
import { encode, encodeLength, invalid, TOPIC_ALIAS, WILL_TYPE } from "./properties.ts";
import { Reader } from "./read.ts";
import { inMqtt5 } from "./statements.ts";
import { lacks } from "./terms.ts";

/** The wire of one connection. */
export class V5Wire extends Reader implements Wire {
  #wantsAliases = false;
  #aliases: TopicAliases | undefined;

  writeConnect(out: Outbox, options: ConnectOptions, limit: number = Infinity): void {
    const { keepAlive, will, properties } = options;
    this.ours = { ...properties };
    this.limit = Math.min(limit, 4_294_967_295);
    this.#wantsAliases = options.topicAliases ?? false;
    if (properties?.authenticationMethod !== undefined) this.turn = "server";
    const [flags, fields] = connectFields(options, withLength(encode(WILL_TYPE, will?.properties ?? {})));
    const ours = withLength(encode(CONNECT, { ...properties, maximumPacketSize: this.limit }));
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

  review(out: Outbox, outgoing: Outgoing, now: Millis, isNew: boolean = false): Dropped[] {
    const dropped: Dropped[] = [];
    outgoing.expiresAt = Infinity;
    for (const flight of outgoing.all()) {
      const { id, phase, topic, payload, qos, retain, properties, expiresAt = Infinity, abandoned } = flight;
      let error: MqttError | undefined;
      if (phase === "queued") {
        if (expiresAt <= now) error = new ConnectionError("message-expired", "the message has expired");
        else outgoing.expiresAt = Math.min(outgoing.expiresAt, expiresAt);
      }
      if (isNew && phase === "released") {
        // Before all others: it is not held back by the window, and takes a place in it [MQTT5-4.9.0-3].
        this.writeAcknowledgement(out, PUBREL, id);
        outgoing.fly(flight);
      } else if (isNew && !abandoned) {
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
    left: Millis = Infinity,
  ): void {
    let length = properties.length;
    let remaining = remainingOf(topic.length, qos, length, payload.length);
    // Judged as it would be sent again: with its topic, and without an alias.
    this.checkMessage(qos, retain, remaining);
    let alias = 0;
    // An alias takes three bytes; the length before it may take one more.
    const { topicAliasMaximum = 0 } = this.server;
    if (
      this.#wantsAliases && topicAliasMaximum && !duplicate && topic.length > 4 && this.fits(remaining + 4)
    ) {
      this.#aliases ??= new TopicAliases(topicAliasMaximum);
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
    if (left !== Infinity) {
      // The table has it first. What was sent once must be sent again, however late.
      const seconds = Math.max(Math.ceil(left / 1000), properties.subarray(1, 5).some(Boolean) ? 1 : 0);
      writeNumber(bytes, writeNumber(bytes, at + 1, seconds >>> 16), seconds);
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
    this.#send(out, SUBSCRIBE, [id >> 8, id], properties, fields);
  }

  writeUnsubscribe(
    out: Outbox,
    id: PacketId,
    filters: readonly string[],
    properties: UnsubscribeProperties = {},
  ): void {
    this.#send(out, UNSUBSCRIBE, [id >> 8, id], properties, filters);
    this.counts.set(id, filters.length);
  }

  writeAcknowledgement(out: Outbox, type: number, id: PacketId, isUnknown: boolean = false): void {
    const at = begin(out, type === PUBREL ? type | 0x02 : type, isUnknown ? 3 : 2);
    writeNumber(out.bytes, at, id);
    if (isUnknown) out.bytes[at + 2] = 0x92;
    // What is unknown has not been counted.
    else if ((type === PUBACK || type === PUBCOMP) && this.unfinished > 0) this.unfinished--;
  }

  writePing(out: Outbox): void {
    writePacket(out, PINGREQ, []);
  }

  writeDisconnect(out: Outbox, reason: number = 0, properties: DisconnectProperties = {}): void {
    const isOurs = reason === 0 || reason === 4 ||
      (reason >= 0x80 && reason < 0x9a && (OURS >> reason - 0x80 & 1) !== 0);
    if (!isOurs) throw invalid(`reason ${reason} in DISCONNECT [MQTT5-3.14.2-1]`);
    const { sessionExpiryInterval } = properties;
    if (sessionExpiryInterval && !this.ours.sessionExpiryInterval) {
      throw invalid("no session is kept [MQTT5 section 3.14.2.2]");
    }
    this.#send(out, DISCONNECT, [reason], properties);
  }

  writeAuth(out: Outbox, reason: number, properties: AuthProperties = {}): void {
    const { authenticationMethod } = this.ours;
    const method = properties.authenticationMethod ?? authenticationMethod;
    if (method === undefined || method !== authenticationMethod) {
      throw invalid("another authentication method [MQTT5-4.12.0-5] [MQTT5-4.12.0-7]");
    }
    if (this.turn !== (reason === 0x18 ? "ours" : reason === 0x19 ? "none" : "")) {
      throw invalid("AUTH out of turn [MQTT5-4.12.0-3]");
    }
    this.#send(out, AUTH, [reason], { ...properties, authenticationMethod });
    this.turn = "server";
  }

  fault(out: Outbox, error: MqttError): MqttError {
    if (!(error instanceof ProtocolError)) return error;
    const { code, summary, statement, firstByte } = error;
    const reason = error.reason ??
      (code === "malformed-packet" ? 0x81 : code === "packet-too-large" ? 0x95 : 0x82);
    writePacket(out, DISCONNECT, [reason, 0]);
    return Object.assign(new ProtocolError(code, summary, inMqtt5(statement), firstByte), { reason });
  }

  #send(out: Outbox, first: number, head: Parts, properties: object, fields: Parts = []): void {
    const parts = [...head, ...withLength(encode(first, properties)), ...fields];
    this.checkSize(sizeOfParts(parts));
    writePacket(out, first, parts);
  }
}

/** The options byte of a subscription (section 3.8.3.1). */
function optionsOf({ topic, qos, noLocal, retainAsPublished, retainHandling = 0 }: Filter): number {
  checkInteger(retainHandling, "retainHandling", 0, 2);
  if (noLocal && topic.startsWith("$share/")) {
    throw invalid("noLocal in a shared subscription [MQTT5-3.8.3-4]");
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

/** The reasons from 0x80 on of a DISCONNECT of ours, as bits: 0x80 to 0x83, 0x90, 0x93 to 0x99. */
const OURS = 0x0f | 1 << 16 | 0x7f << 19;
const NONE = new Uint8Array(0);

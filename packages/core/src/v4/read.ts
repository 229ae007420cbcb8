/**
 * The packets a server sends in MQTT 3.1.1. What the standard does not allow is refused with the statement it breaks
 * [MQTT-4.8.0-1].
 *
 * @module
 */
import { ProtocolError } from "../errors.ts";
import type { Inbox } from "../inbox.ts";
import {
  type Acknowledgement,
  CONNACK,
  type Connack,
  type Message,
  type PacketId,
  PINGRESP,
  PUBACK,
  PUBCOMP,
  PUBLISH,
  PUBREC,
  PUBREL,
  type QoS,
  SUBACK,
  UNSUBACK,
} from "../packets.ts";
import { decodeText } from "../text.ts";
import { TopicCache } from "../topic_cache.ts";

const UNSPECIFIED = 0x80;

const PLUS = 0x2b;
const HASH = 0x23;

export function check(first: number, remaining: number): void {
  const type = first & 0xf0;
  if (type === PUBLISH) {
    if ((first & 0x06) === 0x06) throw malformed("Malformed PUBLISH: QoS 3", "MQTT-3.3.1-4");
    if ((first & 0x0e) === 0x08) throw malformed("Malformed PUBLISH: DUP with QoS 0", "MQTT-3.3.1-2");
    return;
  }
  const name = NAMES[type >> 4];
  if (name === undefined) {
    throw new ProtocolError(
      "unexpected-packet",
      `a server never sends a packet of type ${type >> 4} (first byte 0x${
        first.toString(16).padStart(2, "0")
      })`,
      "MQTT-4.8.0-1",
      first,
    );
  }
  const flags = type === PUBREL ? 0x02 : 0;
  if ((first & 0x0f) !== flags) {
    throw malformed(`invalid ${name}: flags ${first & 0x0f}, expected ${flags}`, "MQTT-2.2.2-2");
  }
  if (type === PINGRESP) {
    if (remaining !== 0) {
      throw malformed(`Unexpected PINGRESP returned from broker: ${remaining}.`, "section 3.13.1");
    }
  } else if (type === SUBACK ? remaining < 3 : remaining !== 2) {
    throw malformed(`invalid ${name}`, SECTIONS[type >> 4]!);
  }
}

export function readConnack(packet: Inbox): Connack {
  const flags = packet.bytes[packet.start]!;
  const returnCode = packet.bytes[packet.start + 1]!;
  if (flags > 1) throw malformed(`invalid CONNACK: acknowledge flags ${flags}`, "section 3.2.2.1");
  return {
    // A refusal goes with session present 0 [MQTT-3.2.2-4]; where it does not, the refusal is what counts.
    sessionPresent: flags === 1 && returnCode === 0,
    returnCode,
    reason: REASONS[returnCode] ?? UNSPECIFIED,
    receiveMaximum: 65_535,
  };
}

export function readPublish(packet: Inbox): Message {
  const { bytes, first, start, end } = packet;
  const qos = (first >> 1 & 0x03) as QoS;
  if (end - start < 2) throw malformed("Malformed PUBLISH", "section 3.3.2");
  const topicStart = start + 2;
  const topicLength = bytes[start]! << 8 | bytes[start + 1]!;
  let at = topicStart + topicLength;
  if (at > end) {
    const summary = `Topic length ${topicLength} in PUBLISH packet exceeds remaining length ${
      end - start
    } - 2`;
    throw malformed(summary, "MQTT-3.3.2-1");
  }
  let id = 0;
  if (qos !== 0) {
    if (at + 2 > end) throw malformed("Malformed PUBLISH", "MQTT-2.3.1-1");
    id = readId(bytes, at, "PUBLISH");
    at += 2;
  }
  return {
    type: "message",
    packet: PUBLISH,
    topic: TOPICS.get(bytes, topicStart, topicStart + topicLength),
    // What subarray() gives, in half its time.
    payload: new Uint8Array(bytes.buffer, bytes.byteOffset + at, end - at),
    qos,
    retain: (first & 0x01) !== 0,
    duplicate: (first & 0x08) !== 0,
    id,
  };
}

function readTopic(bytes: Uint8Array): string {
  if (bytes.length === 0) throw malformed("Malformed PUBLISH: empty topic", "MQTT-4.7.3-1");
  for (const byte of bytes) {
    if (byte === 0) throw malformed("Malformed PUBLISH: U+0000 in the topic", "MQTT-1.5.3-2");
    if (byte === PLUS || byte === HASH) {
      throw malformed("Malformed PUBLISH: wildcard in the topic", "MQTT-3.3.2-2");
    }
  }
  try {
    return decodeText(bytes);
  } catch {
    throw malformed("Malformed PUBLISH: the topic is not valid UTF-8", "MQTT-1.5.3-1");
  }
}

export function readAcknowledgement(packet: Inbox, into: Acknowledgement): void {
  into.id = readId(packet.bytes, packet.start, NAMES[packet.first >> 4]!);
  into.reason = 0;
}

export function readReasons(packet: Inbox, into: Acknowledgement): readonly number[] {
  const { bytes, start, end } = packet;
  readAcknowledgement(packet, into);
  const reasons = Array.from(bytes.subarray(start + 2, end));
  for (const reason of reasons) {
    if (reason > 2 && reason !== 0x80) {
      throw malformed(
        `invalid SUBACK: return code 0x${reason.toString(16).padStart(2, "0")}`,
        "MQTT-3.9.3-2",
      );
    }
  }
  return reasons;
}

function readId(bytes: Uint8Array, at: number, name: string): PacketId {
  const id = bytes[at]! << 8 | bytes[at + 1]!;
  if (id === 0) throw malformed(`invalid ${name}: packet identifier 0`, "MQTT-2.3.1-1");
  return id;
}

function malformed(summary: string, statement: string): ProtocolError {
  return new ProtocolError("malformed-packet", summary, statement);
}

/** The packets a server sends, by type; a hole is a packet that it may not send. */
const NAMES: readonly (string | undefined)[] = [
  undefined,
  undefined,
  "CONNACK",
  "PUBLISH",
  "PUBACK",
  "PUBREC",
  "PUBREL",
  "PUBCOMP",
  undefined,
  "SUBACK",
  undefined,
  "UNSUBACK",
  undefined,
  "PINGRESP",
];

/** Where the standard fixes the length of each. */
const SECTIONS: Readonly<Record<number, string>> = {
  [CONNACK >> 4]: "section 3.2.1",
  [PUBACK >> 4]: "section 3.4.1",
  [PUBREC >> 4]: "section 3.5.1",
  [PUBREL >> 4]: "section 3.6.1",
  [PUBCOMP >> 4]: "section 3.7.1",
  [SUBACK >> 4]: "MQTT-3.8.4-5",
  [UNSUBACK >> 4]: "section 3.11.1",
};

/** CONNACK return codes 0 to 5 in MQTT 5's numbers. */
const REASONS: readonly number[] = [0, 0x84, 0x85, 0x88, 0x86, 0x87];

const TOPICS = new TopicCache(readTopic);

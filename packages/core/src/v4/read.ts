/**
 * The packets a server sends in MQTT 3.1.1. What the standard does not allow is refused with the statement it breaks
 * [MQTT-4.8.0-1].
 *
 * @module
 */
import type { Wire } from "../codec.ts";
import { checkHeader, hex, malformed, NAMES, PUBLISHED, readId, readNumber, TOPICS } from "../fields.ts";
import { PINGRESP, PUBLISH, type QoS, SUBACK } from "../packets.ts";

/** CONNACK return codes 0 to 5 in MQTT 5's numbers; for any other 0x80, "unspecified error". */
const REASONS: readonly number[] = [0, 0x84, 0x85, 0x88, 0x86, 0x87];

/** The reading half of the wire. */
export const reading: Pick<Wire, "check" | (keyof Wire & `read${string}`)> = {
  check(first, remaining) {
    const type = first & 0xf0;
    const number = first >> 4;
    const name = NAMES[number];
    checkHeader(first, name);
    if (type === PUBLISH) return;
    if (type === SUBACK) {
      if (remaining < 3) throw malformed(`invalid ${name}`, "MQTT-3.8.4-5");
    } else if (remaining !== (type === PINGRESP ? 0 : 2)) {
      const summary = type === PINGRESP
        ? `Unexpected ${name} returned from broker: ${remaining}.`
        : `invalid ${name}`;
      throw malformed(summary, `section 3.${number}.1`);
    }
  },

  readConnack({ bytes, start }) {
    const flags = bytes[start]!;
    const returnCode = bytes[start + 1]!;
    if (flags > 1) throw malformed(`invalid CONNACK: flags ${flags}`, "section 3.2.2.1");
    return {
      // A refusal goes with session present 0 [MQTT-3.2.2-4]; where it does not, the refusal is what counts.
      sessionPresent: flags === 1 && returnCode === 0,
      returnCode,
      reason: REASONS[returnCode] ?? 0x80,
      receiveMaximum: 65_535,
    };
  },

  readPublish(packet) {
    const { bytes, first, start, end } = packet;
    const qos = (first >> 1 & 0x03) as QoS;
    if (end - start < 2) throw malformed(PUBLISHED, "section 3.3.2");
    const topicStart = start + 2;
    const topicLength = readNumber(bytes, start);
    let at = topicStart + topicLength;
    if (at > end) {
      const summary = `Topic length ${topicLength} in PUBLISH packet exceeds remaining length ${
        end - start
      } - 2`;
      throw malformed(summary, "MQTT-3.3.2-1");
    }
    let id = 0;
    if (qos !== 0) {
      if (at + 2 > end) throw malformed(PUBLISHED, "MQTT-2.3.1-1");
      id = readId(bytes, at, first);
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
  },

  readAcknowledgement(packet, into) {
    into.id = readId(packet.bytes, packet.start, packet.first);
    into.reason = 0;
  },

  readReasons(packet, into) {
    reading.readAcknowledgement(packet, into);
    const reasons = [...packet.bytes.subarray(packet.start + 2, packet.end)];
    for (const reason of reasons) {
      if (reason > 2 && reason !== 0x80) {
        throw malformed(`invalid SUBACK: return code ${hex(reason)}`, "MQTT-3.9.3-2");
      }
    }
    return reasons;
  },
};

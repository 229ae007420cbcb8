/**
 * The packets a client sends in MQTT 3.1.1.
 *
 * @module
 */
import type { Wire } from "../codec.ts";
import { UsageError } from "../errors.ts";
import { begin, connectFields, writeField, writeNumber, writePacket } from "../fields.ts";
import { CONNECT, DISCONNECT, PINGREQ, PUBLISH, PUBREL, SUBSCRIBE, UNSUBSCRIBE } from "../packets.ts";

/** The writing half of the wire. */
export const writing: Pick<Wire, keyof Wire & `write${string}`> = {
  writeConnect(out, options) {
    const { keepAlive, properties, will } = options;
    if (properties ?? will?.properties) refuse();
    const [flags, fields] = connectFields(options);
    writePacket(out, CONNECT, ["MQTT", 4, flags, keepAlive >> 8, keepAlive, ...fields]);
  },

  writePublish(out, topic, payload, qos, retain, duplicate, id) {
    const size = 2 + topic.length + (qos === 0 ? 0 : 2) + payload.length;
    let at = begin(out, PUBLISH | (duplicate ? 0x08 : 0) | (qos << 1) | (retain ? 1 : 0), size);
    const bytes = out.bytes;
    at = writeField(bytes, at, topic);
    if (qos !== 0) at = writeNumber(bytes, at, id);
    bytes.set(payload, at);
  },

  writeSubscribe(out, id, filters, properties) {
    for (const filter of filters) {
      if (properties || filter.noLocal || filter.retainAsPublished || filter.retainHandling) refuse();
    }
    writePacket(out, SUBSCRIBE, [id >> 8, id, ...filters.flatMap(({ topic, qos }) => [topic, qos])]);
  },

  writeUnsubscribe(out, id, filters, properties) {
    if (properties) refuse();
    writePacket(out, UNSUBSCRIBE, [id >> 8, id, ...filters]);
  },

  writeAcknowledgement(out, type, id) {
    const at = out.reserve(4);
    out.bytes[at] = type === PUBREL ? type | 0x02 : type;
    out.bytes[at + 1] = 2;
    writeNumber(out.bytes, at + 2, id);
  },

  writePing(out) {
    writePacket(out, PINGREQ, []);
  },

  writeDisconnect(out, reason, properties) {
    if (reason || properties) refuse();
    writePacket(out, DISCONNECT, []);
  },

  writeAuth: refuse,
};

/** What MQTT 5 has and 3.1.1 has not is not dropped in silence. */
export function refuse(): never {
  throw new UsageError("invalid-argument", "needs MQTT 5");
}

/**
 * The packets a server sends in MQTT 5. What the standard does not allow is refused with the statement it breaks, and
 * the reason code that it gives for that.
 *
 * @module
 */
import { ProtocolError, RefusedError } from "../errors.ts";
import type { Auth } from "../events.ts";
import { checkHeader, malformed, NAMES, PUBLISHED, readId, readNumber, TOPICS } from "../fields.ts";
import type { Inbox } from "../inbox.ts";
import {
  type Acknowledgement,
  AUTH,
  type Connack,
  DISCONNECT,
  type Message,
  PINGRESP,
  PUBLISH,
  type QoS,
  UNSUBACK,
} from "../packets.ts";
import { decodeText } from "../text.ts";
import type { AuthProperties, ConnackProperties, ReasonProperties } from "../properties.ts";
import { MessageWithProperties } from "./message.ts";
import { broken, readProperties, sectionOf, seen } from "./properties.ts";
import { checkReason, refused } from "./reasons.ts";
import { sizeOf, Terms } from "./terms.ts";

/** The packets that a server sends, by type. */
const NAMES_5: Readonly<Record<number, string>> = { ...NAMES, 14: "DISCONNECT", 15: "AUTH" };

/** The shortest body of each. */
const SHORTEST: readonly number[] = [0, 0, 2, 3, 2, 2, 2, 2, 0, 4, 0, 4, 0, 0, 0, 0];

/** The reading half of a wire, and what it has to remember for it. */
export class Reader extends Terms {
  /** How many messages with QoS 1 and 2 have come and are not finished. */
  protected unfinished = 0;
  /** Where enhanced authentication stands: the server may speak, or has asked and waits for us. */
  protected turn: "none" | "server" | "ours" = "none";
  /** Whether CONNACK has come. */
  protected isAccepted = false;
  /** The topics that the server has given an alias. */
  readonly #topics: string[] = [];
  /** How many filters each UNSUBSCRIBE under way names, by its identifier. */
  protected readonly counts: Map<number, number> = new Map();

  check(first: number, remaining: number): void {
    const type = first >> 4;
    const name = NAMES_5[type];
    checkHeader(first, name);
    const shortest = SHORTEST[type]! + ((first & 0xf0) === PUBLISH && (first & 0x06) !== 0 ? 2 : 0);
    if (remaining < shortest || (first === PINGRESP && remaining > 0)) {
      throw malformed(`invalid ${name}`, `MQTT5 section 3.${type}.1`);
    }
    const size = sizeOf(remaining);
    if (size > this.limit) {
      const summary = `a packet of ${size} bytes arrives, the limit is ${this.limit}`;
      throw new ProtocolError("packet-too-large", summary, "MQTT5-3.1.2-24");
    }
  }

  readConnack({ bytes, start, end, first }: Inbox): Connack {
    const flags = bytes[start]!;
    const code = bytes[start + 1]!;
    if (end - start === 2) {
      // So a server answers that knows MQTT 3.1.1 only.
      if (code === 1) {
        throw new RefusedError(
          "connection-refused",
          "Connection Refused - Incorrect Protocol Version",
          0x84,
          1,
        );
      }
      throw malformed("invalid CONNACK", sectionOf(first));
    }
    if (flags > 1) throw malformed(`invalid CONNACK: flags ${flags}`, "MQTT5-3.2.2-1");
    const reason = checkReason(first, code);
    const properties = readAll(bytes, start + 2, end, first);
    if (reason >= 0x80) throw refused("connection-refused", "Connection Refused", reason, properties);
    this.#checkMethod(properties);
    this.turn = "none";
    this.isAccepted = true;
    this.server = properties;
    return {
      sessionPresent: flags === 1,
      returnCode: 0,
      reason,
      receiveMaximum: properties.receiveMaximum ?? 65_535,
      properties,
    };
  }

  readPublish({ bytes, first, start, end }: Inbox): Message {
    const qos = (first >> 1 & 0x03) as QoS;
    const topicStart = start + 2;
    const topicEnd = topicStart + readNumber(bytes, start);
    let at = qos === 0 ? topicEnd : topicEnd + 2;
    if (at >= end) throw malformed(PUBLISHED, sectionOf(first));
    const id = qos === 0 ? 0 : readId(bytes, topicEnd, first);
    const propertiesStart = at++;
    let alias = 0;
    let any = false;
    if (bytes[propertiesStart] !== 0) {
      at = readProperties(bytes, propertiesStart, end, first);
      ({ alias, any } = seen);
      if (alias > (this.ours.topicAliasMaximum ?? 0)) {
        throw broken(`topic alias ${alias}`, "MQTT5-3.3.2-11", 0x94);
      }
      if (seen.isText) checkPayload(bytes.subarray(at, end));
    }
    const topic = topicEnd === topicStart
      ? this.#topics[alias] ?? unnamed()
      : TOPICS.get(bytes, topicStart, topicEnd);
    if (alias !== 0) this.#topics[alias] = topic;
    if (qos !== 0 && ++this.unfinished > (this.ours.receiveMaximum ?? 65_535)) {
      throw broken("above our receive maximum", "MQTT5-3.3.4-9", 0x93);
    }
    const message: Message = {
      type: "message",
      packet: PUBLISH,
      topic,
      // What subarray() gives, in half its time.
      payload: new Uint8Array(bytes.buffer, bytes.byteOffset + at, end - at),
      qos,
      retain: (first & 0x01) !== 0,
      duplicate: (first & 0x08) !== 0,
      id,
      properties: undefined,
    };
    return any ? new MessageWithProperties(message, bytes.subarray(propertiesStart, at)) : message;
  }

  readAcknowledgement({ bytes, first, start, end }: Inbox, into: Acknowledgement): void {
    into.id = readId(bytes, start, first);
    into.reason = end - start > 2 ? checkReason(first, bytes[start + 2]!) : 0;
    into.properties = undefined;
    if (end - start > 3) this.#checkProblem(readAll(bytes, start + 3, end, first), into);
  }

  readReasons({ bytes, first, start, end }: Inbox, into: Acknowledgement): readonly number[] {
    into.id = readId(bytes, start, first);
    const properties: ReasonProperties = {};
    const at = readProperties(bytes, start + 2, end, first, properties as Values);
    this.#checkProblem(properties, into);
    const reasons = [...bytes.subarray(at, end)];
    for (const reason of reasons) checkReason(first, reason);
    // The engine counts those of SUBACK.
    const count = this.counts.get(into.id) ?? reasons.length;
    if (first === UNSUBACK && reasons.length !== count) {
      throw malformed(
        `invalid UNSUBACK: ${reasons.length} return codes for ${count} topic filters`,
        "MQTT5-3.11.3-1",
      );
    }
    this.counts.delete(into.id);
    return reasons;
  }

  readControl({ bytes, first, start, end }: Inbox): Auth {
    const reason = end > start ? checkReason(first, bytes[start]!) : 0;
    const isEnd = first === DISCONNECT;
    // DISCONNECT may end behind its reason.
    const properties = end - start > Number(isEnd) ? readAll(bytes, start + 1, end, first) : {};
    if (isEnd) throw refused("disconnected-by-server", "Disconnected by broker", reason, properties);
    this.#checkProblem(properties);
    this.#checkMethod(properties);
    // The last word of the first authentication is CONNACK's.
    if (this.turn !== "server" || (reason === 0 && !this.isAccepted)) {
      throw broken("AUTH out of turn", "MQTT5 section 4.12");
    }
    this.turn = reason === 0 ? "none" : "ours";
    return { type: "auth", packet: AUTH, reason, properties };
  }

  /** Takes what the server says of a reason: not where it was asked to be silent [MQTT5-3.1.2-29]. */
  #checkProblem(properties: ReasonProperties, into?: Acknowledgement): void {
    const { reasonString, userProperties } = properties;
    if (this.ours.requestProblemInformation === false && (reasonString ?? userProperties) !== undefined) {
      throw broken("unwanted reason", "MQTT5-3.1.2-29");
    }
    if (into !== undefined) into.properties = seen.any ? properties : undefined;
  }

  /** The server names our method of authentication, or none where we named none. */
  #checkMethod(properties: AuthProperties): void {
    const { authenticationMethod } = this.ours;
    if (properties.authenticationMethod === authenticationMethod) return;
    const statement = authenticationMethod === undefined ? "MQTT5-4.12.0-6" : "MQTT5-4.12.0-5";
    throw broken("another authentication method", statement);
  }
}

type Values = Record<string, unknown>;

/** Reads properties with which a packet ends. */
function readAll(bytes: Uint8Array, start: number, end: number, first: number): ConnackProperties {
  const properties = {};
  if (readProperties(bytes, start, end, first, properties) === end) return properties;
  throw malformed("bytes behind the properties", sectionOf(first));
}

function unnamed(): never {
  throw broken("empty topic", "MQTT5 section 3.3.4");
}

function checkPayload(payload: Uint8Array): void {
  try {
    decodeText(payload);
  } catch {
    throw Object.assign(malformed("a payload that is not valid UTF-8", "MQTT5 section 3.3.2.3.2"), {
      reason: 0x99,
    });
  }
}

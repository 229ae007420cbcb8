/**
 * A message that carries properties.
 *
 * @module
 */
import { type Message, type PacketId, PUBLISH, type QoS } from "../packets.ts";
import type { MessageProperties } from "../properties.ts";
import { readProperties } from "./properties.ts";

/** Decodes its properties when they are first asked for; they have been checked. */
export class MessageWithProperties implements Message {
  readonly type = "message";
  readonly packet: number = PUBLISH;
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly duplicate: boolean;
  readonly id: PacketId;
  readonly #bytes: Uint8Array;
  #properties: MessageProperties | undefined;

  /** Takes a message as it is without them, and the bytes of its properties from their length on. */
  constructor(message: Message, bytes: Uint8Array) {
    this.topic = message.topic;
    this.payload = message.payload;
    this.qos = message.qos;
    this.retain = message.retain;
    this.duplicate = message.duplicate;
    this.id = message.id;
    this.#bytes = bytes;
  }

  /** What it carries, decoded. */
  get properties(): MessageProperties {
    if (this.#properties === undefined) {
      const properties = {};
      readProperties(this.#bytes, 0, this.#bytes.length, PUBLISH, properties);
      this.#properties = properties;
    }
    return this.#properties;
  }
}

/**
 * A message on its way to the application, and who still has to be done with it before it is acknowledged.
 *
 * @module
 */
import type { Message, QoS } from "@minimqtt/core";

/** A message that `Client` received. */
export interface ReceivedMessage {
  /** The topic name. */
  readonly topic: string;
  /**
   * The bytes, yours for good: nobody else writes to them. They are a view of what was read, and keep the whole chunk
   * (often 64 KiB) in memory: `slice()` a small one that you keep for long, or whose `buffer` you need.
   */
  readonly payload: Uint8Array;
  /** Quality of service of this delivery. */
  readonly qos: QoS;
  /** Whether it is a retained message, sent because of a new subscription [MQTT-3.3.1-8]. */
  readonly retain: boolean;
  /** Whether the broker says that it may have sent it before. */
  readonly duplicate: boolean;
  /** The payload as text, decoded anew by each call. As in `Response.text()`, what is no UTF-8 becomes U+FFFD. */
  text(): string;
  /**
   * The payload as JSON, parsed anew by each call.
   *
   * @throws {SyntaxError} when it is none.
   */
  json<T = unknown>(): T;
  /**
   * The application is done with the message, so that the broker can forget it. Needed with `acknowledge: "manual"`,
   * in any order; else only an earlier moment than the usual one. Nothing happens a second time, with QoS 0, or when
   * the connection that brought it is gone: the broker sends it again then, with `duplicate` set.
   */
  acknowledge(): void;
}

const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** Counts the recipients of one message with QoS 1 or 2; the last one that is done acknowledges it. */
export class Receipt {
  readonly #message: Message;
  readonly #acknowledge: (message: Message) => void;
  #owed: number;

  constructor(message: Message, owed: number, acknowledge: (message: Message) => void) {
    this.#message = message;
    this.#owed = owed;
    this.#acknowledge = acknowledge;
  }

  give(): void {
    if (--this.#owed === 0) this.#acknowledge(this.#message);
  }
}

/** One recipient's copy of a message. */
export class Delivery implements ReceivedMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly duplicate: boolean;
  #receipt: Receipt | undefined;

  constructor(message: Message, receipt: Receipt | undefined) {
    this.topic = message.topic;
    this.payload = message.payload;
    this.qos = message.qos;
    this.retain = message.retain;
    this.duplicate = message.duplicate;
    this.#receipt = receipt;
  }

  text(): string {
    return UTF8.decode(this.payload);
  }

  json<T = unknown>(): T {
    return JSON.parse(this.text());
  }

  acknowledge(): void {
    const receipt = this.#receipt;
    this.#receipt = undefined;
    receipt?.give();
  }
}

/**
 * Messages that nobody wants yet.
 *
 * When a session of an earlier program is resumed, messages may come before the application had time to subscribe.
 * They are kept for a while, unacknowledged, and given to whoever subscribes. Beyond the limits they are not kept: the
 * broker sends those that it has no acknowledgement for again, on the next connection.
 *
 * @module
 */
import type { Message, Millis } from "@minimqtt/core";
import { OVERFLOW, type QueueLimits } from "./message_queue.ts";

/** What waits to be claimed. */
export class Unclaimed {
  /** Until when messages are kept; undefined when they are not. */
  until: Millis | undefined;
  readonly #limits: QueueLimits;
  #messages: Message[] = [];
  #bytes = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  push(message: Message): void {
    const { messages, bytes } = this.#limits;
    if (this.#messages.length >= messages * OVERFLOW || this.#bytes >= bytes * OVERFLOW) return;
    this.#messages.push(message);
    this.#bytes += message.payload.length;
  }

  /** All of them; the array is the caller's. */
  takeAll(): Message[] {
    const messages = this.#messages;
    if (messages.length > 0) this.#messages = [];
    this.#bytes = 0;
    return messages;
  }
}

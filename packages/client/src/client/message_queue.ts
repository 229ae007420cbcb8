/**
 * Messages that wait for their consumer, bounded in number and bytes.
 *
 * What bounds them is that nothing more is read: the {@link Gate} is closed while any queue is full, and opens when
 * its consumer takes what is in it. Where an answer of the broker is awaited (the consumer itself may be waiting for it, and would
 * wait for ever) reading goes on; then a queue grows up to {@link OVERFLOW} times its size, and beyond that a message
 * with QoS 0 is given up and counted, as its quality of service allows. Messages with QoS 1 and 2 are not: there are no
 * more of them than packet identifiers, 65 535, and where they reach that many times the bytes, reading stops.
 *
 * @module
 */
import type { Delivery } from "./received_message.ts";

/** How many times its limit a queue may grow where reading must go on. */
export const OVERFLOW = 8;

/** The limits of a queue. */
export interface QueueLimits {
  /** The number of messages. */
  readonly messages: number;
  /** The bytes of their payloads together. */
  readonly bytes: number;
}

/** Whether reading may go on, as all queues of a client see it. */
export class Gate {
  /** How many queues are full. */
  full = 0;
  /** How many have grown as far as they may with messages that must not be given up. */
  jammed = 0;
  /** How many messages with QoS 0 were given up. */
  dropped = 0;
  /** Called when the last full queue was emptied. */
  readonly opened: () => void;

  constructor(opened: () => void) {
    this.opened = opened;
  }
}

/** What has come and was not asked for; it is emptied at once, by swapping arrays. */
export class MessageQueue {
  readonly #limits: QueueLimits;
  readonly #gate: Gate;
  #messages: Delivery[] = [];
  #bytes = 0;
  #full = false;
  #jammed = false;

  constructor(limits: QueueLimits, gate: Gate) {
    this.#limits = limits;
    this.#gate = gate;
  }

  get length(): number {
    return this.#messages.length;
  }

  /** Whether a message can come in without filling it. */
  hasRoom({ payload }: Delivery): boolean {
    const { messages, bytes } = this.#limits;
    return this.#messages.length + 1 < messages && this.#bytes + payload.length < bytes;
  }

  push(message: Delivery): void {
    if (this.#full && !this.#overflow(message)) return;
    this.#bytes += message.payload.length;
    if (this.#messages.push(message) < this.#limits.messages && this.#bytes < this.#limits.bytes) return;
    if (!this.#full) this.#gate.full++;
    this.#full = true;
  }

  /** Whether a message is taken beyond the limits. */
  #overflow({ qos }: Delivery): boolean {
    const { messages, bytes } = this.#limits;
    const isHuge = this.#bytes >= bytes * OVERFLOW;
    if (qos === 0 && (isHuge || this.#messages.length >= messages * OVERFLOW)) {
      this.#gate.dropped++;
      return false;
    }
    if (isHuge && !this.#jammed) {
      this.#jammed = true;
      this.#gate.jammed++;
    }
    return true;
  }

  /** All of them; the array is the caller's. */
  takeAll(): Delivery[] {
    const messages = this.#messages;
    if (messages.length === 0) return [];
    this.#messages = [];
    this.#bytes = 0;
    if (!this.#full) return messages;
    this.#full = false;
    if (this.#jammed) this.#gate.jammed--;
    this.#jammed = false;
    if (--this.#gate.full === 0) this.#gate.opened();
    return messages;
  }
}

/**
 * Messages that wait for their consumer, bounded in number and bytes.
 *
 * What bounds them is that nothing more is read: the {@link Gate} is closed while any queue is full, and opens when
 * its consumer takes what is in it. Where an answer of the broker is awaited (the consumer itself may be waiting for
 * it, and would wait for ever) reading goes on; then a queue grows up to {@link OVERFLOW} times its size, and beyond
 * that a message with QoS 0 is given up and counted, as its quality of service allows. Messages with QoS 1 and 2 are
 * not: where they hold that many times the bytes, the queue is jammed, and reading stops.
 *
 * @module
 */
import type { QoS } from "@minimqtt/core";

/** How many times its limit a queue may grow where reading must go on. */
export const OVERFLOW = 8;

/** What a message holds beside its topic and payload, about: many small ones are no small thing. */
const OVERHEAD = 256;

/** The limits of a queue. */
export interface QueueLimits {
  /** The number of messages. */
  readonly messages: number;
  /** The bytes of their payloads together. */
  readonly bytes: number;
}

/** What a queue needs to know of a message. */
export interface Queued {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
}

/** Whether more may be read, as all queues of a client see it. */
export class Gate {
  /** How many queues are full. */
  full = 0;
  /** How many have grown as far as they may with messages that must not be given up. */
  jammed = 0;
  /** How many messages with QoS 0 were given up. */
  dropped = 0;
  /** Called when the last full queue was emptied. */
  readonly opened: () => void;
  /** Called when a queue jams: whoever is kept from emptying it by an answer behind it waits in vain. */
  onJam: () => void = () => {};

  constructor(opened: () => void) {
    this.opened = opened;
  }

  /** Whether more may be read; `awaited`: somebody waits for an answer of the broker. */
  isOpen(awaited: boolean): boolean {
    return this.full === 0 || (awaited && this.jammed === 0);
  }
}

/** What has come and was not asked for; it is emptied at once, by swapping arrays. */
export class MessageQueue<T extends Queued> {
  readonly #limits: QueueLimits;
  readonly #gate: Gate;
  #messages: T[] = [];
  #bytes = 0;
  #topics = 0;
  #full = false;
  #jammed = false;

  constructor(limits: QueueLimits, gate: Gate) {
    this.#limits = limits;
    this.#gate = gate;
  }

  get length(): number {
    return this.#messages.length;
  }

  /** Whether it has grown as far as it may. */
  get isJammed(): boolean {
    return this.#jammed;
  }

  /** Whether a message can come in without filling it. */
  hasRoom({ payload }: T): boolean {
    const { messages, bytes } = this.#limits;
    return this.#messages.length + 1 < messages && this.#bytes + payload.length < bytes;
  }

  push(message: T): void {
    if (this.#full && !this.#overflow(message)) return;
    this.#bytes += message.payload.length;
    this.#topics += message.topic.length;
    if (this.#messages.push(message) < this.#limits.messages && this.#bytes < this.#limits.bytes) return;
    if (!this.#full) this.#gate.full++;
    this.#full = true;
  }

  /** Whether a message is taken beyond the limits. */
  #overflow({ qos }: T): boolean {
    const { messages, bytes } = this.#limits;
    const count = this.#messages.length;
    const isHuge = this.#bytes + this.#topics + count * OVERHEAD >= bytes * OVERFLOW;
    if (qos === 0 && (isHuge || count >= messages * OVERFLOW)) {
      this.#gate.dropped++;
      return false;
    }
    if (isHuge && !this.#jammed) {
      this.#jammed = true;
      this.#gate.jammed++;
      this.#gate.onJam();
    }
    return true;
  }

  /** All of them; the array is the caller's. */
  takeAll(): T[] {
    const messages = this.#messages;
    if (messages.length === 0) return [];
    this.#messages = [];
    this.#bytes = this.#topics = 0;
    if (!this.#full) return messages;
    this.#full = false;
    if (this.#jammed) this.#gate.jammed--;
    this.#jammed = false;
    if (--this.#gate.full === 0) this.#gate.opened();
    return messages;
  }
}

/**
 * Messages that wait for their consumer, bounded in number and bytes.
 *
 * What bounds them is that nothing more is read: the {@link Gate} is closed while any queue is full, and opens when
 * it is half empty. Where an answer of the broker is awaited (the consumer itself may be waiting for it, and would
 * wait for ever) reading goes on; then a queue grows up to {@link OVERFLOW} times its size, and beyond that a message
 * with QoS 0 is given up and counted, as its quality of service allows.
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
  /** Called when the last full queue is half empty. */
  readonly opened: () => void;

  constructor(opened: () => void) {
    this.opened = opened;
  }
}

/** A first in, first out queue that is emptied by swapping arrays. */
export class MessageQueue {
  readonly #limits: QueueLimits;
  readonly #gate: Gate;
  #arriving: Delivery[] = [];
  #leaving: (Delivery | undefined)[] = [];
  #at = 0;
  #bytes = 0;
  #length = 0;
  #full = false;
  #jammed = false;

  constructor(limits: QueueLimits, gate: Gate) {
    this.#limits = limits;
    this.#gate = gate;
  }

  get length(): number {
    return this.#length;
  }

  push(message: Delivery): void {
    if (this.#full && this.#reaches(OVERFLOW)) {
      if (message.qos === 0) {
        this.#gate.dropped++;
        return;
      }
      if (!this.#jammed) this.#gate.jammed++;
      this.#jammed = true;
    }
    this.#arriving.push(message);
    this.#length++;
    this.#bytes += message.payload.length;
    if (!this.#full && this.#reaches(1)) {
      this.#full = true;
      this.#gate.full++;
    }
  }

  shift(): Delivery | undefined {
    if (this.#at === this.#leaving.length) {
      if (this.#length === 0) return undefined;
      this.#leaving = this.#arriving;
      this.#arriving = [];
      this.#at = 0;
    }
    const message = this.#leaving[this.#at]!;
    this.#leaving[this.#at++] = undefined;
    this.#length--;
    this.#bytes -= message.payload.length;
    if (this.#full && !this.#reaches(0.5)) this.#relax();
    return message;
  }

  /** All of them; the array is the caller's. */
  takeAll(): Delivery[] {
    const first = this.#leaving.slice(this.#at) as Delivery[];
    const all = first.length === 0 ? this.#arriving : first.concat(this.#arriving);
    this.#leaving = [];
    this.#arriving = [];
    this.#at = this.#bytes = this.#length = 0;
    if (this.#full) this.#relax();
    return all;
  }

  #reaches(times: number): boolean {
    return this.#length >= this.#limits.messages * times || this.#bytes >= this.#limits.bytes * times;
  }

  #relax(): void {
    this.#full = false;
    if (this.#jammed) this.#gate.jammed--;
    this.#jammed = false;
    if (--this.#gate.full === 0) this.#gate.opened();
  }
}

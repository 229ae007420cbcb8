/**
 * What a `Client` has done so far, in numbers.
 *
 * @module
 */
import type { Millis, Payload, QoS } from "@minimqtt/core";
import { utf8Length } from "@minimqtt/core/internal";
import type { Dropped } from "./message_queue.ts";

/** Messages in one direction, by quality of service: `messages[1]` is how many had QoS 1. */
export interface Traffic {
  /** The number of them. */
  readonly messages: readonly [number, number, number];
  /** The bytes of their payloads together. */
  readonly bytes: readonly [number, number, number];
}

/** How many messages were given up on their way out, by cause. */
export interface Unsent {
  /** To make room for newer ones, or without a connection, as chosen in `sending`. */
  readonly replaced: number;
  /** By what the broker or the network did. */
  readonly failed: number;
}

/** A snapshot of a client's counters. All but `outgoing`, `unread` and `roundTrip` only ever grow. */
export interface Stats {
  /** Messages handed to the connection, or kept for it in the send window. */
  readonly published: Traffic;
  /** Messages received. */
  readonly received: Traffic;
  /** What is on its way out: how many are not acknowledged yet, how many wait for their turn, and their bytes together. */
  readonly outgoing: { readonly unacknowledged: number; readonly waiting: number; readonly bytes: number };
  /** How many received messages wait in the queues of subscriptions. */
  readonly unread: number;
  /** How many received messages were given up, by cause. */
  readonly dropped: Dropped;
  /** How many published messages were given up, by cause. */
  readonly unsent: Unsent;
  /** How many times a broker has accepted the connection. */
  readonly connects: number;
  /** How many times a connection that had been accepted was lost; `close()` loses none. */
  readonly losses: number;
  /** How many pings were answered. */
  readonly pings: number;
  /** How many milliseconds the answer to the last one took; undefined before the first. */
  readonly roundTrip: Millis | undefined;
}

/** Counts messages in one direction. */
export class Counter {
  readonly #messages: [number, number, number] = [0, 0, 0];
  readonly #bytes: [number, number, number] = [0, 0, 0];

  #topic = "";
  #topicBytes = 0;

  add(qos: QoS, bytes: number): void {
    this.#messages[qos]++;
    this.#bytes[qos] += bytes;
  }

  /**
   * A message that has become `written` bytes of a batch, or none yet. Text has been measured there already: to do it
   * again would cost as much as all the rest.
   */
  addPacket(qos: QoS, topic: string, payload: Payload, written: number): void {
    if (typeof payload !== "string") return this.add(qos, payload.length);
    if (written <= 0) return this.add(qos, utf8Length(payload));
    if (topic !== this.#topic) {
      this.#topic = topic;
      this.#topicBytes = utf8Length(topic);
    }
    // The remaining length takes one byte up to 127, then two, three, four.
    const header = written < 130 ? 2 : written < 16_387 ? 3 : written < 2_097_156 ? 4 : 5;
    this.add(qos, written - header - 2 - this.#topicBytes - (qos === 0 ? 0 : 2));
  }

  get snapshot(): Traffic {
    return { messages: [...this.#messages], bytes: [...this.#bytes] };
  }
}

/** What a client counts as it goes. */
export class Counts {
  readonly published: Counter = new Counter();
  readonly received: Counter = new Counter();
  connects = 0;
  losses = 0;
  pings = 0;
  roundTrip: Millis | undefined;
}

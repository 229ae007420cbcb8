/**
 * SUBSCRIBE and UNSUBSCRIBE on their way: which filters go into which packet, and when.
 *
 * There are no more identifiers than 65,535, and messages need some, so that only so many requests are under way at a
 * time. Where the broker hangs up at one of them again and again, they go one at a time and in ever smaller packets
 * until it is clear at which filter it does; the size that was found to work is kept.
 *
 * @module
 */
import { ConnectionError, type Engine, type PacketId, type QoS, type Settled } from "@minimqtt/core";
import { Queue } from "@minimqtt/core/internal";
import { inPackets } from "../link/filter_packets.ts";
import type { Recipient } from "./recipient.ts";
import type { Suspect } from "./suspects.ts";

/** The most requests under way at a time. */
const MOST = 1000;

/** Who wants to have filters asked for. */
export interface Asker {
  /** The quality of service to ask for; undefined for a filter that nobody wants any more. */
  wanted(filter: string): QoS | undefined;
  /** SUBACK has come for these; `recipient`: the one that they were asked for, if it was one. */
  answered(filters: readonly string[], reasons: readonly number[], recipient: Recipient | undefined): void;
  /** UNSUBACK has come for these, or the broker does not want to hear of them. */
  left(filters: readonly string[]): void;
  /** The broker hangs up whenever it is asked for this one. */
  failed(filter: string, error: ConnectionError): void;
}

/** A packet that waits for its turn, or for its answer. */
interface Request {
  readonly filters: readonly string[];
  /** SUBSCRIBE: who fails when it is refused; all who want the filter when absent. */
  readonly recipient?: Recipient | undefined;
  /** UNSUBSCRIBE: resolves when it is answered, or never will be. */
  readonly resolve?: () => void;
}

/** What is asked of the broker on one connection after the other. */
export class Requests {
  readonly #engine: Engine;
  readonly #kick: () => void;
  readonly #asker: Asker;
  readonly #waiting = new Queue<Request>();
  readonly #asked = new Map<PacketId, Request>();
  /** How many connections ended over a filter, by kind of packet and filter. */
  readonly #losses = new Map<string, number>();
  #perPacket: number;
  #most = MOST;

  constructor(engine: Engine, filtersPerPacket: number, kick: () => void, asker: Asker) {
    this.#engine = engine;
    this.#perPacket = filtersPerPacket;
    this.#kick = kick;
    this.#asker = asker;
  }

  /** Whether an answer is awaited. */
  get awaited(): boolean {
    return this.#asked.size > 0;
  }

  /** How many are unanswered or wait for their turn. */
  get underWay(): number {
    return this.#asked.size + [...this.#waiting].length;
  }

  /** Asks for filters. */
  subscribe(topics: readonly string[], recipient?: Recipient): void {
    for (const filters of inPackets(topics, 3, this.#perPacket)) this.#waiting.push({ filters, recipient });
    this.pump();
  }

  /** Asks to be rid of filters; resolves when the broker has said so, or cannot say it any more. */
  async unsubscribe(topics: readonly string[]): Promise<void> {
    const answers: Promise<void>[] = [];
    for (const filters of inPackets(topics, 2, this.#perPacket)) {
      answers.push(new Promise((resolve) => this.#waiting.push({ filters, resolve })));
    }
    this.pump();
    await Promise.all(answers);
  }

  /** One packet at a time, or many. */
  set careful(value: boolean) {
    this.#most = value ? 1 : MOST;
    this.pump();
  }

  /** A packet is answered; false when it was not one of these. */
  settled({ id, reasons }: Settled): boolean {
    const request = this.#asked.get(id);
    if (request === undefined) return false;
    this.#asked.delete(id);
    const { filters, recipient, resolve } = request;
    if (this.#losses.size > 0) { for (const filter of filters) this.#losses.delete(key(request, filter)); }
    if (resolve === undefined) this.#asker.answered(filters, reasons, recipient);
    else {
      this.#asker.left(filters);
      resolve();
    }
    this.pump();
    return true;
  }

  /** The connection is gone, and with it every request. */
  offline(): void {
    const requests = [...this.#asked.values(), ...this.#waiting];
    this.#asked.clear();
    this.#waiting.clear();
    for (const { resolve } of requests) resolve?.();
  }

  /** The packet under way with this identifier, as what may have made the broker hang up. */
  suspect(id: PacketId): Suspect | undefined {
    const request = this.#asked.get(id);
    if (request === undefined) return undefined;
    const { filters, resolve } = request;
    const [first = ""] = filters;
    const losses = this.#losses;
    const asker = this.#asker;
    const what = `the ${resolve === undefined ? "subscription to" : "unsubscribing from"} ${first}${
      filters.length === 1 ? "" : ` and ${filters.length - 1} others`
    }`;
    return {
      what,
      get losses() {
        let most = 0;
        for (const filter of filters) most = Math.max(most, losses.get(key(request, filter)) ?? 0);
        return most;
      },
      set losses(value) {
        for (const filter of filters) losses.set(key(request, filter), value);
      },
      get isOver() {
        return this.losses === 0;
      },
      narrow: () => {
        if (filters.length > 1) this.#perPacket = Math.ceil(filters.length / 2);
      },
      condemn() {
        if (filters.length > 1) return;
        losses.delete(key(request, first));
        if (resolve !== undefined) asker.left(filters);
        else {
          const text = `the broker hangs up whenever it gets ${what}`;
          asker.failed(first, new ConnectionError("hung-up-on", text));
        }
      },
    };
  }

  /** Sends what waits for its turn, as far as there are identifiers. */
  pump(): void {
    const engine = this.#engine;
    while (this.#asked.size < this.#most && engine.state === "online" && engine.freeIds > 0) {
      const request = this.#waiting.shift();
      if (request === undefined) return;
      if (request.resolve !== undefined) this.#asked.set(engine.unsubscribe(request.filters), request);
      else {
        const wanted = request.filters.flatMap((topic) => {
          const qos = this.#asker.wanted(topic);
          return qos === undefined ? [] : [{ topic, qos }];
        });
        // All of them may have been given up meanwhile.
        if (wanted.length === 0) continue;
        const filters = wanted.map(({ topic }) => topic);
        this.#asked.set(engine.subscribe(wanted), { filters, recipient: request.recipient });
      }
      this.#kick();
    }
  }
}

/** A filter may be asked for, and to be left, by different packets. */
function key({ resolve }: Request, filter: string): string {
  return (resolve === undefined ? "+" : "-") + filter;
}

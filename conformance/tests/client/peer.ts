/**
 * A broker of few words on a network in memory: it accepts every connection and answers what it is asked, unless the
 * test does something else with a packet. For stories of several connections, where a script would be all answers.
 */
import type { Client } from "@minimqtt/client";
import {
  memory,
  type MemoryConnection,
  type MemoryNetwork,
  type MemoryOptions,
} from "@minimqtt/client/memory";
import { FakeClock } from "../../src/player/fake_clock.ts";
import { fromHex } from "../../src/wire/bytes.ts";
import { packet as toPacket } from "../../src/wire/wire.ts";
import { type Choice, connect } from "./stage.ts";

/** What came. */
export interface Packet {
  /** The first byte without its flags. */
  readonly type: number;
  readonly first: number;
  readonly body: Uint8Array;
  /** The identifier, where it has one. */
  readonly id: number;
  /** Topic of a PUBLISH, first filter of a SUBSCRIBE or UNSUBSCRIBE. */
  readonly topic: string;
  /** Filters of a SUBSCRIBE or UNSUBSCRIBE. */
  readonly filters: readonly string[];
  readonly text: string;
  /** Of the connection, from 1 on. */
  readonly connection: number;
}

/** What a test does with a packet: true when it is not to be answered. */
export type On = (packet: Packet, end: MemoryConnection) => boolean | void;

export const CONNECT = 0x10, PUBLISH = 0x30, PUBACK = 0x40, PUBREC = 0x50, PUBREL = 0x60, SUBSCRIBE = 0x80;
export const UNSUBSCRIBE = 0xa0, PINGREQ = 0xc0;

/** The broker of a test. */
export class Peer {
  /** How many connections it has accepted. */
  connections = 0;
  /** CONNACK in hex. */
  connack = "20020000";
  /** What has come, all connections together. */
  readonly packets: Packet[] = [];
  /** Where it is connected. */
  end: MemoryConnection | undefined;
  /** What becomes of a packet. */
  on: On;

  constructor(network: MemoryNetwork, on: On = () => {}) {
    this.on = on;
    void this.#accept(network);
  }

  /** The topics of the messages that have come, in order. */
  get topics(): string[] {
    return this.packets.filter(({ type }) => type === PUBLISH).map(({ topic }) => topic);
  }

  /** Sends bytes given in hex. */
  send(hex: string): Promise<void> {
    return write(this.end!, hex);
  }

  async #accept(network: MemoryNetwork): Promise<never> {
    for (;;) {
      const end = this.end = await network.accept();
      void this.#serve(end, ++this.connections).catch(() => {});
    }
  }

  async #serve(end: MemoryConnection, connection: number): Promise<void> {
    let held = new Uint8Array(0);
    for (let chunk = await end.read(); chunk !== null; chunk = await end.read()) {
      const bytes: Uint8Array<ArrayBuffer> = new Uint8Array(held.length + chunk.length);
      bytes.set(held);
      bytes.set(chunk, held.length);
      let at = 0;
      for (
        let packet = split(bytes, at, connection);
        packet !== null;
        packet = split(bytes, at, connection)
      ) {
        at = packet.next;
        this.packets.push(packet);
        const answer = this.on(packet, end) === true ? "" : this.#answer(packet);
        if (answer !== "") await write(end, answer);
      }
      held = bytes.slice(at);
    }
    // What is closed at the other end is closed here.
    await end.close();
  }

  #answer({ type, first, id, filters }: Packet): string {
    const hex = id.toString(16).padStart(4, "0");
    if (type === CONNECT) return this.connack;
    if (type === PUBLISH) return ["", `4002${hex}`, `5002${hex}`][first >> 1 & 3]!;
    if (type === PUBREL) return `7002${hex}`;
    if (type === SUBSCRIBE) return toPacket(0x90, hex + "00".repeat(filters.length));
    if (type === UNSUBSCRIBE) return `b002${hex}`;
    return type === PINGREQ ? "d000" : "";
  }
}

/** A client that is connected to a {@link Peer}. */
export async function served(
  choice: Choice = {},
  options: MemoryOptions = {},
  on: On = () => {},
): Promise<{ peer: Peer; client: Client; clock: FakeClock; network: MemoryNetwork }> {
  const network = memory(options);
  const peer = new Peer(network, on);
  const clock = new FakeClock();
  return { peer, client: await connect({ network, clock }, choice), clock, network };
}

/** One write at a time is what the contract allows. */
const writing = new WeakMap<MemoryConnection, Promise<void>>();

/** Writes bytes given in hex, behind what is being written; an end that is gone takes them and says nothing. */
export function write(end: MemoryConnection, hex: string): Promise<void> {
  const written = (writing.get(end) ?? Promise.resolve()).then(() => end.write(fromHex(hex))).catch(() => {});
  writing.set(end, written);
  return written;
}

const UTF8 = new TextDecoder();

function split(bytes: Uint8Array, from: number, connection: number): Packet & { next: number } | null {
  let at = from + 1;
  let length = 0;
  for (let shift = 0;; shift += 7) {
    if (at >= bytes.length) return null;
    const byte = bytes[at++]!;
    length += (byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  const next = at + length;
  if (next > bytes.length) return null;
  const first = bytes[from]!;
  const type = first & 0xf0;
  const body = bytes.slice(at, next);
  const u16 = (at: number) => body[at]! * 256 + body[at + 1]!;
  const filters: string[] = [];
  let id = 0;
  let rest = 2;
  if (type === PUBLISH) {
    filters.push(UTF8.decode(body.subarray(2, rest = 2 + u16(0))));
    if ((first & 6) > 0) {
      id = u16(rest);
      rest += 2;
    }
  } else if (type !== CONNECT && type < PINGREQ) {
    id = u16(0);
    while (type > PUBREL && rest < length) {
      const end = rest + 2 + u16(rest);
      filters.push(UTF8.decode(body.subarray(rest + 2, end)));
      rest = type === SUBSCRIBE ? end + 1 : end;
    }
  }
  const text = UTF8.decode(body.subarray(rest));
  return { type, first, body, id, topic: filters[0] ?? "", filters, text, connection, next };
}

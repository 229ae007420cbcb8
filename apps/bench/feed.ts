/**
 * A broker that costs nothing, within this process: a transport whose connection answers a client, drops what it
 * publishes, and gives floods of messages as fast as they are read.
 */
import type { Connection, Transport } from "@minimqtt/core";

/** The network of one client. */
export class Feed {
  readonly transport: Transport = {
    name: "feed",
    schemes: [{ name: "mqtt", port: 1883, secure: false }],
    connect: () => Promise.resolve(this.#connection),
  };
  readonly #connection: Connection = {
    read: () => this.#read(),
    write: (bytes) => {
      this.#written(bytes);
      return DONE;
    },
    close: () => {
      this.#ended = true;
      this.#wake();
      return DONE;
    },
  };
  readonly #answers: Uint8Array[] = [];
  #chunk: Uint8Array = NOTHING;
  #packet = 1;
  #left = 0;
  /** How many bytes of the last packet are still to come. */
  #rest = 0;
  #ended = false;
  #wake: () => void = () => {};

  /** Sends `count` messages of `bytes` bytes to `bench/topic`, in chunks of 64 KiB or one message. */
  flood(count: number, bytes: number): void {
    const packet = publishPacket("bench/topic", bytes);
    const perChunk = Math.max(1, Math.floor(65_536 / packet.length));
    this.#chunk = new Uint8Array(perChunk * packet.length);
    for (let i = 0; i < perChunk; i++) this.#chunk.set(packet, i * packet.length);
    this.#packet = packet.length;
    this.#left = count;
    this.#wake();
  }

  async #read(): Promise<Uint8Array | null> {
    for (;;) {
      const answer = this.#answers.shift();
      if (answer !== undefined) return answer;
      if (this.#left > 0) {
        const now = Math.min(this.#left, this.#chunk.length / this.#packet);
        this.#left -= now;
        // A chunk of its own, as from a socket.
        return this.#chunk.slice(0, now * this.#packet);
      }
      if (this.#ended) return null;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  /** A write begins with a packet, or goes on with one that was too large for the write before. */
  #written(bytes: Uint8Array): void {
    let at = Math.min(this.#rest, bytes.length);
    this.#rest -= at;
    while (at < bytes.length) {
      const first = bytes[at]!;
      let remaining = 0;
      let body = at + 1;
      for (let shift = 0;; shift += 7) {
        const byte = bytes[body++]!;
        remaining |= (byte & 0x7f) << shift;
        if (byte < 0x80) break;
      }
      const [high = 0, low = 0] = bytes.subarray(body, body + 2);
      if (first === 0x10) this.#answers.push(Uint8Array.of(0x20, 2, 0, 0));
      else if (first === 0x82) this.#answers.push(Uint8Array.of(0x90, 3, high, low, 0));
      else if (first === 0xa2) this.#answers.push(Uint8Array.of(0xb0, 2, high, low));
      at = body + remaining;
      this.#rest = Math.max(0, at - bytes.length);
    }
    this.#wake();
  }
}

function publishPacket(topic: string, bytes: number): Uint8Array {
  const name = new TextEncoder().encode(topic);
  const length: number[] = [];
  for (let rest = 2 + name.length + bytes; rest > 0; rest >>= 7) {
    length.push(rest & 0x7f | (rest > 0x7f ? 0x80 : 0));
  }
  const packet = new Uint8Array(1 + length.length + 2 + name.length + bytes).fill(0x61);
  packet.set([0x30, ...length, 0, name.length, ...name]);
  return packet;
}

const NOTHING = new Uint8Array(0);
const DONE = Promise.resolve();

/**
 * A broker that does what a test tells it: expects exact bytes, answers, misbehaves. It works over whatever accepts
 * connections, and knows nothing of MQTT but how long a packet is.
 *
 * @module
 */
import type { Connection } from "@minimqtt/core";
import { fromHex, toHex } from "./bytes.ts";

/** One side of a conversation, written down as it goes. */
export class ScriptedBroker {
  readonly #accept: () => Promise<Connection>;
  #connection: Connection | undefined;
  #unread: Uint8Array = new Uint8Array(0);

  /** Takes what waits for the next connection. */
  constructor(accept: () => Promise<Connection>) {
    this.#accept = accept;
  }

  /** The connection under way. */
  get connection(): Connection {
    if (this.#connection === undefined) throw new Error("the broker has no connection: accept() one first");
    return this.#connection;
  }

  /** Waits for the next connection. */
  async accept(): Promise<void> {
    this.#connection = await this.#accept();
    this.#unread = new Uint8Array(0);
  }

  /** Accepts a connection, expects a CONNECT of any content, and answers with `connack` in hex. */
  async welcome(connack = "20020000"): Promise<void> {
    await this.accept();
    const packet = await this.packet();
    if (!packet.startsWith("10")) throw new Error(`expected a CONNECT, got ${packet}`);
    await this.send(connack);
  }

  /** Sends bytes given in hex. */
  async send(hex: string): Promise<void> {
    await this.connection.write(fromHex(hex));
  }

  /**
   * Waits for exactly these bytes, given in hex; more may follow them.
   *
   * @throws {Error} when others come, or the end.
   */
  async expect(hex: string): Promise<void> {
    const expected = toHex(fromHex(hex));
    let got = "";
    while (got.length < expected.length && expected.startsWith(got)) {
      const bytes = await this.#take((expected.length - got.length) / 2);
      if (bytes === null) throw new Error(`expected ${brief(expected)}, got ${brief(got)}, then the end`);
      got += toHex(bytes);
    }
    if (got !== expected) throw new Error(`expected ${brief(expected)}, got ${brief(got)}`);
  }

  /** Waits for one whole packet and gives it in hex; an empty string at the end of the connection. */
  async packet(): Promise<string> {
    let hex = "";
    const byte = async () => {
      const bytes = await this.#take(1);
      if (bytes === null) return null;
      hex += toHex(bytes);
      return bytes[0]!;
    };
    if (await byte() === null) return "";
    let remaining = 0;
    for (let shift = 0;; shift += 7) {
      const next = await byte();
      if (next === null) return hex;
      remaining += (next & 0x7f) << shift;
      if (next < 0x80) break;
    }
    while (remaining > 0) {
      const bytes = await this.#take(remaining);
      if (bytes === null) break;
      hex += toHex(bytes);
      remaining -= bytes.length;
    }
    return hex;
  }

  /**
   * Waits for the client's end.
   *
   * @throws {Error} when bytes come before it.
   */
  async expectEnd(): Promise<void> {
    const bytes = await this.#take(Infinity);
    if (bytes !== null) throw new Error(`expected the end, got ${toHex(bytes)}`);
  }

  /** Ends the connection in good order. */
  async close(): Promise<void> {
    await this.connection.close();
  }

  /** Up to `most` bytes, at least one; null at the end. */
  async #take(most: number): Promise<Uint8Array | null> {
    if (this.#unread.length === 0) {
      const chunk = await this.connection.read();
      if (chunk === null) return null;
      this.#unread = chunk;
    }
    const bytes = this.#unread.subarray(0, Math.min(most, this.#unread.length));
    this.#unread = this.#unread.subarray(bytes.length);
    return bytes;
  }
}

/** Hex for a message: its beginning, if it is long. */
function brief(hex: string): string {
  if (hex === "") return "nothing";
  return hex.length <= 400 ? hex : `${hex.slice(0, 400)}... (${hex.length / 2} bytes)`;
}

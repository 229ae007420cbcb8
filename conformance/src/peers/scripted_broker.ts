/**
 * A broker that does what a test tells it: expects exact bytes, answers, misbehaves. It works over whatever accepts
 * connections, and knows nothing of MQTT but how long a packet is.
 *
 * @module
 */
import type { Connection } from "@minimqtt/core";
import { fromHex, toHex } from "../wire/bytes.ts";

/** A conversation went another way than its script. */
export class ScriptError extends Error {
  /** The class, for logs. */
  override readonly name = "ScriptError";
  /** What the script expected, in hex or in words. */
  readonly expected: string;
  /** What came in its place, in hex or in words. */
  readonly got: string;

  /** Takes what was expected and what came. */
  constructor(expected: string, got: string) {
    super(`expected ${brief(expected)}, got ${brief(got)}`);
    this.expected = expected;
    this.got = got;
  }
}

/** Waits for a promise, as long as it is of use; gives undefined when it is not any more. */
export type Patience = <Value>(promise: Promise<Value>) => Promise<Value | undefined>;

/** One side of a conversation, written down as it goes. */
export class ScriptedBroker {
  readonly #accept: () => Promise<Connection>;
  readonly #patience: Patience;
  #connection: Connection | undefined;
  #unread: Uint8Array = new Uint8Array(0);
  #reading: Promise<Uint8Array | null> | undefined;

  /** Takes what waits for the next connection, and how long the client is waited for: for ever when absent. */
  constructor(accept: () => Promise<Connection>, patience: Patience = (promise) => promise) {
    this.#accept = accept;
    this.#patience = patience;
  }

  /** The connection under way. */
  get connection(): Connection {
    if (this.#connection === undefined) throw new Error("the broker has no connection: accept() one first");
    return this.#connection;
  }

  /** Waits for the next connection. */
  async accept(): Promise<void> {
    const connection = await this.#patience(this.#accept());
    if (connection === undefined) throw new ScriptError("a connection", "none");
    this.#connection = connection;
    this.#unread = new Uint8Array(0);
    this.#reading = undefined;
  }

  /** Accepts a connection, expects a CONNECT of any content, and answers with `connack` in hex. */
  async welcome(connack = "20020000"): Promise<void> {
    await this.accept();
    const packet = await this.packet();
    if (!packet.startsWith("10")) throw new ScriptError("a CONNECT", packet);
    await this.send(connack);
  }

  /** Sends bytes given in hex. */
  async send(hex: string): Promise<void> {
    await this.connection.write(fromHex(hex));
  }

  /**
   * Waits for exactly these bytes, given in hex; more may follow them.
   *
   * @throws {ScriptError} when others come, or the end.
   */
  async expect(hex: string): Promise<void> {
    const expected = toHex(fromHex(hex));
    let got = "";
    while (got.length < expected.length && expected.startsWith(got)) {
      const bytes = await this.#take((expected.length - got.length) / 2);
      if (bytes === undefined) throw new ScriptError(expected, got);
      if (bytes === null) throw new ScriptError(expected, `${got || "nothing"}, then the end`);
      got += toHex(bytes);
    }
    if (got !== expected) throw new ScriptError(expected, got);
  }

  /** Waits for so many bytes, and gives them in hex; fewer if no more come. */
  async bytes(length: number): Promise<string> {
    let hex = "";
    while (hex.length < length * 2) {
      const bytes = await this.#take(length - hex.length / 2);
      if (!bytes) break;
      hex += toHex(bytes);
    }
    return hex;
  }

  /** What has come and was not asked for yet, in hex; it stays for the next. */
  async unread(): Promise<string> {
    while (this.#connection !== undefined && await this.#more());
    return toHex(this.#unread);
  }

  /** Everything up to the client's end, in hex. */
  async rest(): Promise<string> {
    const parts: string[] = [];
    for (let bytes = await this.#take(Infinity); bytes; bytes = await this.#take(Infinity)) {
      parts.push(toHex(bytes));
    }
    return parts.join("");
  }

  /** Waits for the client's end; gives what comes in its place, in hex, empty if that is nothing. */
  async end(): Promise<string | undefined> {
    const bytes = await this.#take(Infinity);
    return bytes === null ? undefined : toHex(bytes ?? new Uint8Array(0));
  }

  /** Waits for one whole packet and gives it in hex; an empty string at the end of the connection. */
  async packet(): Promise<string> {
    let hex = "";
    const byte = async () => {
      const bytes = await this.#take(1);
      if (!bytes) return null;
      hex += toHex(bytes);
      return bytes[0]!;
    };
    if (await byte() === null) return hex;
    let remaining = 0;
    for (let shift = 0;; shift += 7) {
      const next = await byte();
      if (next === null) return hex;
      remaining += (next & 0x7f) << shift;
      if (next < 0x80) break;
    }
    while (remaining > 0) {
      const bytes = await this.#take(remaining);
      if (!bytes) break;
      hex += toHex(bytes);
      remaining -= bytes.length;
    }
    return hex;
  }

  /**
   * Waits for the client's end.
   *
   * @throws {ScriptError} when bytes come before it.
   */
  async expectEnd(): Promise<void> {
    const got = await this.end();
    if (got !== undefined) throw new ScriptError("the end", got);
  }

  /** Ends the connection in good order. */
  async close(): Promise<void> {
    await this.connection.close();
  }

  /** Up to `most` bytes, at least one; null at the end, undefined when none come. */
  async #take(most: number): Promise<Uint8Array | null | undefined> {
    if (this.#unread.length === 0) {
      const more = await this.#more();
      if (!more) return more;
    }
    const bytes = this.#unread.subarray(0, Math.min(most, this.#unread.length));
    this.#unread = this.#unread.subarray(bytes.length);
    return bytes;
  }

  /** Reads on: true when bytes came, null at the end, undefined when nothing comes; the read then goes on. */
  async #more(): Promise<true | null | undefined> {
    this.#reading ??= this.connection.read();
    const chunk = await this.#patience(this.#reading);
    if (chunk === undefined) return undefined;
    this.#reading = undefined;
    if (chunk === null) return null;
    this.#unread = this.#unread.length === 0 ? chunk : join(this.#unread, chunk);
    return true;
  }
}

function join(one: Uint8Array, other: Uint8Array): Uint8Array {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}

/** Hex for a message: its beginning, if it is long. */
function brief(hex: string): string {
  if (hex === "") return "nothing";
  return hex.length <= 400 ? hex : `${hex.slice(0, 400)}... (${hex.length / 2} bytes)`;
}

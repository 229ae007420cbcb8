/**
 * What the two sides of a {@link import("./client.ts")} say to each other: one binary message per call and per answer,
 * a header in JSON and then bytes.
 *
 * @module
 */

/** What is asked of the server, and on which of its things. */
export interface Call {
  /** Of the caller's choice; the answer has it too. */
  readonly id: number;
  /** What to do. */
  readonly op: "listen" | "silent" | "accept" | "unlisten" | "read" | "write" | "reset" | "close";
  /** The listener or the peer to do it with. */
  readonly on?: number;
}

/** What became of a {@link Call}. */
export interface Answer {
  /** The call's. */
  readonly id: number;
  /** The listener or the peer that there is now. */
  readonly made?: number;
  /** Where it listens. */
  readonly port?: number;
  /** Whether the stream has ended. */
  readonly end?: boolean;
  /** Why it failed. */
  readonly error?: string;
}

/** Puts a header before bytes. */
export function pack(header: Call | Answer, bytes: Uint8Array = new Uint8Array(0)): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const frame = new Uint8Array(4 + text.length + bytes.length);
  new DataView(frame.buffer).setUint32(0, text.length);
  frame.set(text, 4);
  frame.set(bytes, 4 + text.length);
  return frame;
}

/** Takes header and bytes apart; the bytes are a view. */
export function unpack<Header extends Call | Answer>(
  frame: Uint8Array,
): { readonly header: Header; readonly bytes: Uint8Array } {
  const start = 4 + new DataView(frame.buffer, frame.byteOffset).getUint32(0);
  const header = JSON.parse(new TextDecoder().decode(frame.subarray(4, start))) as Header;
  return { header, bytes: frame.subarray(start) };
}

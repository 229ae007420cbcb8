/**
 * Packets in hex, put together apart from the code under test.
 */
import { toHex } from "./bytes.ts";

export interface PublishFields {
  readonly qos?: 0 | 1 | 2;
  readonly id?: number;
  readonly retain?: boolean;
  readonly dup?: boolean;
}

/** A PUBLISH; with QoS 1 and 2 its identifier is 1 when absent. */
export function publish(
  topic: string,
  payload: string | Uint8Array = "",
  fields: PublishFields = {},
): string {
  const { qos = 0, id = 1, retain = false, dup = false } = fields;
  const first = 0x30 | (dup ? 8 : 0) | qos << 1 | (retain ? 1 : 0);
  const body = typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
  return packet(first, field(topic) + (qos === 0 ? "" : u16(id)) + toHex(body));
}

/** A CONNECT of the identifier `golden`: flags and keep alive, and the fields behind the identifier in hex. */
export function connect(flags: number, fields = "", keepAlive = 60): string {
  return packet(
    0x10,
    "00044d51545404" + toHex(Uint8Array.of(flags)) + u16(keepAlive) + field("golden") + fields,
  );
}

/** A SUBSCRIBE to filters, each with its QoS. */
export function subscribe(
  id: number,
  ...filters: readonly (readonly [topic: string, qos: number])[]
): string {
  return packet(0x82, u16(id) + filters.map(([topic, qos]) => `${field(topic)}0${qos}`).join(""));
}

/** An UNSUBSCRIBE from filters. */
export function unsubscribe(id: number, ...filters: readonly string[]): string {
  return packet(0xa2, u16(id) + filters.map(field).join(""));
}

/** A packet: first byte, remaining length, body. */
export function packet(first: number, body: string): string {
  let length = "";
  let rest = body.length / 2;
  do {
    const more = rest > 127;
    length += toHex(Uint8Array.of(more ? rest % 128 + 128 : rest));
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return toHex(Uint8Array.of(first)) + length + body;
}

/** Text as UTF-8 behind its length. */
export function field(text: string): string {
  const bytes = new TextEncoder().encode(text);
  return u16(bytes.length) + toHex(bytes);
}

/** Two bytes. */
export function u16(value: number): string {
  return toHex(Uint8Array.of(value >> 8, value & 0xff));
}

/**
 * What the tests of the engine share: bytes as hex, and a bench with an engine on it.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Engine, type EngineOptions, type EngineState } from "../src/engine.ts";
import { type MqttError, ProtocolError } from "../src/errors.ts";
import type { EngineEvent, Offline, Settled } from "../src/events.ts";
import type { ConnectOptions, Message, PacketId } from "../src/packets.ts";
import { v4 } from "../src/v4/mod.ts";

/** Lower case, no separators. */
export function hex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}

/** The bytes that a text in hex means; blanks are for the eye. */
export function bytes(text: string): Uint8Array {
  const digits = text.replaceAll(/\s/g, "");
  const array = new Uint8Array(digits.length / 2);
  for (let i = 0; i < array.length; i++) array[i] = parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  return array;
}

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function text(array: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(array);
}

/** Two bytes, in hex. */
export function u16(value: number): string {
  return value.toString(16).padStart(4, "0");
}

/** A field behind its length, in hex: written apart from the code under test. */
export function field(value: string | Uint8Array): string {
  const array = typeof value === "string" ? utf8(value) : value;
  return u16(array.length) + hex(array);
}

/** A remaining length, in hex: written apart from the code under test, as the standard's pseudo code has it. */
export function remaining(length: number): string {
  let out = "";
  do {
    let byte = length % 128;
    length = Math.floor(length / 128);
    if (length > 0) byte += 128;
    out += byte.toString(16).padStart(2, "0");
  } while (length > 0);
  return out;
}

/** A whole packet, in hex. */
export function packet(first: number, body: string): string {
  return first.toString(16).padStart(2, "0") + remaining(body.length / 2) + body;
}

/** A PUBLISH, in hex. */
export function publish(
  topic: string,
  payload: string | Uint8Array = "",
  options: { qos?: number; id?: number; dup?: boolean; retain?: boolean } = {},
): string {
  const { qos = 0, id = 1, dup = false, retain = false } = options;
  const first = 0x30 | (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0);
  const body = typeof payload === "string" ? utf8(payload) : payload;
  return packet(first, field(topic) + (qos > 0 ? u16(id) : "") + hex(body));
}

export const CONNECT_OPTIONS: ConnectOptions = { clientId: "golden", cleanSession: true, keepAlive: 60 };
export const KEEP: ConnectOptions = { ...CONNECT_OPTIONS, cleanSession: false };
export const ACCEPTED = "20020000";
export const PRESENT = "20020100";
export const PONG_TIMEOUT = 10_000;

/** An engine, the time, and all events it gave. */
export class Bench {
  readonly engine: Engine;
  now = 0;

  constructor(options: Partial<EngineOptions> = {}) {
    this.engine = new Engine({ codec: v4, ...options });
  }

  /** A bench whose engine is online, with nothing to send. */
  static online(options: Partial<EngineOptions> = {}, connect: Partial<ConnectOptions> = {}): Bench {
    const bench = new Bench(options);
    bench.online(connect);
    return bench;
  }

  /** Opens a connection on which the server accepts; gives what the engine tells of it. */
  online(connect: Partial<ConnectOptions> = {}, connack: string = ACCEPTED): EngineEvent[] {
    this.open(connect);
    this.sent();
    const events = this.receive(connack);
    assertEquals(this.state, "online");
    return events;
  }

  open(connect: Partial<ConnectOptions> = {}): void {
    this.engine.opened({ ...CONNECT_OPTIONS, ...connect }, PONG_TIMEOUT, this.now);
  }

  get state(): EngineState {
    return this.engine.state;
  }

  /** All that waits to be sent, in hex. */
  sent(): string {
    let out = "";
    for (;;) {
      const batch = this.engine.take(this.now);
      if (batch === null) return out;
      out += hex(batch);
      this.engine.give(batch, this.now);
    }
  }

  /** The server sends; gives all events. */
  receive(...chunks: (string | Uint8Array)[]): EngineEvent[] {
    for (const chunk of chunks) {
      this.engine.receive(typeof chunk === "string" ? bytes(chunk) : chunk, this.now);
    }
    return this.pull();
  }

  pull(): EngineEvent[] {
    const events: EngineEvent[] = [];
    for (let event = this.engine.next(); event !== null; event = this.engine.next()) events.push(event);
    return events;
  }

  /** What the server sends makes exactly one event. */
  one(chunk: string): EngineEvent {
    const events = this.receive(chunk);
    assertEquals(events.length, 1, JSON.stringify(events));
    return events[0]!;
  }

  /** What the server sends is one message. */
  message(chunk: string): Message {
    const event = this.one(chunk);
    assert(event.type === "message", event.type);
    return event;
  }

  /** The connection breaks; gives all events. */
  drop(cause: MqttError | null = null): EngineEvent[] {
    this.engine.closed(cause);
    return this.pull();
  }

  tick(now: number): EngineEvent[] {
    this.now = now;
    this.engine.tick(now);
    return this.pull();
  }
}

export function settled(packet: number, id: PacketId, ...reasons: number[]): Settled {
  return { type: "settled", packet, id, reasons, properties: undefined };
}

export function progress(packet: number, id: PacketId, expected = true): EngineEvent {
  return { type: "progress", packet, id, expected };
}

export function lost(id: PacketId, released = false): EngineEvent {
  return { type: "lost", packet: 0, id, released };
}

/** The one `offline` event there must be, as the last. */
export function ending(events: readonly EngineEvent[]): Offline {
  const last = events.at(-1);
  assert(last?.type === "offline", `no offline event: ${JSON.stringify(events)}`);
  assertEquals(events.filter((event) => event.type === "offline").length, 1);
  return last;
}

/** The error of the one `offline` event. */
export function fault(events: readonly EngineEvent[]): MqttError {
  const { error } = ending(events);
  assert(error !== null, "offline without an error");
  return error;
}

/** The connection ended because the server broke `statement`. */
export function broke(events: readonly EngineEvent[], statement: string): ProtocolError {
  const error = fault(events);
  assert(error instanceof ProtocolError, `${error}`);
  assertEquals(error.statement, statement, error.message);
  return error;
}

/** A description of an event that can be compared, whatever arrays its bytes lie in. */
export function describeEvent(event: EngineEvent): string {
  if (event.type === "message") return JSON.stringify({ ...event, payload: hex(event.payload) });
  if (event.type === "offline") return `offline ${event.error?.code} ${event.error?.message}`;
  return JSON.stringify(event);
}

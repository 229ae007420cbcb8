/**
 * mqtt-packet, which MQTT.js stands on, as a second opinion, and where it differs from ours.
 */
import { assert, assertEquals } from "@std/assert";
import {
  type ConnectOptions,
  Engine,
  type EngineEvent,
  ProtocolError,
  RefusedError,
  v4,
} from "@minimqtt/core";
import { type Packet, parser } from "mqtt-packet";
import { Buffer } from "node:buffer";
import { fromHex, toHex } from "../../src/wire/bytes.ts";

export const OPTIONS: ConnectOptions = { clientId: "oracle", cleanSession: false, keepAlive: 60 };

/** The packets that mqtt-packet finds, and the error that ends them; the last may be cut unless all are `whole`. */
export function read(
  bytes: Uint8Array,
  { whole = true }: { readonly whole?: boolean } = {},
): { packets: Packet[]; error: string | undefined } {
  const packets: Packet[] = [];
  let error: string | undefined;
  const reader = parser({ protocolVersion: 4 });
  reader.on("packet", (found: Packet) => packets.push(found));
  reader.on("error", (fault: Error) => error ??= fault.message);
  const left = reader.parse(Buffer.from(bytes));
  if (whole && error === undefined) assertEquals(left, 0, "nothing is left over");
  return { packets, error };
}

/** An engine that is connected. */
export function online(): Engine {
  const engine = new Engine({ codec: v4 });
  engine.opened(OPTIONS, 10_000, 0);
  engine.take(0);
  engine.receive(fromHex("20020000"), 0);
  engine.next();
  return engine;
}

/** The events of bytes that arrive. */
export function received(bytes: Uint8Array, engine: Engine = online()): EngineEvent[] {
  engine.receive(bytes, 0);
  const events: EngineEvent[] = [];
  for (let event = engine.next(); event !== null; event = engine.next()) events.push(event);
  return events;
}

/**
 * What mqtt-packet takes and we do not, by the statement that forbids it. (Nothing is the other way round.)
 *
 * Each with an example; random packets below may only differ for one of these reasons.
 */
export const STRICTER: Readonly<Record<string, readonly string[]>> = {
  "MQTT-4.8.0-1": ["c000", "e000", "8206000100017400", "a2050001000174"], // only a client sends these
  "MQTT-2.3.1-1": ["3203000161", "340400016100", "3206000174000078", "40020000", "62020000"], // no identifier
  "MQTT-3.3.1-2": ["380400017478"], // DUP with QoS 0
  "MQTT-3.3.2-2": ["30050003612f2b", "3003000123"], // wildcards in a topic name
  "MQTT-4.7.3-1": ["30020000"], // no topic at all
  "MQTT-1.5.3-1": ["30040002c328", "30050003eda080"], // ill-formed UTF-8, which it mends
  "MQTT-1.5.3-2": ["30050003610062"], // U+0000
  "MQTT-3.8.4-5": ["90020001"], // SUBACK without a code
  "section 3.4.1": ["4003000100", "4000"], // lengths that are fixed
  "section 3.5.1": ["500100"],
  "section 3.6.1": ["6203000100"],
  "section 3.7.1": ["700400010000"],
  "section 3.13.1": ["d00100"],
  "section 3.2": ["20020000"], // a second CONNACK: mqtt-packet keeps no state
  "section 3.2.1": ["200100", "2003000000"],
};

/** The statement for which we have closed, if we have; a refusal by the server has none. */
export function statementOf(events: readonly EngineEvent[]): string | undefined {
  const last = events.at(-1);
  if (last?.type !== "offline") return undefined;
  if (last.error instanceof RefusedError) return undefined;
  assert(last.error instanceof ProtocolError, `${last.error}`);
  return last.error.statement;
}

/** Our event says what their packet says. */
export function assertSame(event: EngineEvent, found: Packet | undefined): void {
  assert(found !== undefined, `mqtt-packet does not see ${event.type}`);
  assertEquals(NAMES[event.packet >> 4], found.cmd);
  if (event.type === "message") {
    assert(found.cmd === "publish");
    assertEquals(
      [event.topic, toHex(event.payload), event.qos, event.retain, event.duplicate, event.id],
      [found.topic, toHex(found.payload as Buffer), found.qos, found.retain, found.dup, found.messageId ?? 0],
    );
  } else if (event.type === "progress") {
    assertEquals(event.id, found.messageId);
  }
}

/** mqtt-packet's names, by packet type. */
const NAMES: Readonly<Record<number, string>> = {
  2: "connack",
  3: "publish",
  4: "puback",
  5: "pubrec",
  6: "pubrel",
  7: "pubcomp",
  9: "suback",
  11: "unsuback",
  13: "pingresp",
};

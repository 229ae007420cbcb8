/**
 * MQTT 5 for tests: packets of a server and of a client through `mqtt-packet`, the second opinion, and properties at
 * random.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Buffer } from "node:buffer";
import { generate, type Packet, parser } from "mqtt-packet";
import type { EngineOptions } from "../src/engine.ts";
import type { EngineEvent } from "../src/events.ts";
import type { ConnackProperties, ConnectProperties } from "../src/properties.ts";
import { v5 } from "../src/v5/mod.ts";
import { Bench, bytes, hex } from "./support.ts";

/** A packet as `mqtt-packet` knows it; its types know less than it does. */
export type Loose = Record<string, unknown>;

/** A packet of a server, in hex. */
export function server(packet: Loose): string {
  return hex(generate(packet as unknown as Packet, { protocolVersion: 5 }));
}

/** What a client sent, as a server understands it. */
export function understood(stream: string): Loose[] {
  const packets: Loose[] = [];
  const reader = parser({ protocolVersion: 5 });
  reader.on("packet", (packet: unknown) => packets.push(packet as Loose));
  reader.on("error", (error: unknown) => {
    throw error;
  });
  assertEquals(reader.parse(Buffer.from(bytes(stream))), 0, "all of it makes whole packets");
  return packets;
}

/** Properties as `mqtt-packet` has them. */
export function toOracle(properties: object): Loose {
  const { userProperties, subscriptionIdentifiers, ...rest } = properties as {
    userProperties?: readonly (readonly [string, string])[];
    subscriptionIdentifiers?: readonly number[];
  };
  const oracle: Loose = { ...rest };
  for (const [name, value] of Object.entries(oracle)) {
    if (value instanceof Uint8Array) oracle[name] = Buffer.from(value);
  }
  // What is grouped already stays so.
  if (userProperties instanceof Array) oracle["userProperties"] = grouped(userProperties);
  else if (userProperties !== undefined) {
    oracle["userProperties"] = Object.fromEntries(Object.entries(userProperties));
  }
  if (subscriptionIdentifiers !== undefined) oracle["subscriptionIdentifier"] = [...subscriptionIdentifiers];
  return oracle;
}

/** Pairs by their names: all that `mqtt-packet` tells of their order. */
export function grouped(pairs: readonly (readonly [string, string])[]): Record<string, string | string[]> {
  const record: Record<string, string | string[]> = {};
  for (const [name, value] of pairs) {
    const before = record[name];
    record[name] = before === undefined ? value : [...before instanceof Array ? before : [before], value];
  }
  return record;
}

/** Properties in a form that can be compared with those of {@link toOracle}. */
export function comparable(properties: object | undefined): Loose {
  const oracle = toOracle(properties ?? {});
  const identifiers = oracle["subscriptionIdentifier"];
  // One alone is no list there.
  if (identifiers instanceof Array && identifiers.length === 1) {
    oracle["subscriptionIdentifier"] = identifiers[0];
  }
  for (const [name, value] of Object.entries(oracle)) {
    if (value instanceof Uint8Array) oracle[name] = hex(value);
  }
  return oracle;
}

const text = fc.string({
  unit: fc.constantFrom("a", "/", " ", "é", "€", "\ufeff", "😀", "\x01"),
  maxLength: 9,
});
const topic = fc.string({ unit: fc.constantFrom("a", "/", "é", "😀"), minLength: 1, maxLength: 9 });
const data = fc.uint8Array({ maxLength: 9 });
const two = fc.oneof(fc.nat(300), fc.nat(65_535), fc.constantFrom(0, 65_535));
const four = fc.oneof(
  fc.nat(300),
  fc.nat(4_294_967_295),
  fc.constantFrom(0, 65_536, 0x8000_0000, 4_294_967_295),
);
const positive = (arb: fc.Arbitrary<number>) => arb.map((value) => value || 1);
const identifier = fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 268_435_455 }));

/** Names that come more than once stand together, and have values, for `mqtt-packet` cannot tell them otherwise. */
const pairs = fc.array(fc.tuple(fc.constantFrom("a", "b", "é"), topic), { minLength: 1, maxLength: 5 })
  .map((list) => list.sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0));

/** A value of each property, by its name. */
export const VALUES = {
  payloadFormatIndicator: fc.boolean(),
  messageExpiryInterval: four,
  contentType: text,
  responseTopic: topic,
  correlationData: data,
  subscriptionIdentifier: identifier,
  subscriptionIdentifiers: fc.array(identifier, { minLength: 1, maxLength: 3 }),
  sessionExpiryInterval: four,
  assignedClientIdentifier: text,
  serverKeepAlive: two,
  authenticationMethod: text,
  authenticationData: data,
  requestProblemInformation: fc.boolean(),
  willDelayInterval: four,
  requestResponseInformation: fc.boolean(),
  responseInformation: text,
  serverReference: text,
  reasonString: text,
  receiveMaximum: positive(two),
  topicAliasMaximum: two,
  maximumQoS: fc.nat(1),
  retainAvailable: fc.boolean(),
  userProperties: pairs,
  maximumPacketSize: positive(four),
  wildcardSubscriptionAvailable: fc.boolean(),
  subscriptionIdentifiersAvailable: fc.boolean(),
  sharedSubscriptionAvailable: fc.boolean(),
} as const;

/** Some of the properties named. */
export function some(...names: readonly (keyof typeof VALUES)[]): fc.Arbitrary<object> {
  return fc.record(Object.fromEntries(names.map((name) => [name, VALUES[name]])), { requiredKeys: [] });
}

/** A CONNACK of MQTT 5, in hex. */
export function connack(properties: ConnackProperties = {}, sessionPresent = false): string {
  return server({ cmd: "connack", reasonCode: 0, sessionPresent, properties: toOracle(properties) });
}

/** What the tests connect with. */
export interface Setting {
  /** Of the engine. */
  readonly options?: Partial<EngineOptions>;
  /** Of CONNECT. */
  readonly ours?: ConnectProperties;
  /** Of CONNACK. */
  readonly theirs?: ConnackProperties;
  /** Whether a session is asked for. */
  readonly keep?: boolean;
  /** Whether topics may be sent as numbers. */
  readonly topicAliases?: boolean;
}

/** A bench that speaks MQTT 5 and is online, with nothing to send. */
export function online(setting: Setting = {}): Bench {
  const bench = new Bench({ codec: v5, ...setting.options });
  again(bench, setting, false);
  return bench;
}

/** Opens a connection on which the server accepts; gives what the engine tells of it. */
export function again(bench: Bench, setting: Setting = {}, sessionPresent = true): EngineEvent[] {
  const { ours, theirs, keep = false, topicAliases } = setting;
  return bench.online(
    { cleanSession: !keep, properties: ours, topicAliases },
    connack(theirs, sessionPresent),
  );
}

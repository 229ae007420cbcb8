/**
 * The pure core of MiniMQTT: the codecs for MQTT 3.1.1 and 5, the protocol as a state machine, topics, errors, and the
 * contract that transports fulfil. It imports nothing, opens nothing, and reads no clock.
 *
 * @module
 */
export type { Codec, Wire } from "./codec.ts";
export { Engine, type EngineOptions, type EngineState } from "./engine.ts";
export * from "./errors.ts";
export type * from "./events.ts";
export { Inbox } from "./inbox.ts";
export { MQTTMatcher } from "./matcher.ts";
export { Outbox } from "./outbox.ts";
export type { Flight, Outgoing, Request } from "./outgoing.ts";
export * from "./packets.ts";
export type * from "./properties.ts";
export { checkFilter, checkTopic, matches } from "./topic.ts";
export type * from "./transport.ts";
export { v4 } from "./v4/mod.ts";
export { v5 } from "./v5/mod.ts";

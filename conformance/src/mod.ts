/**
 * The contracts of MiniMQTT as test suites, for whoever fulfils one of them.
 *
 * @module
 */

export { behaviours, gaps, mentioned, statements } from "./inventory/inventory.ts";
export type { Behaviour, Gap, Statement, Verdict } from "./inventory/inventory.ts";
export { register } from "./case.ts";
export type { Case, Depth, Level, Test } from "./case.ts";
export { runCase } from "./runner/run.ts";
export type { FailedCheck, Result } from "./runner/run.ts";
export { transportCases, transportSuite } from "./transport/suite.ts";
export type { Capability, Listener, Peer, TransportFixture } from "./transport/fixture.ts";
export type { Pace } from "./transport/pace.ts";
export { ScriptedBroker, ScriptError } from "./peers/scripted_broker.ts";
export type { Patience } from "./peers/scripted_broker.ts";
export type {
  CallbackName,
  Command,
  Failure,
  Reaction,
  Scenario,
  ScenarioOptions,
  Step,
} from "./player/scenario.ts";
/** What scenarios are written with. */
export * as steps from "./player/scenario.ts";
export { clientCases, memoryCases } from "./player/client.ts";
export { engineCases } from "./player/engine.ts";
export { flightCases } from "./player/flight_cases.ts";
export { ScenarioError } from "./player/play.ts";
export { describe } from "./player/words.ts";
export { scenarios } from "./scenarios/mod.ts";

// What the types above are made of.
export type { Clock, MQTTOptions } from "@minimqtt/client";
export type {
  Address,
  Connection,
  ConnectionCode,
  DialOptions,
  Millis,
  MqttErrorCode,
  Payload,
  ProtocolCode,
  RefusedCode,
  Scheme,
  Transport,
  UsageCode,
} from "@minimqtt/core";

/**
 * The contracts of MiniMQTT as test suites, for whoever fulfils one of them.
 *
 * @module
 */

export { behaviours, gaps, mentioned, statements } from "./inventory.ts";
export type { Behaviour, Gap, Statement, Verdict } from "./inventory.ts";
export { register } from "./case.ts";
export type { Case, Depth, Test } from "./case.ts";
export { runCase } from "./run.ts";
export type { FailedCheck, Result } from "./run.ts";
export { transportCases, transportSuite } from "./transport_suite.ts";
export type { Capability, Listener, Peer, TransportFixture } from "./transport_suite.ts";
export { ScriptedBroker, ScriptError } from "./scripted_broker.ts";
export type { Patience } from "./scripted_broker.ts";
export type {
  CallbackName,
  Command,
  Failure,
  Reaction,
  Scenario,
  ScenarioOptions,
  Step,
} from "./scenario.ts";
/** What scenarios are written with. */
export * as steps from "./scenario.ts";
export { clientCases, memoryCases } from "./scenario_client.ts";
export { engineCases } from "./scenario_engine.ts";
export { flightCases } from "./engine_cases.ts";
export { ScenarioError } from "./scenario_play.ts";
export { describe } from "./scenario_words.ts";
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

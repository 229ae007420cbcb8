/**
 * The contracts of MiniMQTT as test suites, for whoever fulfils one of them.
 *
 * @module
 */

export { behaviours, gaps, mentioned, statements } from "./inventory.ts";
export type { Behaviour, Gap, Statement, Verdict } from "./inventory.ts";
export { register } from "./case.ts";
export type { Case, Depth, Test } from "./case.ts";
export { transportCases, transportSuite } from "./transport_suite.ts";
export type { Capability, Listener, Peer, TransportFixture } from "./transport_suite.ts";
export { ScriptedBroker, ScriptError } from "./scripted_broker.ts";
export type { Patience } from "./scripted_broker.ts";
export type { Command, Failure, Reaction, Scenario, ScenarioOptions, Step } from "./scenario.ts";
export { clientCases, memoryCases } from "./scenario_client.ts";
export { engineCases } from "./scenario_engine.ts";
export { ScenarioError } from "./scenario_play.ts";
export { describe } from "./scenario_words.ts";
export { scenarios } from "./scenarios/mod.ts";

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

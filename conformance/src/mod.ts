/**
 * The contracts of MiniMQTT as test suites, for whoever fulfils one of them.
 *
 * @module
 */

export { transportSuite } from "./transport_suite.ts";
export type { Capability, Listener, Peer, Test, TransportFixture } from "./transport_suite.ts";
export { behaviours, gaps, mentioned, statements } from "./inventory.ts";
export type { Behaviour, Gap, Statement, Verdict } from "./inventory.ts";

import { afterAll, describe, it } from "@std/testing/bdd";
import { fixture, peersMissing, stopPeers } from "../../src/fixtures/ws.ts";
import { clientCases, register, scenarios } from "../../src/mod.ts";

const missing = peersMissing();

describe("scenarios on MQTT over WebSocket", () => {
  afterAll(stopPeers);
  const cases = clientCases(scenarios, fixture);
  register(it, missing === null ? cases : cases.map((one) => ({ ...one, skip: missing })));
});

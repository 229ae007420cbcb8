import { afterAll, describe, it } from "@std/testing/bdd";
import { fixture, peersMissing, stopPeers } from "../../src/fixtures/ws.ts";
import { register, transportCases } from "../../src/mod.ts";

const missing = peersMissing();

describe("ws keeps the transport contract", () => {
  afterAll(stopPeers);
  const cases = transportCases(fixture);
  register(it, missing === null ? cases : cases.map((one) => ({ ...one, skip: missing })));
});

import { afterAll, describe, it } from "@std/testing/bdd";
import { fixture, stopPeers } from "../src/fixtures/ws.ts";
import { transportSuite } from "../src/mod.ts";

describe("ws keeps the transport contract", () => {
  afterAll(stopPeers);
  transportSuite(it, fixture);
});

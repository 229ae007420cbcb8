import { describe, it } from "@std/testing/bdd";
import { opensslMissing } from "../../src/peers/certificates.ts";
import { fixture } from "../../src/fixtures/tls.ts";
import { clientCases, register, scenarios } from "../../src/mod.ts";

/** Enough to prove the plumbing: each case shakes hands. `npm run conformance` plays them all. */
const AREAS = ["07 acknowledged", "11 receive", "16 disconnect", "17 loss", "19 session"];

const missing = opensslMissing();

describe("scenarios on MQTT over TLS", () => {
  const cases = clientCases(scenarios.filter(({ area }) => AREAS.includes(area)), fixture);
  register(it, missing === null ? cases : cases.map((one) => ({ ...one, skip: missing })));
});

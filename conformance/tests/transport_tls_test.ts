import { describe, it } from "@std/testing/bdd";
import { opensslMissing } from "../src/certificates.ts";
import { fixture, tlsFixture, veiledTcp } from "../src/fixtures/tls.ts";
import { transportSuite } from "../src/mod.ts";
import type { Test } from "../src/mod.ts";

const reason = opensslMissing();
const test: Test = reason === null ? it : Object.assign(
  (name: string, run: () => Promise<void>) => it.skip(`${name} (skipped: ${reason})`, run),
  { skip: it.skip },
);

describe("tls keeps the transport contract", () => transportSuite(test, fixture));

// Elsewhere than on Deno tls() encrypts a socket within the runtime, and over other transports a stream.
describe("tls over any transport keeps the transport contract", () => {
  transportSuite(test, tlsFixture(veiledTcp()));
});

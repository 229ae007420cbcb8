import { describe } from "@std/testing/bdd";
import { fixture, tlsFixture, veiledTcp } from "../../src/fixtures/tls.ts";
import { transportSuite } from "../../src/mod.ts";
import { certified } from "../tls/stage.ts";

describe("tls keeps the transport contract", () => transportSuite(certified, fixture));

// Elsewhere than on Deno tls() encrypts a socket within the runtime, and over other transports a stream.
describe("tls over any transport keeps the transport contract", () => {
  transportSuite(certified, tlsFixture(veiledTcp()));
});

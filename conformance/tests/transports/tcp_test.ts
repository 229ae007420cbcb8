import { tcp as nodeTcp } from "@minimqtt/transport-tcp/node";
import { describe, it } from "@std/testing/bdd";
import { fixture, tcpFixture } from "../../src/fixtures/tcp.ts";
import { transportSuite } from "../../src/mod.ts";

describe("tcp keeps the transport contract (MM-195)", () => transportSuite(it, fixture));

// Elsewhere tcp() is made of node:net, and the tests above are these.
if ("Deno" in globalThis) {
  describe("tcp by node:net keeps the transport contract on Deno", () => {
    transportSuite(it, tcpFixture(nodeTcp()));
  });
}

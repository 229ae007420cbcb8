import { tcp } from "@minimqtt/transport-tcp";
import { tcp as nodeTcp } from "@minimqtt/transport-tcp/node";
import { describe, it } from "@std/testing/bdd";
import { transportSuite } from "../src/mod.ts";
import type { TransportFixture } from "../src/mod.ts";
import { listen } from "./net_listener.ts";
import { silentAddress } from "./silent_address.ts";

const fixture: TransportFixture = {
  transport: tcp(),
  listen: () => listen("127.0.0.1"),
  silent: silentAddress,
  // The system's socket buffers, sending and receiving, grow by themselves: on Linux to 4 MiB and 6 to 32 MiB.
  slack: 40 * 1_048_576,
  unknown: { host: "nowhere.invalid", port: 1883 },
};

describe("tcp keeps the transport contract", () => transportSuite(it, fixture));

// Elsewhere tcp() is made of node:net, and the tests above are these.
if ("Deno" in globalThis) {
  describe("tcp by node:net keeps the transport contract on Deno", () => {
    transportSuite(it, { ...fixture, transport: nodeTcp() });
  });
}

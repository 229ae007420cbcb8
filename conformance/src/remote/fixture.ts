/**
 * The fixture of WebSocket, for whoever has a server for peers: also for a page, so it needs nothing of any runtime.
 *
 * @module
 */

import { ws } from "@minimqtt/transport-ws";
import type { TransportFixture } from "../transport/fixture.ts";
import type { RemotePeers } from "./client.ts";

/** Makes the fixture; `peers` is asked anew for each listener. */
export function remoteFixture(peers: () => Promise<RemotePeers>): TransportFixture {
  // Node and browsers keep to themselves why they could not connect.
  const tells = "Deno" in globalThis || "Bun" in globalThis;
  return {
    transport: ws(),
    listen: async () => (await peers()).listen(),
    silent: async () => (await peers()).silent(),
    unknown: { host: "nowhere.invalid", port: 80 },
    lacks: {
      halfClose: "a WebSocket cannot end one direction",
      restraint: "a WebSocket cannot stop the sender",
      ...(!tells && { unknown: "this runtime does not say why a WebSocket could not be opened" }),
    },
    slack: BUFFERS,
  };
}

/** What the system's buffers of two sockets, which grow by themselves, and a browser's own may hold. */
const BUFFERS = 48 * 1_048_576;

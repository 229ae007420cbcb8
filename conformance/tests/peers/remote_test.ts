import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { connect } from "node:net";
import { remotePeers } from "../../src/remote/client.ts";
import { startPeerServer } from "../../src/remote/server.ts";
import { runtime } from "../programs/programs.ts";

const reason = runtime === "node" ? "" : " (skipped: the server for peers runs on Node)";
const test = reason === "" ? it : it.skip;

describe("the server for peers", () => {
  test(`ends with its caller what came to its listeners, also what is no WebSocket yet${reason}`, async () => {
    const server = await startPeerServer();
    const peers = await remotePeers(server.url);
    const { address } = await peers.listen();
    const socket = connect(address.port, "127.0.0.1");
    await new Promise<void>((resolve) => socket.once("connect", resolve));
    const closed = new Promise<string>((resolve) => socket.once("close", () => resolve("closed")));
    socket.on("error", () => {});
    peers.stop();
    await server.stop();
    const late = new Promise<string>((resolve) => setTimeout(resolve, 2000, "still open").unref());
    assertEquals(await Promise.race([closed, late]), "closed");
    socket.destroy();
  });
});

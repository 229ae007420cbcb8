import { ConnectionError } from "@minimqtt/core";
import { ws } from "@minimqtt/transport-ws";
import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { moods, startSilentPeer } from "./silent_peer.ts";

describe("ws and a peer that does not answer the closing handshake", () => {
  for (const mood of moods) {
    it(`close leaves no socket to a peer that then sends ${mood}`, async () => {
      await using peer = await startSilentPeer(mood);
      const connection = await ws().connect({ host: "127.0.0.1", port: peer.port });
      assertEquals((await connection.read())?.length, 2);
      await connection.close();
      assertEquals(await Promise.race([peer.gone(), late()]), undefined);
    });
  }

  it("connect leaves no socket to a peer that it refuses", async () => {
    await using peer = await startSilentPeer("nothing", "other");
    const attempt = () => ws().connect({ host: "127.0.0.1", port: peer.port });
    assertEquals((await assertRejects(attempt, ConnectionError)).code, "dial-failed");
    assertEquals(await Promise.race([peer.gone(), late()]), undefined);
  });

  it("close breaks off its own socket, and no other one that was opened at the same time", async () => {
    await using peer = await startSilentPeer("nothing");
    await using other = await startSilentPeer("nothing");
    const address = { host: "127.0.0.1", port: peer.port };
    const [one, two, three] = await Promise.all([
      ws().connect({ host: "127.0.0.1", port: other.port }),
      ws().connect(address),
      ws().connect({ host: "127.0.0.1", port: other.port }),
    ]);
    await two.close();
    assertEquals(await Promise.race([peer.gone(), late()]), undefined);
    assertEquals(await Promise.race([other.gone(), late(100)]), "the socket is still there");
    await Promise.all([one.close(), three.close()]);
  });

  it("a program ends after close, and does not wait for the peer", async () => {
    await using peer = await startSilentPeer("nothing");
    const program = fileURLToPath(new URL("close_at.ts", import.meta.url));
    const flags = "Deno" in globalThis ? ["run", "--quiet", "-A"] : [];
    const child = spawn(process.execPath, [...flags, program, `${peer.port}`], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let printed = "";
    child.stdout.on("data", (text) => printed += text);
    const patience = setTimeout(() => child.kill("SIGKILL"), 20_000);
    const code = await new Promise((resolve) => child.on("close", (code) => resolve(code)));
    clearTimeout(patience);
    assertEquals([printed, code], ["closed after 2 bytes\n", 0]);
  });
});

/** Well after the second that closing may take. */
function late(time = 5000): Promise<string> {
  return new Promise((resolve) => setTimeout(resolve, time, "the socket is still there"));
}

import { assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { WebSocketServer } from "ws";

describe("ws on Deno", () => {
  const title = "connect needs --allow-net=127.0.0.1:PORT and nothing else";
  const test = "Deno" in globalThis
    ? (run: () => Promise<void>) => it(title, run)
    : (run: () => Promise<void>) => it.skip(`${title} (skipped: only Deno has permissions)`, run);
  test(async () => {
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0, handleProtocols: () => "mqtt" });
    server.on("connection", (socket) => socket.on("message", (bytes: Uint8Array) => socket.send(bytes)));
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    assertEquals(await roundTrip(port, `--allow-net=127.0.0.1:${port}`), "echoed 3");
    const denied = await roundTrip(port, "--allow-net=127.0.0.1:1");
    assertStringIncludes(denied, `not-permitted not allowed to connect to 127.0.0.1:${port}: `);
    assertStringIncludes(denied, `run with --allow-net=127.0.0.1:${port}`);
    await new Promise((resolve) => server.close(resolve));
  });
});

/** The part of Deno's global that is used. Its `node:child_process` gives a Deno that it starts all permissions. */
interface Runtime {
  readonly Deno: {
    execPath(): string;
    readonly Command: new (program: string, options: { readonly args: readonly string[] }) => {
      output(): Promise<{ readonly stdout: Uint8Array; readonly stderr: Uint8Array }>;
    };
  };
}

/** Runs `round_trip.ts` in a Deno of its own with this permission; gives what it prints. */
async function roundTrip(port: number, permission: string): Promise<string> {
  const { Deno } = globalThis as unknown as Runtime;
  const program = fileURLToPath(new URL("round_trip.ts", import.meta.url));
  const args = ["run", "--no-prompt", "--no-check", permission, program, `${port}`];
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  return (new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr)).trim();
}

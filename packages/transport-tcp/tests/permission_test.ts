import { assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";
import { fileURLToPath } from "node:url";

const ipv6 = Object.values(networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === "::1")
);

describe("tcp on Deno", () => {
  for (const host of ["127.0.0.1", "localhost", "[::1]"]) {
    const reason = !("Deno" in globalThis)
      ? " (skipped: only Deno has permissions)"
      : host === "[::1]" && !ipv6
      ? " (skipped: this machine has no IPv6)"
      : "";
    const title = `connect needs --allow-net=${host}:PORT and nothing else${reason}`;
    (reason === "" ? it : it.skip)(title, async () => {
      const name = host.replace(/[[\]]/g, "");
      const server = createServer((socket) => socket.pipe(socket));
      await new Promise<void>((resolve) => server.listen(0, name, resolve));
      const { port } = server.address() as AddressInfo;
      assertEquals(await run([`--allow-net=${host}:${port}`], name, port), "echoed 3");
      const denied = await run([], name, port);
      assertStringIncludes(denied, `not-permitted not allowed to connect to ${host}:${port}: `);
      assertStringIncludes(denied, `run with --allow-net=${host}:${port}`);
      await new Promise((resolve) => server.close(resolve));
    });
  }
});

/** The part of Deno's global that is used. Its `node:child_process` gives a Deno that it starts all permissions. */
interface Runtime {
  readonly Deno: {
    execPath(): string;
    readonly Command: new (program: string, options: { args: readonly string[] }) => {
      output(): Promise<{ stdout: Uint8Array; stderr: Uint8Array }>;
    };
  };
}

/** Runs `round_trip.ts` in a Deno of its own with these permissions; gives what it prints. */
async function run(permissions: readonly string[], host: string, port: number): Promise<string> {
  const { Deno } = globalThis as unknown as Runtime;
  const program = fileURLToPath(new URL("round_trip.ts", import.meta.url));
  const args = ["run", "--no-prompt", "--no-check", ...permissions, program, host, `${port}`];
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  const decoder = new TextDecoder();
  return (decoder.decode(stdout) + decoder.decode(stderr)).trim();
}

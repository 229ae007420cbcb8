import { assertEquals, assertStringIncludes } from "@std/assert";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { type Mosquitto, startMosquitto } from "../../src/peers/brokers.ts";
import { authority } from "../../src/fixtures/tls.ts";
import { run, runtime } from "../programs/programs.ts";
import { ready, test } from "./stage.ts";

let broker: Mosquitto;
beforeAll(async () => {
  if (!ready || runtime !== "deno") return;
  const { certFile, keyFile } = authority().issue();
  broker = await startMosquitto({ tls: { cert: certFile, key: keyFile } });
});
afterAll(() => broker?.stop());

describe("tls on Deno", () => {
  for (const host of ["127.0.0.1", "localhost"]) {
    onDeno(`connect needs --allow-net=${host}:PORT and nothing else`, async () => {
      const { cert } = authority();
      const net = `--allow-net=${host}:${broker.tlsPort}`;
      assertEquals(await connects(host, cert, [net]), "connected");
      // With no permission at all, Deno's node:child_process gives a Deno that it starts all of them.
      const denied = await connects(host, cert, [`--allow-net=${host}:1`]);
      assertStringIncludes(denied, `not-permitted not allowed to connect to ${host}:${broker.tlsPort}: `);
      assertStringIncludes(denied, `run with ${net}`);
    });
  }

  onDeno("connect needs --allow-read of the files that are named, and says so", async () => {
    const { certFile: file } = authority();
    const net = `--allow-net=localhost:${broker.tlsPort}`;
    assertEquals(await connects("localhost", { file }, [net, `--allow-read=${file}`]), "connected");
    const denied = await connects("localhost", { file }, [net]);
    assertEquals(denied, `not-permitted not allowed to read ${file}: run with --allow-read=${file}`);
  });
});

function onDeno(name: string, run: () => Promise<void>): void {
  if (runtime === "deno") test(name, run);
  else it.skip(`${name} (skipped: only Deno has permissions)`, run);
}

/** Connects in a Deno of its own with these permissions; gives what it prints. */
async function connects(host: string, ca: unknown, permissions: readonly string[]): Promise<string> {
  const program = `
    import { tls } from "@minimqtt/transport-tls";
    try {
      const transport = tls({ ca: ${JSON.stringify(ca)} });
      const connection = await transport.connect({ host: "${host}", port: ${broker.tlsPort} });
      await connection.close();
      console.log("connected");
    } catch (error) {
      console.log(error.code, error.message);
    }`;
  const { stdout, stderr } = await run(program, { source: true, permissions });
  return (stdout + stderr).trim();
}

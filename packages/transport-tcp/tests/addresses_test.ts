import { tcp } from "@minimqtt/transport-tcp/node";
import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { spawn } from "node:child_process";
import dns from "node:dns";
import { connect, createServer } from "node:net";
import type { AddressInfo } from "node:net";

/** A server that takes nobody in for two seconds, so that the system answers the handshake of the third only then. */
const SLOW = `
  const server = require("node:net").createServer((socket) => socket.end("at last"));
  server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
    require("node:fs").writeSync(1, server.address().port + "\\n");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2000);
  });
`;

describe("names with several addresses, by node:net", () => {
  for (
    const [where, addresses] of [
      ["behind", ["2001:db8::1", "127.0.0.1"]],
      ["before", ["127.0.0.1", "2001:db8::1"]],
    ] as const
  ) {
    it(`connect reaches an address that takes longer than a second, ${where} one without a route`, async () => {
      // By Node on every runtime: Bun takes in as many as the system allows, whatever the backlog is to be.
      const child = spawn("node", ["-e", SLOW], { stdio: ["ignore", "pipe", "inherit"] });
      const port = Number(await new Promise((resolve) => child.stdout.once("data", resolve)));
      const fillers = [1, 2].map(() => connect(port, "127.0.0.1").on("error", () => {}));
      await new Promise((resolve) => setTimeout(resolve, 100));
      await using _names = resolving("broker.test", addresses);
      try {
        const start = performance.now();
        const connection = await tcp().connect({ host: "broker.test", port });
        assertEquals(performance.now() - start > 950, true, "the server was to be slow");
        assertEquals(new TextDecoder().decode(await connection.read() ?? undefined), "at last");
        await connection.close();
      } finally {
        for (const filler of fillers) filler.destroy();
        child.kill();
      }
    });
  }

  it("connect takes the second address at once where the first refuses", async () => {
    const server = createServer((socket) => socket.end("hello")).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    await using _names = resolving("broker.test", ["127.0.0.2", "127.0.0.1"]);
    const connection = await tcp().connect({
      host: "broker.test",
      port: (server.address() as AddressInfo).port,
    });
    assertEquals(new TextDecoder().decode(await connection.read() ?? undefined), "hello");
    await connection.close();
    await new Promise((resolve) => server.close(resolve));
  });
});

/** The system's resolver knows this name until the end of the block. */
function resolving(name: string, addresses: readonly string[]): AsyncDisposable {
  const { lookup } = dns.promises;
  const list = addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
  dns.promises.lookup =
    ((host: string, options: object) =>
      host === name ? Promise.resolve(list) : lookup(host, options)) as typeof lookup;
  return {
    [Symbol.asyncDispose]() {
      dns.promises.lookup = lookup;
      return Promise.resolve();
    },
  };
}

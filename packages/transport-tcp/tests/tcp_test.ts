import { ConnectionError, UsageError } from "@minimqtt/core";
import { tcp } from "@minimqtt/transport-tcp";
import { assert, assertEquals, assertInstanceOf, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";

const ipv6 = Object.values(networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === "::1")
);

describe("tcp", () => {
  it("tcp serves mqtt and tcp at 1883, unencrypted", () => {
    const { name, schemes } = tcp();
    assertEquals(name, "tcp");
    assertEquals(schemes, [
      { name: "mqtt", port: 1883, secure: false },
      { name: "tcp", port: 1883, secure: false },
    ]);
  });

  for (const host of ["127.0.0.1", "localhost", "::1"]) {
    const reason = host === "::1" && !ipv6 ? " (skipped: this machine has no IPv6)" : "";
    (reason === "" ? it : it.skip)(`connect reaches ${host}${reason}`, async () => {
      await using echo = await startEcho(host);
      await roundTrip(host, echo.port);
    });
  }

  it("connect takes noDelay either way", async () => {
    await using echo = await startEcho("127.0.0.1");
    await roundTrip("127.0.0.1", echo.port, true);
    await roundTrip("127.0.0.1", echo.port, false);
  });

  it("connect refuses to send in the clear what should be encrypted", async () => {
    await using echo = await startEcho("127.0.0.1");
    const attempt = tcp().connect({ host: "127.0.0.1", port: echo.port, secure: true });
    const error = await assertRejects(() => attempt, UsageError);
    assertEquals(error.code, "invalid-argument");
    assertStringIncludes(error.message, "transport-tls");
  });

  it("connect says where it was refused and what to look at", async () => {
    const places: [string, string][] = [["127.0.0.1", "127.0.0.1"]];
    if (ipv6) places.push(["::1", "[::1]"]);
    for (const [host, place] of places) {
      const echo = await startEcho(host);
      await echo.stop();
      const error = await assertRejects(() => tcp().connect({ host, port: echo.port }), ConnectionError);
      assertEquals(error.code, "dial-failed");
      const text = "refused the connection: is the broker running, and is this its port?";
      assertEquals(error.message, `${place}:${echo.port} ${text}`);
      assertInstanceOf(error.cause, Error);
    }
  });

  it("connect rejects with a usage error for a port that cannot be", async () => {
    for (const port of [0, 70_000]) {
      const error = await assertRejects(() => tcp().connect({ host: "127.0.0.1", port }), UsageError);
      assertEquals(error.message, `port must be an integer from 1 to 65535, not ${port}`);
    }
  });

  it("connect leaves no listener on a signal that lives longer", async () => {
    await using echo = await startEcho("127.0.0.1");
    const { signal } = new AbortController();
    let listeners = 0;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (...call: Parameters<typeof addEventListener>) => {
      listeners++;
      addEventListener.apply(signal, call);
    };
    signal.removeEventListener = (...call: Parameters<typeof removeEventListener>) => {
      listeners--;
      removeEventListener.apply(signal, call);
    };
    const connection = await tcp().connect({ host: "127.0.0.1", port: echo.port }, { signal });
    await connection.close();
    await echo.stop();
    await assertRejects(
      () => tcp().connect({ host: "127.0.0.1", port: echo.port }, { signal }),
      ConnectionError,
    );
    assertEquals(listeners, 0);
  });

  it("write awaited in a loop lets timers have their turn", async () => {
    await using echo = await startEcho("127.0.0.1");
    const connection = await tcp().connect({ host: "127.0.0.1", port: echo.port });
    const reading = (async () => {
      while (await connection.read());
    })();
    let fired = false;
    setTimeout(() => fired = true, 1);
    let count = 0;
    for (; !fired && count < 1_000_000; count++) await connection.write(new Uint8Array(10));
    assert(fired, `no timer had a turn in ${count} writes`);
    await connection.close();
    await reading;
  });
});

async function roundTrip(host: string, port: number, noDelay?: boolean): Promise<void> {
  const transport = noDelay === undefined ? tcp() : tcp({ noDelay });
  const connection = await transport.connect({ host, port });
  await connection.write(new Uint8Array([1, 2, 3]));
  assertEquals([...await connection.read() ?? []], [1, 2, 3]);
  await connection.close();
}

async function startEcho(host: string): Promise<AsyncDisposable & { port: number; stop(): Promise<void> }> {
  const server = createServer((socket) => socket.on("error", () => socket.destroy()).pipe(socket));
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, host, resolve));
  const { port } = server.address() as AddressInfo;
  const stop = () => new Promise<void>((resolve) => server.close(() => resolve()));
  return { port, stop, [Symbol.asyncDispose]: stop };
}

import { ConnectionError, UsageError } from "@minimqtt/core";
import type { Address } from "@minimqtt/core";
import { ws } from "@minimqtt/transport-ws";
import type { WsOptions } from "@minimqtt/transport-ws";
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { IncomingMessage } from "node:http";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";
import { WebSocket as PackageSocket, WebSocketServer } from "ws";

const ipv6 = Object.values(networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === "::1")
);

describe("ws", () => {
  it("ws serves ws at 80 and wss at 443, where URLs leave the port out", () => {
    const { name, schemes } = ws();
    assertEquals(name, "ws");
    assertEquals(schemes, [
      { name: "ws", port: 80, secure: false },
      { name: "wss", port: 443, secure: true },
    ]);
  });

  it("ws refuses options that cannot be meant", () => {
    const wrong = [
      { path: "mqtt" },
      { path: "" },
      { maxUnread: 0 },
      { maxUnread: NaN },
      { maxMessageSize: 0 },
      { maxMessageSize: NaN },
    ];
    for (const options of wrong) {
      assertEquals(assertThrows(() => ws(options), UsageError).code, "invalid-argument");
    }
  });

  for (const host of ["127.0.0.1", "localhost", "::1"]) {
    const reason = host === "::1" && !ipv6 ? " (skipped: this machine has no IPv6)" : "";
    (reason === "" ? it : it.skip)(`connect reaches ${host}${reason}`, async () => {
      await using server = await startServer(echo, host);
      await roundTrip({}, server.address);
    });
  }

  it("connect asks for the address's path, else the option's, else /mqtt, with subprotocol mqtt (MM-206) [MQTT-6.0.0-3]", async () => {
    const asked: [string | undefined, string | undefined][] = [];
    await using server = await startServer((socket, request) => {
      asked.push([request.url, request.headers["sec-websocket-protocol"]]);
      echo(socket);
    });
    await roundTrip({}, server.address);
    await roundTrip({ path: "/ws?a=b" }, server.address);
    await roundTrip({ path: "/ws" }, { ...server.address, path: "/other?c=d" });
    await roundTrip({ protocols: ["mqtt", "mqttv3.1"] }, server.address);
    assertEquals(asked, [
      ["/mqtt", "mqtt"],
      ["/ws?a=b", "mqtt"],
      ["/other?c=d", "mqtt"],
      ["/mqtt", asked[3]?.[1]],
    ]);
    assertEquals(asked[3]?.[1]?.split(/, ?/), ["mqtt", "mqttv3.1"]);
  });

  it("connect sends the headers", async () => {
    let got: unknown;
    await using server = await startServer((socket, request) => {
      got = [request.headers.authorization, request.headers["sec-websocket-protocol"]];
      echo(socket);
    });
    await roundTrip({ headers: { Authorization: "Bearer abc" } }, server.address);
    assertEquals(got, ["Bearer abc", "mqtt"]);
  });

  it("connect says that a browser takes no headers", async () => {
    await using server = await startServer(echo);
    const platform = globalThis.WebSocket;
    // As Chromium does it: what is no list is text, and this text no subprotocol. Others might take no notice of it.
    const strict = (_url: string, protocols: unknown) => {
      if (!Array.isArray(protocols)) throw new SyntaxError(`The subprotocol '${protocols}' is invalid.`);
    };
    const lax = (url: string) => new platform(url, ["mqtt"]);
    for (const browser of [strict, lax]) {
      const error = await withWebSocket(function (...call: [string, unknown]) {
        return browser(...call);
      }, () => assertRejects(() => ws({ headers: { A: "b" } }).connect(server.address), UsageError));
      assertEquals(error.code, "invalid-argument");
      assertStringIncludes(error.message, "headers");
    }
  });

  it("connect says what to do where there is no WebSocket", async () => {
    const attempt = () => ws().connect({ host: "127.0.0.1", port: 1 });
    const error = await withWebSocket(undefined, () => assertRejects(attempt, UsageError));
    assertStringIncludes(error.message, "open");
  });

  it("open takes a socket of the package ws, too", async () => {
    await using server = await startServer(echo);
    await roundTrip({ open: (url, protocols) => new PackageSocket(url, protocols) }, server.address);
  });

  it("open opens the socket in the runtime's place", async () => {
    await using server = await startServer(echo);
    const calls: unknown[] = [];
    const open: WsOptions["open"] = (url, protocols, headers) => {
      calls.push(url, protocols, headers);
      return new WebSocket(url, protocols);
    };
    await roundTrip({ open, headers: { A: "b" } }, server.address);
    assertEquals(calls, [`ws://127.0.0.1:${server.address.port}/mqtt`, ["mqtt"], { A: "b" }]);
  });

  it("write goes through to a server that takes 64 KiB a message at most, whatever is written", async () => {
    const lengths: number[] = [];
    const serve = (socket: PackageSocket) => {
      socket.on("message", (bytes: Uint8Array) => lengths.push(bytes.length));
      // It says so itself by its code.
      socket.on("error", () => undefined);
    };
    await using server = await startServer(serve, "127.0.0.1", undefined, 65_536);
    for (
      const [options, most] of [[{}, 32_768], [{ maxMessageSize: 65_536 }, 65_536]] as const
    ) {
      lengths.length = 0;
      const connection = await ws(options).connect(server.address);
      await connection.write(new Uint8Array(200_000));
      await connection.close();
      assertEquals([Math.max(...lengths), lengths.reduce((sum, one) => sum + one, 0)], [most, 200_000]);
    }
    const connection = await ws({ maxMessageSize: Infinity }).connect(server.address);
    await connection.write(new Uint8Array(65_537)).catch(() => undefined);
    const error = await assertRejects(() => connection.read(), ConnectionError);
    assertEquals(error.code, "read-failed");
    assertStringIncludes(error.message, "closed the WebSocket with code 1009");
    await connection.close();
  });

  it("connect refuses a server that chooses another subprotocol, or none [MQTT-6.0.0-4]", async () => {
    for (const chosen of ["other", false] as const) {
      await using server = await startServer(echo, "127.0.0.1", () => chosen);
      const error = await assertRejects(() => ws().connect(server.address), ConnectionError);
      assertEquals(error.code, "dial-failed");
      assertStringIncludes(error.message, `127.0.0.1:${server.address.port}`);
    }
  });

  it("connect with no subprotocols takes a server that knows none", async () => {
    await using server = await startServer(echo, "127.0.0.1", () => false);
    await roundTrip({ protocols: [] }, server.address);
  });

  it("connect says where it was refused, and nothing of the path", async () => {
    const server = await startServer(echo);
    await server.stop();
    const attempt = () => ws({ path: "/mqtt?token=secret" }).connect(server.address);
    const error = await assertRejects(attempt, ConnectionError);
    assertEquals(error.code, "dial-failed");
    assertStringIncludes(error.message, `cannot connect to 127.0.0.1:${server.address.port}: `);
    assert(!error.message.includes("secret"), error.message);
  });

  it("connect rejects with dial-failed where no WebSocket is spoken, and says what should be there", async () => {
    const answers = [
      "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n",
      "\x20\x02\0\x01",
      "\x15\x03\x03\0\x02\x02\x46",
      "",
    ];
    for (const answer of answers) {
      const server = createServer((socket) => {
        socket.on("error", () => socket.destroy()).once("data", () => socket.end(answer, "latin1"));
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const { port } = server.address() as AddressInfo;
      const error = await assertRejects(() => ws().connect({ host: "127.0.0.1", port }), ConnectionError);
      assertEquals(error.code, "dial-failed");
      assertStringIncludes(error.message, `cannot connect to 127.0.0.1:${port}: `);
      assertStringIncludes(error.message, "does a broker listen there, at this path");
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it("connect rejects with a usage error for a port that cannot be", async () => {
    for (const port of [0, 70_000]) {
      const error = await assertRejects(() => ws().connect({ host: "127.0.0.1", port }), UsageError);
      assertEquals(error.message, `port must be an integer from 1 to 65535, not ${port}`);
    }
  });

  it("connect rejects with not-permitted where a page from https would use ws", async () => {
    const refuse = function () {
      throw Object.assign(new Error("insecure"), { name: "SecurityError" });
    };
    const attempt = () => ws().connect({ host: "127.0.0.1", port: 1 });
    const error = await withWebSocket(refuse, () => assertRejects(attempt, ConnectionError));
    assertEquals(error.code, "not-permitted");
    assertStringIncludes(error.message, "wss");
  });

  it("connect leaves no listener on a signal that lives longer", async () => {
    await using server = await startServer(echo);
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
    const connection = await ws().connect(server.address, { signal });
    await connection.close();
    await server.stop();
    await assertRejects(() => ws().connect(server.address, { signal }), ConnectionError);
    assertEquals(listeners, 0);
  });

  it("read gets what the server sends before anything else", async () => {
    await using server = await startServer((socket) => {
      for (let byte = 0; byte < 5; byte++) socket.send(Uint8Array.of(byte));
    });
    const connection = await ws().connect(server.address);
    const got: number[] = [];
    while (got.length < 5) got.push(...await connection.read() ?? []);
    assertEquals(got, [0, 1, 2, 3, 4]);
    await connection.close();
  });

  it("read rejects for a text message, and the server sees the end [MQTT-6.0.0-1]", async () => {
    let closed: Promise<unknown> | undefined;
    await using server = await startServer((socket) => {
      closed = new Promise((resolve) => socket.on("close", resolve));
      socket.send("hello");
    });
    const connection = await ws().connect(server.address);
    const error = await assertRejects(() => connection.read(), ConnectionError);
    assertEquals(error.code, "read-failed");
    assertStringIncludes(error.message, "text message");
    await closed;
    await connection.close();
  });

  it("read fails loudly when the server sends more than may wait", async () => {
    let closed: Promise<unknown> | undefined;
    await using server = await startServer((socket) => {
      closed = new Promise((resolve) => socket.on("close", resolve));
      for (let count = 0; count < 100; count++) socket.send(new Uint8Array(10_000));
    });
    const connection = await ws({ maxUnread: 200_000 }).connect(server.address);
    await closed;
    let got = 0;
    const error = await assertRejects(async () => {
      for (;;) got += (await connection.read())?.length ?? 0;
    }, ConnectionError);
    assertEquals(error.code, "read-failed");
    assert(got >= 190_000 && got <= 210_000, `${got} bytes`);
    await connection.close();
  });
});

interface RunningServer extends AsyncDisposable {
  readonly address: Address;
  stop(): Promise<void>;
}

async function startServer(
  serve: (socket: PackageSocket, request: IncomingMessage) => void,
  host = "127.0.0.1",
  choose: (protocols: Set<string>) => string | false = (protocols) => protocols.has("mqtt") && "mqtt",
  maxPayload?: number,
): Promise<RunningServer> {
  const server = new WebSocketServer({
    host,
    port: 0,
    handleProtocols: choose,
    ...(maxPayload !== undefined && { maxPayload }),
  });
  server.on("connection", serve);
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  const stop = () => {
    for (const client of server.clients) client.terminate();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return { address: { host, port }, stop, [Symbol.asyncDispose]: stop };
}

function echo(socket: PackageSocket): void {
  socket.on("message", (bytes: Uint8Array) => socket.send(bytes));
}

async function roundTrip(options: WsOptions, address: Address): Promise<void> {
  const connection = await ws(options).connect(address);
  await connection.write(new Uint8Array([1, 2, 3]));
  assertEquals([...await connection.read() ?? []], [1, 2, 3]);
  await connection.close();
}

/** Runs something where the runtime's `WebSocket` is another one. */
async function withWebSocket<Result>(replacement: unknown, run: () => Promise<Result>): Promise<Result> {
  const platform = globalThis.WebSocket;
  (globalThis as { WebSocket?: unknown }).WebSocket = replacement;
  try {
    return await run();
  } finally {
    globalThis.WebSocket = platform;
  }
}

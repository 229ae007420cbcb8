/**
 * No error, status, log line, stack or inspected object of ours holds a secret: they are planted everywhere one can, and
 * all that comes out is searched.
 */
import { Client, type ClientOptions, MQTT } from "@minimqtt/client";
import type { Transport } from "@minimqtt/core";
import { tcp } from "@minimqtt/transport-tcp";
import { tls } from "@minimqtt/transport-tls";
import { ws } from "@minimqtt/transport-ws";
import { assertEquals, assertFalse, assertGreater } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { createHash } from "node:crypto";
import { createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { inspect } from "node:util";

const SECRET = "s3cret";
const QUERY = `/mqtt?token=${SECRET}`;

/** How a peer may treat who connects. */
const PEERS: Readonly<Record<string, (socket: Socket) => void>> = {
  "hangs up": (socket) => socket.destroy(),
  "answers in another language": (socket) => socket.end("220 ready\r\n"),
  "refuses the handshake": (socket) =>
    socket.once("data", () => socket.end("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n")),
  "sends it elsewhere": (socket) =>
    socket.once(
      "data",
      () =>
        socket.end(
          `HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1${QUERY}\r\ncontent-length: 0\r\n\r\n`,
        ),
    ),
  "answers CONNECT with something else": (socket) =>
    socket.once("data", () => socket.end("\x20\x02\x00\x09")),
  "refuses the user": (socket) => socket.once("data", () => socket.end(Uint8Array.of(0x20, 2, 0, 5))),
  "sends a frame that is none": upgraded((socket) => socket.write(Uint8Array.of(0xff, 0xff, 1, 2))),
  "closes with an error code": upgraded((socket) => socket.end(Uint8Array.of(0x88, 2, 0x03, 0xf0))),
  "sends text": upgraded((socket) => socket.write(Uint8Array.of(0x81, 2, 0x68, 0x69))),
  "breaks off": upgraded((socket) => socket.destroy()),
  "refuses the user over a WebSocket": upgraded((socket) =>
    socket.once("data", () => socket.write(Uint8Array.of(0x82, 4, 0x20, 2, 0, 5)))
  ),
};

/** As WebSocket servers do, up to the first frame. */
function upgraded(then: (socket: Socket) => void): (socket: Socket) => void {
  return (socket) =>
    socket.once("data", (data) => {
      const key = /sec-websocket-key: *(\S+)/i.exec(String(data))?.[1];
      const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
      socket.write(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n" +
          `sec-websocket-accept: ${accept}\r\nsec-websocket-protocol: mqtt\r\n\r\n`,
      );
      setTimeout(() => then(socket), 20);
    });
}

/** All that a person or a program can get out of these, as text. */
function everything(values: readonly unknown[]): string {
  const { Deno, Bun } = globalThis as {
    Deno?: { inspect(value: unknown, options: object): string };
    Bun?: { inspect(value: unknown, options: object): string };
  };
  const texts: string[] = [];
  const seen = new Set<unknown>();
  const look = (value: unknown): void => {
    if (seen.has(value)) return;
    seen.add(value);
    texts.push(inspect(value, { depth: Infinity, showHidden: true, getters: true }));
    texts.push(Deno?.inspect(value, { depth: 100, showHidden: true, getters: true }) ?? "");
    texts.push(Bun?.inspect(value, { depth: 100 }) ?? "");
    if (value instanceof Error) {
      texts.push(String(value), value.stack ?? "", JSON.stringify(value, Object.getOwnPropertyNames(value)));
      look(value.cause);
      if (value instanceof AggregateError) value.errors.forEach(look);
    }
  };
  values.forEach(look);
  return texts.join("\n");
}

const transports: Readonly<Record<string, { scheme: string; transport: Transport }>> = {
  tcp: { scheme: "mqtt", transport: tcp() },
  tls: { scheme: "mqtts", transport: tls() },
  ws: { scheme: "ws", transport: ws({ path: QUERY, headers: { authorization: `Bearer ${SECRET}` } }) },
  wss: { scheme: "wss", transport: ws({ path: QUERY, headers: { authorization: `Bearer ${SECRET}` } }) },
};

describe("secrets", () => {
  for (const [behaviour, peer] of Object.entries(PEERS)) {
    it(`no client tells a secret when the broker ${behaviour}`, async () => {
      await using server = await listen(peer);
      const out: unknown[] = [];
      await Promise.all(
        Object.values(transports).map(async ({ scheme, transport }) => {
          const url = `${scheme}://${SECRET}-user:${SECRET}%23pw@localhost:${server.port}${QUERY}`;
          out.push(...await withClient(url, transport), ...await withMqtt(url, transport));
        }),
      );
      assertGreater(out.length, 20);
      const text = everything(out);
      const at = text.indexOf(SECRET);
      assertEquals(at < 0 ? "" : text.slice(Math.max(0, at - 300), at + 100), "");
    });
  }

  it("no usage error repeats what may be a secret", async () => {
    const out: unknown[] = [];
    const attempts: (() => unknown)[] = [
      ...[
        `mqtt://user:12#${SECRET}@broker`,
        `mqtt://${SECRET}:12#34@broker`,
        `mqtt://user:${SECRET}@`,
        `http://user:${SECRET}@broker`,
        `user:${SECRET}@broker`,
        `mqtt://:${SECRET}@broker`,
      ].flatMap((broker) => [
        () => Client.connect(broker, { transport: tcp() }),
        () => new MQTT({ broker, transport: tcp() }),
      ]),
      () => Client.connect("b", { transport: tcp(), credentials: { user: SECRET, pass: SECRET } as never }),
      () => Client.connect("b", { transport: tcp(), credentials: SECRET as never }),
      () => Client.connect("b", { transport: tcp(), credentials: { password: SECRET } as never }),
      () => new MQTT({ broker: "b", transport: tcp(), password: SECRET }),
      () => tls({ passphrase: SECRET, colour: "red" } as never),
      () => tls({ cert: "none", key: SECRET }),
      () => tls({ cert: SECRET, key: SECRET, passphrase: SECRET }),
      () => ws({ path: QUERY, maxUnread: 0 }),
      () => ws({ path: QUERY.slice(1) }),
    ];
    for (const attempt of attempts) {
      try {
        await attempt();
        out.push(new Error("nothing was wrong"));
      } catch (error) {
        out.push(error);
      }
    }
    const text = everything(out);
    assertFalse(text.includes("nothing was wrong"), text);
    assertFalse(text.includes(SECRET), text);
  });
});

/** What a `Client` says until it gives up: status, errors, log lines, and itself. */
async function withClient(url: string, transport: Transport): Promise<unknown[]> {
  const out: unknown[] = [transport];
  const options: ClientOptions = {
    transport,
    connectTimeout: 1000,
    replyTimeout: 500,
    reconnect: { delay: 1, attempts: 2, initially: true },
    will: { topic: SECRET.slice(0, 1), payload: SECRET },
  };
  const line = (...args: unknown[]) => void out.push(args);
  const logger = { debug: line, info: line, warn: line, error: line };
  const client = Client.start(url, { ...options, logger, logLevel: 10 });
  void client.publish("topic", SECRET, { qos: 1 }).catch(line);
  void client.subscribe("topic").catch(line);
  await Promise.all([
    client.connected.then(() => client.close({ drop: true }), line),
    (async () => {
      for await (const status of client.status()) out.push(status);
    })(),
  ]);
  out.push(client, client.stats(), await Client.connect(url, options).catch((error) => error));
  return out;
}

/** The same of an `MQTT`. */
async function withMqtt(broker: string, transport: Transport): Promise<unknown[]> {
  const out: unknown[] = [];
  const line = (...args: unknown[]) => void out.push(args);
  const client = new MQTT({
    broker,
    transport,
    connectRetries: 1,
    retryDelay: 0,
    socketTimeout: 0.9,
    recvTimeout: 1,
  });
  client.enableLogger({ debug: line, info: line, warn: line, error: line }, 10);
  try {
    await client.connect();
    out.push(await client.disconnect());
  } catch (error) {
    out.push(error);
  }
  out.push(client);
  return out;
}

async function listen(peer: (socket: Socket) => void): Promise<AsyncDisposable & { readonly port: number }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    peer(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

import { ConnectionError, MQTT, MqttError } from "@minimqtt/client";
import type { Connection } from "@minimqtt/core";
import { tcp } from "@minimqtt/transport-tcp";
import { tls } from "@minimqtt/transport-tls";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { afterAll, beforeAll, describe } from "@std/testing/bdd";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { type Mosquitto, startMosquitto } from "../../src/peers/brokers.ts";
import { authority, veiledTcp } from "../../src/fixtures/tls.ts";
import { startOpenssl } from "./openssl_server.ts";
import { attempts, fails, glance, ready, test, works } from "./stage.ts";

let broker: Mosquitto;
beforeAll(async () => {
  if (!ready) return;
  const { certFile, keyFile } = authority().issue();
  broker = await startMosquitto({ tls: { cert: certFile, key: keyFile } });
});
afterAll(() => broker?.stop());

const port = () => broker.tlsPort ?? 0;
const options = () => ({ ca: authority().cert });

describe("a session over TLS", () => {
  for (const [name, over] of [["", undefined], [" over any transport", veiledTcp()]] as const) {
    test(`carries 10,000 messages there and back, in order${name}`, async () => {
      const transport = tls({ ...options(), ...(over && { over }) });
      const client = new MQTT({ broker: "localhost", port: port(), transport, recvTimeout: 30 });
      let next = 0;
      client.onMessage = (_client, _topic, message) => assertEquals(message, `${next++}`);
      await client.connect();
      await client.subscribe("many", 1);
      const sending = Array.from({ length: 10_000 }, (_, n) => client.publish("many", `${n}`, false, 1));
      await Promise.all(sending);
      while (next < 10_000) await client.loop(1);
      await client.disconnect();
    });

    test(`carries a payload of 16 MiB there and back${name}`, async () => {
      const transport = tls({ ...options(), ...(over && { over }) });
      const client = new MQTT({
        broker: "localhost",
        port: port(),
        transport,
        useBinaryMode: true,
        recvTimeout: 60,
      });
      client.mqttMsg = 20_000_000;
      const payload = new Uint8Array(16 * 1_048_576).map((_, n) => n % 251);
      let got: Uint8Array | undefined;
      client.onMessage = (_client, _topic, message) => got = message;
      await client.connect();
      await client.subscribe("large");
      await client.publish("large", payload, false, 1);
      while (!got) await client.loop(1);
      await client.disconnect();
      assertEquals(got.length, payload.length);
      assert(got.every((byte, n) => byte === n % 251), "bytes differ");
    });
  }

  test("goes to port 8883 by default, by isSsl, by the transport alone and by a URL (MM-001, MM-002)", () => {
    const transport = tls(options());
    for (
      const more of [
        { broker: "localhost", isSsl: true },
        { broker: "localhost" },
        { broker: "mqtts://localhost" },
        { broker: "ssl://localhost" },
        { broker: "tls://localhost" },
      ]
    ) assertEquals(new MQTT({ ...more, transport }).port, 8883);
    assertThrows(() => new MQTT({ broker: "localhost", isSsl: false, transport }), MqttError, "isSsl: false");
    assertThrows(() => new MQTT({ broker: "mqtt://localhost", transport }), MqttError, "serves mqtts:");
    assertThrows(
      () => new MQTT({ broker: "localhost", isSsl: true, transport: tcp() }),
      MqttError,
      "ssl_context must be provided if using ssl",
    );
    return Promise.resolve();
  });

  test("is what a URL with mqtts says", async () => {
    const transport = tls(options());
    await works({ client: new MQTT({ broker: `mqtts://localhost:${port()}`, transport }), count: 0 });
  });

  test("ends idle as it ends busy: a loop that hears nothing returns (MM-205)", async () => {
    const { client } = attempts(options(), port());
    await client.connect();
    for (let round = 0; round < 3; round++) assertEquals(await client.loop(0), null);
    assert(client.isConnected());
    await client.disconnect();
  });

  test("of a broker that goes away is noticed", async () => {
    const { certFile, keyFile } = authority().issue();
    await using other = await startMosquitto({ tls: { cert: certFile, key: keyFile } });
    const { client } = attempts(options(), other.tlsPort ?? 0);
    await client.connect();
    await other.kill();
    await assertRejects(async () => {
      for (;;) await glance(client);
    });
    assert(!client.isConnected());
  });
});

describe("a connection over TLS", () => {
  test("that the peer closes without a close_notify has simply ended", async () => {
    await using proxy = await startProxy(port());
    const connection = await open(proxy.port);
    await connection.write(CONNECT);
    assertEquals([...await connection.read() ?? []], CONNACK);
    proxy.client().end();
    assertEquals(await connection.read(), null);
    assertEquals(await connection.read(), null);
    await connection.close();
  });

  test("that is reset fails to read, with the reason, every time", async () => {
    await using proxy = await startProxy(port());
    const connection = await open(proxy.port);
    await connection.write(CONNECT);
    assertEquals([...await connection.read() ?? []], CONNACK);
    const reading = connection.read();
    proxy.client().resetAndDestroy();
    const error = await assertRejects(() => reading, ConnectionError);
    assertEquals(error.code, "read-failed");
    assert(error.cause instanceof Error);
    assertEquals((await assertRejects(() => connection.read(), ConnectionError)).code, "read-failed");
    await connection.close();
  });

  test("whose bytes are tampered with fails to read", async () => {
    await using proxy = await startProxy(port());
    const connection = await open(proxy.port);
    await connection.write(CONNECT);
    assertEquals([...await connection.read() ?? []], CONNACK);
    const reading = connection.read();
    // A record of application data as it should be, but for its contents.
    proxy.client().write(Uint8Array.of(0x17, 3, 3, 0, 32, ...Array(32).fill(7)));
    assertEquals((await assertRejects(() => reading, ConnectionError)).code, "read-failed");
    await connection.close();
  });

  for (const over of [undefined, veiledTcp()]) {
    test(`goes on with new keys, for one direction and for both${over ? ", over any transport" : ""}`, async () => {
      await using server = await startOpenssl(authority().issue(), "-tls1_3");
      const connection = await open(server.port, over);
      const [send, receive] = lines(connection);
      await server.prints("CIPHER is");
      for (const command of ["k", "K"] as const) {
        server.command(command);
        const saying = setInterval(() => server.say(`after ${command}`), 200);
        while (await receive() !== `after ${command}`);
        clearInterval(saying);
        await send(`answer to ${command}`);
        await server.prints(`answer to ${command}`);
      }
      await connection.close();
    });
  }

  test("does not hang when a server of TLS 1.2 wants to renegotiate: it goes on, or fails to read", async () => {
    await using server = await startOpenssl(authority().issue(), "-tls1_2");
    const connection = await open(server.port);
    const [, receive] = lines(connection);
    await server.prints("CIPHER is");
    server.say("before");
    assertEquals(await receive(), "before");
    server.command("r");
    const saying = setInterval(() => server.say("behind"), 200);
    const outcome = await receive().catch((error) => error);
    clearInterval(saying);
    if (outcome instanceof Error) {
      assert(outcome instanceof ConnectionError && outcome.code === "read-failed", String(outcome));
    } else assert(outcome === "behind" || outcome === null, String(outcome));
    await connection.close();
  });
});

// MQTT 3.1.1, clean session, no keep alive, client identifier "p"; and what is said to it.
const CONNECT = Uint8Array.of(0x10, 13, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 2, 0, 0, 0, 1, 0x70);
const CONNACK = [0x20, 2, 0, 0];

/** What servers say in place of a handshake, and what becomes of the attempt. */
const ANSWERS = {
  "an answer by HTTP": ["HTTP/1.1 400 Bad Request\r\n\r\n", "not-tls"],
  "the greeting of an SSH server": ["SSH-2.0-OpenSSH_9.2\r\n", "not-tls"],
  "a CONNACK and more": ["\x20\x02\x00\x00\x30\x05\x00\x01abc", "not-tls"],
  "an alert that the version is wrong": ["\x15\x03\x01\x00\x02\x02\x46", "tls-version"],
  "an alert that no cipher is in common": ["\x15\x03\x03\x00\x02\x02\x28", "tls-failed"],
  "an alert of an internal error": ["\x15\x03\x03\x00\x02\x02\x50", "tls-failed"],
  "the hello of a server of TLS 1.0": [oldHello(), "tls-version"],
  "half a record": ["\x16\x03\x03\x00\x40\x02", "tls-failed"],
} as const;

describe("in place of a handshake,", () => {
  for (const [name, [answer, code]] of Object.entries(ANSWERS)) {
    test(`${name} is ${code}`, async () => {
      const server = await serve((socket) => socket.once("data", () => socket.end(answer, "latin1")));
      const count = code === "tls-version" ? 1 : 3;
      await fails(attempts(options(), place(server)), code, /localhost:\d+/, count);
      await new Promise((resolve) => server.close(resolve));
    });
  }

  test("silence is waited for no longer than socketTimeout says", async () => {
    const sockets: Socket[] = [];
    const server = await serve((socket) => sockets.push(socket));
    const client = new MQTT({
      broker: "127.0.0.1",
      port: place(server),
      transport: tls(options()),
      connectRetries: 1,
      socketTimeout: 0.3,
    });
    await assertRejects(() => client.connect(), Error, "Connect failure");
    await Promise.all(
      sockets.map((socket) => new Promise((resolve) => socket.once("close", resolve).resume())),
    );
    await new Promise((resolve) => server.close(resolve));
  });
});

async function open(port: number, over?: ReturnType<typeof veiledTcp>): Promise<Connection> {
  return await tls({ ...options(), ...(over && { over }) }).connect({ host: "localhost", port });
}

/** Sends lines, and receives them. */
function lines(
  connection: Connection,
): [send: (line: string) => Promise<void>, receive: () => Promise<string | null>] {
  let text = "";
  return [
    (line) => connection.write(new TextEncoder().encode(`${line}\n`)),
    async () => {
      while (!text.includes("\n")) {
        const bytes = await connection.read();
        if (bytes === null) return null;
        text += new TextDecoder().decode(bytes);
      }
      const line = text.slice(0, text.indexOf("\n"));
      text = text.slice(line.length + 1);
      return line;
    },
  ];
}

async function serve(greet: (socket: Socket) => void): Promise<Server> {
  const server = createServer((socket) => greet(socket.on("error", () => socket.destroy())));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

function place(server: Server): number {
  return (server.address() as AddressInfo).port;
}

/** A proxy whose sockets towards the client can be broken. */
async function startProxy(port: number): Promise<AsyncDisposable & { port: number; client(): Socket }> {
  let client: Socket | undefined;
  let broker: Socket | undefined;
  const server = await serve((socket) => {
    client = socket;
    broker = connect(port, "127.0.0.1");
    broker.on("error", () => broker?.destroy());
    socket.pipe(broker).pipe(socket);
  });
  return {
    port: place(server),
    client() {
      assert(client !== undefined, "nobody has connected");
      broker?.unpipe();
      return client;
    },
    async [Symbol.asyncDispose]() {
      client?.destroy();
      broker?.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A ServerHello of TLS 1.0, with a cipher of its time. */
function oldHello(): string {
  const body = `\x03\x01${"\x07".repeat(32)}\x00\x00\x2f\x00`;
  const hello = `\x02\x00\x00${String.fromCharCode(body.length)}${body}`;
  return `\x16\x03\x01\x00${String.fromCharCode(hello.length)}${hello}`;
}

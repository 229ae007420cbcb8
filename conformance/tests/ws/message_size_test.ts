import { Client, MQTT } from "@minimqtt/client";
import { tcp } from "@minimqtt/transport-tcp";
import { ws } from "@minimqtt/transport-ws";
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { connect } from "node:net";
import type { AddressInfo } from "node:net";
import { WebSocketServer } from "ws";
import { mosquittoMissing, startMosquitto } from "../../src/peers/brokers.ts";

/** The longest WebSocket message that the server in between takes, as some brokers do. */
const LIMIT = 65_536;
const LARGE = new Uint8Array(300_000).fill(7);
const missing = mosquittoMissing();
const test = missing === null ? it : it.skip;
const because = missing === null ? "" : ` (skipped: ${missing})`;

describe("a broker that takes 64 KiB a WebSocket message at most", () => {
  test(`Client publishes large messages and large batches through it${because}`, async () => {
    await using broker = await startMosquitto({ websocket: true });
    await using server = await startLimited(broker.port);
    await using reader = await Client.connect(`mqtt://127.0.0.1:${broker.port}`, { transport: tcp() });
    const subscription = await reader.subscribe("size/#", { qos: 1 });
    await using writer = await Client.connect(server.url, { transport: ws() });
    const sent = [writer.publish("size/large", LARGE, { qos: 1 })];
    for (let count = 0; count < 500; count++) {
      sent.push(writer.publish("size/small", new Uint8Array(500), { qos: 1 }));
    }
    await Promise.all(sent);
    const lengths: number[] = [];
    for await (const { payload } of subscription) if (lengths.push(payload.length) === 501) break;
    assertEquals(lengths, [300_000, ...Array(500).fill(500)]);
    assertEquals(server.codes, []);
    assert(Math.max(...server.lengths) <= 32_768, `a message of ${Math.max(...server.lengths)} bytes`);
  });

  test(`MQTT publishes a large message through it${because}`, async () => {
    await using broker = await startMosquitto({ websocket: true });
    await using server = await startLimited(broker.port);
    await using client = new MQTT({ broker: server.url, transport: ws(), useBinaryMode: true });
    const got: number[] = [];
    client.onMessage = (_client, _topic, message) => got.push(message.length);
    await client.connect();
    await client.subscribe("size/large", 1);
    await client.publish("size/large", LARGE, false, 1);
    while (got.length === 0) await client.loop();
    assertEquals([got, server.codes], [[300_000], []]);
    assert(Math.max(...server.lengths) <= 32_768, `a message of ${Math.max(...server.lengths)} bytes`);
  });

  test(`it closes with 1009 where maxMessageSize lets longer ones through${because}`, async () => {
    await using broker = await startMosquitto({ websocket: true });
    await using server = await startLimited(broker.port);
    const client = await Client.connect(server.url, {
      transport: ws({ maxMessageSize: Infinity }),
      reconnect: false,
    });
    // What is much longer leaves in pieces anyway.
    const outcome = await client.publish("size/large", LARGE.slice(0, 90_000), { qos: 1 }).then(
      () => "sent",
      String,
    );
    await client.close({ drop: true });
    assert(outcome.includes("1009"), outcome);
  });
});

describe("mosquitto over ws", () => {
  // mosquitto 2.0.11 reads 4 KiB of a WebSocket in a tenth of a second, so it is spared megabytes.
  for (const [maxMessageSize, size] of [[1, 2000], [126, 10_000], [undefined, 40_000]] as const) {
    const what = maxMessageSize === undefined ? "as by default" : `of at most ${maxMessageSize} bytes`;
    test(`it reads packets out of messages ${what} [MQTT-6.0.0-2]${because}`, async () => {
      await using broker = await startMosquitto({ websocket: true });
      await using client = await Client.connect(`ws://127.0.0.1:${broker.websocketPort}`, {
        transport: ws(maxMessageSize === undefined ? {} : { maxMessageSize }),
      });
      const subscription = await client.subscribe("size", { qos: 1 });
      const payload = Uint8Array.from({ length: size }, (_, index) => index % 251);
      await client.publish("size", payload, { qos: 1 });
      for await (const message of subscription) {
        assertEquals(message.payload.length, size);
        assert(message.payload.every((byte, index) => byte === payload[index]), "other bytes");
        break;
      }
    });
  }
});

interface Limited extends AsyncDisposable {
  readonly url: string;
  /** Of the messages that came. */
  readonly lengths: number[];
  /** With which it has closed connections by itself. */
  readonly codes: number[];
}

/** A WebSocket server in front of a broker's plain port. */
async function startLimited(port: number): Promise<Limited> {
  const server = new WebSocketServer({
    host: "127.0.0.1",
    port: 0,
    maxPayload: LIMIT,
    handleProtocols: () => "mqtt",
  });
  const lengths: number[] = [];
  const codes: number[] = [];
  server.on("connection", (socket) => {
    const broker = connect(port, "127.0.0.1");
    socket.on("message", (bytes: Uint8Array) => {
      lengths.push(bytes.length);
      broker.write(bytes);
    });
    socket.on("error", (error: Error & { code?: string }) => {
      if (error.code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH") codes.push(1009);
    });
    socket.on("close", () => broker.destroy());
    broker.on("data", (bytes) => socket.send(bytes));
    broker.on("error", () => socket.terminate());
    broker.on("close", () => socket.close());
  });
  await new Promise((resolve) => server.once("listening", resolve));
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    lengths,
    codes,
    async [Symbol.asyncDispose]() {
      for (const socket of server.clients) socket.terminate();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

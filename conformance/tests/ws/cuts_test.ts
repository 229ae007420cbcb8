import { Client } from "@minimqtt/client";
import { tcp } from "@minimqtt/transport-tcp";
import { ws } from "@minimqtt/transport-ws";
import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { mosquittoMissing, startMosquitto } from "../../src/peers/brokers.ts";
import { randomFrom, startUnrulyProxy } from "../peers/unruly_proxy.ts";

const COUNT = 2000;
const CUTS = 10;
const missing = mosquittoMissing();
const test = missing === null ? it : it.skip;
const because = missing === null ? "" : ` (skipped: ${missing})`;

describe("Client over WebSockets that break", () => {
  for (const seed of [1, 2]) {
    test(`Client loses no QoS 1 message over WebSockets cut in mid-frame, seed ${seed}${because}`, {
      timeout: 90_000,
    }, async () => {
      const random = randomFrom(seed);
      await using broker = await startMosquitto({ persistence: true, websocket: true });
      await using proxy = await startUnrulyProxy({
        target: () => broker.websocketPort!,
        cuts: CUTS,
        most: 4000,
        random,
      });
      await using reader = await Client.connect(`mqtt://127.0.0.1:${broker.port}`, { transport: tcp() });
      const missed = new Set(Array.from({ length: COUNT }, (_, number) => `${number}`));
      let all!: () => void;
      const complete = new Promise<void>((resolve) => all = resolve);
      await reader.subscribe("cut", {
        qos: 1,
        onMessage(message) {
          missed.delete(message.text());
          if (missed.size === 0) all();
        },
      });
      await using writer = await Client.connect(`ws://127.0.0.1:${proxy.port}`, {
        transport: ws(),
        session: "resume",
        clientId: `cut-${seed}`,
        keepAlive: 5000,
        replyTimeout: 5000,
        reconnect: { delay: 20, initially: true },
        sending: { window: 50 },
        random,
      });
      const messages = Array.from(missed, (payload) => ({ topic: "cut", payload, qos: 1 as const }));
      assertEquals(await writer.publishMany(messages), COUNT);
      await complete;
      assertEquals([proxy.cuts, missed.size], [CUTS, 0]);
    });
  }
});

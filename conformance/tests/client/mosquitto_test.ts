import { Client } from "@minimqtt/client";
import { tcp } from "@minimqtt/transport-tcp";
import { ws } from "@minimqtt/transport-ws";
import { assertEquals } from "@std/assert";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { type Mosquitto, mosquittoMissing, startMosquitto } from "../../src/peers/brokers.ts";

const missing = mosquittoMissing();
const test = missing === null ? it : it.skip;
const reason = missing === null ? "" : ` (skipped: ${missing})`;

const ways = {
  "with mosquitto": {
    transport: tcp(),
    url: ({ port }: Mosquitto) => `mqtt://127.0.0.1:${port}`,
    many: 20_000,
  },
  "with mosquitto over ws": {
    transport: ws(),
    url: ({ websocketPort }: Mosquitto) => `ws://127.0.0.1:${websocketPort}`,
    many: 5000,
  },
};

for (const [how, { transport, url, many }] of Object.entries(ways)) {
  describe(`Client ${how}`, () => {
    let broker: Mosquitto;
    beforeAll(async () => {
      if (missing === null) broker = await startMosquitto({ persistence: true, websocket: true });
    });
    afterAll(async () => {
      await broker?.stop();
    });

    test(`publishes with each QoS, and reads what it subscribed to${reason}`, async () => {
      await using client = await Client.connect(url(broker), { transport });
      const subscription = await client.subscribe("story/#", { qos: 2 });
      assertEquals(subscription.granted, [2]);
      for (const qos of [0, 1, 2] as const) await client.publish(`story/${qos}`, `message ${qos}`, { qos });
      const got: string[] = [];
      for await (const message of subscription) {
        got.push(`${message.topic} ${message.text()} ${message.qos}`);
        if (got.length === 3) break;
      }
      assertEquals(got, ["story/0 message 0 0", "story/1 message 1 1", "story/2 message 2 2"]);
    });

    test(`comes back when the broker does, with subscription and session${reason}`, async () => {
      await using client = await Client.connect(url(broker), {
        transport,
        session: "resume",
        clientId: "comes-back",
        reconnect: { delay: 50 },
        random: () => 0,
      });
      const subscription = await client.subscribe("back/#", { qos: 1 });
      await broker.restart();
      await client.publish("back/1", "after the restart", { qos: 1 });
      const { value } = await subscription.next();
      assertEquals(value?.text(), "after the restart");
      assertEquals(client.state, "online");
    });

    test(`pipelines ${many} messages with QoS 1 and 2,000 with QoS 2${reason}`, async () => {
      await using client = await Client.connect(url(broker), { transport });
      const messages = function* (count: number, qos: 1 | 2) {
        for (let i = 0; i < count; i++) yield { topic: "many", payload: `${i}`, qos };
      };
      assertEquals(await client.publishMany(messages(many, 1)), many);
      assertEquals(await client.publishMany(messages(2000, 2)), 2000);
      assertEquals(client.state, "online");
    });
  });
}

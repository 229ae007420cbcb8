/**
 * What happens in the field, with a real broker: one that limits packets, one that is killed, a cable that is pulled.
 */
import { Client, ConnectionError } from "@minimqtt/client";
import { tcp } from "@minimqtt/transport-tcp";
import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { mosquittoMissing, startMosquitto } from "../../src/peers/brokers.ts";
import { startUnrulyProxy } from "../peers/unruly_proxy.ts";

const missing = mosquittoMissing();
const test = missing === null ? it : it.skip;
const reason = missing === null ? "" : ` (skipped: ${missing})`;

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

describe("Client with mosquitto: what happens in the field", () => {
  test(`one message over max_packet_size does not keep forty others from arriving (node-red #3367)${reason}`, async () => {
    await using broker = await startMosquitto({ extraConfig: "max_packet_size 1000" });
    const url = `mqtt://127.0.0.1:${broker.port}`;
    await using reader = await Client.connect(url, { transport: tcp() });
    const seen: string[] = [];
    await reader.subscribe("small/#", { onMessage: ({ topic }) => seen.push(topic) });
    await using client = await Client.connect(url, {
      transport: tcp(),
      reconnect: { delay: 20 },
      random: () => 0.1,
    });
    const large = client.publish("large", "x".repeat(2000), { qos: 1 });
    large.catch(() => {});
    await Promise.all(Array.from({ length: 40 }, (_, i) => client.publish(`small/${i}`, "x", { qos: 1 })));
    const error = await assertRejects(() => large, ConnectionError);
    assertEquals([error.code, client.state], ["hung-up-on", "online"]);
    // Acknowledged is not yet delivered to another.
    for (let i = 0; i < 500 && new Set(seen).size < 40; i++) await pause(10);
    assertEquals(new Set(seen).size, 40);
  });

  test(`its end by SIGKILL while messages leave stops no timer, and they arrive when it is back${reason}`, async () => {
    await using broker = await startMosquitto();
    const url = `mqtt://127.0.0.1:${broker.port}`;
    for (let round = 0; round < 3; round++) {
      const client = await Client.connect(url, {
        transport: tcp(),
        reconnect: { delay: 20 },
        random: () => 0,
      });
      const publishing = Array.from(
        { length: 2000 },
        () => client.publish("t", "x".repeat(5000), { qos: 1 }),
      );
      await pause(2 * round);
      await broker.kill();
      let ticks = 0;
      const ticking = setInterval(() => ticks++, 5);
      await pause(200);
      clearInterval(ticking);
      assert(ticks >= 2, `${ticks} ticks`);
      await broker.restart();
      await Promise.all(publishing);
      await client.close();
    }
  });

  test(`a cable that is pulled is noticed, though a program publishes all the time (MQTT.js #682)${reason}`, async () => {
    await using broker = await startMosquitto();
    await using proxy = await startUnrulyProxy({
      target: () => broker.port,
      cuts: 1,
      most: 2000,
      random: () => 0.5,
      misdeeds: ["silence"],
    });
    const client = await Client.connect(`mqtt://127.0.0.1:${proxy.port}`, {
      transport: tcp(),
      keepAlive: 1000,
      replyTimeout: 500,
      random: () => 0,
    });
    const publishing = setInterval(() => void client.publish("t", "x".repeat(50)), 20);
    let silentSince = 0;
    for await (const { state } of client.status()) {
      if (state === "waiting") break;
      const watching = setInterval(() => {
        if (proxy.cuts === 0) return;
        silentSince = performance.now();
        clearInterval(watching);
      }, 5);
    }
    // Keep alive and reply time are one and a half seconds; the rest is for a machine that is busy.
    assertLess(performance.now() - silentSince, 3000);
    for await (const { state } of client.status()) if (state === "online") break;
    clearInterval(publishing);
    await client.publish("t", "x", { qos: 1 });
    await client.close();
  });
});

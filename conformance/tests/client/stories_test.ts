/**
 * Longer stories of `Client` with mosquitto: several clients, several brokers.
 */
import { Client, RefusedError } from "@minimqtt/client";
import { tcp } from "@minimqtt/transport-tcp";
import { assertEquals, assertRejects } from "@std/assert";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { type Mosquitto, mosquittoMissing, startMosquitto } from "../../src/peers/brokers.ts";

const missing = mosquittoMissing();
const test = missing === null ? it : it.skip;
const reason = missing === null ? "" : ` (skipped: ${missing})`;

describe("Client: stories with mosquitto", () => {
  let broker: Mosquitto;
  const url = () => `mqtt://127.0.0.1:${broker.port}`;
  beforeAll(async () => {
    if (missing === null) broker = await startMosquitto({ persistence: true });
  });
  afterAll(async () => {
    await broker?.stop();
  });

  test(`gets what came while its program was away: a session outlives the client${reason}`, async () => {
    const options = { transport: tcp(), session: "resume", clientId: "worker" } as const;
    const first = await Client.connect(url(), options);
    await first.subscribe("work/#", { qos: 1 });
    await first.close();
    await using other = await Client.connect(url(), { transport: tcp() });
    for (let i = 0; i < 50; i++) await other.publish(`work/${i % 2}`, `${i}`, { qos: 1 });

    // Messages come at once, before the second of these subscriptions is made.
    await using second = await Client.connect(url(), options);
    const odd = await second.subscribe("work/1", { qos: 1, acknowledge: "manual" });
    const even = await second.subscribe("work/0", { qos: 1 });
    const got: string[][] = [[], []];
    for (let i = 0; i < 25; i++) {
      const { value } = await odd.next();
      got[1]!.push(value!.text());
      value!.acknowledge();
      got[0]!.push((await even.next()).value!.text());
    }
    const all = Array.from({ length: 50 }, (_, i) => `${i}`);
    assertEquals(got, [all.filter((_, i) => i % 2 === 0), all.filter((_, i) => i % 2 === 1)]);
  });

  test(`a worker that dies before it has acknowledged leaves the message to the next one${reason}`, async () => {
    const options = { transport: tcp(), session: "resume", clientId: "mortal" } as const;
    await using other = await Client.connect(url(), { transport: tcp() });
    const first = await Client.connect(url(), options);
    const jobs = await first.subscribe("jobs", { qos: 1, acknowledge: "manual" });
    await other.publish("jobs", "important", { qos: 1 });
    assertEquals((await jobs.next()).value?.duplicate, false);
    await first.close({ drop: true });
    await using second = await Client.connect(url(), options);
    const again = await second.subscribe("jobs", { qos: 1, acknowledge: "manual" });
    const { value } = await again.next();
    assertEquals([value?.text(), value?.duplicate], ["important", true]);
    value!.acknowledge();
  });

  test(`goes over to the next broker of its list, and back${reason}`, async () => {
    await using second = await startMosquitto();
    await using client = await Client.connect([url(), `mqtt://127.0.0.1:${second.port}`], {
      transport: tcp(),
      reconnect: { delay: 20 },
      random: () => 0,
    });
    const subscription = await client.subscribe("over/#", { qos: 2 });
    const states: string[] = [];
    for (const [i, gone] of [broker, second].entries()) {
      await gone.kill();
      await client.publish(`over/${i}`, "there", { qos: 1 });
      assertEquals((await subscription.next()).value?.topic, `over/${i}`);
      for await (const status of client.status()) {
        if (status.state === "online") states.push(status.broker);
        break;
      }
      await gone.restart();
    }
    assertEquals(states, [`127.0.0.1:${second.port}`, `127.0.0.1:${broker.port}`]);
  });

  test(`rejects with the broker's refusal, and has its will published when it is gone without a word${reason}`, async () => {
    await using closed = await startMosquitto({ passwords: { user: "secret" } });
    const address = `mqtt://127.0.0.1:${closed.port}`;
    const error = await assertRejects(() => Client.connect(address, { transport: tcp() }), RefusedError);
    assertEquals(error.code, "connection-refused");
    const credentials = { username: "user", password: "secret" };
    await using watcher = await Client.connect(address, { transport: tcp(), credentials });
    const wills = await watcher.subscribe("gone");
    const will = { topic: "gone", payload: "without a word" };
    const clientId = "short-lived";
    const options = { transport: tcp(), credentials, clientId, reconnect: false } as const;
    const first = await Client.connect(address, { ...options, will });
    // One of the same name throws the first one out.
    await using _ = await Client.connect(address, options);
    assertEquals((await wills.next()).value?.text(), "without a word");
    await first.close();
  });

  test(`a slow reader slows the broker, and everything arrives in order${reason}`, async () => {
    await using client = await Client.connect(url(), { transport: tcp(), receiving: { messages: 50 } });
    await using other = await Client.connect(url(), { transport: tcp() });
    const subscription = await client.subscribe("slow", { qos: 1 });
    const COUNT = 3000;
    const messages = function* () {
      for (let i = 0; i < COUNT; i++) yield { topic: "slow", payload: `${i}`, qos: 1 as const };
    };
    await other.publishMany(messages());
    for (let i = 0; i < COUNT; i++) {
      const { value } = await subscription.next();
      assertEquals(value?.text(), `${i}`);
      if (i % 500 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assertEquals(client.dropped, 0);
  });

  test(`a worker that publishes with QoS 1 for each message that it gets is not stuck${reason}`, async () => {
    await using client = await Client.connect(url(), { transport: tcp(), receiving: { messages: 8 } });
    await using other = await Client.connect(url(), { transport: tcp() });
    const requests = await client.subscribe("request/+", { qos: 1 });
    const answers = await other.subscribe("answer/+", { qos: 1 });
    const COUNT = 500;
    const working = (async () => {
      let done = 0;
      for await (const request of requests) {
        await client.publish(request.topic.replace("request", "answer"), request.payload, { qos: 1 });
        if (++done === COUNT) break;
      }
    })();
    const asking = (async () => {
      for (let i = 0; i < COUNT; i++) await other.publish(`request/${i}`, `${i}`, { qos: 1 });
    })();
    for (let i = 0; i < COUNT; i++) assertEquals((await answers.next()).value?.text(), `${i}`);
    await Promise.all([working, asking]);
  });
});

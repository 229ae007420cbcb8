/**
 * What users of MQTT.js have complained about, as tests: each names the issue.
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { publish } from "../../src/wire/wire.ts";
import { answerSubscribe, connect, end, online, scene, settled } from "./stage.ts";
import { repository, run } from "../programs/programs.ts";

describe("what MQTT.js is complained about", () => {
  it("reconnect storms when many messages arrive (mqttjs/MQTT.js #823): PINGRESP behind a flood is no dead peer", async () => {
    const stage = await online(
      { keepAlive: 5000, replyTimeout: 1000, receiving: { messages: 50 } },
      undefined,
      {
        room: 4000,
      },
    );
    const { broker, client, clock, network } = stage;
    const [subscription] = await Promise.all([client.subscribe("flood"), answerSubscribe(stage, "00")]);
    const message = publish("flood", "x".repeat(100));
    const COUNT = 3000;
    const pings: number[] = [];
    const listening = (async () => {
      while (await broker.packet() === "c000") pings.push(clock.now());
    })();
    const flooding = (async () => {
      for (let i = 0, answered = 0; i < COUNT; i++) {
        await broker.send(message);
        // The answer to a ping joins the queue like everything else.
        while (answered < pings.length) {
          await broker.send("d000");
          answered++;
        }
      }
    })();
    // The consumer takes a minute and a half of 30 ms each, twenty times the keep alive.
    for (let i = 0; i < COUNT; i++) {
      const { value } = await subscription.next();
      assertEquals(value?.topic, "flood");
      await clock.advance(30);
    }
    await flooding;
    assert(pings.length >= 15, `${pings.length} pings`);
    assertEquals([network.dialled.length, client.state], [1, "online"]);
    await end(stage);
    await listening;
  });

  it("reconnect storms when many messages arrive (mqttjs/MQTT.js #823): two clients with one identifier slow down", async () => {
    const stage = await online({ reconnect: { delay: 1000 } });
    const { broker, clock, network } = stage;
    for (let minute = 0; minute < 10; minute++) {
      for (let i = 0; i < 60; i++) {
        // The other one comes back within a second, and this one is thrown out.
        if (stage.client.state === "online") await broker.close();
        await clock.advance(1000);
        if (stage.client.state === "connecting") await broker.welcome();
        await settled();
      }
    }
    assertLess(network.dialled.length, 50);
    await end(stage);
  });

  it("no fail-over to another broker (mqttjs/MQTT.js #1004): subscriptions and unacknowledged messages go along", async () => {
    const set = scene();
    const brokers = ["mqtt://first.test", "mqtt://second.test"];
    const [client] = await Promise.all([connect(set, {}, brokers), set.broker.welcome()]);
    const stage = { ...set, client };
    const [subscription] = await Promise.all([
      client.subscribe("news", { qos: 1 }),
      answerSubscribe(stage, "01"),
    ]);
    const publishing = client.publish("t", "important", { qos: 1 });
    await set.broker.packet();
    await set.broker.close();
    const welcome = set.broker.welcome();
    await set.clock.advance(1000);
    await welcome;
    assertEquals(set.network.dialled.map(({ host }) => host), ["first.test", "second.test"]);
    await answerSubscribe(stage, "01");
    await set.broker.expect(publish("t", "important", { qos: 1, id: 2 }));
    await set.broker.send("40020002" + publish("news", "all is well"));
    await publishing;
    assertEquals((await subscription.next()).value?.text(), "all is well");
    await end(stage);
  });

  it("no async iteration (mqttjs/async-mqtt #6): for await over messages, with backpressure, ended by break", async () => {
    const stage = await online();
    const { broker, client } = stage;
    const reading = (async () => {
      const seen: string[] = [];
      for await (const message of await client.subscribe("a/+")) {
        seen.push(`${message.topic} ${message.text()}`);
        if (seen.length === 3) break;
      }
      return seen;
    })();
    await answerSubscribe(stage, "00");
    await broker.send(["1", "2", "3", "4"].map((text) => publish(`a/${text}`, text)).join(""));
    assertEquals(await reading, ["a/1 1", "a/2 2", "a/3 3"]);
    assertEquals(await broker.packet(), "a2070002" + "0003612f2b");
    await end(stage);
  });

  it("leaks on large binary messages (mqttjs/MQTT.js #1437), and on many small ones: what is in use stays", async () => {
    const { stdout, stderr, status } = await run(repository("apps/bench/client_memory.ts"), {
      args: ["--messages", "250000", "--large", "100", "--json"],
    });
    assertEquals([status, stderr], [0, ""]);
    const { nanoseconds, inUse } = JSON.parse(stdout) as Record<string, Record<string, number>>;
    console.log(
      `bytes in use: ${JSON.stringify(inUse)}; nanoseconds a message: ${JSON.stringify(nanoseconds)}`,
    );
    const MEBIBYTE = 1024 * 1024;
    assertLess(inUse!["after small messages"]! - inUse!["before"]!, 4 * MEBIBYTE);
    assertLess(inUse!["after large messages"]! - inUse!["before large messages"]!, 4 * MEBIBYTE);
  });
});

/**
 * Nothing of `Client` grows without bound, and no amount of anything stops the event loop: what waits to be sent, what
 * is owed to a peer, what has come and is not read, and the work for all of it.
 */
import { type Client, UsageError } from "@minimqtt/client";
import type { MemoryConnection } from "@minimqtt/client/memory";
import { assert, assertEquals, assertLess } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { publish } from "../../src/wire/wire.ts";
import { PUBLISH, PUBREL, served, write } from "./peer.ts";
import { end, isSettled, online, settled } from "./stage.ts";

/** A client without a connection. */
async function away(choice: Parameters<typeof served>[0]): ReturnType<typeof served> {
  const set = await served({ random: () => 0.5, ...choice });
  set.network.answer = "refuse";
  set.peer.end!.reset();
  await settled();
  return set;
}

/** Publishes numbers; gives the codes with which those that reject do, by number, once all is said that will be. */
async function publishNumbers(
  client: Client,
  count: number,
  options: Parameters<Client["publish"]>[2] = {},
  topic = (_i: number) => "t",
): Promise<Map<number, string>> {
  const codes = new Map<number, string>();
  for (let i = 0; i < count; i++) {
    client.publish(topic(i), `${i}`, options).catch((error) =>
      codes.set(i, error instanceof UsageError ? error.code : "?")
    );
  }
  await settled();
  await settled();
  return codes;
}

/** The connection is there again: what arrives, in order. */
async function delivered(
  { peer, client, clock, network }: Awaited<ReturnType<typeof served>>,
): Promise<string[]> {
  network.answer = "accept";
  await clock.run(client.close());
  return peer.packets.filter(({ type }) => type === PUBLISH).map(({ text }) => text);
}

describe("Client: what is published while the broker is away", () => {
  it("rejects with queue-full beyond eight times sending.messages, whatever its QoS; the rest arrives", async () => {
    for (const qos of [0, 1, 2] as const) {
      const set = await away({ sending: { messages: 10 } });
      const codes = await publishNumbers(set.client, 1000, { qos });
      assertEquals([codes.size, codes.get(79), codes.get(80), codes.get(999)], [
        920,
        undefined,
        "queue-full",
        "queue-full",
      ]);
      assertEquals(await delivered(set), Array.from({ length: 80 }, (_, i) => `${i}`));
    }
  });

  it("is 80,000 messages when nothing else is said, however many are published", async () => {
    const set = await away({});
    const codes = await publishNumbers(set.client, 200_000);
    assertEquals(codes.size, 120_000);
    await set.client.close({ drop: true });
  });

  it("rejects beyond eight times sending.bytes", async () => {
    const { client } = await away({ sending: { bytes: 1000 } });
    let full = 0;
    for (let i = 0; i < 100; i++) {
      client.publish("t", "x".repeat(500)).catch(({ code }) => full += Number(code === "queue-full"));
    }
    await settled();
    assertEquals(full, 84);
    await client.close({ drop: true });
  });

  it('gives up the oldest with whenFull: "drop-oldest", counted, and who awaits it is told', async () => {
    const set = await away({ sending: { messages: 10, whenFull: "drop-oldest" } });
    const first = set.client.publish("t", "first", { qos: 1 });
    void set.client.publish("t", "second", { qos: 1 });
    const codes = await publishNumbers(set.client, 100, { qos: 1 });
    assertEquals((await first.catch((error) => error)).code, "queue-full");
    assertEquals([codes.size, codes.get(89), codes.get(90)], [90, "queue-full", undefined]);
    assertEquals(set.client.unsent, { replaced: 92, failed: 0 });
    assertEquals(await delivered(set), Array.from({ length: 10 }, (_, i) => `${90 + i}`));
  });

  it('spares the newest of each topic with whenFull: "latest"', async () => {
    const set = await away({ sending: { messages: 10, whenFull: "latest" } });
    await publishNumbers(set.client, 100, { qos: 0 }, (i) => i === 0 ? "rare" : `often/${i % 3}`);
    const texts = await delivered(set);
    assertEquals(texts.includes("0"), true, "the only one of its topic");
    assertEquals(texts.slice(-3), ["97", "98", "99"]);
    assertEquals(texts.length, 10);
    const other = await away({ sending: { messages: 3, whenFull: "latest" } });
    await publishNumbers(other.client, 6, { qos: 0 }, (i) => `${i}`);
    assertEquals(await delivered(other), ["3", "4", "5"], "with nothing superseded the oldest goes");
  });

  it("keeps the order and the counts of what is dropped, aborted and sent in any mixture", async () => {
    for (const whenFull of ["drop-oldest", "latest"] as const) {
      const set = await away({ sending: { messages: 20, whenFull } });
      const kept: number[] = [];
      for (let i = 0; i < 300; i++) {
        const controller = new AbortController();
        const publishing = set.client.publish(`t/${i % 50}`, `${i}`, { qos: 1, signal: controller.signal });
        publishing.then(() => kept.push(i), () => {});
        if (i % 7 === 3) controller.abort(new Error("not wanted"));
      }
      const texts = (await delivered(set)).map(Number);
      assertEquals(texts, [...texts].sort((a, b) => a - b));
      assertEquals(texts, kept);
      assertEquals(texts.length, 20);
      assert(texts.every((i) => i % 7 !== 3));
    }
  });
});

describe("Client: a peer that reads nothing", () => {
  it("has QoS 0 rejected beyond eight times sending.bytes", async () => {
    const stage = await online({ sending: { bytes: 50_000 } }, undefined, { room: 1000 });
    let full = 0;
    for (let i = 0; i < 200; i++) {
      stage.client.publish("t", "x".repeat(10_000)).catch(({ code }) =>
        full += Number(code === "queue-full")
      );
      await Promise.resolve();
    }
    await settled();
    assert(full > 100 && full < 190, `${full}`);
    await end(stage);
  });

  for (
    const [name, message] of [
      ["PUBREL", () => "62020001"],
      ["PUBREC", () => "50020001"],
      ["QoS 1 that nobody wants", (i: number) => publish("a", "", { qos: 1, id: i % 65_535 + 1 })],
    ] as const
  ) {
    it(`and floods ${name} is read no more than its answers have room, and answered when it reads`, async () => {
      const stage = await online({ keepAlive: 0 }, undefined, { room: 10_000 });
      // The time in which somebody may subscribe is over.
      await stage.clock.advance(10_000);
      const { connection } = stage.broker;
      const chunk = Array.from({ length: 1000 }, (_, i) => message(i)).join("");
      let taken = 0;
      const flooding = (async () => {
        for (; taken < 1000; taken++) await write(connection as MemoryConnection, chunk);
      })();
      for (let i = 0; i < 50; i++) await settled();
      const stopped = taken;
      assertLess(stopped, 100, `${stopped} thousand packets were read`);
      let answers = 0;
      for (let bytes = await connection.read(); bytes !== null; bytes = await connection.read()) {
        answers += bytes.length / 4;
        if (answers >= 1_000_000) break;
      }
      await flooding;
      assertEquals([answers, stage.client.state], [1_000_000, "online"]);
      await end(stage);
    });
  }
});

describe("Client: what has come and is not read", () => {
  it("is bounded by what it holds, for empty messages with QoS 1 as well, and lost it is not", async () => {
    const stage = await online({ receiving: { bytes: 10_000 } }, undefined, { room: 1000 });
    const { broker, client } = stage;
    const subscribing = client.subscribe("a", { qos: 1 });
    await broker.packet();
    await broker.send("9003000101");
    const stream = await subscribing;
    // Somebody waits for an answer, so that reading goes on.
    client.publish("t", "", { qos: 1 }).catch(() => {});
    await broker.packet();
    let sent = 0;
    const COUNT = 5000;
    void (async () => {
      while (sent < COUNT) await broker.send(publish("a", "", { qos: 1, id: ++sent }));
    })().catch(() => {});
    for (let i = 0; i < 50; i++) await settled();
    // A thousand fill the queue as it is; eight times its bytes are some three hundred of these.
    assertLess(sent, 2000);
    void (async () => {
      while (await broker.packet() !== "");
    })();
    for (let i = 0; i < COUNT; i++) assertEquals((await stream.next()).done, false);
    assertEquals(client.dropped, 0);
    await end(stage);
  });
});

describe("Client: work in proportion to its number", () => {
  it("a hundred thousand filters in one call, and their end", async () => {
    const { client, clock } = await served();
    const start = performance.now();
    const subscription = await client.subscribe(Array.from({ length: 100_000 }, (_, i) => `f/${i}`));
    assertEquals(subscription.granted.length, 100_000);
    await subscription.unsubscribe();
    assertLess(performance.now() - start, 10_000);
    await clock.run(client.close());
  });

  it("seventy thousand subscribe() at a time, which is more than there are identifiers", async () => {
    const { client, peer, clock } = await served();
    const start = performance.now();
    const all = Array.from({ length: 70_000 }, (_, i) => client.subscribe(`f/${i}`, { onMessage() {} }));
    await Promise.all(all);
    assertEquals([client.state, peer.connections], ["online", 1]);
    assertLess(performance.now() - start, 60_000);
    await clock.run(client.close());
  });

  it("all messages with QoS 2 that a session can hold, each of them sent a second time", async () => {
    const COUNT = 65_535;
    const { client, peer, clock } = await served({ receiving: { messages: COUNT + 1, bytes: 1e9 } }, {
      room: 10_000_000,
    }, ({ type }) => type === PUBREL);
    const stream = await client.subscribe("a", { qos: 2, acknowledge: "manual" });
    const start = performance.now();
    for (const dup of [false, true]) {
      for (let id = 1; id <= COUNT; id += 1000) {
        const ids = Array.from({ length: Math.min(1000, COUNT - id + 1) }, (_, i) => id + i);
        await peer.send(ids.map((id) => publish("a", "", { qos: 2, id, dup })).join(""));
        await settled();
      }
    }
    const messages = [];
    for (let i = 0; i < COUNT; i++) messages.push((await stream.next()).value!);
    assertEquals(await isSettled(stream.next()), false);
    // The last first: the order of acknowledging is the application's.
    for (const message of messages.reverse()) message.acknowledge();
    await settled();
    assertLess(performance.now() - start, 10_000);
    await clock.run(client.close());
    assertEquals(peer.packets.filter(({ type }) => type === 0x50).length, COUNT);
  });
});

/**
 * The same thing does not end one connection of `Client` after the other: it is found, named and given up where the
 * protocol allows, and all others go on.
 */
import { type Client, ConnectionError, RefusedError, type Status } from "@minimqtt/client";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { publish } from "../../src/wire/wire.ts";
import { type On, type Packet, PUBLISH, PUBREL, served, SUBSCRIBE, UNSUBSCRIBE, write } from "./peer.ts";
import { isSettled, settled } from "./stage.ts";

/** Hangs up at what a test says, and answers all else. */
function hangsUpAt(poison: (packet: Packet) => boolean): On {
  return (packet, end) => {
    if (!poison(packet)) return false;
    void end.close();
    return true;
  };
}

/** Every status from now on. */
function statuses(client: Client): Status[] {
  const all: Status[] = [];
  void (async () => {
    for await (const status of client.status()) all.push(status);
  })().catch(() => {});
  return all;
}

const isLarge = ({ type, text }: Packet) => type === PUBLISH && text.length > 1000;

describe("Client: a message at which the broker hangs up", () => {
  it("is sent alone after three losses, rejects after the fourth, and all others arrive", async () => {
    const { peer, client, clock } = await served({}, {}, hangsUpAt(isLarge));
    const told = statuses(client);
    const large = client.publish("big", "x".repeat(2000), { qos: 1 });
    large.catch(() => {});
    const others = Array.from({ length: 40 }, (_, i) => client.publish(`small/${i}`, "x", { qos: 1 }));
    await clock.advance(60_000);
    const error = await assertRejects(() => large, ConnectionError);
    assertEquals(error.code, "hung-up-on");
    assertStringIncludes(error.message, "big (2000 bytes)");
    assertEquals((await Promise.allSettled(others)).every(({ status }) => status === "fulfilled"), true);
    const fourth = peer.packets.filter(({ connection, type }) => connection === 4 && type === PUBLISH);
    assertEquals(fourth.map(({ topic }) => topic), ["big"]);
    assertEquals(peer.packets.filter(isLarge).map(({ connection }) => connection), [1, 2, 3, 4]);
    assertEquals([client.state, peer.connections], ["online", 5]);
    const named = told.flatMap((status) => status.state === "waiting" ? [status.unanswered] : []);
    assertEquals(named.slice(0, 3), Array(3).fill("the message to big (2000 bytes)"));
    assertEquals(client.unsent.failed, 1);
    const lost = told.findLast(({ state }) => state === "waiting") as Status & { state: "waiting" };
    assertEquals(lost.failed, 1);
    assertStringIncludes(lost.text, "hangs up whenever it gets the message to big");
    await clock.run(client.close());
  });

  it("stays in a resumed session, named and with growing waits; its signal is the way out", async () => {
    const { peer, client, clock } = await served({ session: "resume" }, {}, hangsUpAt(isLarge));
    peer.connack = "20020100";
    const told = statuses(client);
    const controller = new AbortController();
    const large = client.publish("big", "x".repeat(2000), { qos: 1, signal: controller.signal });
    large.catch(() => {});
    const small = client.publish("small", "x", { qos: 1 });
    await clock.advance(120_000);
    assertEquals([await isSettled(large), await isSettled(small)], [false, false]);
    const waits = told.flatMap((status) => status.state === "waiting" ? [status.retryIn] : []);
    assertEquals(waits.slice(0, 5), [1000, 2000, 4000, 8000, 16_000]);
    assert(peer.connections < 15, `${peer.connections} connections`);
    const last = told.findLast(({ state }) => state === "waiting") as Status & { state: "waiting" };
    assertEquals(last.unanswered, "the message to big (2000 bytes)");
    controller.abort(new Error("enough"));
    const before = peer.packets.filter(isLarge).length;
    await clock.advance(20_000);
    await small;
    assertEquals(peer.packets.filter(isLarge).length, before, "never sent again");
    assertEquals(client.state, "online");
    await clock.run(client.close());
  });

  it("is left behind by close({ drop: true })", async () => {
    const { peer, client, clock } = await served({ session: "resume" }, {}, hangsUpAt(isLarge));
    peer.connack = "20020100";
    const large = client.publish("big", "x".repeat(2000), { qos: 1 });
    large.catch(() => {});
    await clock.advance(30_000);
    await clock.run(client.close({ drop: true }));
    assertEquals([client.state, await isSettled(large)], ["closed", true]);
  });

  it("is not one that a network takes down with it now and then: an answer clears it", async () => {
    const { peer, client, clock } = await served({ random: () => 0.5 });
    for (let i = 0; i < 10; i++) {
      const from = peer.connections;
      peer.on = ({ type, connection }, end) => {
        if (type !== PUBLISH || connection - from > 2) return false;
        void end.close();
        return true;
      };
      await clock.run(client.publish(`t/${i}`, "x", { qos: 1 }));
      assertEquals(peer.connections - from, 3);
      await clock.advance(10_000);
    }
    assertEquals(client.unsent.failed, 0);
    await clock.run(client.close());
  });

  it("may have QoS 2, and be named by its PUBREL", async () => {
    const { peer, client, clock } = await served(
      { session: "resume" },
      {},
      hangsUpAt(({ type }) => type === PUBREL),
    );
    peer.connack = "20020100";
    const told = statuses(client);
    void client.publish("twice", "x", { qos: 2 });
    await clock.advance(20_000);
    const last = told.findLast(({ state }) => state === "waiting") as Status & { state: "waiting" };
    assertEquals(last.unanswered, "the message to twice (1 bytes)");
    await clock.run(client.close({ drop: true }));
  });
});

describe("Client: a filter at which the broker hangs up", () => {
  it("is found by halves among the others, which go on", async () => {
    const { peer, client, clock } = await served();
    const seen: string[] = [];
    const onMessage = ({ topic }: { topic: string }) => seen.push(topic);
    for (let i = 0; i < 12; i++) await client.subscribe(`good/${i}`, { onMessage });
    peer.on = hangsUpAt(({ type, filters }) => type === SUBSCRIBE && filters.includes("bad"));
    const subscribing = client.subscribe("bad", { onMessage });
    subscribing.catch(() => {});
    await clock.advance(200_000);
    const error = await assertRejects(() => subscribing, ConnectionError);
    assertEquals([error.code, client.state], ["hung-up-on", "online"]);
    assertStringIncludes(error.message, "the subscription to bad");
    assert(peer.connections <= 10, `${peer.connections} connections`);
    const last = peer.packets.filter(({ type, connection }) =>
      type === SUBSCRIBE && connection === peer.connections
    );
    assertEquals(last.flatMap(({ filters }) => filters).length, 12);
    for (let i = 0; i < 12; i++) await peer.send(publish(`good/${i}`));
    await settled();
    assertEquals(seen.length, 12);
    await clock.run(client.close());
  });

  it("ends the loop over its subscription when it was granted once and is not any more", async () => {
    const { peer, client, clock } = await served();
    const [good, bad] = [await client.subscribe("good"), await client.subscribe("bad")];
    peer.on = hangsUpAt(({ type, filters }) => type === SUBSCRIBE && filters.includes("bad"));
    void peer.end!.close();
    const next = bad.next();
    next.catch(() => {});
    await clock.advance(200_000);
    assertEquals((await assertRejects(() => next, ConnectionError)).code, "hung-up-on");
    await peer.send(publish("good", "still here"));
    assertEquals((await good.next()).value?.text(), "still here");
    await clock.run(client.close());
  });

  it("is not unsubscribed from in a resumed session, unlike those that were asked for with it", async () => {
    const { peer, client, clock } = await served({ session: "resume" });
    peer.connack = "20020100";
    peer.on = hangsUpAt(({ filters }) => filters.includes("bad"));
    const subscribing = client.subscribe(["bad", "beside"]);
    subscribing.catch(() => {});
    await clock.advance(200_000);
    assertEquals((await assertRejects(() => subscribing, ConnectionError)).code, "hung-up-on");
    const ended = peer.packets.filter(({ type }) => type === UNSUBSCRIBE);
    assertEquals(ended.flatMap(({ filters }) => filters), ["beside"]);
    assertEquals([client.state, peer.connections <= 6], ["online", true]);
    await clock.run(client.close());
  });

  it("may be one that is unsubscribed: it is let be", async () => {
    const { peer, client, clock } = await served({ session: "resume" });
    const subscription = await client.subscribe("sticky");
    peer.connack = "20020100";
    peer.on = hangsUpAt(({ type }) => type === UNSUBSCRIBE);
    void subscription.unsubscribe();
    await clock.advance(200_000);
    assertEquals([client.state, peer.connections <= 6], ["online", true]);
    await clock.run(client.close());
  });

  it("is none where the broker takes eight filters a packet: it is found out, or told by filtersPerPacket", async () => {
    for (const filtersPerPacket of [undefined, 8]) {
      const limit = hangsUpAt(({ type, filters }) =>
        (type === SUBSCRIBE || type === UNSUBSCRIBE) && filters.length > 8
      );
      const { peer, client, clock } = await served(
        { random: () => 0.5, ...(filtersPerPacket !== undefined && { subscribing: { filtersPerPacket } }) },
        {},
        limit,
      );
      const all = Array.from({ length: 12 }, (_, i) => `things/${i}`);
      for (const filter of all) await client.subscribe(filter);
      await clock.advance(10_000);
      void peer.end!.close();
      await clock.advance(60_000);
      assertEquals(client.state, "online");
      const asked = peer.packets.filter(({ type, connection }) =>
        type === SUBSCRIBE && connection === peer.connections
      );
      assertEquals(asked.flatMap(({ filters }) => filters).sort(), [...all].sort());
      assertEquals(peer.connections, filtersPerPacket === undefined ? 5 : 2);
      const more = await client.subscribe(all.map((filter) => `more/${filter}`));
      await more.unsubscribe();
      const ended = peer.packets.filter(({ type }) => type === UNSUBSCRIBE).map(({ filters }) =>
        filters.length
      );
      assertEquals(ended, filtersPerPacket === undefined ? [6, 6] : [8, 4]);
      await clock.run(client.close());
    }
  });
});

describe("Client: a message over receiving.maxPacketSize", () => {
  it("is passed over, acknowledged, counted and told, whatever its QoS, and what follows arrives", async () => {
    const { peer, client, clock } = await served({ receiving: { maxPacketSize: 1000 } });
    const told = statuses(client);
    const stream = await client.subscribe("#", { qos: 2 });
    for (const qos of [0, 1, 2] as const) {
      await peer.send(publish(`big/${qos}`, "x".repeat(100_000), { qos, id: 7, retain: true }));
      await peer.send(publish("small", `${qos}`));
      assertEquals((await stream.next()).value?.text(), `${qos}`);
    }
    await settled();
    const skipped = told.flatMap((status) =>
      status.state === "online" && status.skipped ? [status.skipped] : []
    );
    assertEquals(skipped.map(({ topic }) => topic), ["big/0", "big/1", "big/2"]);
    assert(skipped.every(({ size }) => size > 100_000));
    assertEquals([client.dropped, peer.connections], [3, 1]);
    assertEquals(peer.packets.slice(2).map(({ type, id }) => [type, id]), [[0x40, 7], [0x50, 7]]);
    await clock.run(client.close());
  });

  it('ends the connection with tooLarge: "close", in words that name the limit', async () => {
    const { peer, client, clock } = await served({ receiving: { maxPacketSize: 1000, tooLarge: "close" } });
    const told = statuses(client);
    await peer.send(publish("big", "x".repeat(2000)));
    await settled();
    const last = told.findLast(({ state }) => state === "waiting");
    assertStringIncludes(last?.text ?? "", "the limit is 1000");
    await clock.run(client.close());
  });
});

describe("Client: an acknowledgement of the wrong kind", () => {
  it("of QoS 2 by PUBACK rejects the message and frees its place, and close() ends", async () => {
    const { client, clock } = await served({}, {}, ({ type, id }, end) => {
      if (type !== PUBLISH) return false;
      void write(end, `4002${id.toString(16).padStart(4, "0")}`);
      return true;
    });
    const publishing = Array.from({ length: 25 }, () => client.publish("t", "x", { qos: 2 }));
    for (const promise of publishing) {
      assertEquals((await assertRejects(() => promise, RefusedError)).code, "qos-not-supported");
    }
    assertEquals(client.unsent.failed, 25);
    const closing = client.close();
    await clock.run(closing);
  });

  it("of any other kind ends the connection; what it was about is given up when it happens again and again", async () => {
    const { peer, client, clock } = await served({}, {}, ({ type, id }, end) => {
      if (type !== PUBLISH) return false;
      void write(end, `5002${id.toString(16).padStart(4, "0")}`);
      return true;
    });
    const publishing = client.publish("t", "x", { qos: 1 });
    publishing.catch(() => {});
    await clock.advance(100_000);
    assertEquals((await assertRejects(() => publishing, ConnectionError)).code, "hung-up-on");
    assertEquals(peer.connections, 5);
    await clock.run(client.close());
  });
});

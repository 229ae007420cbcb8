/**
 * Abort and end reach everything: `close()` of a `Client` ends whatever the broker does, what was aborted keeps nobody
 * waiting, and what nobody awaits ends no program.
 */
import { Client, type Status, type Transport, UsageError } from "@minimqtt/client";
import { memory } from "@minimqtt/client/memory";
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { FakeClock } from "../../src/player/fake_clock.ts";
import { CONNECT, Peer, PINGREQ, PUBLISH, served, SUBSCRIBE } from "./peer.ts";
import { isSettled, settled } from "./stage.ts";

const DROPPED = (error: unknown) => assert(error instanceof UsageError && error.code === "not-connected");

/** A client whose broker has gone, and does not come back. */
async function away(choice: Parameters<typeof served>[0] = {}): ReturnType<typeof served> {
  const set = await served({ random: () => 0.5, ...choice });
  set.network.answer = "refuse";
  set.peer.end!.reset();
  await settled();
  return set;
}

/** The last status that a client has. */
async function lastStatus(client: Client): Promise<Status> {
  return (await client.status().next()).value!;
}

describe("Client.close() while the broker is away", () => {
  it("ends within closeTimeout, gives up what waits and tells how much, whatever its QoS", async () => {
    for (const [closeTimeout, limit] of [[undefined, 10_000], [3000, 3000], [0, 0]] as const) {
      for (const qos of [0, 1, 2] as const) {
        const { client, clock } = await away(closeTimeout === undefined ? {} : { closeTimeout });
        for (let i = 0; i < 3; i++) client.publish("t", "x", { qos }).catch(DROPPED);
        const closing = client.close();
        if (limit > 0) {
          await clock.advance(limit - 1);
          assertEquals(await isSettled(closing), false);
        }
        await clock.advance(1);
        assertEquals([await isSettled(closing), clock.armed], [true, 0]);
        const { state, text, ...rest } = await lastStatus(client);
        assertEquals([state, rest], ["closed", { error: null, givenUp: 3 }]);
        assertEquals(text, "closed; 3 published messages were given up");
      }
    }
  });

  it("waits for ever with closeTimeout: Infinity, for a broker that comes back", async () => {
    const { client, clock, network, peer } = await away({ closeTimeout: Infinity });
    const publishing = client.publish("t", "x", { qos: 1 });
    const closing = client.close();
    await clock.advance(3_600_000);
    assertEquals(await isSettled(closing), false);
    network.answer = "accept";
    await clock.run(closing);
    await publishing;
    assertEquals(peer.topics, ["t"]);
  });

  it("lets the error of an await using block come out", async () => {
    const { client, clock } = await away();
    const reason = new Error("why the program ends");
    const program = async () => {
      await using used = client;
      void used.publish("t", "x");
      throw reason;
    };
    assertStrictEquals(await clock.run(program().catch((error) => error)), reason);
  });

  it("ends when its last message was aborted", async () => {
    for (const online of [false, true]) {
      const { client, clock } = online
        ? await served({}, {}, ({ type }) => type === PUBLISH)
        : await away({ closeTimeout: Infinity });
      const controller = new AbortController();
      const all = [0, 1, 2].map((qos) =>
        client.publish("t", "x", { qos: qos as 1, signal: controller.signal }).catch((error) => error)
      );
      await settled();
      const closing = client.close();
      if (!online) assertEquals(await isSettled(closing), false);
      const reason = new Error("not wanted");
      controller.abort(reason);
      for (const error of (await Promise.all(all)).slice(online ? 1 : 0)) assertStrictEquals(error, reason);
      assertEquals(await isSettled(closing), true);
      assertEquals(clock.armed, 0);
    }
  });
});

describe("Client.close() and a broker that answers pings and nothing else", () => {
  const silent = ({ type }: { type: number }) => type !== CONNECT && type !== PINGREQ;

  it("ends within closeTimeout", async () => {
    const { client, clock } = await served({}, {}, silent);
    for (const qos of [1, 2] as const) client.publish("t", "x", { qos }).catch(DROPPED);
    client.subscribe("a").catch(DROPPED);
    const closing = client.close();
    await clock.advance(9999);
    assertEquals(await isSettled(closing), false);
    await clock.advance(1001);
    assertEquals([await isSettled(closing), client.state], [true, "closed"]);
  });

  it("ends in every moment of an attempt to connect", async () => {
    for (let moment = 0; moment < 40; moment++) {
      const network = memory();
      const peer = new Peer(network);
      const clock = new FakeClock();
      let reached!: () => void;
      const opened = new Promise<void>((resolve) => reached = resolve);
      let attempts = 0;
      const transport: Transport = {
        ...network.transport,
        async connect(address, options) {
          const connection = await network.transport.connect(address, options);
          if (++attempts === 2) reached();
          return connection;
        },
      };
      const client = await Client.connect("mqtt://broker.test", { transport, clock, random: () => 0.5 });
      peer.end!.reset();
      const advancing = clock.advance(3000);
      await opened;
      for (let i = 0; i < moment; i++) await undefined;
      const closing = client.close({ drop: true });
      await advancing;
      await clock.run(closing);
      await settled();
      assertEquals([client.state, clock.armed], ["closed", 0], `after ${moment} steps`);
    }
  });
});

describe("Client: what was aborted", () => {
  it("frees its place in the queue, with what it held: 1,500 messages of half a megabyte in 1 MB", async () => {
    const { client } = await away({ sending: { bytes: 1_000_000, whenFull: "reject" } });
    for (let i = 0; i < 1500; i++) {
      const controller = new AbortController();
      const publishing = client.publish("t", new Uint8Array(500_000), {
        qos: (i % 3) as 0,
        signal: controller.signal,
      });
      const reason = new Error(`${i}`);
      controller.abort(reason);
      assertStrictEquals(await publishing.catch((error) => error), reason);
    }
    const last = client.publish("t", new Uint8Array(1_000_000), { qos: 1 });
    last.catch(DROPPED);
    assertEquals(await isSettled(last), false);
    await client.close({ drop: true });
  });

  it("frees its place in the window, so that the next one leaves, QoS 2 included", async () => {
    for (const qos of [1, 2] as const) {
      const { peer, client, clock } = await served(
        { sending: { window: 2, windowQoS2: 2 } },
        {},
        ({ topic }) => topic === "held",
      );
      const controller = new AbortController();
      const held = [1, 2].map(() => client.publish("held", "x", { qos, signal: controller.signal }));
      for (const promise of held) promise.catch(() => {});
      const next = client.publish("next", "x", { qos });
      assertEquals(await isSettled(next), false);
      controller.abort(new Error("not wanted"));
      await next;
      assertEquals(peer.topics, ["held", "held", "next"]);
      await clock.run(client.close());
    }
  });

  it("does not keep publishMany() from going on with its iterable", async () => {
    const { client, clock } = await served({ sending: { window: 1 } }, {}, ({ topic }) => topic === "held");
    const controller = new AbortController();
    const held = client.publish("held", "x", { qos: 1, signal: controller.signal });
    held.catch(() => {});
    const many = client.publishMany([1, 2, 3].map((i) => ({ topic: `${i}`, payload: "", qos: 1 as const })));
    assertEquals(await isSettled(many), false);
    controller.abort(new Error("not wanted"));
    assertEquals(await clock.run(many), 3);
    await clock.run(client.close());
  });

  it("of subscriptions is asked for no more, and keeps nobody from reading", async () => {
    const { peer, client, clock } = await served(
      { receiving: { messages: 2 } },
      {},
      ({ type }) => type === SUBSCRIBE,
    );
    const controller = new AbortController();
    const subscribing = client.subscribe("a", { signal: controller.signal });
    await settled();
    const reason = new Error("not wanted");
    controller.abort(reason);
    assertStrictEquals(await subscribing.catch((error) => error), reason);
    void peer.end!.close();
    await clock.advance(2000);
    assertEquals(client.state, "online");
    assertEquals(peer.packets.filter(({ type, connection }) => type === SUBSCRIBE && connection > 1), []);
    await clock.run(client.close());
  });

  it("is not waited for: the connection stays when nothing else is unacknowledged", async () => {
    const { peer, client, clock } = await served(
      { acknowledgeTimeout: 20_000 },
      {},
      ({ topic }) => topic === "held",
    );
    const controller = new AbortController();
    client.publish("held", "x", { qos: 1, signal: controller.signal }).catch(() => {});
    await clock.advance(10_000);
    controller.abort(new Error("not wanted"));
    await clock.advance(100_000);
    assertEquals([client.state, peer.connections], ["online", 1]);
    await client.publish("t", "x", { qos: 1 });
    await clock.run(client.close());
  });
});

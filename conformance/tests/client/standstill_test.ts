/**
 * `Client` never stands still: neither the event loop, nor one who waits while all others go on. Each story ends with
 * something that moves again.
 */
import { Client, ConnectionError, type Transport } from "@minimqtt/client";
import type { Connection } from "@minimqtt/core";
import { memory, type MemoryNetwork } from "@minimqtt/client/memory";
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { publish } from "../../src/wire/wire.ts";
import { CONNECT, Peer, PUBLISH, PUBREL, served, SUBSCRIBE } from "./peer.ts";
import { isSettled, settled } from "./stage.ts";

/** A transport whose connections fail at the n-th write, and at all that follow; what the peer sends is read on. */
function failing({ transport }: MemoryNetwork, from: number, moment: "at once" | "later"): Transport {
  return {
    ...transport,
    async connect(address, options) {
      const connection = await transport.connect(address, options);
      let writes = 0;
      const broken: Connection = {
        read: () => connection.read(),
        close: () => connection.close(),
        async write(bytes) {
          if (++writes < from) return await connection.write(bytes);
          if (moment === "later") await settled();
          throw new ConnectionError("write-failed", "the cable is cut");
        },
      };
      return broken;
    },
  };
}

/** Resolves when a timer has run so many times: never, where the event loop stands still. */
function ticks(count: number): Promise<void> {
  return new Promise((resolve) => {
    const ticking = setInterval(() => {
      if (--count > 0) return;
      clearInterval(ticking);
      resolve();
    }, 1);
  });
}

describe("Client: the event loop", () => {
  it("goes on while a write has failed and the end of the connection has not been read", async () => {
    for (const moment of ["at once", "later"] as const) {
      for (let from = 2; from < 6; from++) {
        const network = memory({ room: 1_000_000 });
        const peer = new Peer(network);
        const client = await Client.connect("mqtt://broker.test", {
          transport: failing(network, from, moment),
          reconnect: { delay: 0 },
        });
        const ticking = ticks(20);
        const publishing = Array.from(
          { length: 60 },
          () => client.publish("t", "x".repeat(5000), { qos: 1 }),
        );
        for (const promise of publishing) promise.catch(() => {});
        const awaiting = (async () => {
          // Who publishes in a loop is not let on before there is a connection again.
          for (let i = 0; i < 100; i++) await client.publish("t", "x".repeat(5000));
        })();
        awaiting.catch(() => {});
        await ticking;
        assert(peer.connections >= 1);
        await client.close({ drop: true });
      }
    }
  });

  it("goes on with a transport that fails at once, and no wait between attempts", async () => {
    const network = memory();
    const peer = new Peer(network, ({ type }, end) => {
      if (type === CONNECT && peer.connections > 1) {
        end.reset();
        return true;
      }
      return false;
    });
    const client = await Client.connect("mqtt://broker.test", {
      transport: network.transport,
      reconnect: { delay: 0 },
    });
    network.answer = "refuse";
    const refused = ticks(20);
    peer.end!.reset();
    for (let i = 0; i < 100; i++) client.publish("t", "x".repeat(5000), { qos: 1 }).catch(() => {});
    await refused;
    network.answer = "accept";
    await ticks(20);
    assert(peer.connections > 1);
    await client.close({ drop: true });
  });
});

describe("Client: whoever waits is woken", () => {
  it("who subscribes within the loop that its full queue waits for, and loses the connection before the SUBACK", async () => {
    const { peer, client, clock } = await served({
      session: "resume",
      receiving: { messages: 2 },
      replyTimeout: 1000,
    }, { room: 300 });
    const jobs = await client.subscribe("jobs", { qos: 1 });
    peer.on = ({ type, connection }, end) => {
      if (type !== SUBSCRIBE || connection > 1) return false;
      end.reset();
      return true;
    };
    const work = (id: number) => publish("jobs", `${id}`, { qos: 1, id });
    void peer.send([1, 2, 3, 4, 5, 6, 7, 8, 9].map(work).join(""));
    let done = 0;
    const working = (async () => {
      for await (const job of jobs) {
        await using _reply = await client.subscribe(`reply/${job.text()}`);
        if (++done === 9) break;
      }
    })();
    peer.connack = "20020100";
    await settled();
    const resent = (async () => {
      while (peer.connections < 2) await settled();
      await settled();
      // A queue that is full already when the connection comes back.
      await peer.send([2, 3, 4, 5, 6, 7, 8, 9].map(work).join(""));
    })();
    await clock.advance(20_000);
    await resent;
    await clock.run(working);
    assertEquals([client.state, done, peer.connections], ["online", 9, 2]);
    await clock.run(client.close({ drop: true }));
  });

  it("who publishes with QoS 0 beside a full stream that nobody reads, when the connection is cut", async () => {
    const { peer, client, clock } = await served({ receiving: { messages: 2 } }, { room: 300 });
    await client.subscribe("a");
    void peer.send(publish("a", "x".repeat(50)).repeat(40));
    await settled();
    peer.end!.reset();
    for (let i = 0; i < 30; i++) {
      void client.publish("t", `${i}`);
      await clock.advance(1000);
    }
    assertEquals([client.state, peer.connections], ["online", 2]);
    // One may be lost with the connection, as QoS 0 has it.
    assert(peer.topics.length >= 29, `${peer.topics.length} arrived`);
    await clock.run(client.close({ drop: true }));
  });

  it("who waits behind messages with QoS 2 that a lost session took with it", async () => {
    const { peer, client, clock } = await served();
    peer.on = ({ type, connection }, end) => {
      if (type !== PUBREL || connection > 1) return false;
      end.reset();
      return true;
    };
    const codes: string[] = [];
    const publishing = Array.from(
      { length: 15 },
      (_, i) =>
        client.publish(`t/${i}`, "x", { qos: 2 }).then(
          () => codes.push("sent"),
          ({ code }) => codes.push(code),
        ),
    );
    await clock.run(Promise.all(publishing));
    assertEquals(codes.filter((code) => code === "sent").length >= 5, true, codes.join(" "));
    assertEquals(client.unsent.failed, codes.filter((code) => code === "session-lost").length);
    await clock.run(client.close());
    assertEquals(client.state, "closed");
  });

  it("who waits for an identifier, when aborted messages and a full window hold all that there are", async () => {
    const { peer, client, clock } = await served({ sending: { window: 60_000, messages: Infinity } });
    peer.on = ({ type }) => type === PUBLISH;
    const controller = new AbortController();
    const publishOne = (signal?: AbortSignal) =>
      client.publish("t", "", { qos: 1, ...(signal && { signal }) });
    const given = Array.from({ length: 6000 }, () => publishOne(controller.signal));
    const kept = Array.from({ length: 54_000 }, () => publishOne());
    await settled();
    controller.abort(new Error("not wanted"));
    assertEquals((await Promise.allSettled(given)).every(({ status }) => status === "rejected"), true);
    kept.push(...Array.from({ length: 6000 }, () => publishOne()));
    const subscribing = client.subscribe("s", { onMessage() {} });
    assertEquals(await isSettled(subscribing), false);
    peer.on = () => false;
    const ids = peer.packets.filter(({ type }) => type === PUBLISH).map(({ id }) => id);
    assertEquals(ids.length, 65_535);
    await peer.send(ids.map((id) => `4002${id.toString(16).padStart(4, "0")}`).join(""));
    await clock.run(Promise.all([subscribing, ...kept]));
    assertEquals(client.state, "online");
    await clock.run(client.close());
  });

  it("each of several who wait for the next status, and a loop over it that is left meanwhile", async () => {
    const { peer, client, clock } = await served({ random: () => 0.5 });
    const status = client.status();
    await status.next();
    const waiting = [status.next(), status.next(), status.next()];
    peer.end!.reset();
    await clock.advance(5000);
    assertEquals((await Promise.all(waiting)).map(({ value }) => value?.state), [
      "waiting",
      "connecting",
      "online",
    ]);
    const [one, other] = [status.next(), status.next()];
    await status.return!();
    assertEquals([(await one).done, (await other).done], [true, true]);
    const last = client.status();
    await last.next();
    const [closing, behind] = [last.next(), last.next()];
    await clock.run(client.close());
    assertEquals([(await closing).value?.state, (await behind).done], ["closed", true]);
  });
});

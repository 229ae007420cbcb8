/**
 * `Client` judges its peer by what the peer does: one that is dead is noticed within keep alive and reply time whatever
 * we send, and one from which bytes come, or which takes ours, is alive however long that takes.
 */
import type { Client } from "@minimqtt/client";
import { memory, type MemoryConnection } from "@minimqtt/client/memory";
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { fromHex } from "../../src/wire/bytes.ts";
import { publish } from "../../src/wire/wire.ts";
import { CONNECT, PINGREQ, served } from "./peer.ts";
import { connect, settled } from "./stage.ts";
import { FakeClock } from "../../src/player/fake_clock.ts";

const TIMES = { keepAlive: 3000, replyTimeout: 2000 };

describe("Client: a peer that is dead", () => {
  for (
    const [name, say] of [
      ["publishes once a second with QoS 0", (client: Client) => client.publish("t", "x")],
      ["publishes once a second with QoS 1", (client: Client) => client.publish("t", "x", { qos: 1 })],
      ["says nothing", () => Promise.resolve()],
    ] as const
  ) {
    it(`is noticed within keep alive and reply time by one that ${name} (MQTT.js #682)`, async () => {
      const { peer, client, clock } = await served({ ...TIMES, random: () => 0.5 });
      await clock.advance(10_000);
      // From now on a relay takes everything, and nothing comes back.
      peer.on = () => true;
      for (let i = 0; i < 5; i++) {
        say(client).catch(() => {});
        await clock.advance(1000);
      }
      assertEquals(client.state === "online", false);
      await clock.run(client.close({ drop: true }));
    });
  }

  it("is noticed as well when it takes nothing, be a large write under way or not", async () => {
    for (const size of [10, 4_000_000]) {
      const network = memory({ room: 1000 });
      const clock = new FakeClock();
      const connecting = connect({ network, clock }, { ...TIMES, random: () => 0.5 });
      const end = await network.accept();
      await end.read();
      await end.write(fromHex("20020000"));
      const client = await connecting;
      void client.publish("t", "x".repeat(size));
      void client.publish("t", "x".repeat(size));
      await clock.advance(5000);
      assertEquals(client.state === "online", false, `${size}`);
      await clock.run(client.close({ drop: true }));
    }
  });
});

/** Sends bytes as a slow line does: 40 KB each tenth of a second, answers to pings behind what waits. */
function slowLine(clock: FakeClock, end: MemoryConnection, bytes: Uint8Array): Uint8Array[] {
  const line = [bytes];
  void (async () => {
    for (;;) {
      const first = line.shift() ?? new Uint8Array(0);
      for (let at = 0; at < first.length || at === 0; at += 40_000) {
        if (first.length > 0) await end.write(first.subarray(at, at + 40_000));
        await new Promise<void>((resolve) => void clock.timer(clock.now() + 100, resolve));
      }
    }
  })().catch(() => {});
  return line;
}

describe("Client: a peer that is slow", () => {
  for (
    const [name, bytes, count] of [
      ["one message of 4 MB", publish("large", "x".repeat(4_000_000)), 1],
      ["4,000 messages of 1 KB", publish("small", "x".repeat(1000)).repeat(4000), 4000],
    ] as const
  ) {
    it(`is not given up while ${name} come in at 400 KB/s, PINGRESP behind (paho.mqtt.python #914)`, async () => {
      const { peer, client, clock } = await served(TIMES, { room: 1_000_000 });
      let seen = 0;
      await client.subscribe("#", { onMessage: () => seen++ });
      const line = slowLine(clock, peer.end!, fromHex(bytes));
      let pings = 0;
      peer.on = ({ type }) => {
        if (type !== PINGREQ) return false;
        pings++;
        line.push(fromHex("d000"));
        return true;
      };
      await clock.advance(15_000);
      assertEquals([seen, peer.connections, client.state], [count, 1, "online"]);
      assert(pings >= 1);
      peer.on = () => false;
      await clock.run(client.close());
    });
  }

  it("is not given up while it takes a large message slowly, with the ping behind it", async () => {
    const network = memory({ room: 10_000 });
    const clock = new FakeClock();
    const connecting = connect({ network, clock }, TIMES);
    const end = await network.accept();
    await end.read();
    await end.write(fromHex("20020000"));
    const client = await connecting;
    // Some 64 KB in half a second: three times as long as a dead peer would have.
    const publishing = client.publish("t", "x".repeat(2_000_000), { qos: 1 });
    let taken = 0;
    let pinged = false;
    for (let i = 0; i < 300 && !pinged; i++) {
      for (let part = 0; part < 20_000 && !pinged;) {
        const chunk = await Promise.race([end.read(), settled().then(settled)]);
        if (!chunk) break;
        part += chunk.length;
        taken += chunk.length;
        pinged = taken > 2_000_000 && chunk.at(-2) === 0xc0;
      }
      assertEquals(client.state, "online", `after ${taken} bytes`);
      await clock.advance(500);
    }
    assert(clock.now() > 15_000 && pinged, `${clock.now()} ms`);
    await end.write(fromHex("d00040020001"));
    await publishing;
    void clock.run(client.close());
    await end.close();
  });

  it("is not given up for what our own consumer does not read; pings go on meanwhile", async () => {
    const { peer, client, clock } = await served({ ...TIMES, receiving: { messages: 2 } }, { room: 1000 });
    const stream = await client.subscribe("a");
    void peer.send(publish("a", "x".repeat(100)).repeat(100));
    await clock.advance(60_000);
    assertEquals([client.state, peer.connections], ["online", 1]);
    assert(peer.packets.filter(({ type }) => type === PINGREQ).length >= 20);
    for (let i = 0; i < 100; i++) await stream.next();
    await clock.advance(10_000);
    assertEquals([client.state, peer.connections], ["online", 1]);
    await clock.run(client.close());
  });
});

describe("Client.check()", () => {
  it("finds out within the reply time that the network is another one, and that the computer woke up", async () => {
    const { peer, client, clock } = await served({ keepAlive: 0, replyTimeout: 2000, random: () => 0.5 });
    await clock.advance(3_600_000);
    peer.on = ({ type, connection }) => connection === 1 && type !== CONNECT;
    client.check();
    await clock.advance(2000);
    assertEquals(client.state, "waiting");
    client.check();
    await settled();
    await settled();
    assertEquals([client.state, peer.connections], ["online", 2]);
    client.check();
    client.check();
    await clock.advance(10_000);
    assertEquals([client.state, peer.connections], ["online", 2]);
    await clock.run(client.close());
    client.check();
  });

  it("gets its answer also behind a full queue that nobody reads", async () => {
    const { peer, client, clock } = await served({
      keepAlive: 0,
      replyTimeout: 2000,
      receiving: { messages: 2 },
    }, {
      room: 300,
    });
    await client.subscribe("a");
    void peer.send(publish("a", "x".repeat(50)).repeat(12));
    await settled();
    client.check();
    await clock.advance(10_000);
    assertEquals([client.state, peer.connections], ["online", 1]);
    assert(peer.packets.some(({ type }) => type === PINGREQ));
    await clock.run(client.close({ drop: true }));
  });
});

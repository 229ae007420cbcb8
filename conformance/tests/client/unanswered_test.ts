/**
 * What a broker leaves unanswered, and what nobody awaits: the first ends a connection of `Client`, the second no
 * program.
 */
import { type Client, ConnectionError, type Status } from "@minimqtt/client";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { run } from "../programs/programs.ts";
import { PINGREQ, PUBLISH, PUBREL, served, write } from "./peer.ts";
import { settled } from "./stage.ts";

/** The last status that a client has. */
async function lastStatus(client: Client): Promise<Status> {
  return (await client.status().next()).value!;
}

describe("Client: acknowledgeTimeout", () => {
  it("ends a connection on which nothing is acknowledged; the next one sends again", async () => {
    for (const [acknowledgeTimeout, limit] of [[undefined, 60_000], [5000, 5000]] as const) {
      for (const kind of ["publish", "subscribe", "unsubscribe"] as const) {
        const { peer, client, clock } = await served({
          random: () => 0.5,
          ...(acknowledgeTimeout && { acknowledgeTimeout }),
        });
        const subscription = await client.subscribe("s");
        peer.on = ({ type, connection }) => connection === 1 && type !== PINGREQ;
        const waiting = kind === "publish"
          ? client.publish("t", "x", { qos: 1 })
          : kind === "subscribe"
          ? client.subscribe("t")
          : subscription.unsubscribe();
        await clock.advance(limit - 1);
        assertEquals(client.state, "online");
        await clock.advance(1);
        const status = await lastStatus(client);
        assert(status.state === "waiting" && status.error instanceof ConnectionError);
        assertEquals(status.error.code, "acknowledgement-timeout");
        await clock.advance(5000);
        await waiting;
        await clock.run(client.close());
      }
    }
  });

  it("leaves a broker alone whose acknowledgements trickle, and all with Infinity", async () => {
    for (const acknowledgeTimeout of [30_000, Infinity]) {
      const { peer, client, clock } = await served(
        { acknowledgeTimeout },
        {},
        ({ type }) => type === PUBLISH,
      );
      const publishing = Array.from({ length: 10 }, () => client.publish("t", "x", { qos: 1 }));
      for (const promise of publishing) promise.catch(() => {});
      for (let id = 1; id <= 10; id++) {
        await clock.advance(acknowledgeTimeout === Infinity ? 1e6 : 29_000);
        await write(peer.end!, `4002000${id.toString(16)}`);
        await settled();
      }
      await Promise.all(publishing);
      assertEquals(peer.connections, 1);
      await clock.run(client.close());
    }
  });

  it("over and over for one message gives that up, and the others arrive", async () => {
    const { client, clock } = await served(
      { random: () => 0.5 },
      {},
      ({ topic, type }) => type === PUBLISH && topic === "bad",
    );
    const bad = client.publish("bad", "x", { qos: 1 });
    bad.catch(() => {});
    await clock.advance(600_000);
    assertEquals((await assertRejects(() => bad, ConnectionError)).code, "hung-up-on");
    await client.publish("good", "x", { qos: 1 });
    await clock.run(client.close());
  });
});

describe("Client: a publish that nobody awaits", () => {
  it("with QoS 2 that the session took with it ends no program: it is counted and told", async () => {
    const { peer, client, clock } = await served();
    peer.on = ({ type }, end) => {
      if (type !== PUBREL) return false;
      end.reset();
      return true;
    };
    void client.publish("t", "x", { qos: 2 });
    const status = client.status();
    const told: Status[] = [];
    void (async () => {
      for await (const one of status) told.push(one);
    })();
    await clock.advance(10_000);
    assertEquals(client.unsent, { replaced: 0, failed: 1 });
    const last = told.at(-1)!;
    assertEquals(last.state === "online" && last.failed, 1);
    await clock.run(client.close());
  });

  it("ends no program either when the client itself has ended by what the network did", async () => {
    const { peer, client } = await served({ reconnect: false });
    void client.publish("t", "x", { qos: 1 });
    peer.end!.reset();
    await settled();
    assertEquals(client.state, "closed");
    void client.publish("t", "x", { qos: 1 });
    void client.publish("t", "x");
    await settled();
    await settled();
    await assertRejects(() => client.publish("t", "x"), ConnectionError);
    assertEquals(client.unsent.failed, 3);
  });

  it("ends a program by its own mistake alone: what was wrong with the call stays unhandled", async () => {
    const program = (call: string) => `
      import { Client } from "@minimqtt/client";
      import { memory } from "@minimqtt/client/memory";
      const network = memory();
      const connecting = Client.connect("mqtt://broker.test", { transport: network.transport, reconnect: false });
      const broker = await network.accept();
      await broker.read();
      await broker.write(Uint8Array.of(0x20, 2, 0, 0));
      const client = await connecting;
      ${call};
      setTimeout(() => console.log("the program goes on"), 50);
    `;
    const mistake = await run(program('void client.publish("a/#", "x")'), { source: true });
    assertStringIncludes(mistake.stderr, "UsageError");
    assertEquals(mistake.status === 0, false);
    const network = await run(program('void client.publish("a", "x", { qos: 1 }); broker.reset()'), {
      source: true,
    });
    assertEquals([network.stdout.includes("goes on"), network.status, network.stderr], [true, 0, ""]);
  });
});

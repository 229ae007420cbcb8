import { assert, assertEquals, assertFalse, assertStrictEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { MMQTTException, MMQTTStateError, type Subscriptions } from "@minimqtt/client";
import { rejectsWith } from "../assertions.ts";
import { dialling } from "./dialling.ts";
import { online, type Stage } from "./stage.ts";

const CONNECT = "101200044d5154540402003c0006676f6c64656e";

/** Subscribes; the broker grants what is asked for, with these codes. */
async function subscribed(
  { client, broker, clock }: Stage,
  topics: Subscriptions,
  codes: string,
): Promise<void> {
  const subscribing = clock.run(client.subscribe(topics)).catch(() => {});
  const id = (await broker.packet()).slice(4, 8);
  await broker.send(`90${(2 + codes.length / 2).toString(16).padStart(2, "0")}${id}${codes}`);
  await subscribing;
}

/** The broker's side of a reconnect: CONNACK, then for each further exchange what it expects and answers. */
async function answers({ broker }: Stage, ...exchanges: [string, string][]): Promise<void> {
  await broker.accept();
  await broker.expect(CONNECT);
  await broker.send("20020000");
  for (const [expected, answer] of exchanges) {
    await broker.expect(expected);
    await broker.send(answer);
  }
}

/** The broker goes away, and the client notices. */
async function lose({ client, broker, clock }: Stage): Promise<void> {
  await broker.close();
  await rejectsWith(clock.run(client.loop(1)), MMQTTException, "Connection closed by broker");
  assertFalse(client.isConnected());
}

describe("reconnect(): connected", () => {
  it("reconnect() uses host, port, keep alive, credentials and will again (MM-156)", async () => {
    const { client, broker, clock, addresses } = dialling({ username: "user", password: "pass" });
    client.willSet("will/t", "gone", true, 1);
    const packet =
      "102c00044d51545404ee00050006676f6c64656e000677696c6c2f740004676f6e65000475736572000470617373";
    for (const method of ["connect", "reconnect", "reconnect"] as const) {
      const connecting = clock.run(
        method === "connect"
          ? client.connect({ host: "other.test", port: 1884, keepAlive: 5, sessionId: "s" })
          : client[method](),
      );
      await broker.accept();
      await broker.expect(packet);
      await broker.send("20020000");
      await connecting;
    }
    assertEquals(addresses, Array(3).fill({ host: "other.test", port: 1884, secure: false }));
    assertEquals(client.sessionId, "s");
  });
});

describe("reconnect(): not connected", () => {
  it("reconnect() notices a connection that broke unnoticed, and goes on (MM-154)", async () => {
    const scene = await online();
    const { client, broker, clock } = scene;
    await subscribed(scene, "a", "00");
    await broker.close();
    const reconnecting = clock.run(client.reconnect());
    await answers(scene, ["8206000200016100", "9003000200"]);
    assertEquals(await reconnecting, 0);
  });
});

describe("reconnect(): overlapping and throwing", () => {
  it("reconnect() twice at once: one goes on, the other is refused (MM-233)", async () => {
    const scene = await online();
    const { client, broker, clock, network } = scene;
    const both = clock.run(Promise.allSettled([client.reconnect(), client.reconnect()]));
    await broker.expect("e000");
    await answers(scene);
    const results = await both;
    assertEquals(results.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
    const { reason } = results.find(({ status }) => status === "rejected") as PromiseRejectedResult;
    assert(reason instanceof MMQTTStateError, String(reason));
    assertEquals(network.dialled.length, 2);
    assert(client.isConnected());
  });

  it("reconnect() rejects with what a callback threw, untouched (MM-230)", async () => {
    for (const callback of ["onDisconnect", "onConnect", "onSubscribe"] as const) {
      const scene = await online();
      const { client, clock } = scene;
      await subscribed(scene, "a", "00");
      const mine = new MMQTTException("mine");
      client[callback] = () => {
        throw mine;
      };
      const reconnecting = clock.run(client.reconnect()).catch((error) => error);
      if (callback === "onConnect") await answers(scene);
      if (callback === "onSubscribe") await answers(scene, ["8206000200016100", "9003000200"]);
      assertStrictEquals(await reconnecting, mine);
      assertEquals(client.isConnected(), callback !== "onDisconnect");
    }
  });

  it("reconnect() rejects with an exception of MiniMQTT's when the connection is lost before it subscribes", async () => {
    const scene = await online();
    const { client, broker, clock } = scene;
    await subscribed(scene, "a", "00");
    client.onConnect = async () => {
      await broker.close();
      await client.loop(1).catch(() => {});
    };
    const reconnecting = clock.run(client.reconnect());
    reconnecting.catch(() => {});
    await answers(scene);
    await rejectsWith(reconnecting, MMQTTStateError, "MiniMQTT is not connected");
  });

  it("a lost connection is not opened again by anything but a call (MM-159)", async () => {
    const scene = dialling();
    const { client, broker, clock, addresses } = scene;
    await Promise.all([clock.run(client.connect()), broker.welcome()]);
    assertEquals(clock.armed, 0);
    await lose(scene);
    await clock.advance(86_400_000);
    for (const call of [client.loop(1), client.publish("t", "x"), client.ping()]) {
      await rejectsWith(call, MMQTTStateError, "MiniMQTT is not connected");
    }
    assertEquals([addresses.length, clock.armed, scene.open()], [1, 0, 0]);
  });
});

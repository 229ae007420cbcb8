import { assert, assertEquals, assertFalse, assertStrictEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import {
  ConnectionError,
  MMQTTException,
  MMQTTStateError,
  type MQTT,
  ProtocolError,
  type Subscriptions,
} from "@minimqtt/client";
import { rejectsWith } from "./assertions.ts";
import { dialling, gaps } from "./dialling.ts";
import { online, type Stage } from "./stage.ts";

const CONNECT = "101200044d5154540402003c0006676f6c64656e";

/** Writes down which callbacks run, in order. */
function record(client: MQTT): unknown[] {
  const calls: unknown[] = [];
  client.onConnect = (_client, _userData, flags, rc) => calls.push(["connect", flags, rc]);
  client.onDisconnect = (_client, _userData, rc) => calls.push(["disconnect", rc]);
  client.onSubscribe = (_client, _userData, topic, qos) => calls.push(["subscribe", topic, qos]);
  return calls;
}

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

async function nothingMore({ client, broker, clock }: Stage): Promise<void> {
  await clock.run(client.disconnect());
  await broker.expect("e000");
  await broker.expectEnd();
}

describe("reconnect(): connected", () => {
  it("reconnect() disconnects, connects and subscribes again, with its callbacks in this order (MM-150)", async () => {
    const scene = await online();
    const { client, broker, clock } = scene;
    await subscribed(scene, "a", "00");
    const calls = record(client);
    const first = broker.connection;
    const reconnecting = clock.run(client.reconnect());
    await broker.expect("e000");
    assertEquals(await first.read(), null);
    await answers(scene, ["8206000200016100", "9003000200"]);
    assertEquals(await reconnecting, 0);
    assertEquals(calls, [["disconnect", 0], ["connect", 0, 0], ["subscribe", "a", 0]]);
  });

  it("reconnect() subscribes in the order and with the QoS asked for, in one packet (MM-152)", async () => {
    const scene = await online();
    const { client, clock } = scene;
    await subscribed(scene, [["rx/0", 0], ["rx/1", 1]], "0001");
    // What the broker granted is another matter: it may have more to grant next time.
    await subscribed(scene, ["rx/2", 2], "01");
    const calls = record(client);
    const reconnecting = clock.run(client.reconnect());
    await answers(scene, [
      "82170003 000472782f3000 000472782f3101 000472782f3202",
      "90050003000102",
    ]);
    assertEquals(await reconnecting, 0);
    assertEquals(calls.slice(2), [["subscribe", "rx/0", 0], ["subscribe", "rx/1", 1], [
      "subscribe",
      "rx/2",
      2,
    ]]);
    await nothingMore(scene);
  });

  it("reconnect() subscribes once to what was subscribed twice, with the QoS of the last time (MM-114)", async () => {
    const scene = await online();
    await subscribed(scene, [["a", 0], ["b", 2]], "0002");
    await subscribed(scene, ["a", 1], "01");
    const reconnecting = scene.clock.run(scene.client.reconnect());
    await answers(scene, ["820a0003 00016101 00016202", "900400030102"]);
    await reconnecting;
  });

  it("reconnect() does not subscribe to what was unsubscribed, or refused (MM-154)", async () => {
    const scene = await online();
    const { client, broker, clock } = scene;
    await subscribed(scene, ["a", "b", "c"], "008000");
    const unsubscribing = clock.run(client.unsubscribe("a"));
    await broker.expect("a2050002000161");
    await broker.send("b0020002");
    await unsubscribing;
    const reconnecting = clock.run(client.reconnect());
    await answers(scene, ["8206000300016300", "9003000300"]);
    await reconnecting;
  });

  it("reconnect() with resubTopics false forgets the subscriptions (MM-153)", async () => {
    const scene = await online();
    const { client, clock } = scene;
    await subscribed(scene, ["a", "b"], "0000");
    for (const resubTopics of [false, true]) {
      const reconnecting = clock.run(client.reconnect(resubTopics));
      await answers(scene);
      assertEquals(await reconnecting, 0);
    }
    const text = "Topic must be subscribed to before attempting unsubscribe.";
    await rejectsWith(client.unsubscribe("a"), MMQTTStateError, text);
    await nothingMore(scene);
  });

  it("reconnect() connects with the same cleanSession; what a session holds is not subscribed again (MM-155)", async () => {
    const scene = await online();
    const { client, broker, clock } = scene;
    const keeping = CONNECT.replace("0402003c", "0400003c");
    await clock.run(client.disconnect());
    for (const flags of [0, 1]) {
      const connecting = clock.run(flags === 0 ? client.connect(false) : client.reconnect());
      await broker.accept();
      await broker.expect(keeping);
      await broker.send(`20020${flags}00`);
      assertEquals(await connecting, flags);
      if (flags === 0) await subscribed(scene, ["a", 1], "01");
    }
    // The broker has lost the session: now it is told.
    const reconnecting = clock.run(client.reconnect());
    await broker.expect("e000");
    await broker.accept();
    await broker.expect(keeping);
    await broker.send("20020000");
    await broker.expect("8206000200016101");
    await broker.send("9003000201");
    assertEquals(await reconnecting, 0);
    await nothingMore(scene);
  });

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

  it("reconnect() with three topics ends: one SUBSCRIBE, three callbacks, nothing more (MM-158)", async () => {
    const scene = await online();
    const { client, clock } = scene;
    await subscribed(scene, ["a", "b", "c"], "000000");
    const calls = record(client);
    for (let turn = 2; turn < 5; turn++) {
      calls.length = 0;
      const reconnecting = clock.run(client.reconnect());
      await answers(scene, [`820e000${turn} 00016100 00016200 00016300`, `9005000${turn}000000`]);
      await reconnecting;
      assertEquals(calls.length, 5);
    }
    await nothingMore(scene);
  });
});

describe("reconnect(): not connected", () => {
  it("reconnect() connects a client that never was connected, without onDisconnect (MM-151)", async () => {
    const scene = dialling();
    const calls = record(scene.client);
    const reconnecting = scene.clock.run(scene.client.reconnect());
    await answers(scene);
    assertEquals(await reconnecting, 0);
    assertEquals(calls, [["connect", 0, 0]]);
  });

  it("reconnect() behind disconnect() subscribes to nothing (MM-151, MM-154)", async () => {
    const scene = await online();
    const { client, clock } = scene;
    await subscribed(scene, "a", "00");
    await clock.run(client.disconnect());
    const calls = record(client);
    const reconnecting = clock.run(client.reconnect());
    await answers(scene);
    await reconnecting;
    assertEquals(calls, [["connect", 0, 0]]);
    await nothingMore(scene);
  });

  it("reconnect() behind a lost connection subscribes to what was wanted (MM-154)", async () => {
    const scene = await online();
    const { client, clock } = scene;
    await subscribed(scene, ["a", ["b", 1]], "0001");
    await lose(scene);
    const calls = record(client);
    const reconnecting = clock.run(client.reconnect());
    await answers(scene, ["820a0002 00016100 00016201", "900400020001"]);
    await reconnecting;
    assertEquals(calls.map((call) => (call as unknown[])[0]), ["connect", "subscribe", "subscribe"]);
  });

  it("reconnect() that fails remembers what to subscribe to, however often (MM-154)", async () => {
    let up = true;
    const scene = dialling(
      { connectRetries: 1 },
      () => up ? undefined : new ConnectionError("dial-failed", "down"),
    );
    const { client, broker, clock } = scene;
    await Promise.all([clock.run(client.connect()), broker.welcome()]);
    await subscribed(scene, ["a", 1], "01");
    up = false;
    for (let turn = 0; turn < 3; turn++) {
      await rejectsWith(clock.run(client.reconnect()), MMQTTException, "Connect failure");
    }
    up = true;
    // Refused, or lost while subscribing: still remembered.
    const refused = rejectsWith(
      clock.run(client.reconnect()),
      MMQTTException,
      "Connection Refused - Unauthorized",
    );
    await broker.welcome("20020005");
    await refused;
    const lost = rejectsWith(clock.run(client.reconnect()), MMQTTException, "Connection closed by broker");
    await broker.welcome();
    await broker.expect("8206000200016101");
    await broker.close();
    await lost;
    const reconnecting = clock.run(client.reconnect());
    await answers(scene, ["8206000300016101", "9003000301"]);
    assertEquals(await reconnecting, 0);
  });

  it("reconnect() rejects when a topic is refused now, and remembers it (MM-154)", async () => {
    const scene = await online();
    const { client, clock } = scene;
    await subscribed(scene, ["a", "b"], "0000");
    const text = "SUBACK Failure for topic a: 0x80";
    const refused = rejectsWith(clock.run(client.reconnect()), MMQTTException, text);
    await answers(scene, ["820a0002 00016100 00016200", "900400028000"]);
    await refused;
    assert(client.isConnected());
    const reconnecting = clock.run(client.reconnect());
    await answers(scene, ["820a0003 00016100 00016200", "900400030000"]);
    await reconnecting;
  });

  it("reconnect() tries as often, and waits as long, as connect() (MM-157)", async () => {
    const { client, clock, times } = dialling({ connectRetries: 4 }, () => new Error("down"));
    await rejectsWith(clock.run(client.reconnect()), MMQTTException, "Repeated connect failures");
    assertEquals(gaps(times), [2000, 4000, 8000]);
  });

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
  it("reconnect() is refused while connecting, and nothing else changes (MM-233)", async () => {
    const scene = dialling();
    const connecting = scene.clock.run(scene.client.connect());
    await rejectsWith(scene.client.reconnect(), MMQTTStateError, "MiniMQTT is already connecting");
    await rejectsWith(scene.client.reconnect(false), MMQTTStateError, "MiniMQTT is already connecting");
    await answers(scene);
    assertEquals(await connecting, 0);
  });

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

describe("reconnect(): the reference's test_reconnect.py, restated (3.6)", () => {
  const cases: [string, Subscriptions, string, [string, string][], string[]][] = [
    ["no_topic", [], "", [], []],
    [
      "single_topic",
      [["foo/bar", 0]],
      "00",
      [["820c00020007666f6f2f62617200", "9003000200"]],
      ["foo/bar"],
    ],
    [
      "multi_topic",
      [["foo/bar", 0], ["bah", 0]],
      "0000",
      [["821200020007666f6f2f62617200000362616800", "900400020000"]],
      ["foo/bar", "bah"],
    ],
  ];
  for (const [name, topics, codes, exchanges, expected] of cases) {
    it(`reconnect() closes once, calls onDisconnect, and subscribes again: ${name}`, async () => {
      const scene = await online();
      const { client, clock } = scene;
      if (codes !== "") await subscribed(scene, topics, codes);
      const calls = record(client);
      const reconnecting = clock.run(client.reconnect());
      await answers(scene, ...exchanges);
      await reconnecting;
      assertEquals(calls, [
        ["disconnect", 0],
        ["connect", 0, 0],
        ...expected.map((topic) => ["subscribe", topic, 0]),
      ]);
    });
  }

  it("reconnect() closes nothing when not connected: test_reconnect_not_connected", async () => {
    const scene = dialling();
    const calls = record(scene.client);
    const reconnecting = scene.clock.run(scene.client.reconnect());
    await answers(scene);
    await reconnecting;
    assertEquals([calls, scene.addresses.length, scene.open()], [[["connect", 0, 0]], 1, 1]);
  });

  it("connect() refuses the original's streams: a stray byte, or a SUBACK before CONNACK", async () => {
    for (const [stray, text] of [["00", /./], ["9003000100", /^expected CONNACK/]] as const) {
      const { client, broker, clock } = dialling();
      const connecting = rejectsWith(clock.run(client.connect()), MMQTTException, text);
      await broker.welcome(`${stray}20020000`);
      assert((await connecting).cause instanceof ProtocolError);
    }
  });
});

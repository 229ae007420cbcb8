import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { MMQTTStateError } from "@minimqtt/client";
import { settled } from "../../src/player/fake_clock.ts";
import { rejectsWith } from "../assertions.ts";
import { exchange, recorded } from "./exchange.ts";
import { online } from "./stage.ts";
import { field, packet, publish } from "../../src/wire/wire.ts";

const mine = new Error("mine");

describe("callbacks: what they throw", () => {
  for (
    const [kind, failing] of [
      ["throws", () => {
        throw mine;
      }],
      ["rejects at once", () => Promise.reject(mine)],
      ["rejects later", async () => {
        await settled();
        throw mine;
      }],
      [
        "is a thenable that rejects",
        () => ({ then: (_: unknown, reject: (e: Error) => void) => reject(mine) }),
      ],
    ] as [string, () => unknown][]
  ) {
    it(`loop() rejects with the very error when onMessage ${kind}; the rest comes later (MM-130)`, async () => {
      const scene = await online();
      const { client, broker } = scene;
      const seen = recorded(client);
      client.addTopicCallback("bad", failing);
      const sent = publish("good", "1", { qos: 1, id: 1 }) + publish("bad", "2", { qos: 1, id: 2 }) +
        publish("bad", "3", { qos: 2, id: 3 }) + publish("good", "4", { qos: 1, id: 4 });
      assertStrictEquals(await assertRejects(() => exchange(scene, client.loop(), ["", sent])), mine);
      // The message counts as received all the same [MQTT-4.5.0-2].
      await broker.expect("40020001" + "40020002");
      assertStrictEquals(await assertRejects(() => exchange(scene, client.loop())), mine);
      await broker.expect("50020003");
      assertEquals(await exchange(scene, client.loop(), ["", "62020003"], ["40020004" + "70020003", ""]), [
        48,
        96,
      ]);
      assertEquals(seen, ["message good 1", "message good 4"]);
      assertEquals(client.isConnected(), true);
    });
  }

  it("a callback's error rejects the call that called it, and no other (MM-130)", async () => {
    const scene = await online();
    const { client, broker, clock } = scene;
    client.onMessage = () => {
      throw mine;
    };
    const looping = assertRejects(() => client.loop(5));
    const publishing = client.publish("t", "x", false, 1);
    const subscribing = client.subscribe("s");
    await settled();
    await broker.send(publish("a", "x") + "40020001" + "9003000200");
    assertStrictEquals(await clock.run(looping), mine);
    await clock.run(publishing);
    assertEquals(await clock.run(subscribing), [0]);
  });

  for (
    const [name, call, sent, answer] of [
      ["publish", (client) => client.publish("t", "x", false, 1), publish("t", "x", { qos: 1 }), "40020001"],
      ["subscribe", (client) => client.subscribe("t"), "8206000100017400", "9003000100"],
      ["ping", (client) => client.ping(), "c000", "d000"],
    ] as [
      string,
      (client: Awaited<ReturnType<typeof online>>["client"]) => Promise<unknown>,
      string,
      string,
    ][]
  ) {
    it(`${name}() rejects with what a message callback threw meanwhile (MM-130)`, async () => {
      const scene = await online();
      scene.client.onMessage = () => {
        throw mine;
      };
      const call1 = exchange(scene, call(scene.client), [
        sent,
        publish("a", "x", { qos: 1, id: 9 }) + answer,
      ]);
      assertStrictEquals(await assertRejects(() => call1), mine);
      await scene.broker.expect("40020009");
      assertEquals(scene.client.isConnected(), true);
      await exchange(scene, scene.client.loop());
    });
  }

  it("a callback's error keeps the further callbacks of its message from being called (MM-130)", async () => {
    const scene = await online();
    const seen: string[] = [];
    scene.client.addTopicCallback("a", () => Promise.reject(mine));
    scene.client.addTopicCallback("#", () => seen.push("#"));
    assertStrictEquals(
      await assertRejects(() => exchange(scene, scene.client.loop(), ["", publish("a", "x")])),
      mine,
    );
    assertEquals(seen, []);
  });
});

describe("callbacks: calls from inside", () => {
  it("publish() with QoS 1 inside onMessage leaves before the message's PUBACK (MM-135)", async () => {
    const scene = await online();
    const seen: string[] = [];
    scene.client.onMessage = async (client, _topic, message) => {
      seen.push(`begin ${message}`);
      await client.publish("echo", message, false, 1);
      seen.push(`end ${message}`);
    };
    await exchange(
      scene,
      scene.client.loop(),
      ["", publish("a", "1", { qos: 1, id: 5 }) + publish("a", "2", { qos: 1, id: 6 })],
      [publish("echo", "1", { qos: 1, id: 1 }), publish("a", "3", { qos: 1, id: 7 }) + "40020001"],
      ["40020005" + publish("echo", "2", { qos: 1, id: 2 }), "40020002"],
      ["40020006" + publish("echo", "3", { qos: 1, id: 3 }), "40020003"],
      ["40020007", ""],
    );
    assertEquals(seen, ["begin 1", "end 1", "begin 2", "end 2", "begin 3", "end 3"]);
  });

  it("every call works inside onMessage, one after the other, and messages keep their order (MM-135)", async () => {
    const scene = await online();
    const { client, broker, clock } = scene;
    const seen: string[] = [];
    client.onMessage = async (client, _topic, message) => {
      seen.push(`begin ${message}`);
      if (message === "1") {
        await client.publish("q0", "x");
        await client.publish("q1", "x", false, 1);
        await client.publish("q2", "x", false, 2);
        assertEquals(await client.subscribe("s", 1), [1]);
        await client.unsubscribe("s");
        assertEquals(await client.ping(), [0x30, 0xd0]);
      }
      seen.push(`end ${message}`);
    };
    const looping = clock.run(client.loop(3));
    const steps: [string, string][] = [
      ["", publish("a", "1") + publish("a", "2")],
      [publish("q0", "x"), ""],
      [publish("q1", "x", { qos: 1, id: 1 }), "40020001" + publish("a", "3")],
      [publish("q2", "x", { qos: 2, id: 2 }), "50020002"],
      ["62020002", publish("a", "4") + "70020002"],
      [packet(0x82, "0003" + field("s") + "01"), "9003000301"],
      [packet(0xa2, "0004" + field("s")), "b0020004"],
      ["c000", publish("a", "5") + "d000"],
    ];
    for (const [expected, answer] of steps) {
      await broker.expect(expected);
      if (answer !== "") await broker.send(answer);
    }
    assertEquals(await looping, [48, 48, 64, 48, 80, 48, 112, 144, 176, 48, 208]);
    assertEquals(seen, [1, 2, 3, 4, 5].flatMap((i) => [`begin ${i}`, `end ${i}`]));
    assertEquals([clock.now(), clock.armed], [3000, 0]);
  });

  it("calls that overlap inside onMessage are answered in any order (MM-135)", async () => {
    const scene = await online();
    scene.client.onMessage = (client) =>
      Promise.all([client.publish("a", "x", false, 1), client.subscribe("b"), client.ping()]);
    await exchange(
      scene,
      scene.client.loop(),
      ["", publish("m", "x")],
      [publish("a", "x", { qos: 1, id: 1 }) + packet(0x82, "0002" + field("b") + "00") + "c000", "d000"],
      ["", "9003000200"],
      ["", "40020001"],
    );
  });

  it("loop() inside a callback of loop() is refused, and does not stop the delivery (MM-233)", async () => {
    const scene = await online();
    const errors: unknown[] = [];
    scene.client.onMessage = (client) => client.loop().catch((error) => errors.push(error));
    await exchange(scene, scene.client.loop(), ["", publish("a", "1") + publish("a", "2")]);
    assertEquals(errors.map(String), Array(2).fill("MMQTTStateError: loop() is running already"));
  });

  it("loop() inside a callback of subscribe() ends in its time, and what it pulled comes after (MM-135)", async () => {
    const scene = await online();
    const { client, broker, clock } = scene;
    const seen: string[] = [];
    client.onMessage = async (client, _topic, message) => {
      seen.push(`begin ${message}`);
      if (message === "1") seen.push(`loop ${await client.loop(1)}`);
      seen.push(`end ${message}`);
    };
    const subscribing = client.subscribe("s");
    await broker.expect(packet(0x82, "0001" + field("s") + "00"));
    await broker.send(publish("a", "1"));
    await settled();
    await broker.send(publish("a", "2") + "9003000100");
    assertEquals(await clock.run(subscribing), [0]);
    await clock.run(client.loop());
    assertEquals(seen, ["begin 1", "loop 48,144", "end 1", "begin 2", "end 2"]);
  });

  it("the same error of a call inside reaches the callback first, and through it the call outside (MM-130)", async () => {
    const scene = await online({ recvTimeout: 2 });
    scene.client.onMessage = (client) => client.publish("t", "x", false, 1);
    const error = await assertRejects(() => exchange(scene, scene.client.loop(), ["", publish("a", "1")]));
    assertEquals((error as Error).message, "No data received from broker for 2 seconds.");
    assertEquals(scene.clock.now(), 2000);
    assert(scene.client.isConnected());
  });

  it("connect() inside a callback is refused while connected (MM-044)", async () => {
    const scene = await online();
    const calls: Promise<unknown>[] = [];
    scene.client.onMessage = (client) =>
      calls.push(rejectsWith(client.connect(), MMQTTStateError, "MiniMQTT is already connected"));
    await exchange(scene, scene.client.loop(), ["", publish("a", "1")]);
    await calls[0];
  });

  it("reconnect() inside onMessage works, and the loop around it ends (MM-135) (MM-231)", async () => {
    const scene = await online();
    const { client, broker, clock } = scene;
    const seen = recorded(client);
    client.onMessage = async (client, _topic, message) => {
      seen.push(`begin ${message}`);
      await client.reconnect();
      await client.publish("t", "x", false, 1);
      seen.push(`end ${message}`);
    };
    const looping = clock.run(client.loop(9));
    await broker.send(publish("a", "1", { qos: 1, id: 3 }));
    await broker.expect("40020003" + "e000");
    await broker.welcome();
    await broker.expect(publish("t", "x", { qos: 1, id: 1 }));
    await broker.send("40020001");
    assertEquals(await looping, [48, 32, 64]);
    assertEquals(seen, [
      "begin 1",
      "disconnect undefined 0",
      "connect undefined 0 0",
      "publish undefined t 1",
      "end 1",
    ]);
    assertEquals([client.isConnected(), clock.armed], [true, 0]);
  });
});

describe("callbacks: which", () => {
  it("addTopicCallback() with the same filter replaces the callback (MM-137)", async () => {
    const scene = await online();
    const seen: string[] = [];
    scene.client.addTopicCallback("a/+", () => seen.push("old"));
    scene.client.addTopicCallback("a/+", () => seen.push("new"));
    await exchange(scene, scene.client.loop(), ["", publish("a/b", "x")]);
    assertEquals(seen, ["new"]);
  });
});

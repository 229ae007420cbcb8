import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { MMQTTException, type ProtocolError } from "@minimqtt/client";
import { fromHex, toHex } from "../src/bytes.ts";
import { rejectsWith } from "./assertions.ts";
import { exchange, recorded } from "./exchange.ts";
import { online } from "./stage.ts";
import { packet, publish } from "../src/wire.ts";

describe("messages: text and bytes", () => {
  it("onMessage() gets client, topic and text; an empty payload is empty text (MM-125)", async () => {
    const scene = await online();
    const calls: unknown[][] = [];
    scene.client.onMessage = (client, topic, message) =>
      calls.push([client === scene.client, topic, message]);
    const sent = "300a000472782f307a65726f" + "3006000472782f30" + publish("ünï/😀", "grüß € 😀");
    assertEquals(await exchange(scene, scene.client.loop(), ["", sent]), [48, 48, 48]);
    assertEquals(calls, [[true, "rx/0", "zero"], [true, "rx/0", ""], [true, "ünï/😀", "grüß € 😀"]]);
  });

  it("onMessage() gets a byte order mark as it was sent, in topic and text [MQTT-1.5.3-3] (MM-127)", async () => {
    const scene = await online();
    const seen = recorded(scene.client);
    await exchange(scene, scene.client.loop(), ["", publish("\ufefft", "\ufeffx\ufeff")]);
    assertEquals(seen, ["message \ufefft \ufeffx\ufeff"]);
  });

  it("onMessage() gets bytes in binary mode, to keep and to change, the topic still as text (MM-126)", async () => {
    const scene = await online({ useBinaryMode: true as const });
    const kept: Uint8Array[] = [];
    const seen: string[] = [];
    scene.client.onMessage = (_client, topic, message) => {
      seen.push(`${topic} ${toHex(message)}`);
      kept.push(message);
      message.fill(0xee);
    };
    const sent = publish("b", fromHex("00ff80")) + publish("b", "") + publish("b", fromHex("c328"));
    await exchange(scene, scene.client.loop(), ["", sent], ["", sent]);
    assertEquals(seen, ["b 00ff80", "b ", "b c328", "b 00ff80", "b ", "b c328"]);
    assertEquals(kept.map(toHex), ["eeeeee", "", "eeee", "eeeeee", "", "eeee"]);
    assertStrictEquals(kept[0]!.constructor, Uint8Array);
  });

  it("loop() rejects for a payload that is no UTF-8, acknowledges it, and goes on next time (MM-127)", async () => {
    const scene = await online();
    const { client, broker } = scene;
    const seen = recorded(client);
    const sent = publish("a", fromHex("c328"), { qos: 1, id: 6 }) + publish("a", "fine", { qos: 1, id: 7 });
    const error = await rejectsWith(
      exchange(scene, client.loop(), ["", sent]),
      MMQTTException,
      "Message payload is not valid UTF-8",
    );
    assert(error.cause instanceof TypeError);
    assertEquals(client.isConnected(), true);
    await broker.expect("40020006");
    assertEquals(await exchange(scene, client.loop(), ["", ""], ["40020007", ""]), [48]);
    assertEquals(seen, ["message a fine"]);
  });

  it("loop() closes for a topic that is no UTF-8, and delivers nothing (MM-128)", async () => {
    const scene = await online();
    const seen = recorded(scene.client);
    const error = await rejectsWith(
      exchange(scene, scene.client.loop(), ["", packet(0x30, "0002c328" + "78")]),
      MMQTTException,
      /^Malformed PUBLISH/,
    );
    assertEquals((error.cause as ProtocolError).statement, "MQTT-1.5.3-1");
    assertEquals(seen, ["disconnect undefined 1"]);
    await scene.broker.expectEnd();
  });

  it("onMessage() gets QoS, retain, duplicate and identifier as a fourth argument (MM-131)", async () => {
    const scene = await online();
    const packets: unknown[] = [];
    scene.client.onMessage = (_client, _topic, _message, { qos, retain, duplicate, id, topic }) =>
      packets.push([topic, qos, retain, duplicate, id]);
    const sent = publish("a", "x", { retain: true }) + publish("b", "x", { qos: 1, id: 255, dup: true }) +
      publish("c", "x", { qos: 2, id: 65_535 });
    await exchange(scene, scene.client.loop(), ["", sent]);
    assertEquals(packets, [["a", 0, true, false, 0], ["b", 1, false, true, 255], [
      "c",
      2,
      false,
      false,
      65_535,
    ]]);
  });
});

describe("messages: acknowledgement", () => {
  it("loop() calls back first, then sends PUBACK with the identifier [MQTT-2.3.1-6] (MM-129)", async () => {
    const scene = await online();
    const { client, broker, clock } = scene;
    const order: string[] = [];
    client.onMessage = async () => {
      await undefined;
      order.push("callback");
    };
    const looping = clock.run(client.loop());
    for (const id of [1, 255, 256, 65_535]) {
      await broker.send(publish("rx/1", "one", { qos: 1, id }));
      order.push(await broker.packet());
    }
    assertEquals(await looping, [48, 48, 48, 48]);
    assertEquals(order, ["40020001", "400200ff", "40020100", "4002ffff"].flatMap((ack) => ["callback", ack]));
  });

  it("loop() takes the same identifier after PUBACK for a new message [MQTT-4.3.2-2]", async () => {
    const scene = await online();
    const seen = recorded(scene.client);
    const one = publish("a", "1", { qos: 1, id: 3 });
    await exchange(scene, scene.client.loop(), ["", one], ["40020003", one], ["40020003", ""]);
    assertEquals(seen, ["message a 1", "message a 1"]);
  });

  it("loop() delivers QoS 2 exactly once: PUBREC for each copy, PUBCOMP for each PUBREL (MM-133)", async () => {
    const scene = await online();
    const seen = recorded(scene.client);
    const two = publish("rx/2", "two", { qos: 2, id: 1 });
    const again = publish("rx/2", "two", { qos: 2, id: 1, dup: true });
    const types = await exchange(
      scene,
      scene.client.loop(),
      ["", two],
      ["50020001", again],
      ["50020001", "62020001"],
      ["70020001", "62020001"],
      ["70020001", two],
      ["50020001", ""],
    );
    assertEquals(seen, ["message rx/2 two", "message rx/2 two"]);
    assertEquals(types, [0x30, 0x30, 0x60, 0x60, 0x30]);
  });

  it("loop() answers a PUBREL that nobody waits for [MQTT-4.3.3-2] (MM-133)", async () => {
    const scene = await online();
    assertEquals(await exchange(scene, scene.client.loop(), ["", "6202abcd"], ["7002abcd", ""]), [0x60]);
  });

  it("loop() acknowledges though no callback is set (MM-148)", async () => {
    const scene = await online();
    const sent = publish("a", "1", { qos: 1, id: 3 }) + publish("a", "2", { qos: 2, id: 4 }) +
      publish("a", "3");
    assertEquals(await exchange(scene, scene.client.loop(), ["", sent], ["40020003" + "50020004", ""]), [
      48,
      48,
      48,
    ]);
  });

  it("loop() delivers what matches no subscription of ours [MQTT-3.3.2-3]", async () => {
    const scene = await online();
    const seen = recorded(scene.client);
    await exchange(scene, scene.client.loop(), ["", publish("never/asked", "x", { qos: 1 })], [
      "40020001",
      "",
    ]);
    assertEquals(seen, ["message never/asked x"]);
  });

  it("publish() of a message received does not pass DUP on [MQTT-3.3.1-3]", async () => {
    const scene = await online();
    scene.client.onMessage = (client, _topic, message, { retain }) => client.publish("b", message, retain, 1);
    await exchange(
      scene,
      scene.client.loop(),
      ["", publish("a", "x", { qos: 1, id: 9, dup: true })],
      [publish("b", "x", { qos: 1, id: 1 }), "40020001"],
      ["40020009", ""],
    );
  });
});

describe("messages: when and in which order", () => {
  it("loop() delivers all packets of one segment, and counts each (MM-232)", async () => {
    const scene = await online();
    const seen = recorded(scene.client);
    const sent = publish("a", "1") + publish("a", "2") + publish("a", "3");
    assertEquals(await exchange(scene, scene.client.loop(), ["", sent]), [48, 48, 48]);
    assertEquals(seen, ["message a 1", "message a 2", "message a 3"]);
  });

  it("loop() delivers ten thousand messages of one segment in order (MM-134) (MM-232)", async () => {
    const scene = await online({}, { room: 1 << 20 });
    let next = 0;
    scene.client.onMessage = (_client, _topic, message) => {
      assertEquals(message, `${next++}`);
    };
    const sent = Array.from({ length: 10_000 }, (_, i) => publish("t", `${i}`)).join("");
    assertEquals((await exchange(scene, scene.client.loop(), ["", sent]))?.length, 10_000);
    assertEquals(next, 10_000);
  });

  it("loop() waits for each async callback before the next (MM-134)", async () => {
    const scene = await online();
    const order: string[] = [];
    let settle = 5;
    scene.client.onMessage = async (_client, _topic, message) => {
      order.push(`begin ${message}`);
      for (let turn = settle--; turn > 0; turn--) await undefined;
      order.push(`end ${message}`);
    };
    await exchange(scene, scene.client.loop(), [
      "",
      publish("a", "1") + publish("a", "2") + publish("a", "3"),
    ]);
    assertEquals(order, ["begin 1", "end 1", "begin 2", "end 2", "begin 3", "end 3"]);
  });

  it("loop() acknowledges in the order of arrival, however long each callback takes [MQTT-4.6.0-2] (MM-129)", async () => {
    const scene = await online();
    const delays = [30, 0, 10, 20];
    scene.client.onMessage = async () => {
      for (let turn = delays.shift()!; turn > 0; turn--) await undefined;
    };
    const sent = [1, 2, 1, 2].map((qos, i) => publish("a", "x", { qos: qos as 1 | 2, id: 9 - i })).join("");
    const acknowledged = "40020009" + "50020008" + "40020007" + "50020006";
    const released = "62020008" + "62020006";
    await exchange(scene, scene.client.loop(), ["", sent], [acknowledged, released], [
      "70020008" + "70020006",
      "",
    ]);
  });

  it("nothing arrives between calls: messages wait for the next one (MM-132)", async () => {
    const scene = await online();
    const { client, broker, clock } = scene;
    const seen = recorded(client);
    for (let i = 0; i < 5; i++) await broker.send(publish("a", `${i}`));
    await clock.advance(3_600_000);
    assertEquals([seen, clock.armed], [[], 0]);
    assertEquals((await clock.run(client.loop(0)))?.length, 5);
    assertEquals(seen.length, 5);
  });

  for (
    const [name, call, sent, answer] of [
      [
        "publish",
        (client) => client.publish("t", "x", false, 1),
        publish("t", "x", { qos: 1, id: 1 }),
        "40020001",
      ],
      ["subscribe", (client) => client.subscribe("t"), "8206000100017400", "9003000100"],
      ["ping", (client) => client.ping(), "c000", "d000"],
    ] as [
      string,
      (client: Awaited<ReturnType<typeof online>>["client"]) => Promise<unknown>,
      string,
      string,
    ][]
  ) {
    it(`${name}() delivers what arrives while it waits (MM-132)`, async () => {
      const scene = await online();
      const seen: string[] = [];
      scene.client.onMessage = (_client, topic, message) => seen.push(`${topic} ${message}`);
      await scene.broker.send(publish("a", "before"));
      await exchange(scene, call(scene.client), [sent, publish("a", "during") + answer]);
      assertEquals(seen, ["a before", "a during"]);
    });
  }

  it("unsubscribe() delivers the client's own message that lay in the socket (MM-149)", async () => {
    const scene = await online();
    const { client } = scene;
    const seen = recorded(client);
    await exchange(scene, client.subscribe("t"), ["8206000100017400", "9003000100"]);
    await exchange(scene, client.publish("t", "mine"), [publish("t", "mine"), publish("t", "mine")]);
    await exchange(scene, client.unsubscribe("t"), ["a2050002000174", "b0020002"]);
    assertEquals(seen.slice(1), [
      "publish undefined t 1",
      "message t mine",
      "unsubscribe undefined t 2",
    ]);
  });
});

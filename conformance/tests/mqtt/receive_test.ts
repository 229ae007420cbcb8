import { assertEquals, assertStrictEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { fromHex, toHex } from "../../src/wire/bytes.ts";
import { exchange, recorded } from "./exchange.ts";
import { online } from "./stage.ts";
import { publish } from "../../src/wire/wire.ts";

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
});

describe("messages: when and in which order", () => {
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
});

import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { MMQTTException, MMQTTStateError, UsageError } from "@minimqtt/client";
import { settled } from "../src/fake_clock.ts";
import { rejectsWith } from "./assertions.ts";
import { exchange, recorded } from "./exchange.ts";
import { online, type Stage, stage } from "./stage.ts";
import { field, packet, publish } from "../src/wire.ts";

const UNTRACKED = "Topic must be subscribed to before attempting unsubscribe.";
const NOT_CONNECTED = "MiniMQTT is not connected";

/** A client that has subscribed to these topics, with packet identifier 1, and its callbacks' list. */
async function subscribed(...topics: string[]): Promise<Stage & { readonly seen: string[] }> {
  const scene = await online({ userData: "u" });
  const sent = packet(0x82, "0001" + topics.map((topic) => field(topic) + "00").join(""));
  const answer = packet(0x90, "0001" + "00".repeat(topics.length));
  await exchange(scene, scene.client.subscribe(topics), [sent, answer]);
  return { ...scene, seen: recorded(scene.client) };
}

/** Arguments that only JavaScript can pass. */
function forged(value: unknown): string {
  return value as string;
}

describe("unsubscribe(): forms and bytes", () => {
  it("unsubscribe() takes a string, and a list that goes out in one packet (MM-115)", async () => {
    const scene = await subscribed("foo/bar", "a/b", "c/+", "d/#");
    await exchange(scene, scene.client.unsubscribe("foo/bar"), ["a20b00020007666f6f2f626172", "b0020002"]);
    await exchange(scene, scene.client.unsubscribe(["a/b", "c/+", "d/#"]), [
      "a21100030003612f620003632f2b0003642f23",
      "b0020003",
    ]);
  });

  for (
    const { name, topics, sent, before = "", arrives = [] } of [
      { name: "short_topic", topics: ["foo/bar"], sent: "a20b00020007666f6f2f626172" },
      {
        name: "long_topic",
        topics: ["f" + "o".repeat(257)],
        sent: "a286020002010266" + "6f".repeat(257),
      },
      {
        name: "publish_first",
        topics: ["foo/bar"],
        sent: "a20b00020007666f6f2f626172",
        before: "300c0007666f6f2f626172666f6f",
        arrives: ["message foo/bar foo"],
      },
      {
        name: "topic_list_long",
        topics: Array.from({ length: 999 }, (_, i) => `foo/bar${String(i + 1).padStart(4, "0")}`),
        sent: "a2bd650002" +
          Array.from({ length: 999 }, (_, i) => field(`foo/bar${String(i + 1).padStart(4, "0")}`)).join(""),
      },
    ]
  ) {
    it(`unsubscribe() passes the reference's case ${name} (section 3.7)`, async () => {
      const scene = await subscribed(...topics);
      const argument = topics.length === 1 ? topics[0]! : [...topics];
      await exchange(scene, scene.client.unsubscribe(argument), [sent, before + "b0020002"]);
      assertEquals(scene.seen, [...arrives, ...topics.map((topic) => `unsubscribe u ${topic} 2`)]);
      if (typeof argument !== "string") assertEquals(argument, topics);
    });
  }
});

describe("unsubscribe(): checks", () => {
  it("unsubscribe() refuses a topic that was not subscribed, even beside one that was, and sends nothing (MM-116)", async () => {
    const { client, broker, clock } = await subscribed("a");
    await rejectsWith(client.unsubscribe("b"), MMQTTStateError, UNTRACKED);
    await rejectsWith(client.unsubscribe(["a", "b"]), MMQTTStateError, UNTRACKED);
    // The filter counts, not what it matches [MQTT-3.10.4-1].
    await rejectsWith(client.unsubscribe("#"), MMQTTStateError, UNTRACKED);
    await clock.run(client.disconnect());
    await broker.expect("e000");
    await broker.expectEnd();
  });

  it("unsubscribe() may name any topic once the broker resumed a session (MM-116)", async () => {
    const scene = stage();
    const { client, broker, clock } = scene;
    await Promise.all([clock.run(client.connect(false)), broker.welcome("20020100")]);
    const seen = recorded(client);
    await exchange(scene, client.unsubscribe("a"), [packet(0xa2, "0001" + field("a")), "b0020001"]);
    assertEquals(seen, ["unsubscribe undefined a 1"]);
  });

  it("unsubscribe() demands a connection before anything else (MM-117)", async () => {
    const { client } = stage();
    await rejectsWith(client.unsubscribe("a"), MMQTTStateError, NOT_CONNECTED);
    await rejectsWith(client.unsubscribe([]), MMQTTStateError, NOT_CONNECTED);
    await rejectsWith(client.unsubscribe(forged(null)), MMQTTStateError, NOT_CONNECTED);
  });

  it("unsubscribe() refuses what is no topic filter, and sends nothing (MM-118) (MM-119)", async () => {
    const { client, broker, clock } = await subscribed("a");
    const form = "unsubscribe() takes a topic filter or a list of them";
    const cases: [unknown, string | RegExp][] = [
      [[], "unsubscribe() needs at least one topic filter"],
      [null, form],
      [undefined, form],
      [7, form],
      [new Uint8Array(2), form],
      [{ topic: "a" }, form],
      [[null], /./],
      [["a", 7], /./],
      ["a/#/b", /^Invalid topic filter/],
      ["", "Topic may not be empty."],
    ];
    for (const [topic, text] of cases) await rejectsWith(client.unsubscribe(forged(topic)), UsageError, text);
    await clock.run(client.disconnect());
    await broker.expect("e000");
    await broker.expectEnd();
  });
});

describe("unsubscribe(): answers", () => {
  it("unsubscribe() calls onUnsubscribe per topic with the packet identifier, and forgets them (MM-120)", async () => {
    const scene = await subscribed("b", "a");
    const call = scene.client.unsubscribe(["b", "a"]);
    await exchange(scene, call, [packet(0xa2, "0002" + field("b") + field("a")), "b0020002"]);
    assertEquals(scene.seen, ["unsubscribe u b 2", "unsubscribe u a 2"]);
    await rejectsWith(scene.client.unsubscribe("a"), MMQTTStateError, UNTRACKED);
  });

  it("unsubscribe() sends a topic named twice once (MM-121)", async () => {
    const scene = await subscribed("a", "b");
    const call = scene.client.unsubscribe(["a", "b", "a"]);
    await exchange(scene, call, [packet(0xa2, "0002" + field("a") + field("b")), "b0020002"]);
    assertEquals(scene.seen, ["unsubscribe u a 2", "unsubscribe u b 2"]);
  });

  it("unsubscribe() delivers messages that come before the UNSUBACK, and those behind it (MM-122)", async () => {
    const scene = await subscribed("a");
    const call = scene.client.unsubscribe("a");
    const sent = packet(0xa2, "0002" + field("a"));
    const before = publish("a", "0") + publish("a", "1", { qos: 1, id: 9 }) +
      publish("a", "2", { qos: 2, id: 10 });
    await exchange(scene, call, [sent, before], ["40020009" + "5002000a", "b0020002"]);
    assertEquals(scene.seen, ["message a 0", "message a 1", "message a 2", "unsubscribe u a 2"]);
    const looping = scene.client.loop();
    await exchange(scene, looping, ["", "6202000a" + publish("a", "3", { qos: 1, id: 11 })], [
      "7002000a4002000b",
      "",
    ]);
    assertEquals(scene.seen.slice(4), ["message a 3"]);
  });

  it("unsubscribe() passes an UNSUBACK with another identifier and a PINGRESP over (MM-123)", async () => {
    const scene = await subscribed("a");
    const call = scene.client.unsubscribe("a");
    await exchange(scene, call, [
      packet(0xa2, "0002" + field("a")),
      "b0020009" + "d000" + "b0020001" + "b0020002",
    ]);
    assertEquals(scene.seen, ["unsubscribe u a 2"]);
  });

  it("unsubscribe() closes the connection for an UNSUBACK of another length (MM-123)", async () => {
    for (const unsuback of ["b000", "b003000200"]) {
      const scene = await subscribed("a");
      const call = scene.client.unsubscribe("a");
      await rejectsWith(
        exchange(scene, call, [packet(0xa2, "0002" + field("a")), unsuback]),
        MMQTTException,
        "invalid UNSUBACK",
      );
      assertEquals(scene.seen, ["disconnect u 1"]);
      await scene.broker.expectEnd();
    }
  });

  it("unsubscribe() names the packet that a server may never send (MM-123)", async () => {
    const scene = await subscribed("a");
    const call = scene.client.unsubscribe("a");
    await rejectsWith(
      exchange(scene, call, [packet(0xa2, "0002" + field("a")), "c000"]),
      MMQTTException,
      "invalid message received as response to UNSUBSCRIBE: 0xc0",
    );
  });

  it("unsubscribe() gives up when no UNSUBACK comes, and the topic stays subscribed (MM-202)", async () => {
    const scene = await subscribed("a");
    const { client, clock } = scene;
    await rejectsWith(
      clock.run(client.unsubscribe("a")),
      MMQTTException,
      "No data received from broker for 10 seconds.",
    );
    assertEquals([clock.now(), clock.armed, client.isConnected()], [10_000, 0, true]);
    await scene.broker.expect(packet(0xa2, "0002" + field("a")));
    await exchange(scene, client.unsubscribe("a"), [packet(0xa2, "0003" + field("a")), "b0020003"]);
  });

  it("unsubscribe() works from inside a message callback (MM-124)", async () => {
    const scene = await subscribed("a");
    scene.client.onMessage = async (client, topic, message) => {
      scene.seen.push(`begin ${message}`);
      await client.unsubscribe(topic);
      scene.seen.push(`end ${message}`);
    };
    const looping = scene.clock.run(scene.client.loop());
    await scene.broker.send(publish("a", "1", { qos: 1, id: 7 }));
    await scene.broker.expect(packet(0xa2, "0002" + field("a")));
    await scene.broker.send("b0020002");
    await scene.broker.expect("40020007");
    await looping;
    assertEquals(scene.seen, ["begin 1", "unsubscribe u a 2", "end 1"]);
  });

  it("unsubscribe() ends with what onUnsubscribe throws, and the topics are forgotten (MM-230)", async () => {
    const scene = await subscribed("a", "b");
    const mine = new Error("mine");
    scene.client.onUnsubscribe = () => Promise.reject(mine);
    const call = exchange(scene, scene.client.unsubscribe(["a", "b"]), [
      packet(0xa2, "0002" + field("a") + field("b")),
      "b0020002",
    ]);
    assertEquals(await assertRejects(() => call), mine);
    await rejectsWith(scene.client.unsubscribe("b"), MMQTTStateError, UNTRACKED);
    await settled();
    assertEquals(scene.clock.armed, 0);
  });
});

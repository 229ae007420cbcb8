import { assertEquals, assertInstanceOf, assertRejects, assertStrictEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import {
  type ConnectionError,
  MMQTTException,
  MMQTTStateError,
  ProtocolError,
  UsageError,
} from "@minimqtt/client";
import type { Subscriptions } from "@minimqtt/client";
import { settled } from "../src/fake_clock.ts";
import { rejectsWith } from "./assertions.ts";
import { exchange, recorded } from "./exchange.ts";
import { online, stage } from "./stage.ts";
import { field, packet, publish, u16 } from "../src/wire.ts";

/** Arguments that only JavaScript can pass. */
function forged(value: unknown): Subscriptions {
  return value as Subscriptions;
}

describe("subscribe(): forms and bytes", () => {
  it("subscribe() takes a string, a string and a QoS, a pair, and a list of pairs (MM-100) (MM-101)", async () => {
    const scene = await online();
    const { client } = scene;
    const granted = [
      await exchange(scene, client.subscribe("foo/bar"), ["820c00010007666f6f2f62617200", "9003000100"]),
      await exchange(scene, client.subscribe("foo/bar", 1), ["820c00020007666f6f2f62617201", "9003000201"]),
      await exchange(scene, client.subscribe(["foo/baz", 1]), ["820c00030007666f6f2f62617a01", "9003000301"]),
      await exchange(
        scene,
        client.subscribe([["a/b", 0], ["c/+", 1], ["d/#", 2]]),
        ["821400040003612f62000003632f2b010003642f2302", "90050004000102"],
      ),
    ];
    assertEquals(granted, [[0], [1], [1], [0, 1, 2]]);
  });

  it("subscribe() takes the QoS of a pair before that of the argument (MM-100)", async () => {
    const scene = await online();
    const call = scene.client.subscribe([["a", 2], ["b", 0]], 1);
    await exchange(scene, call, ["820a" + "0001" + field("a") + "02" + field("b") + "00", "900400010200"]);
    await exchange(scene, scene.client.subscribe(["a", 2], 1), [
      "82060002" + field("a") + "02",
      "9003000202",
    ]);
  });

  it("subscribe() takes lists of strings and of objects, and QoS by name (MM-100)", async () => {
    const scene = await online();
    const { client } = scene;
    const body = field("a/b") + "01" + field("c") + "01";
    await exchange(scene, client.subscribe(["a/b", "c"], 1), [packet(0x82, "0001" + body), "900400010101"]);
    await exchange(scene, client.subscribe(["a/b", "c"], { qos: 1 }), [
      packet(0x82, "0002" + body),
      "900400020101",
    ]);
    await exchange(scene, client.subscribe([{ topic: "a/b", qos: 1 }, "c"], 1), [
      packet(0x82, "0003" + body),
      "900400030101",
    ]);
    await exchange(scene, client.subscribe("a/b", { qos: 2 }), [
      "82080004" + field("a/b") + "02",
      "9003000402",
    ]);
    // Two letters are two letters, not a filter and a QoS.
    await exchange(scene, client.subscribe(["ab"]), ["82070005" + field("ab") + "00", "9003000500"]);
  });

  it("subscribe() sends one packet for a list, however long (MM-101) (MM-095)", async () => {
    const scene = await online();
    const topics = Array.from({ length: 1000 }, (_, i) => `foo/bar${String(i + 1).padStart(4, "0")}`);
    const sent = "82b26d0001" + topics.map((topic) => field(topic) + "00").join("");
    const call = scene.client.subscribe(topics.map((topic) => [topic, 0]));
    assertEquals((await exchange(scene, call, [sent, "90ea070001" + "00".repeat(1000)])).length, 1000);
  });

  for (
    const { name, argument, topics, sent, received, arrives = [] } of [
      {
        name: "short_topic",
        argument: "foo/bar",
        topics: ["foo/bar"],
        sent: "820c00010007666f6f2f62617200",
        received: "9003000100",
      },
      {
        name: "short_topic_tuple",
        argument: ["foo/bar", 0],
        topics: ["foo/bar"],
        sent: "820c00010007666f6f2f62617200",
        received: "9003000100",
      },
      {
        name: "long_topic",
        argument: "f" + "o".repeat(257),
        topics: ["f" + "o".repeat(257)],
        sent: "828702000101 0266" + "6f".repeat(257) + "00",
        received: "9003000100",
      },
      {
        name: "publish_first",
        argument: "foo/bar",
        topics: ["foo/bar"],
        sent: "820c00010007666f6f2f62617200",
        received: "300c0007666f6f2f626172666f6f" + "9003000100",
        arrives: ["message foo/bar foo"],
      },
    ]
  ) {
    it(`subscribe() passes the reference's case ${name} (section 3.5)`, async () => {
      const scene = await online({ userData: "u" });
      const seen = recorded(scene.client);
      await exchange(scene, scene.client.subscribe(forged(argument)), [sent, received]);
      assertEquals(seen, [...arrives, ...topics.map((topic) => `subscribe u ${topic} 0`)]);
    });
  }
});

describe("subscribe(): checks", () => {
  it("subscribe() checks the topic first for a string, the QoS first in a list (MM-102)", async () => {
    const { client } = await online();
    const qos = (value: unknown) => value as 0;
    const integer = "QoS must be an integer.";
    const range = "QoS must be between 1 and 2.";
    const empty = "Topic may not be empty.";
    await rejectsWith(client.subscribe("", qos(3)), UsageError, empty);
    await rejectsWith(client.subscribe("a", qos(3)), UsageError, range);
    await rejectsWith(client.subscribe("a", qos(-1)), UsageError, range);
    await rejectsWith(client.subscribe("a", qos("1")), UsageError, integer);
    await rejectsWith(client.subscribe("a", qos(true)), UsageError, integer);
    await rejectsWith(client.subscribe("a", qos(1.5)), UsageError, integer);
    await rejectsWith(client.subscribe([["a", 0], ["", qos(3)]]), UsageError, range);
    await rejectsWith(client.subscribe([["", 0], ["a", qos(3)]]), UsageError, empty);
    await rejectsWith(
      client.subscribe("x".repeat(65_536)),
      UsageError,
      "Encoded topic length is larger than 65535",
    );
  });

  it("subscribe() refuses what is no topic filter, whatever its shape, and sends nothing (MM-103) (MM-104)", async () => {
    const { client, broker, clock } = await online();
    const form = "subscribe() takes a topic filter, [filter, qos], or a list of these and { topic, qos }";
    const cases: [unknown, string][] = [
      [[], "subscribe() needs at least one topic filter"],
      [null, form],
      [undefined, form],
      [42, form],
      [new Uint8Array(3), form],
      [{ topic: "a" }, form],
      [[["a"]], form],
      [[["a", 0, 0]], form],
      [[7], form],
      [[null], form],
    ];
    for (const [topic, text] of cases) {
      const error = await rejectsWith(client.subscribe(forged(topic)), UsageError, text);
      assertEquals(error.code, "invalid-argument");
    }
    await clock.run(client.disconnect());
    await broker.expect("e000");
    await broker.expectEnd();
  });

  it("subscribe() refuses filters that break section 4.7, alone or in a list, and sends nothing (MM-105)", async () => {
    const { client, broker, clock } = await online();
    const bad = ["a/#/b", "a#", "#x", "#/a", "a+", "+a/b", "a/+b", "a\0b", "\ud800", "$share/g", "$share//a"];
    for (const filter of bad) {
      for (const topic of [filter, ["good", filter]]) {
        const error = await assertRejects(() => client.subscribe(topic), UsageError);
        assertEquals(error.code, "invalid-filter", filter);
      }
    }
    await rejectsWith(client.subscribe("a/#/b"), UsageError, /^Invalid topic filter/);
    await clock.run(client.disconnect());
    await broker.expect("e000");
    await broker.expectEnd();
  });

  it("subscribe() demands a connection before it looks at its arguments (MM-048)", async () => {
    const { client } = stage();
    await rejectsWith(client.subscribe(forged(null)), MMQTTStateError, "MiniMQTT is not connected");
  });
});

describe("subscribe(): answers", () => {
  it("subscribe() calls onSubscribe once per topic in the order asked for (MM-106)", async () => {
    const scene = await online({ userData: 7 });
    const seen = recorded(scene.client);
    const call = scene.client.subscribe([["b", 0], ["a", 1], ["c", 2]]);
    await exchange(scene, call, [
      packet(
        0x82,
        "0001" +
          ["b", "00", "a", "01", "c", "02"].map((part, i) => i % 2 === 0 ? field(part) : part).join(""),
      ),
      "90050001000102",
    ]);
    assertEquals(seen, ["subscribe 7 b 0", "subscribe 7 a 1", "subscribe 7 c 2"]);
  });

  it("subscribe() tracks before it calls back, so that onSubscribe may unsubscribe (MM-106)", async () => {
    const scene = await online();
    const seen = recorded(scene.client);
    scene.client.onSubscribe = async (client, _userData, topic) => {
      seen.push(topic);
      if (topic === "a") await client.unsubscribe(["a", "b"]);
    };
    await exchange(
      scene,
      scene.client.subscribe(["a", "b"]),
      [packet(0x82, "0001" + field("a") + "00" + field("b") + "00"), "900400010000"],
      [packet(0xa2, "0002" + field("a") + field("b")), "b0020002"],
    );
    assertEquals(seen, ["a", "unsubscribe undefined a 2", "unsubscribe undefined b 2", "b"]);
  });

  it("subscribe() tracks all that was granted though onSubscribe throws for the first (MM-106)", async () => {
    const scene = await online();
    const mine = new Error("mine");
    scene.client.onSubscribe = () => {
      throw mine;
    };
    const sent = packet(0x82, "0001" + field("a") + "00" + field("b") + "01");
    const call = exchange(scene, scene.client.subscribe([["a", 0], ["b", 1]]), [sent, "900400010001"]);
    assertStrictEquals(await assertRejects(() => call), mine);
    await exchange(scene, scene.client.unsubscribe(["a", "b"]), [
      packet(0xa2, "0002" + field("a") + field("b")),
      "b0020002",
    ]);
  });

  it("subscribe() reports the QoS the broker granted (MM-107)", async () => {
    const scene = await online();
    const seen = recorded(scene.client);
    const call = scene.client.subscribe("foo/bar", 2);
    assertEquals(await exchange(scene, call, ["820c00010007666f6f2f62617202", "9003000101"]), [1]);
    assertEquals(seen, ["subscribe undefined foo/bar 1"]);
  });

  it("subscribe() rejects for the first topic refused, and the others are subscribed (MM-108)", async () => {
    const scene = await online();
    const seen = recorded(scene.client);
    const call = scene.client.subscribe(["a", "f/b", "c", "d"]);
    const sent = packet(0x82, "0001" + ["a", "f/b", "c", "d"].map((topic) => field(topic) + "00").join(""));
    const error = await rejectsWith(
      exchange(scene, call, [sent, "9006000100800080"]),
      MMQTTException,
      "SUBACK Failure for topic f/b: 0x80",
    );
    assertEquals(error.code, 0x80);
    assertEquals(seen, ["subscribe undefined a 0", "subscribe undefined c 0"]);
    await exchange(scene, scene.client.unsubscribe(["a", "c"]), [
      packet(0xa2, "0002" + field("a") + field("c")),
      "b0020002",
    ]);
    const untracked = "Topic must be subscribed to before attempting unsubscribe.";
    await rejectsWith(scene.client.unsubscribe("f/b"), MMQTTStateError, untracked);
  });

  it("subscribe() closes the connection for a code that 3.1.1 does not have (MM-108)", async () => {
    for (const code of ["03", "7f", "81", "ff"]) {
      const scene = await online();
      const call = scene.client.subscribe("a");
      const error = await rejectsWith(
        exchange(scene, call, ["82060001" + field("a") + "00", "90030001" + code]),
        MMQTTException,
        /^invalid SUBACK/,
      );
      assertEquals((error.cause as ProtocolError).statement, "MQTT-3.9.3-2");
      assertEquals(scene.client.isConnected(), false);
      await scene.broker.expectEnd();
    }
  });

  it("subscribe() closes the connection for more or fewer codes than topics (MM-109)", async () => {
    for (const suback of ["9003000100", "90050001000000"]) {
      const scene = await online();
      const seen = recorded(scene.client);
      const call = scene.client.subscribe(["a", "b"]);
      const sent = packet(0x82, "0001" + field("a") + "00" + field("b") + "00");
      await rejectsWith(exchange(scene, call, [sent, suback]), MMQTTException, /^invalid SUBACK/);
      assertEquals(seen, ["disconnect undefined 1"]);
      await scene.broker.expectEnd();
    }
  });

  it("subscribe() passes a SUBACK with another identifier over, and goes on waiting (MM-110)", async () => {
    const scene = await online();
    const call = scene.client.subscribe("a", 1);
    const answer = "9003000902" + "9003000200" + "9003000101";
    assertEquals(await exchange(scene, call, ["82060001" + field("a") + "01", answer]), [1]);
  });

  it("subscribe() delivers a message that comes before the SUBACK (MM-111)", async () => {
    const scene = await online();
    const seen = recorded(scene.client);
    const call = scene.client.subscribe("a");
    await exchange(
      scene,
      call,
      ["82060001" + field("a") + "00", publish("a", "one", { qos: 1, id: 5 }) + publish("a", "two")],
      ["40020005", "9003000100"],
    );
    assertEquals(seen, ["message a one", "message a two", "subscribe undefined a 0"]);
  });

  it("subscribe() lets packets for others pass before its SUBACK (MM-112)", async () => {
    const scene = await online();
    const call = scene.client.subscribe("a");
    const others = "d000" + "40020007" + "70020007" + "b0020007";
    // An unknown PUBREC is answered: the broker waits for the PUBREL.
    const sent = "82060001" + field("a") + "00";
    assertEquals(await exchange(scene, call, [sent, others + "50020007" + "9003000100"], ["62020007", ""]), [
      0,
    ]);
  });

  it("subscribe() names the packet that a server may never send (MM-112)", async () => {
    for (const [bytes, first] of [["c000", "0xc0"], ["e000", "0xe0"], ["820100", "0x82"], ["f000", "0xf0"]]) {
      const scene = await online();
      const call = scene.client.subscribe("a");
      const error = await rejectsWith(
        exchange(scene, call, ["82060001" + field("a") + "00", bytes!]),
        MMQTTException,
        `invalid message received as response to SUBSCRIBE: ${first}`,
      );
      assertInstanceOf(error.cause, ProtocolError);
      assertEquals(scene.client.isConnected(), false);
    }
  });

  it("subscribe() gives up when no SUBACK comes, though messages do (MM-113)", async () => {
    const scene = await online({ recvTimeout: 2 });
    const seen = recorded(scene.client);
    const call = scene.client.subscribe("a").then(() => "resolved", (error) => error);
    for (let second = 0; second < 4; second++) {
      await scene.broker.send(publish("a", `${second}`));
      await scene.clock.advance(500);
    }
    const error = await scene.clock.run(call);
    assertEquals([error.constructor, error.message], [
      MMQTTException,
      "No data received from broker for 2 seconds.",
    ]);
    assertEquals((error.cause as ConnectionError).code, "acknowledgement-timeout");
    assertEquals([scene.clock.now(), seen.length, scene.clock.armed], [2000, 4, 0]);
    assertEquals(scene.client.isConnected(), true);
  });

  it("subscribe() of the same topic again leaves one subscription, with the last QoS (MM-114)", async () => {
    const scene = await online();
    const { client, broker, clock } = scene;
    await exchange(scene, client.subscribe("a"), ["82060001" + field("a") + "00", "9003000100"]);
    await exchange(scene, client.subscribe("b"), ["82060002" + field("b") + "00", "9003000200"]);
    await exchange(scene, client.subscribe("a", 1), ["82060003" + field("a") + "01", "9003000301"]);
    const again = clock.run(client.reconnect());
    await broker.expect("e000");
    await broker.welcome();
    await broker.expect(packet(0x82, "0004" + field("a") + "01" + field("b") + "00"));
    await broker.send("900400040100");
    await again;
    await exchange(scene, client.unsubscribe("a"), [packet(0xa2, "0005" + field("a")), "b0020005"]);
    const untracked = "Topic must be subscribed to before attempting unsubscribe.";
    await rejectsWith(client.unsubscribe("a"), MMQTTStateError, untracked);
  });

  it("subscribe() pairs answers in reverse order by their identifiers [MQTT-2.3.1-7] (MM-110)", async () => {
    const { client, broker, clock } = await online();
    const calls = clock.run(
      Promise.all([client.subscribe("a", 0), client.subscribe("b", 1), client.subscribe("c", 2)]),
    );
    for (let i = 1; i <= 3; i++) await broker.packet();
    for (let i = 3; i >= 1; i--) await broker.send("9003" + u16(i) + `0${i - 1}`);
    assertEquals(await calls, [[0], [1], [2]]);
    await settled();
    assertEquals(clock.armed, 0);
  });
});

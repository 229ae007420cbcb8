import { assert, assertEquals, assertLess, assertLessOrEqual } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { QoS } from "../packets.ts";
import { TopicAliases } from "./aliases.ts";
import { type Bench, broke } from "../../tests/support.ts";
import { again, type Loose, online, server, understood } from "../../tests/mqtt5.ts";
import { randomFrom } from "../../tests/random.ts";

/** What a server makes of the topics, by the rules of section 3.3.2.3.4: throws where we broke one. */
class Topics {
  readonly #most: number;
  readonly #topics = new Map<number, string>();

  constructor(most: number) {
    this.#most = most;
  }

  resolve(packet: Loose): string {
    const topic = packet["topic"] as string;
    const alias = (packet["properties"] as Loose | undefined)?.["topicAlias"] as number | undefined;
    if (alias === undefined) {
      assert(topic !== "", "neither topic nor alias");
      return topic;
    }
    assert(alias >= 1 && alias <= this.#most, `alias ${alias}`);
    if (topic !== "") this.#topics.set(alias, topic);
    const known = this.#topics.get(alias);
    assert(known !== undefined, `alias ${alias} is not known`);
    return known;
  }
}

function publish(topic: string, topicAlias?: number, more: Loose = {}): string {
  const properties = topicAlias === undefined ? {} : { topicAlias };
  return server({
    cmd: "publish",
    topic,
    payload: "x",
    qos: 0,
    retain: false,
    dup: false,
    properties,
    ...more,
  });
}

describe("topic aliases of ours", () => {
  it("take the place of a topic from its third message on, as many as the server takes [MQTT5-3.3.2-9]", () => {
    const bench = online({ theirs: { topicAliasMaximum: 2 }, topicAliases: true });
    const topics = ["house/one", "house/two", "house/three"];
    for (let round = 0; round < 3; round++) for (const topic of topics) bench.engine.publish(topic, "x");
    const packets = understood(bench.sent());
    const server = new Topics(2);
    assertEquals(packets.map((packet) => server.resolve(packet)), [...topics, ...topics, ...topics]);
    // The first two have them, and keep them while they are published.
    assertEquals(packets.slice(6).map((packet) => packet["topic"]), ["", "", "house/three"]);
  });

  it("are not used unless asked for, nor where the server takes none [MQTT5-3.2.2-18], nor for a topic as short", () => {
    const used = (bench: Bench, topic: string) => {
      for (let i = 0; i < 5; i++) bench.engine.publish(topic, "x");
      return understood(bench.sent()).some((packet) => packet["topic"] === "");
    };
    assertEquals(used(online({ theirs: { topicAliasMaximum: 9 }, topicAliases: true }), "house"), true);
    assertEquals(used(online({ theirs: { topicAliasMaximum: 9 }, topicAliases: true }), "abcd"), false);
    assertEquals(used(online({ theirs: { topicAliasMaximum: 9 } }), "house"), false);
    assertEquals(used(online({ theirs: { topicAliasMaximum: 0 }, topicAliases: true }), "house"), false);
    assertEquals(used(online({ topicAliases: true }), "house"), false);
  });

  it("are never on a message that is sent again, and begin anew on each connection [MQTT5-3.3.2-7]", () => {
    const setting = { keep: true, theirs: { topicAliasMaximum: 5 }, topicAliases: true };
    const bench = online(setting);
    for (let i = 0; i < 4; i++) bench.engine.publish("house/kitchen", `${i}`, 1);
    assertEquals(understood(bench.sent()).map((packet) => packet["topic"]), [
      "house/kitchen",
      "house/kitchen",
      "",
      "",
    ]);
    bench.drop();
    bench.engine.publish("house/kitchen", "new", 1);
    again(bench, setting);
    for (let i = 0; i < 2; i++) bench.engine.publish("house/kitchen", "new", 0);
    const packets = understood(bench.sent());
    const server = new Topics(5);
    for (const packet of packets) assertEquals(server.resolve(packet), "house/kitchen");
    for (const packet of packets.filter(({ dup }) => dup)) {
      assertEquals([packet["topic"], packet["properties"]], ["house/kitchen", undefined]);
    }
    assertEquals(packets.filter(({ dup }) => dup).length, 4);
  });

  it("mean what they stand for, whatever is published, over any number of cuts", () => {
    for (const most of [1, 2, 10, 300]) {
      const random = randomFrom(most);
      const setting = { keep: true, theirs: { topicAliasMaximum: most }, topicAliases: true };
      const bench = online(setting);
      for (let cut = 0; cut < 20; cut++) {
        const server = new Topics(most);
        for (let i = 0; i < 200; i++) {
          const topic = `house/room ${random(random(2) * 20 + 3)}`;
          bench.engine.publish(topic, topic, random(3) as QoS);
          if (random(10) > 0) continue;
          for (const packet of understood(bench.sent())) {
            if (packet["cmd"] === "publish") assertEquals(server.resolve(packet), `${packet["payload"]}`);
          }
        }
        bench.drop();
        again(bench, setting);
      }
    }
  });

  it("leave topics that are not published any more", () => {
    const aliases = new TopicAliases(2);
    const twice = (...topics: string[]) => [...topics, ...topics].map((topic) => aliases.choose(topic));
    assertEquals(twice("a", "b"), [0, 0, -1, -2]);
    assertEquals(twice("c"), [0, 0], "too early");
    for (let i = 0; i < 20; i++) aliases.choose(i % 2 === 0 ? "b" : `once ${i}`);
    assertEquals(twice("c"), [-1, 1]);
    assertEquals(twice("b", "a"), [2, 0, 2, 0]);
  });

  it("go to the topics published most of late, and bound what is remembered", () => {
    const aliases = new TopicAliases(10);
    const random = randomFrom(5);
    let hits = 0;
    for (let i = 0; i < 20_000; i++) {
      // Eight topics make up half of what is published, ten thousand others the rest.
      const isHot = random(2) === 0;
      const alias = aliases.choose(isHot ? `hot ${random(8)}` : `cold ${random(10_000)}`);
      assertLessOrEqual(Math.abs(alias), 10);
      if (isHot && alias > 0) hits++;
    }
    assert(hits > 9000, `${hits} of about 10,000`);
  });

  it("keep to 256 where the server takes 65535", () => {
    const aliases = new TopicAliases(65_535);
    let highest = 0;
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 256; i++) highest = Math.max(highest, Math.abs(aliases.choose(`t${i}`)));
    }
    assertEquals(highest, 256);
  });

  it("make a message of a long topic shorter by its length but for three bytes", () => {
    const size = (topicAliases: boolean) => {
      const bench = online({ theirs: { topicAliasMaximum: 5 }, topicAliases });
      for (let i = 0; i < 10; i++) {
        bench.sent();
        bench.engine.publish("t".repeat(60), "x".repeat(64));
      }
      return bench.engine.pending;
    };
    assertEquals(size(false), 2 + 2 + 60 + 1 + 64);
    assertEquals(size(true), 2 + 2 + 1 + 3 + 64);
  });
});

describe("topic aliases of the server", () => {
  it("stand for the topics that they were given, and may be given anew [MQTT5-3.3.2-10]", () => {
    const bench = online({ ours: { topicAliasMaximum: 2 } });
    const topics = [["a", 1], ["", 1], ["b", 2], ["", 1], ["", 2], ["c", 1], ["", 1], ["", 2], [
      "d",
      undefined,
    ]] as const;
    assertEquals(
      topics.map(([topic, alias]) => bench.message(publish(topic, alias)).topic),
      ["a", "a", "b", "a", "b", "c", "c", "b", "d"],
    );
  });

  it("are no property that the application sees", () => {
    const bench = online({ ours: { topicAliasMaximum: 2 } });
    assertEquals(bench.message(publish("a", 1)).properties, undefined);
    const { topic, properties } = bench.message(
      publish("", 1, { properties: { topicAlias: 1, contentType: "c" } }),
    );
    assertEquals([topic, properties], ["a", { contentType: "c" }]);
  });

  it("are refused: 0, above our maximum, any where we allowed none, unknown ones without a topic", () => {
    const refused = (maximum: number | undefined, stream: string, statement: string, reason: number) => {
      const bench = online({ ours: { topicAliasMaximum: maximum } });
      assertEquals(broke(bench.receive(stream), statement).reason, reason);
      assertEquals(bench.sent(), `e002${reason.toString(16)}00`);
    };
    refused(5, publish("a", 0), "MQTT5-3.3.2-8", 0x94);
    refused(5, publish("a", 6), "MQTT5-3.3.2-11", 0x94);
    refused(5, publish("", 65_535), "MQTT5-3.3.2-11", 0x94);
    refused(undefined, publish("a", 1), "MQTT5-3.3.2-11", 0x94);
    refused(0, publish("a", 1), "MQTT5-3.3.2-11", 0x94);
    refused(5, publish("", 3), "MQTT5 section 3.3.4", 0x82);
    refused(5, publish(""), "MQTT5 section 3.3.4", 0x82);
  });

  it("are forgotten with the connection [MQTT5-3.3.2-7]", () => {
    const setting = { ours: { topicAliasMaximum: 5 }, keep: true };
    const bench = online(setting);
    bench.message(publish("a", 1));
    bench.drop();
    again(bench, setting);
    broke(bench.receive(publish("", 1)), "MQTT5 section 3.3.4");
  });

  it("keep a topic, not the chunk that it came in", () => {
    // A thousand topics of 200 bytes, each at the beginning of 64 KiB.
    const bench = online({ ours: { topicAliasMaximum: 1000 } });
    for (let i = 1; i <= 1000; i++) bench.message(publish(`${i}`.padEnd(200, "x"), i));
    assertLess(bench.message(publish("", 500)).topic.length, 201);
  });
});

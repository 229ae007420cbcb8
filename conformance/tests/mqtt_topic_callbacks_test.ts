import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { UsageError } from "@minimqtt/client";
import { throwsWith } from "./assertions.ts";
import { exchange, recorded } from "./exchange.ts";
import { online, type Stage, stage } from "./stage.ts";
import { publish } from "../src/wire.ts";

/** Arguments that only JavaScript can pass. */
function forged<T>(value: unknown): T {
  return value as T;
}

/** Delivers a message on each topic. */
async function deliver(scene: Stage, ...topics: string[]): Promise<void> {
  await exchange(scene, scene.client.loop(), ["", topics.map((topic) => publish(topic, "x")).join("")]);
}

/** Filter, topic, whether they match (2.I.1). */
const TABLE: readonly (readonly [string, string, boolean])[] = [
  ["a/b", "a/b", true],
  ["a/b", "a/b/", false],
  ["a/b", "A/b", false],
  ["a/+", "a/b", true],
  ["a/+", "a", false],
  ["a/+", "a/", true],
  ["a/+", "a/b/c", false],
  ["+", "a", true],
  ["+", "/a", false],
  ["+/+", "/a", true],
  ["/+", "/a", true],
  ["+/a", "/a", true],
  ["#", "a", true],
  ["#", "/", true],
  ["#", "$SYS/x", false],
  ["+/x", "$SYS/x", false],
  ["$SYS/#", "$SYS/x", true],
  ["$SYS/+", "$SYS/x", true],
  ["a/#", "a", true],
  ["a/#", "a/b/c", true],
  ["a/#", "ab", false],
  ["a/+/#", "a", false],
  ["a/+/#", "a/b", true],
  ["+/$x", "a/$x", true],
];

describe("topic callbacks: registration", () => {
  it("addTopicCallback() needs both a filter and a callback (MM-136)", () => {
    const { client } = stage();
    const text = "MQTT topic and callback method must both be defined.";
    const callback = () => {};
    throwsWith(() => client.addTopicCallback(forged(null), callback), UsageError, text);
    throwsWith(() => client.addTopicCallback(forged(undefined), callback), UsageError, text);
    throwsWith(() => client.addTopicCallback("a", forged(null)), UsageError, text);
    throwsWith(() => client.addTopicCallback("a", forged("callback")), UsageError, text);
  });

  it("addTopicCallback() with the same filter replaces the callback (MM-137)", async () => {
    const scene = await online();
    const seen: string[] = [];
    scene.client.addTopicCallback("a/+", () => seen.push("old"));
    scene.client.addTopicCallback("a/+", () => seen.push("new"));
    await deliver(scene, "a/b");
    assertEquals(seen, ["new"]);
  });

  it("addTopicCallback() refuses what is no filter (MM-144)", () => {
    const { client } = stage();
    for (const filter of ["a/#/b", "a+", "#x", "a\0", "\ud800", ""]) {
      assertEquals(
        assertThrows(() => client.addTopicCallback(filter, () => {}), UsageError).code.slice(0, 8),
        "invalid-",
      );
    }
    throwsWith(() => client.addTopicCallback("a/#/b", () => {}), UsageError, /^Invalid topic filter/);
  });

  it("removeTopicCallback() takes exactly the filter that was added (MM-142) (MM-143)", async () => {
    const scene = await online();
    const { client } = scene;
    const seen = recorded(client);
    client.addTopicCallback("a/b", (_client, topic) => seen.push(`callback ${topic}`));
    throwsWith(() => client.removeTopicCallback(forged(null)), UsageError, "MQTT Topic must be defined.");
    for (const filter of ["x", "a", "a/b/c", "a/+", "#"]) {
      const text = "MQTT topic callback not added with add_topic_callback.";
      const error = throwsWith(() => client.removeTopicCallback(filter), UsageError, text);
      assertEquals(error.code, "unknown-topic");
    }
    await deliver(scene, "a/b");
    client.removeTopicCallback("a/b");
    await deliver(scene, "a/b");
    assertEquals(seen, ["callback a/b", "message a/b x"]);
    assertThrows(() => client.removeTopicCallback("a/b"), UsageError);
  });

  it("addTopicCallback() and removeTopicCallback() send nothing, and outlive connections (MM-145)", async () => {
    const scene = stage();
    const { client, broker, clock } = scene;
    const seen: string[] = [];
    client.addTopicCallback("a", () => seen.push("a"));
    client.addTopicCallback("b", () => seen.push("b"));
    for (let connection = 0; connection < 2; connection++) {
      await Promise.all([clock.run(client.connect()), broker.welcome()]);
      await deliver(scene, "a", "b");
      if (connection === 0) client.removeTopicCallback("b");
      await clock.run(client.disconnect());
      await broker.expect("e000");
      await broker.expectEnd();
    }
    assertEquals(seen, ["a", "b", "a"]);
  });
});

describe("topic callbacks: matching", () => {
  it("topic callbacks match by the table of the standard's rules (MM-140) (MM-141)", async () => {
    for (const [filter, topic, matches] of TABLE) {
      const scene = await online();
      const seen: string[] = [];
      scene.client.addTopicCallback(filter, (_client, topic) => seen.push(topic));
      scene.client.onMessage = () => seen.push("onMessage");
      await deliver(scene, topic);
      assertEquals(seen, [matches ? topic : "onMessage"], `${filter} and ${topic}`);
    }
  });

  it("topic callbacks that match are all called, and onMessage only if none does (MM-138)", async () => {
    const scene = await online();
    const seen = recorded(scene.client);
    scene.client.addTopicCallback("a/#", (_client, topic, message) => seen.push(`a/# ${topic} ${message}`));
    scene.client.addTopicCallback("+/b", (_client, topic, message) => seen.push(`+/b ${topic} ${message}`));
    await deliver(scene, "a/b", "a/c", "c/c");
    assertEquals(seen, ["a/# a/b x", "+/b a/b x", "a/# a/c x", "message c/c x"]);
  });

  it("topic callbacks are called with the exact level before + before #, depth first (MM-139)", async () => {
    const scene = await online();
    const seen: string[] = [];
    for (const filter of ["#", "+/b", "a/+", "a/b", "a/#", "a/b/#"]) {
      scene.client.addTopicCallback(filter, async () => {
        await undefined;
        seen.push(filter);
      });
    }
    await deliver(scene, "a/b");
    assertEquals(seen, ["a/b", "a/b/#", "a/+", "a/#", "+/b", "#"]);
  });

  it("topic callbacks distinguish what only looks alike [MQTT-4.7.3-4] (MM-140)", async () => {
    const scene = await online();
    const seen: string[] = [];
    const [composed, decomposed] = ["\u00e9", "e\u0301"];
    scene.client.addTopicCallback(composed, () => seen.push("composed"));
    scene.client.addTopicCallback(decomposed, () => seen.push("decomposed"));
    await deliver(scene, decomposed, composed);
    assertEquals(seen, ["decomposed", "composed"]);
  });

  it("topic callbacks of shared subscriptions match what they deliver (MM-146)", async () => {
    const scene = await online();
    const seen = recorded(scene.client);
    scene.client.addTopicCallback("$share/g/a/+", (_client, topic) => seen.push(`share ${topic}`));
    scene.client.addTopicCallback("$queue/b", (_client, topic) => seen.push(`queue ${topic}`));
    await deliver(scene, "a/b", "b", "c");
    assertEquals(seen, ["share a/b", "queue b", "message c x"]);
  });

  it("topic callbacks added or removed by a callback count from the next message on (MM-147)", async () => {
    const scene = await online();
    const { client } = scene;
    const seen: string[] = [];
    client.addTopicCallback("a", () => {
      seen.push("a");
      client.removeTopicCallback("+");
      client.addTopicCallback("#", () => seen.push("#"));
    });
    client.addTopicCallback("+", () => seen.push("+"));
    await deliver(scene, "a");
    assertEquals(seen, ["a", "+"]);
    client.addTopicCallback("+", () => {});
    await deliver(scene, "a");
    assertEquals(seen, ["a", "+", "a", "#"]);
  });

  it("topic callbacks get the packet as onMessage does (MM-131)", async () => {
    const scene = await online();
    const seen: unknown[] = [];
    scene.client.addTopicCallback(
      "a",
      (_client, topic, message, { qos, retain }) => seen.push([topic, message, qos, retain]),
    );
    await exchange(scene, scene.client.loop(), ["", publish("a", "x", { qos: 1, retain: true })]);
    assertEquals(seen, [["a", "x", 1, true]]);
  });
});

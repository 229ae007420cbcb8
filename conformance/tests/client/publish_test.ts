import { type ClientPayload, ConnectionError, UsageError } from "@minimqtt/client";
import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { publish } from "../../src/wire/wire.ts";
import { end, isSettled, online, settled, type Stage } from "./stage.ts";

async function acknowledge({ broker }: Stage, ...ids: number[]): Promise<void> {
  await broker.send(ids.map((id) => `4002${id.toString(16).padStart(4, "0")}`).join(""));
}

describe("Client.publish()", () => {
  it("takes text, bytes, an ArrayBuffer and views of one", async () => {
    const stage = await online();
    const bytes = new TextEncoder().encode("xhix");
    const payloads: ClientPayload[] = [
      "hi",
      bytes.subarray(1, 3),
      bytes.slice(1, 3).buffer,
      new DataView(bytes.buffer, 1, 2),
      "",
    ];
    for (const payload of payloads) await stage.client.publish("t", payload);
    await stage.broker.expect(publish("t", "hi").repeat(4) + publish("t", ""));
    void stage.client.publish("t", "kept", { retain: true });
    await stage.broker.expect(publish("t", "kept", { retain: true }));
    await end(stage);
  });

  it("rejects what cannot be sent, at once and whatever the QoS, and sends nothing", async () => {
    const stage = await online();
    const { client, broker } = stage;
    const cases: readonly (readonly [string, unknown, object, string])[] = [
      ["", "m", {}, "invalid-topic"],
      ["a/#", "m", {}, "invalid-topic"],
      ["t", 21.5, {}, "invalid-argument"],
      ["t", null, {}, "invalid-argument"],
      ["t", "\ud800", {}, "invalid-argument"],
      ["t", "m", { retain: 1 }, "invalid-argument"],
      ["t", new Uint8Array(268_435_455), {}, "payload-too-large"],
    ];
    for (const [topic, payload, options, code] of cases) {
      for (const qos of [0, 1, 2] as const) {
        const error = await assertRejects(
          () => client.publish(topic, payload as string, { ...options, qos }),
          UsageError,
        );
        assertEquals(error.code, code);
      }
    }
    await assertRejects(() => client.publish("t", "m", { qos: 3 as 0 }), UsageError);
    void client.publish("t", "good", { qos: 1 });
    await broker.expect(publish("t", "good", { qos: 1, id: 1 }));
    await end(stage);
  });

  it("makes no promise of its own for a message with QoS 0, and one write for all of a turn", async () => {
    const stage = await online();
    const [first, second] = [stage.client.publish("t", "1"), stage.client.publish("t", "2")];
    assertStrictEquals(first, second);
    assertEquals(await stage.broker.connection.read().then((chunk) => chunk?.length), 12);
    await end(stage);
  });

  it("has the promise wait when the connection takes no more, one for all who wait", async () => {
    const stage = await online({}, undefined, { room: 1000 });
    const payload = "x".repeat(40_000);
    await stage.client.publish("t", payload);
    await settled();
    const second = stage.client.publish("t", payload);
    const third = stage.client.publish("t", payload);
    assertStrictEquals(second === third, false, "the second still fits the batch");
    assertStrictEquals(stage.client.publish("t", payload), third);
    assertEquals([await isSettled(second), await isSettled(third)], [true, false]);
    const packets = [await stage.broker.packet(), await stage.broker.packet()];
    await third;
    assertEquals(packets[0], publish("t", payload));
    await end(stage);
  });

  it("resolves each promise on its own acknowledgement, in whatever order they come", async () => {
    const stage = await online();
    const settledOnes: number[] = [];
    for (let i = 1; i <= 3; i++) {
      void stage.client.publish("t", `${i}`, { qos: 1 }).then(() => settledOnes.push(i));
    }
    await stage.broker.expect([1, 2, 3].map((id) => publish("t", `${id}`, { qos: 1, id })).join(""));
    await acknowledge(stage, 2);
    await settled();
    assertEquals(settledOnes, [2]);
    await acknowledge(stage, 3, 1);
    await settled();
    assertEquals(settledOnes, [2, 3, 1]);
    await end(stage);
  });

  it("keeps to the windows, and to the order whatever the QoS", async () => {
    const stage = await online({ sending: { window: 3, windowQoS2: 1 } });
    const kinds = [2, 1, 2, 0, 1, 1] as const;
    kinds.forEach((qos, i) => void stage.client.publish("t", `${i}`, { qos }));
    await stage.broker.expect(publish("t", "0", { qos: 2, id: 1 }) + publish("t", "1", { qos: 1, id: 2 }));
    await acknowledge(stage, 2);
    void stage.client.publish("t", "6");
    await stage.broker.send("50020001");
    await stage.broker.expect("62020001");
    await stage.broker.send("70020001");
    await stage.broker.expect(
      publish("t", "2", { qos: 2, id: 3 }) + publish("t", "3") + publish("t", "4", { qos: 1, id: 4 }) +
        publish("t", "5", { qos: 1, id: 5 }) + publish("t", "6"),
    );
    await end(stage);
  });

  it("keeps the order of QoS 0 behind QoS 1 also where a batch is full", async () => {
    const stage = await online({}, undefined, { room: 1000 });
    const payload = "x".repeat(30_000);
    for (let i = 0; i < 20; i++) void stage.client.publish("t", payload, { qos: 1 });
    void stage.client.publish("last", "");
    for (let id = 1; id <= 20; id++) {
      assertEquals(await stage.broker.packet(), publish("t", payload, { qos: 1, id }));
    }
    assertEquals(await stage.broker.packet(), publish("last", ""));
    await end(stage);
  });

  it("rejects with the signal's reason, and does not send what still waited", async () => {
    const stage = await online({ sending: { window: 1 } });
    const reason = new Error("changed my mind");
    const { client, broker } = stage;
    const aborted = client.publish("t", "", { signal: AbortSignal.abort(reason) });
    assertStrictEquals(await aborted.catch((error) => error), reason);
    const [sent, waiting] = [new AbortController(), new AbortController()];
    const first = client.publish("t", "1", { qos: 1, signal: sent.signal });
    const second = client.publish("t", "2", { qos: 1, signal: waiting.signal });
    const third = client.publish("t", "3", { qos: 1 });
    await broker.expect(publish("t", "1", { qos: 1, id: 1 }));
    waiting.abort(reason);
    sent.abort(reason);
    assertStrictEquals(await first.catch((error) => error), reason);
    assertStrictEquals(await second.catch((error) => error), reason);
    // Its place in the window is free at once.
    await broker.expect(publish("t", "3", { qos: 1, id: 2 }));
    await acknowledge(stage, 1);
    await acknowledge(stage, 2);
    await third;
    await end(stage);
  });

  it("counts what is unacknowledged into sending.messages", async () => {
    const stage = await online({ sending: { messages: 2, whenFull: "reject" } });
    void stage.client.publish("t", "1", { qos: 1 });
    void stage.client.publish("t", "2", { qos: 1 });
    await assertRejects(() => stage.client.publish("t", "3", { qos: 1 }), UsageError, "full");
    await stage.broker.packet();
    await acknowledge(stage, 1);
    await settled();
    const fourth = stage.client.publish("t", "4", { qos: 1 });
    await acknowledge(stage, 3);
    await fourth;
    await end(stage);
  });

  it("counts the bytes of what is unacknowledged into sending.bytes", async () => {
    const stage = await online({ sending: { bytes: 10, whenFull: "reject" } });
    void stage.client.publish("t", "12345", { qos: 1 });
    void stage.client.publish("t", "12345", { qos: 1 });
    await assertRejects(() => stage.client.publish("t", "12345", { qos: 1 }), UsageError, "full");
    await stage.broker.packet();
    await acknowledge(stage, 1);
    await settled();
    const third = stage.client.publish("t", "12345", { qos: 1 });
    await acknowledge(stage, 3);
    await third;
    await end(stage);
  });

  it("limits with whenFull: reject what an unread connection leaves behind", async () => {
    const stage = await online({ sending: { bytes: 100_000, whenFull: "reject" } }, undefined, {
      room: 1000,
    });
    const payload = "x".repeat(50_000);
    let error: unknown;
    for (let i = 0; i < 10 && error === undefined; i++) {
      await Promise.race([stage.client.publish("t", payload), settled()]).catch((reason) => error = reason);
    }
    assertEquals((error as UsageError).code, "queue-full");
    await end(stage);
  });
});

describe("Client.publishMany()", () => {
  it("asks the iterable for the next message when there is room for it, and resolves to their number", async () => {
    const stage = await online({ sending: { window: 2 } });
    let asked = 0;
    const messages = async function* () {
      for (const qos of [1, 1, 0, 1] as const) {
        yield { topic: "t", payload: `${asked++}`, qos };
        await settled();
      }
    };
    const publishing = stage.client.publishMany(messages());
    await stage.broker.expect(publish("t", "0", { qos: 1, id: 1 }) + publish("t", "1", { qos: 1, id: 2 }));
    await settled();
    await settled();
    assertEquals(asked, 2);
    await acknowledge(stage, 1);
    await stage.broker.expect(publish("t", "2") + publish("t", "3", { qos: 1, id: 3 }));
    assertEquals(await isSettled(publishing), false);
    await acknowledge(stage, 2, 3);
    assertEquals(await publishing, 4);
    await end(stage);
  });

  it("rejects with the first error, stops there, and closes the iterable", async () => {
    const stage = await online({ sending: { window: 1 } });
    let closed = false;
    const messages = function* () {
      try {
        yield { topic: "t", payload: "1", qos: 1 as const };
        yield { topic: "#", payload: "2", qos: 1 as const };
        for (;;) yield { topic: "t", payload: "3", qos: 1 as const };
      } finally {
        closed = true;
      }
    };
    const publishing = stage.client.publishMany(messages());
    publishing.catch(() => {});
    await stage.broker.packet();
    await acknowledge(stage, 1);
    await settled();
    const error = await assertRejects(() => publishing, UsageError);
    assertEquals([error.code, closed], ["invalid-topic", true]);
    await end(stage);
  });

  it("rejects with the signal's reason", async () => {
    const stage = await online();
    const controller = new AbortController();
    const publishing = stage.client.publishMany([{ topic: "t", payload: "1", qos: 1 }], {
      signal: controller.signal,
    });
    await stage.broker.packet();
    const reason = new Error("enough");
    controller.abort(reason);
    assertStrictEquals(await publishing.catch((error) => error), reason);
    await end(stage);
  });

  it("rejects with the signal's reason also while it waits for room", async () => {
    const stage = await online({ sending: { window: 1 } });
    const controller = new AbortController();
    const messages = [1, 2, 3].map((i) => ({ topic: "t", payload: `${i}`, qos: 1 as const }));
    const publishing = stage.client.publishMany(messages, { signal: controller.signal });
    await stage.broker.packet();
    const reason = new Error("enough");
    controller.abort(reason);
    assertStrictEquals(await publishing.catch((error) => error), reason);
    await end(stage);
  });
});

describe("Client.close()", () => {
  it("finishes what was published before it says goodbye", async () => {
    const stage = await online({ sending: { window: 1 } });
    const { broker, client } = stage;
    const all = [
      client.publish("t", "1", { qos: 1 }),
      client.publish("t", "2", { qos: 1 }),
      client.publish("t", "3"),
    ];
    const closing = client.close();
    const late = await assertRejects(() => client.publish("t", "late"), UsageError, "the client was closed");
    assertEquals(late.code, "not-connected");
    await broker.expect(publish("t", "1", { qos: 1, id: 1 }));
    assertEquals(await isSettled(closing), false);
    await acknowledge(stage, 1);
    await broker.expect(publish("t", "2", { qos: 1, id: 2 }));
    await acknowledge(stage, 2);
    await broker.expect(publish("t", "3") + "e000");
    await broker.expectEnd();
    await Promise.all([...all, closing]);
    assertEquals([client.state, stage.clock.armed], ["closed", 0]);
    await client.close();
  });

  it("connects once more for it if need be, and not when nothing waits", async () => {
    const stage = await online();
    const { broker, client, clock, network } = stage;
    const publishing = client.publish("t", "1", { qos: 1 });
    await broker.packet();
    await broker.close();
    const closing = client.close();
    const welcome = broker.welcome();
    await clock.advance(1000);
    await welcome;
    await broker.expect(publish("t", "1", { qos: 1, id: 1 }));
    await acknowledge(stage, 1);
    await broker.expect("e000");
    await Promise.all([publishing, closing]);
    assertEquals(network.dialled.length, 2);

    const idle = await online();
    await idle.broker.close();
    await settled();
    await idle.client.close();
    assertEquals([idle.network.dialled.length, idle.clock.armed], [1, 0]);
  });

  it("with drop gives up what waits: its promises reject with not-connected", async () => {
    const stage = await online();
    const publishing = stage.client.publish("t", "1", { qos: 1 });
    await stage.broker.packet();
    const closing = stage.client.close({ drop: true });
    await assertRejects(() => publishing, UsageError, "the client was closed");
    await stage.broker.expect("e000");
    await stage.broker.expectEnd();
    await closing;
  });

  it("with drop, or an aborted signal, hurries up one that is under way", async () => {
    for (const hurry of ["drop", "signal"]) {
      const stage = await online();
      const publishing = stage.client.publish("t", "1", { qos: 1 });
      publishing.catch(() => {});
      await stage.broker.packet();
      const controller = new AbortController();
      const closing = stage.client.close({ signal: controller.signal });
      assertEquals(await isSettled(closing), false);
      if (hurry === "drop") void stage.client.close({ drop: true });
      else controller.abort();
      await stage.broker.expect("e000");
      await closing;
      await assertRejects(() => publishing, UsageError);
    }
  });

  it("does not wait longer than replyTimeout for a broker that reads nothing, a second with drop", async () => {
    for (const [drop, limit] of [[false, 5000], [true, 1000]] as const) {
      const stage = await online({ replyTimeout: 5000 }, undefined, { room: 10 });
      await stage.client.publish("t", "x".repeat(1000));
      await settled();
      const closing = stage.client.close({ drop });
      await stage.clock.advance(limit - 1);
      assertEquals(await isSettled(closing), false);
      await stage.clock.advance(1);
      await closing;
    }
  });

  it("ends loops at once; the message that one is at work on is acknowledged, what waits behind it is not", async () => {
    const stage = await online({ session: "resume" });
    const { broker, client } = stage;
    const subscribing = client.subscribe("a", { qos: 1 });
    await broker.packet();
    await broker.send("9003000101");
    const subscription = await subscribing;
    await broker.send(publish("a", "1", { qos: 1, id: 1 }) + publish("a", "2", { qos: 1, id: 2 }));
    await subscription.next();
    const closing = client.close();
    await broker.expect("40020001" + "e000");
    assertEquals(await subscription.next(), { done: true, value: undefined });
    for await (const _ of client.messages) throw new Error("there are no messages any more");
    await assertRejects(() => client.subscribe("b"), UsageError, "the client was closed");
    await closing;
  });

  it("acknowledges nothing that comes while it finishes: the session has it still", async () => {
    const stage = await online({ session: "resume" });
    const publishing = stage.client.publish("t", "1", { qos: 1 });
    await stage.broker.packet();
    const closing = stage.client.close();
    await stage.broker.send(publish("a", "late", { qos: 1, id: 5 }));
    await settled();
    await acknowledge(stage, 1);
    await stage.broker.expect("e000");
    await Promise.all([publishing, closing]);
  });

  it("is what await using does", async () => {
    const stage = await online();
    const used = (async () => {
      await using client = stage.client;
      void client.publish("t", "1", { qos: 1 });
    })();
    await stage.broker.expect(publish("t", "1", { qos: 1, id: 1 }));
    await acknowledge(stage, 1);
    await stage.broker.expect("e000");
    await used;
  });

  it("leaves a lost error to nobody: a second close after the client has ended resolves", async () => {
    const stage = await online({ reconnect: false });
    await stage.broker.close();
    await settled();
    await assertRejects(() => stage.client.publish("t", "m"), ConnectionError);
    await Promise.all([stage.client.close(), stage.client.close({ drop: true })]);
    assertEquals(stage.client.state, "closed");
  });
});

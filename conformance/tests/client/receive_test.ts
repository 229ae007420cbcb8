import { type Client, type ReceivedMessage, RefusedError, UsageError } from "@minimqtt/client";
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { publish } from "../../src/wire/wire.ts";
import { rejectsWith } from "../assertions.ts";
import {
  ACCEPTED,
  answerSubscribe,
  comeBack,
  end,
  isSettled,
  online,
  PRESENT,
  settled,
  type Stage,
} from "./stage.ts";

type Options = NonNullable<Parameters<Client["subscribe"]>[1]>;
type Subscribed = Awaited<ReturnType<Stage["client"]["subscribe"]>>;

async function subscribe(stage: Stage, filter: string, options: Options = {}, codes = "00") {
  const [subscription] = await Promise.all([
    stage.client.subscribe(filter, options),
    answerSubscribe(stage, codes),
  ]);
  return subscription;
}

/** The texts of messages that have come, once everything that can run without time has run. */
async function texts(subscription: Pick<Subscribed, "next">, count: number): Promise<string[]> {
  const all: string[] = [];
  while (all.length < count) all.push((await subscription.next()).value!.text());
  return all;
}

describe("Client.subscribe(): for await", () => {
  it("gives the messages in order, and what each one is", async () => {
    const stage = await online();
    const subscription = await subscribe(stage, "a/+", { qos: 1 }, "01");
    assertEquals([subscription.filters, subscription.granted], [["a/+"], [1]]);
    await stage.broker.send(
      publish("a/b", "21.5", { retain: true }) + publish("a/c", '{"on":true}', { qos: 1, id: 7, dup: true }) +
        publish("a/d", new Uint8Array([0xff, 0])),
    );
    const messages: ReceivedMessage[] = [];
    for await (const message of subscription) {
      messages.push(message);
      if (messages.length === 3) break;
    }
    const [first, second, third] = messages as [ReceivedMessage, ReceivedMessage, ReceivedMessage];
    assertEquals([first.topic, first.text(), first.json(), first.qos, first.retain, first.duplicate], [
      "a/b",
      "21.5",
      21.5,
      0,
      true,
      false,
    ]);
    assertEquals([second.json(), second.qos, second.retain, second.duplicate], [
      { on: true },
      1,
      false,
      true,
    ]);
    assertEquals([third.payload, third.text()], [new Uint8Array([0xff, 0]), "\ufffd\0"]);
    assertThrows(() => third.json(), SyntaxError);
    await end(stage);
  });

  it("unsubscribes when the loop is left, by break, return or an error, and not before the last one is left", async () => {
    const stage = await online();
    const { broker } = stage;
    const first = await subscribe(stage, "a");
    const second = await subscribe(stage, "a");
    await broker.send(publish("a", "1"));
    for await (const message of first) {
      assertEquals(message.text(), "1");
      break;
    }
    await broker.send(publish("a", "2"));
    assertEquals(await texts(second, 2), ["1", "2"]);
    await broker.send(publish("a", "3"));
    await assertRejects(
      async () => {
        for await (const message of second) throw new Error(message.text());
      },
      Error,
      "3",
    );
    await broker.expect("a2050003" + "000161");
    await broker.send("b0020003");
    assertEquals(await second.next(), { done: true, value: undefined });
    await end(stage);
  });

  it("ends when unsubscribe() is called elsewhere, which resolves when the broker has confirmed it", async () => {
    const stage = await online();
    const full = await subscribe(stage, "b");
    await stage.broker.send(publish("b", "1") + publish("b", "2"));
    assertEquals(await texts(full, 1), ["1"]);
    void full.unsubscribe();
    assertEquals(await full.next(), { done: true, value: undefined }, "what waited is dropped");
    await stage.broker.packet();
    const subscription = await subscribe(stage, "a");
    const next = subscription.next();
    const left = subscription.unsubscribe();
    assertEquals(await next, { done: true, value: undefined });
    await stage.broker.expect("a2050004" + "000161");
    assertEquals(await isSettled(left), false);
    await stage.broker.send("b0020004");
    await left;
    await subscription.unsubscribe();
    await end(stage);
  });

  it("takes several filters in one packet, each with its QoS, and a message that matches several once", async () => {
    const stage = await online();
    const [subscription] = await Promise.all([
      stage.client.subscribe(["a/#", { topic: "a/b", qos: 2 }, "a/#", "c"], { qos: 1 }),
      (async () =>
        assertEquals(
          await answerSubscribe(stage, "010201"),
          "82120001" + "0003612f2301" + "0003612f6202" + "00016301",
        ))(),
    ]);
    assertEquals([subscription.filters, subscription.granted], [["a/#", "a/b", "c"], [1, 2, 1]]);
    await stage.broker.send(publish("a/b", "once") + publish("c", "next"));
    assertEquals(await texts(subscription, 2), ["once", "next"]);
    await end(stage);
  });

  it("rejects when the broker refuses one of the filters, and keeps none", async () => {
    const stage = await online();
    const subscribing = stage.client.subscribe(["a", "b"]);
    subscribing.catch(() => {});
    await answerSubscribe(stage, "0080");
    const error = await rejectsWith(
      subscribing,
      RefusedError,
      "the broker refused the subscription to b (0x80)",
    );
    assertEquals([error.code, error.returnCode], ["subscription-refused", 0x80]);
    await stage.broker.expect("a2080002" + "000161" + "000162");
    await end(stage);
  });

  it("asks for the highest QoS that anyone wants of a filter", async () => {
    const stage = await online();
    await subscribe(stage, "a", { qos: 2 }, "02");
    const [, packet] = await Promise.all([stage.client.subscribe("a"), answerSubscribe(stage, "02")]);
    assertEquals(packet, "82060002" + "00016102");
    await subscribe(stage, "b", { qos: 0 });
    const [, higher] = await Promise.all([
      stage.client.subscribe("b", { qos: 1 }),
      answerSubscribe(stage, "01"),
    ]);
    assertEquals(higher, "82060004" + "00016201");
    await end(stage);
  });

  it("rejects with the signal's reason; later the signal ends the loop with it", async () => {
    const stage = await online();
    const reason = new Error("enough");
    await rejectsWith(stage.client.subscribe("a", { signal: AbortSignal.abort(reason) }), Error, "enough");
    const early = new AbortController();
    const waiting = stage.client.subscribe("a", { signal: early.signal });
    waiting.catch(() => {});
    await stage.broker.packet();
    early.abort(reason);
    assertStrictEquals(await waiting.catch((error) => error), reason);
    await stage.broker.expect("a2050002" + "000161");

    const late = new AbortController();
    const subscription = await subscribe(stage, "b", { signal: late.signal });
    const next = subscription.next();
    late.abort(reason);
    assertStrictEquals(await next.catch((error) => error), reason);
    await end(stage);
  });

  it("checks its arguments before anything is sent", async () => {
    const stage = await online();
    for (
      const [filters, options, code] of [
        ["", {}, "invalid-filter"],
        ["a/#/b", {}, "invalid-filter"],
        [[], {}, "invalid-argument"],
        ["a", { qos: 3 }, "invalid-argument"],
        ["a", { acknowledge: "never" }, "invalid-argument"],
      ] as const
    ) {
      const error = await assertRejects(
        () => stage.client.subscribe(filters, options as Options),
        UsageError,
      );
      assertEquals(error.code, code);
    }
    void stage.client.publish("t", "m");
    await stage.broker.expect(publish("t", "m"));
    await end(stage);
  });

  it("gives whole batches: all that have come since the last one", async () => {
    const stage = await online();
    const subscription = await subscribe(stage, "a");
    const sizes: number[] = [];
    const reading = (async () => {
      for await (const batch of subscription.batches()) {
        sizes.push(batch.length);
        if (sizes.length === 3) break;
      }
    })();
    for (const count of [3, 1, 2]) {
      await stage.broker.send(publish("a", "m").repeat(count));
      await settled();
    }
    await reading;
    assertEquals(sizes, [3, 1, 2]);
    await stage.broker.expect("a2050002" + "000161");
    await end(stage);
  });
});

describe("Client.subscribe(): overlapping subscriptions", () => {
  it("get each message once each, and share it with client.messages", async () => {
    const stage = await online();
    const all = stage.client.messages[Symbol.asyncIterator]();
    const wide = await subscribe(stage, "a/#");
    const narrow = await subscribe(stage, "a/b");
    const other = await subscribe(stage, "c");
    await stage.broker.send(publish("a/b", "1") + publish("a/c", "2") + publish("c", "3"));
    assertEquals(await texts(wide, 2), ["1", "2"]);
    assertEquals(await texts(narrow, 1), ["1"]);
    assertEquals(await texts(other, 1), ["3"]);
    const tapped: string[] = [];
    for (let i = 0; i < 3; i++) tapped.push((await all.next()).value.text());
    assertEquals(tapped, ["1", "2", "3"]);
    await end(stage);
  });

  it("do not get a retained message again that a newer one brings", async () => {
    const stage = await online();
    const wide = await subscribe(stage, "a/#");
    await stage.broker.send(publish("a/b", "kept", { retain: true }));
    assertEquals(await texts(wide, 1), ["kept"]);
    const narrow = await subscribe(stage, "a/b");
    await stage.broker.send(publish("a/b", "kept", { retain: true }) + publish("a/b", "new"));
    assertEquals(await texts(narrow, 2), ["kept", "new"]);
    assertEquals(await texts(wide, 1), ["new"]);
    await end(stage);
  });

  it("get every copy where the broker sends one for each filter: they may be two messages", async () => {
    const stage = await online();
    const wide = await subscribe(stage, "a/#");
    await subscribe(stage, "a/b");
    await stage.broker.send(publish("a/b", "same") + publish("a/b", "same"));
    assertEquals(await texts(wide, 2), ["same", "same"]);
    await end(stage);
  });
});

describe("Client.subscribe(): a callback", () => {
  it("is called within the turn in which the message is read, in order", async () => {
    const stage = await online();
    const seen: string[] = [];
    await subscribe(
      stage,
      "a",
      { onMessage: (message: ReceivedMessage) => seen.push(message.text()) } as Options,
    );
    await stage.broker.send(publish("a", "1") + publish("a", "2") + publish("b", "3"));
    await settled();
    assertEquals(seen, ["1", "2"]);
    await end(stage);
  });

  it("is waited for when it gives a promise: no two run at a time, and the message is acknowledged behind it", async () => {
    const stage = await online();
    const release: (() => void)[] = [];
    const seen: string[] = [];
    const onMessage = (message: ReceivedMessage) => {
      seen.push(message.text());
      return new Promise<void>((resolve) => release.push(resolve));
    };
    await subscribe(stage, "a", { qos: 1, onMessage } as Options, "01");
    await stage.broker.send(publish("a", "1", { qos: 1, id: 1 }) + publish("a", "2", { qos: 1, id: 2 }));
    await settled();
    assertEquals(seen, ["1"]);
    release[0]!();
    await stage.broker.expect("40020001");
    assertEquals(seen, ["1", "2"]);
    release[1]!();
    await stage.broker.expect("40020002");
    await end(stage);
  });

  it("that gives a thenable whose then throws hands that to onError, and goes on", async () => {
    const stage = await online();
    const errors: unknown[] = [];
    const seen: string[] = [];
    const onMessage = (message: ReceivedMessage) => {
      seen.push(message.text());
      return {
        // biome-ignore lint/suspicious/noThenProperty: a thenable is what it is about.
        then() {
          throw new Error("no thenable");
        },
      };
    };
    await subscribe(
      stage,
      "a",
      { qos: 1, onMessage, onError: (error: unknown) => errors.push(error) } as Options,
      "01",
    );
    await stage.broker.send(publish("a", "1", { qos: 1, id: 1 }) + publish("a", "2", { qos: 1, id: 2 }));
    await stage.broker.expect("40020001");
    await stage.broker.expect("40020002");
    assertEquals([seen, errors.map(String)], [["1", "2"], ["Error: no thenable", "Error: no thenable"]]);
    await end(stage);
  });

  it("that throws hands the error to onError, and the message counts as received", async () => {
    const stage = await online();
    const errors: unknown[] = [];
    let fails = (): unknown => {
      throw new Error("at once");
    };
    const options = {
      qos: 1,
      onMessage: () => fails(),
      onError: (error: unknown) => errors.push(String(error)),
    };
    await subscribe(stage, "a", options as Options, "01");
    await stage.broker.send(publish("a", "1", { qos: 1, id: 1 }));
    await stage.broker.expect("40020001");
    fails = () => Promise.reject(new Error("later"));
    await stage.broker.send(publish("a", "2", { qos: 1, id: 2 }));
    await stage.broker.expect("40020002");
    assertEquals(errors, ["Error: at once", "Error: later"]);
    await end(stage);
  });

  it("that throws without onError has its error reported as uncaught, as an event listener has", async () => {
    const stage = await online();
    const errors: unknown[] = [];
    const scope = globalThis as { reportError?: (error: unknown) => void };
    const original = scope.reportError;
    scope.reportError = (error) => errors.push(String(error));
    try {
      const onMessage = () => {
        throw new Error("nobody takes it");
      };
      await subscribe(stage, "a", { onMessage } as Options);
      const onError = () => {
        throw new Error("nor this one");
      };
      await subscribe(stage, "b", { onMessage, onError } as Options);
      await stage.broker.send(publish("a", "1") + publish("b", "2"));
      await settled();
    } finally {
      if (original === undefined) delete scope.reportError;
      else scope.reportError = original;
    }
    assertEquals(errors, ["Error: nobody takes it", "Error: nor this one"]);
    assertEquals(stage.client.state, "online");
    await end(stage);
  });

  it("is called no more after unsubscribe(), and what its queue holds is acknowledged", async () => {
    const stage = await online();
    let calls = 0;
    const onMessage = () => {
      calls++;
      return new Promise(() => {});
    };
    const subscription = await subscribe(stage, "a", { qos: 1, onMessage } as Options, "01");
    await stage.broker.send(publish("a", "1", { qos: 1, id: 1 }) + publish("a", "2", { qos: 1, id: 2 }));
    await settled();
    void subscription.unsubscribe();
    await stage.broker.expect("40020001" + "40020002" + "a2050002" + "000161");
    assertEquals(calls, 1);
    await end(stage);
  });

  it("is not called with what its queue holds when the subscription ends meanwhile", async () => {
    const stage = await online({ reconnect: false });
    let release!: () => void;
    const seen: string[] = [];
    const onMessage = (message: ReceivedMessage) => {
      seen.push(message.text());
      return new Promise<void>((resolve) => release = resolve);
    };
    await subscribe(stage, "a", { onMessage, onError: () => seen.push("error") } as Options);
    await stage.broker.send(publish("a", "1") + publish("a", "2"));
    await settled();
    await stage.broker.close();
    await settled();
    release();
    await settled();
    assertEquals(seen, ["1", "error"]);
    await stage.client.close();
  });

  it("is no stream as well: a matter of types", async () => {
    const stage = await online();
    const subscribing = stage.client.subscribe("a", { onMessage: () => {} });
    await answerSubscribe(stage, "00");
    const subscription = await subscribing;
    // @ts-expect-error a subscription with a callback is not read by for await
    assertEquals(subscription[Symbol.asyncIterator], undefined);
    await end(stage);
  });

  it("hears through onError of what ends the subscription", async () => {
    const stage = await online({ reconnect: false });
    const errors: unknown[] = [];
    const options = { onMessage: () => {}, onError: (error: unknown) => errors.push(String(error)) };
    await subscribe(stage, "a", options as Options);
    await stage.broker.close();
    await settled();
    assertEquals(errors, ["ConnectionError: Connection closed by broker"]);
    await stage.client.close();
  });
});

describe("Client.subscribe(): acknowledging", () => {
  it("happens when the loop asks for the next message, in the order of arrival", async () => {
    const stage = await online();
    const subscription = await subscribe(stage, "a", { qos: 2 }, "02");
    await stage.broker.send(publish("a", "1", { qos: 1, id: 1 }) + publish("a", "2", { qos: 2, id: 2 }));
    await subscription.next();
    await settled();
    const next = subscription.next();
    await stage.broker.expect("40020001");
    await next;
    const last = subscription.next();
    await stage.broker.expect("50020002");
    await stage.broker.send("62020002");
    await stage.broker.expect("70020002");
    await end(stage);
    assertEquals(await last, { done: true, value: undefined });
  });

  it("happens for a whole batch when the next one is asked for", async () => {
    const stage = await online();
    const subscription = await subscribe(stage, "a", { qos: 1 }, "01");
    await stage.broker.send(publish("a", "1", { qos: 1, id: 1 }) + publish("a", "2", { qos: 1, id: 2 }));
    const batches = subscription.batches();
    assertEquals((await batches.next()).value?.length, 2);
    void batches.next();
    await stage.broker.expect("40020001" + "40020002");
    await end(stage);
  });

  it('happens by hand with acknowledge: "manual", once, in the order of arrival', async () => {
    const stage = await online();
    const subscription = await subscribe(stage, "a", { qos: 1, acknowledge: "manual" }, "01");
    await stage.broker.send(
      publish("a", "1", { qos: 1, id: 1 }) + publish("a", "2", { qos: 1, id: 2 }) +
        publish("a", "3", { qos: 1, id: 3 }),
    );
    const messages: ReceivedMessage[] = [];
    for (let i = 0; i < 3; i++) messages.push((await subscription.next()).value!);
    messages[1]!.acknowledge();
    void stage.client.publish("t", "nothing before");
    await stage.broker.expect(publish("t", "nothing before"));
    messages[0]!.acknowledge();
    messages[0]!.acknowledge();
    await stage.broker.expect("40020001" + "40020002");
    messages[2]!.acknowledge();
    await stage.broker.expect("40020003");
    await end(stage);
  });

  it("happens by hand for a callback too", async () => {
    const stage = await online();
    const messages: ReceivedMessage[] = [];
    const onMessage = (message: ReceivedMessage) => void messages.push(message);
    await subscribe(stage, "a", { qos: 1, acknowledge: "manual", onMessage } as Options, "01");
    await stage.broker.send(publish("a", "1", { qos: 1, id: 1 }));
    await settled();
    void stage.client.publish("t", "nothing before");
    await stage.broker.expect(publish("t", "nothing before"));
    messages[0]!.acknowledge();
    await stage.broker.expect("40020001");
    await end(stage);
  });

  it("waits for all who got the message", async () => {
    const stage = await online();
    const manual = await subscribe(stage, "a", { qos: 1, acknowledge: "manual" }, "01");
    const auto = await subscribe(stage, "+", { qos: 1 }, "01");
    await stage.broker.send(publish("a", "1", { qos: 1, id: 1 }));
    await auto.next();
    void auto.next();
    void stage.client.publish("t", "nothing before");
    await stage.broker.expect(publish("t", "nothing before"));
    (await manual.next()).value!.acknowledge();
    await stage.broker.expect("40020001");
    await end(stage);
  });

  it("of a message that a lost connection brought is let be; the broker sends it again", async () => {
    const stage = await online({ session: "resume" });
    const subscription = await subscribe(stage, "a", { qos: 1, acknowledge: "manual" }, "01");
    await stage.broker.send(publish("a", "1", { qos: 1, id: 1 }));
    const { value: first } = await subscription.next();
    await comeBack(stage, PRESENT);
    first!.acknowledge();
    await stage.broker.send(publish("a", "1", { qos: 1, id: 1, dup: true }));
    const { value: again } = await subscription.next();
    assertEquals(again!.duplicate, true);
    again!.acknowledge();
    await stage.broker.expect("40020001");
    await end(stage);
  });

  it("of QoS 2 is made up for on the next connection, and the message is not delivered again [MQTT-4.3.3-2]", async () => {
    const stage = await online({ session: "resume" });
    const subscription = await subscribe(stage, "a", { qos: 2 }, "02");
    await stage.broker.send(publish("a", "1", { qos: 2, id: 1 }) + publish("a", "2", { qos: 2, id: 2 }));
    await settled();
    await comeBack(stage, PRESENT);
    await stage.broker.send(
      publish("a", "1", { qos: 2, id: 1, dup: true }) + publish("a", "2", { qos: 2, id: 2, dup: true }),
    );
    assertEquals(await texts(subscription, 2), ["1", "2"]);
    void subscription.next();
    await stage.broker.expect("50020001" + "50020002");
    await end(stage);
  });
});

describe("Client: a session of an earlier program", () => {
  it("keeps what comes before anyone has subscribed, unacknowledged, and gives it to who does", async () => {
    const stage = await online({ session: "resume" }, PRESENT);
    await stage.broker.send(publish("a", "1", { qos: 1, id: 1 }) + publish("b", "2", { qos: 1, id: 2 }));
    await settled();
    const subscription = await subscribe(stage, "a", { qos: 1 }, "01");
    assertEquals(await texts(subscription, 1), ["1"]);
    const tap = stage.client.messages[Symbol.asyncIterator]();
    assertEquals((await tap.next()).value.text(), "2");
    void subscription.next();
    void tap.next();
    await stage.broker.expect("40020001" + "40020002");
    await end(stage);
  });

  it("lets go of what nobody wanted within replyTimeout, so that the broker goes on", async () => {
    const stage = await online({ session: "resume", replyTimeout: 3000 }, PRESENT);
    await stage.broker.send(publish("a", "1", { qos: 1, id: 1 }));
    await stage.clock.advance(2999);
    void stage.client.publish("t", "nothing before");
    await stage.broker.expect(publish("t", "nothing before"));
    await stage.clock.advance(1);
    await stage.broker.expect("40020001");
    await stage.broker.send(publish("a", "2", { qos: 1, id: 2 }));
    await stage.broker.expect("40020002");
    await end(stage);
  });

  it("is waited for once: after a reconnect what nobody wants is acknowledged at once", async () => {
    const stage = await online({ session: "resume" });
    await comeBack(stage, PRESENT);
    await stage.broker.send(publish("a", "1", { qos: 1, id: 1 }));
    await stage.broker.expect("40020001");
    await end(stage);
  });

  it("reaches who subscribes also with a clean session, where it comes in one chunk with CONNACK", async () => {
    const stage = await online({}, ACCEPTED + publish("a", "early", { qos: 1, id: 1 }));
    const subscribing = stage.client.subscribe("a", { qos: 1 });
    await answerSubscribe(stage, "01");
    const subscription = await subscribing;
    assertEquals((await subscription.next()).value?.text(), "early");
    void subscription.next();
    await stage.broker.expect("40020001");
    assertEquals(stage.client.dropped, 0);
    await end(stage);
  });

  it("is waited for until the first subscription with a clean session, or until replyTimeout, and counted", async () => {
    const stage = await online({ replyTimeout: 3000 });
    const { broker, client, clock } = stage;
    await broker.send(publish("a", "1", { qos: 1, id: 1 }));
    await clock.advance(2999);
    await clock.advance(1);
    await broker.expect("40020001");
    assertEquals(client.dropped, 1);
    await broker.send(publish("a", "2", { qos: 1, id: 2 }));
    await broker.expect("40020002");
    await end(stage);

    const other = await online();
    const subscribing = other.client.subscribe("b");
    await answerSubscribe(other, "00");
    await subscribing;
    await other.broker.send(publish("a", "1", { qos: 1, id: 1 }));
    await other.broker.expect("40020001");
    await end(other);
  });

  it("is never lost, however much more than a queue may hold comes before anyone has subscribed", async () => {
    for (const [limits, count, size] of [[{ messages: 2 }, 20, 10], [{ bytes: 2000 }, 60, 1000]] as const) {
      for (const qos of [1, 2] as const) {
        const stage = await online({ session: "resume", receiving: limits }, PRESENT, { room: 1_000_000 });
        const { broker, client } = stage;
        const messages = Array.from(
          { length: count },
          (_, i) => publish("a", `${i}`.padEnd(size), { qos, id: i + 1 }),
        );
        // The SUBACK lies behind all of them, as it does with mosquitto.
        await broker.send(messages.join(""));
        await settled();
        const subscribing = client.subscribe("a", { qos });
        await answerSubscribe(stage, `0${qos}`);
        const subscription = await subscribing;
        const seen: string[] = [];
        for (let i = 0; i < count; i++) seen.push((await subscription.next()).value!.text().trim());
        assertEquals(seen, messages.map((_, i) => `${i}`));
        await end(stage);
      }
    }
  });
});

describe("Client: a slow consumer", () => {
  const MESSAGE = publish("a", "x".repeat(100));

  /** How many of the messages the client has taken from the broker. */
  async function flood(stage: Stage, count: number): Promise<() => number> {
    let taken = 0;
    void (async () => {
      for (; taken < count; taken++) await stage.broker.send(MESSAGE);
    })().catch(() => {});
    await settled();
    await settled();
    return () => taken;
  }

  it("slows the broker; pings go on, and the peer is not given up", async () => {
    const stage = await online({ receiving: { messages: 10 }, keepAlive: 10_000 }, undefined, { room: 200 });
    const subscription = await subscribe(stage, "a");
    const taken = await flood(stage, 1000);
    assert(taken() < 30, `${taken()} messages were read`);
    await stage.clock.advance(9000);
    assertEquals(await stage.broker.packet(), "c000");
    await stage.clock.advance(9000);
    assertEquals(await stage.broker.packet(), "c000");
    await stage.clock.advance(60_000);
    assertEquals(stage.client.state, "online");
    assert(taken() < 30);
    for (let i = 0; i < 1000; i++) await subscription.next();
    assertEquals(taken(), 1000);
    await end(stage);
  });

  it("is bounded in bytes as well", async () => {
    const stage = await online({ receiving: { bytes: 1000 } }, undefined, { room: 200 });
    await subscribe(stage, "a");
    const taken = await flood(stage, 1000);
    assert(taken() < 30, `${taken()} messages were read`);
    await end(stage);
  });

  it("that is a callback with a promise slows the broker too", async () => {
    const stage = await online({ receiving: { messages: 10 } }, undefined, { room: 200 });
    await subscribe(stage, "a", { onMessage: () => new Promise(() => {}) } as Options);
    const taken = await flood(stage, 1000);
    assert(taken() < 30, `${taken()} messages were read`);
    await end(stage);
  });

  it("that waits for an acknowledgement behind its own messages gets it", async () => {
    const stage = await online({ receiving: { messages: 4 } }, undefined, { room: 200 });
    const subscription = await subscribe(stage, "a");
    const taken = await flood(stage, 20);
    assert(taken() < 10);
    let published = false;
    const working = (async () => {
      for await (const message of subscription) {
        assertEquals(message.topic, "a");
        await stage.client.publish("done", "", { qos: 1 });
        published = true;
        break;
      }
    })();
    await stage.broker.expect(publish("done", "", { qos: 1, id: 2 }));
    await settled();
    assertEquals(taken(), 20, "reading goes on");
    await stage.broker.send("40020002");
    await working;
    assertEquals([published, stage.client.dropped], [true, 0]);
    await end(stage);
  });

  it("keeps nobody else from an acknowledgement", async () => {
    const stage = await online({ receiving: { messages: 4 } }, undefined, { room: 200 });
    await subscribe(stage, "a");
    const taken = await flood(stage, 20);
    assert(taken() < 10);
    const publishing = stage.client.publish("t", "", { qos: 1 });
    await stage.broker.expect(publish("t", "", { qos: 1, id: 2 }));
    await settled();
    assertEquals(taken(), 20);
    await stage.broker.send("40020002");
    await publishing;
    await end(stage);
  });

  it("gives up QoS 0 beyond eight times its queue while an acknowledgement is awaited, and counts it", async () => {
    const stage = await online({ receiving: { messages: 2 } });
    const subscription = await subscribe(stage, "a");
    const publishing = stage.client.publish("t", "", { qos: 1 });
    await stage.broker.packet();
    await flood(stage, 100);
    assertEquals(stage.client.dropped, 100 - 16);
    await stage.broker.send("40020002");
    await publishing;
    await texts(subscription, 16);
    await stage.broker.send(publish("a", "fresh"));
    assertEquals(await texts(subscription, 1), ["fresh"]);
    await end(stage);
  });

  it("that leaves lets the others read", async () => {
    const stage = await online({ receiving: { messages: 4 } }, undefined, { room: 200 });
    const slow = await subscribe(stage, "a");
    const other = await subscribe(stage, "b");
    const taken = await flood(stage, 20);
    assert(taken() < 20);
    const next = other.next();
    void slow.unsubscribe();
    await settled();
    assertEquals(taken(), 20);
    void stage.broker.send(publish("b", "at last"));
    assertEquals((await next).value?.text(), "at last");
    await end(stage);
  });

  it("that has ended with an error keeps nobody from reading", async () => {
    const stage = await online({ receiving: { messages: 4 } }, undefined, { room: 1000 });
    const refused = await subscribe(stage, "a", { qos: 1 }, "01");
    const other = await subscribe(stage, "b", { qos: 1 }, "01");
    await comeBack(stage);
    const messages = [1, 2, 3, 4].map((id) => publish("a", `${id}`, { qos: 1, id })).join("");
    await stage.broker.send(messages + "9004000380" + "01");
    await stage.broker.packet();
    await stage.broker.send(publish("b", "read", { qos: 1, id: 9 }));
    assertEquals(await texts(other, 1), ["read"]);
    void other.next();
    await stage.broker.expect("40020001400200024002000340020004" + "a2050004" + "000161" + "40020009");
    assertEquals(await texts(refused, 4), ["1", "2", "3", "4"]);
    await assertRejects(() => refused.next(), RefusedError);
    await end(stage);
  });

  it("is not one that was subscribed for client.messages, and is not read itself", async () => {
    const stage = await online({ receiving: { messages: 4 } }, undefined, { room: 1000 });
    const subscription = await subscribe(stage, "a", { qos: 1 }, "01");
    await stage.broker.send(publish("a", "before", { qos: 1, id: 1 }));
    await settled();
    const seen: string[] = [];
    const reading = (async () => {
      for await (const message of stage.client.messages) if (seen.push(message.text()) === 20) break;
    })();
    await stage.broker.expect("40020001");
    for (let i = 0; i < 20; i++) await stage.broker.send(publish("a", `${i}`));
    await reading;
    assertEquals(seen.length, 20);
    await stage.broker.send(publish("a", "after"));
    // What it had room for meanwhile, and all from when it is read.
    assertEquals(await texts(subscription, 5), ["before", "0", "1", "2", "after"]);
    await end(stage);
  });

  it("is one again as soon as it is read, whoever reads all messages", async () => {
    const stage = await online({ receiving: { messages: 4 } });
    const subscription = await subscribe(stage, "a");
    const all = stage.client.messages[Symbol.asyncIterator]();
    const first = subscription.next();
    for (let i = 0; i < 4; i++) {
      await stage.broker.send(publish("a", `${i}`));
      assertEquals((await all.next()).value.text(), `${i}`);
    }
    assertEquals((await first).value?.text(), "0");
    assertEquals(await texts(subscription, 3), ["1", "2", "3"]);
    for (let i = 0; i < 4; i++) await stage.broker.send(publish("a", `${i}`));
    await settled();
    assertEquals(await texts(subscription, 4), ["0", "1", "2", "3"], "also what fills it");
    await end(stage);
  });

  it("is bounded in bytes with QoS 1 too while an acknowledgement is awaited, and loses nothing", async () => {
    const stage = await online({ receiving: { messages: 2, bytes: 10_000 } }, undefined, { room: 200 });
    const subscription = await subscribe(stage, "a", { qos: 1 }, "01");
    void stage.client.publish("t", "", { qos: 1 });
    await stage.broker.packet();
    const payload = "x".repeat(5000);
    let sent = 0;
    void (async () => {
      while (sent < 100) await stage.broker.send(publish("a", payload, { qos: 1, id: ++sent }));
    })().catch(() => {});
    await settled();
    assert(sent >= 16 && sent < 50, `${sent} were read`);
    assertEquals((await texts(subscription, 100)).length, 100);
    assertEquals(stage.client.dropped, 0);
    await end(stage);
  });
});

describe("Client: a consumer that waits for an answer behind more than it may hold", () => {
  for (const session of ["resume", "clean"] as const) {
    const rest = session === "resume" ? "gets the rest on a new connection" : "counts the rest as dropped";
    it(`gets it within acknowledgeTimeout, and ${rest}`, async () => {
      const stage = await online({ session, receiving: { bytes: 100 }, acknowledgeTimeout: 5000 });
      const { broker, client, clock } = stage;
      const subscription = await subscribe(stage, "a", { qos: 2 }, "02");
      const texts: string[] = [];
      const working = (async () => {
        for await (const message of subscription) {
          texts.push(message.text());
          if (texts.length === 1) await client.publish("reply", "", { qos: 1 });
          else await settled();
          if (texts.length === 20) break;
        }
      })();
      const messages = Array.from(
        { length: 20 },
        (_, i) => publish("a", `${i}`.padStart(100), { qos: i % 2 === 0 ? 1 : 2, id: 1 + i }),
      );
      await broker.send(messages.join(""));
      await settled();
      assertEquals(await broker.packet(), publish("reply", "", { qos: 1, id: 2 }));
      await broker.send("40020002");
      await clock.advance(4999);
      assertEquals(texts.length, 1, "it may be that somebody reads yet");
      await clock.advance(1);
      const acknowledged = await broker.rest();
      const taken = texts.length;
      assert(taken > 1 && taken < 20, `${taken} were taken`);
      assertEquals(acknowledged.length / 8, taken, "what was taken is not sent again");
      const welcome = broker.welcome(session === "resume" ? PRESENT : ACCEPTED);
      await clock.advance(5000);
      await welcome;
      if (session === "resume") {
        await broker.send(messages.slice(taken).join(""));
        await working;
        assertEquals(texts, messages.map((_, i) => `${i}`.padStart(100)));
      }
      assertEquals(client.dropped, session === "resume" ? 0 : 20 - taken);
      await end(stage);
    });
  }
});

describe("Client: a consumer that waits for room behind more than it may hold", () => {
  it("gets it within acknowledgeTimeout, where the broker reads nothing until all of its own is read", async () => {
    const options = { session: "resume", receiving: { bytes: 100 }, acknowledgeTimeout: 5000 } as const;
    const stage = await online(options, ACCEPTED, { room: 500, chunkSize: 500 });
    const { broker, client, clock } = stage;
    const subscription = await subscribe(stage, "a", { qos: 1 }, "01");
    let isReplied = false;
    const working = (async () => {
      await subscription.next();
      for (let i = 0; i < 2; i++) await client.publish("reply", new Uint8Array(100_000));
      isReplied = true;
    })();
    const message = (_: unknown, i: number) => publish("a", "x".repeat(100), { qos: 1, id: 1 + i });
    const serving = broker.send(Array.from({ length: 40 }, message).join("")).then(() => broker.rest());
    await clock.advance(1000 + 5000 - 1);
    assertEquals(isReplied, false);
    await clock.advance(1);
    assertEquals(isReplied, true);
    await Promise.all([working, clock.run(client.close({ drop: true })), serving]);
  });
});

describe("Client: whatever waits can be given up", () => {
  it("unsubscribe(), a loop over batches(), and one over status()", async () => {
    const stage = await online();
    const reason = new Error("enough");
    const controller = new AbortController();
    const { signal } = controller;
    const subscription = await subscribe(stage, "a");
    const waiting = [
      subscription.unsubscribe({ signal }),
      stage.client.batches({ signal })[Symbol.asyncIterator]().next(),
    ];
    const status = stage.client.status({ signal });
    await status.next();
    waiting.push(status.next() as Promise<never>);
    await settled();
    controller.abort(reason);
    for (const promise of waiting) assertStrictEquals(await promise.catch((error: unknown) => error), reason);
    assertEquals(await status.next(), { done: true, value: undefined });
    const aborted = stage.client.batches({ signal })[Symbol.asyncIterator]().next();
    assertStrictEquals(await aborted.catch((error: unknown) => error), reason);
    const late = stage.client.status({ signal });
    await late.next();
    assertStrictEquals(await late.next().catch((error: unknown) => error), reason);
    await end(stage);
  });
});

/** A `Client` says how it is: from the first moment, in its status, in numbers, in a log, and in stacks. */
import { Client, type ClientOptions, ConnectionError, type Status, UsageError } from "@minimqtt/client";
import * as logging from "@minimqtt/logger";
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { publish } from "../../src/wire/wire.ts";
import {
  answerSubscribe,
  comeBack,
  end,
  isSettled,
  online,
  type Scene,
  scene,
  settled,
  type Stage,
} from "./stage.ts";

function start({ network, clock }: Scene, choice: object = {}): Client {
  const options = { transport: network.transport, clock, random: () => 0, clientId: "golden", ...choice };
  return Client.start("mqtt://broker.test", options as ClientOptions);
}

async function subscribed<Given>(stage: Stage, subscribing: Promise<Given>): Promise<Given> {
  await answerSubscribe(stage, "01");
  return await subscribing;
}

/** What has been said since the last time. */
function reading(client: Client): () => Promise<Status[]> {
  const news: Status[] = [];
  void (async () => {
    for await (const status of client.status()) news.push(status);
  })();
  return async () => {
    await settled();
    return news.splice(0);
  };
}

describe("Client.start()", () => {
  it("gives a client at once, which takes everything and connects in the background", async () => {
    const set = scene();
    set.network.answer = "refuse";
    const client = start(set, { reconnect: { initially: true } });
    assertEquals(client.state, "connecting");
    const news = reading(client);
    const published = client.publish("t", "x", { qos: 1 });
    const subscribing = client.subscribe("s", { qos: 1 });
    assertEquals((await news()).map(({ state }) => state), ["connecting", "waiting"]);
    assertEquals(await isSettled(client.connected), false);
    set.network.answer = "accept";
    const welcome = set.broker.welcome();
    await set.clock.advance(1000);
    await welcome;
    await client.connected;
    assertEquals((await news()).map(({ state }) => state), ["connecting", "online"]);
    const packets = [await set.broker.packet(), await set.broker.packet()].map((packet) =>
      packet.slice(0, 2)
    );
    assertEquals(packets.sort(), ["32", "82"]);
    void published.catch(() => {});
    void subscribing.catch(() => {});
    await end({ ...set, client });
  });

  it("has connected reject, and the status say so, when there will be no connection", async () => {
    const set = scene();
    set.network.answer = "refuse";
    const client = start(set);
    const news = reading(client);
    const error = await assertRejects(() => client.connected, ConnectionError, "refused");
    const last = (await news()).at(-1)!;
    assertEquals(last.state, "closed");
    assertStrictEquals(last.state === "closed" && last.error, error);
    await client.close();
  });

  it("ends nobody's program when nobody looks at connected", async () => {
    const set = scene();
    set.network.answer = "refuse";
    const client = start(set);
    await settled();
    assertEquals(client.state, "closed");
  });

  it("throws for wrong options and an aborted signal, and ends with one that is aborted later", async () => {
    const set = scene();
    assertThrows(() => start(set, { keepalive: 5 }), UsageError, "is keepAlive meant?");
    const reason = new Error("changed my mind");
    assertStrictEquals(assertThrows(() => start(set, { signal: AbortSignal.abort(reason) })), reason);
    assertEquals(set.network.dialled, []);
    set.network.answer = "silence";
    const stop = new AbortController();
    const client = start(set, { signal: stop.signal });
    stop.abort(reason);
    assertStrictEquals(await client.connected.catch((error) => error), reason);
    await client.close();
    assertEquals(client.state, "closed");
  });
});

describe("status(): what is not read", () => {
  const fill = (topic: string) => publish(topic, "1") + publish(topic, "2");

  it("tells after a second which subscription stops everything, and when it is read again", async () => {
    const stage = await online({ receiving: { messages: 2 } });
    const { broker, client, clock } = stage;
    const subscription = await subscribed(stage, client.subscribe("unread/#"));
    const news = reading(client);
    await news();
    await broker.send(fill("unread/a"));
    await settled();
    await clock.advance(999);
    assertEquals(await news(), []);
    await clock.advance(1);
    const unread = { filters: ["unread/#"], messages: 2 };
    const [said] = await news();
    assertEquals(said, {
      state: "online",
      broker: "broker.test:1883",
      resumed: false,
      unread,
      text:
        "connected to broker.test:1883, but nobody reads the subscription to unread/#: 2 wait, and nothing more " +
        "is taken from the broker",
    });
    assertEquals(client.stats().unread, 2);
    await subscription.next();
    await subscription.next();
    void subscription.next();
    assertEquals(await news(), [{
      state: "online",
      broker: "broker.test:1883",
      resumed: false,
      text: "connected to broker.test:1883: messages are read again",
    }]);
    await end(stage);
  });

  it("tells it once, also where answers that are awaited keep the reading going", async () => {
    const stage = await online({ receiving: { messages: 2 } });
    const { broker, client, clock } = stage;
    await subscribed(stage, client.subscribe("a"));
    const news = reading(client);
    await news();
    await broker.send(fill("a"));
    for (let id = 2; id < 6; id++) {
      const published = client.publish("t", "x", { qos: 1 });
      await broker.packet();
      await broker.send(`4002000${id}`);
      await published;
      await clock.advance(700);
    }
    assertEquals((await news()).map((status) => status.state === "online" && status.unread), [
      { filters: ["a"], messages: 2 },
    ]);
    await end(stage);
  });

  it("says nothing of one who is slow", async () => {
    const stage = await online({ receiving: { messages: 2 } });
    const { broker, client, clock } = stage;
    const subscription = await subscribed(stage, client.subscribe("a"));
    const news = reading(client);
    await news();
    for (let round = 0; round < 5; round++) {
      await broker.send(fill("a"));
      await settled();
      await clock.advance(900);
      await subscription.next();
      await subscription.next();
    }
    assertEquals(await news(), []);
    await end(stage);
  });
});

describe("whenFull", () => {
  const numbers = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, i) => publish("a", String(from + i), { qos: 1, id: from + i }))
      .join("");

  for (
    const [whenFull, kept] of [["drop-oldest", ["3", "4", "5"]], ["drop-newest", ["1", "2", "3"]]] as const
  ) {
    it(`${whenFull} gives up what has no room, acknowledges and counts it, and stops nobody`, async () => {
      const stage = await online({ receiving: { messages: 3 } });
      const { broker, client, clock } = stage;
      const subscription = await subscribed(stage, client.subscribe("a", { qos: 1, whenFull }));
      await broker.send(numbers(1, 5));
      // Acknowledgements keep the order of arrival: those of the newest wait for those that are not read yet.
      if (whenFull === "drop-oldest") await broker.expect("4002000140020002");
      await settled();
      assertEquals([client.stats().dropped, client.dropped], [{ overflow: 2, tooLarge: 0, unclaimed: 0 }, 2]);
      const texts: string[] = [];
      for (let i = 0; i < 3; i++) texts.push((await subscription.next()).value!.text());
      assertEquals(texts, [...kept]);
      const news = reading(client);
      await clock.advance(5000);
      assertEquals((await news()).map(({ state }) => state), ["online"]);
      await end(stage);
    });
  }

  it("is chosen for all in receiving, by bytes as well; a message longer than all comes alone", async () => {
    const stage = await online({ receiving: { bytes: 4, whenFull: "drop-oldest" } });
    const { broker, client } = stage;
    const subscription = await subscribed(stage, client.subscribe("a"));
    await broker.send(publish("a", "11") + publish("a", "22") + publish("a", "33") + publish("a", "4444444"));
    await settled();
    assertEquals([(await subscription.next()).value!.text(), client.stats().dropped.overflow], [
      "4444444",
      3,
    ]);
    await end(stage);
  });
});

describe("stats()", () => {
  it("counts messages and bytes both ways, what is under way, connections and pings", async () => {
    const stage = await online({ keepAlive: 10_000 });
    const { broker, client, clock } = stage;
    assertEquals(client.stats(), {
      published: { messages: [0, 0, 0], bytes: [0, 0, 0] },
      received: { messages: [0, 0, 0], bytes: [0, 0, 0] },
      outgoing: { unacknowledged: 0, waiting: 0, bytes: 0 },
      unread: 0,
      dropped: { overflow: 0, tooLarge: 0, unclaimed: 0 },
      unsent: { replaced: 0, failed: 0 },
      connects: 1,
      losses: 0,
      pings: 0,
      roundTrip: undefined,
    });
    await subscribed(stage, client.subscribe("a", { qos: 1, onMessage: () => {} }));
    await client.publish("t", "\u00e9");
    const published = client.publish("t", new Uint8Array(5), { qos: 1 });
    await broker.packet();
    await broker.packet();
    await broker.send(publish("a", "abc") + publish("a", "abcd", { qos: 1, id: 7 }));
    await broker.expect("40020007");
    let now = client.stats();
    assertEquals(now.published, { messages: [1, 1, 0], bytes: [2, 5, 0] });
    assertEquals(now.received, { messages: [1, 1, 0], bytes: [3, 4, 0] });
    assertEquals(now.outgoing, { unacknowledged: 1, waiting: 0, bytes: 5 });
    await broker.send("40020002");
    await published;
    await clock.advance(9000);
    await broker.expect("c000");
    await clock.advance(30);
    await broker.send("d000");
    await settled();
    await comeBack(stage);
    now = client.stats();
    assertEquals([now.outgoing.unacknowledged, now.connects, now.losses, now.pings, now.roundTrip], [
      0,
      2,
      1,
      1,
      30,
    ]);
    await end(stage);
    assertEquals(client.stats().losses, 1, "closing is no loss");
  });
});

describe("stats(): bytes", () => {
  it("are those of the payload, whatever it is, at all boundaries of the length of a packet", async () => {
    const stage = await online({}, undefined, { room: 1 << 24 });
    const { client } = stage;
    let sum = 0;
    for (const qos of [0, 1] as const) {
      sum = 0;
      for (
        const length of [
          0,
          1,
          120,
          121,
          122,
          123,
          124,
          125,
          16_377,
          16_380,
          16_382,
          16_385,
          2_097_146,
          2_097_152,
        ]
      ) {
        for (const payload of ["x".repeat(length), "\u00e9".repeat(length >> 1), new Uint8Array(length)]) {
          const published = client.publish("t\u00e9", payload, { qos });
          published.catch(() => {});
          if (qos === 0) await published;
          sum += payload instanceof Uint8Array
            ? length
            : payload === "x".repeat(length)
            ? length
            : length & ~1;
        }
      }
      assertEquals(client.stats().published.bytes[qos], sum);
    }
    await end(stage);
  });
});

describe("logger", () => {
  it("gets what happens to the connection, and packets at debug, without what they carry", async () => {
    const lines: string[] = [];
    const method = (level: string) => (text: string) => void lines.push(`${level} ${text}`);
    const logger = {
      debug: method("debug"),
      info: method("info"),
      warn: method("warn"),
      error: method("error"),
    };
    const stage = await online({ logger, logLevel: 10 });
    const { broker, client, clock } = stage;
    await subscribed(stage, client.subscribe("a", { qos: 1, onMessage: () => {} }));
    const published = client.publish("t", "PAYLOAD", { qos: 1 });
    await broker.packet();
    await broker.send("40020002" + publish("a", "PAYLOAD", { qos: 1, id: 7 }));
    await published;
    await broker.expect("40020007");
    await comeBack(stage);
    void clock;
    await answerSubscribe(stage, "01");
    const closing = client.close();
    await broker.expect("e000");
    await broker.close();
    await closing;
    assertEquals(lines, [
      "info connecting to broker.test:1883",
      "info connected to broker.test:1883",
      'debug SUBSCRIBING to {"topic":"a","qos":1}',
      'debug Receiving SUBACK {"id":1,"reasons":"1"}',
      'debug Sending PUBLISH {"topic":"t","bytes":7,"qos":1,"retain":false,"id":2}',
      'debug Receiving PUBACK {"id":2}',
      'debug Receiving PUBLISH {"topic":"a","bytes":7,"qos":1}',
      'debug Acknowledging PUBLISH {"topic":"a","qos":1}',
      "warn connection lost: Connection closed by broker; next attempt in 1.0 s",
      "info connecting to broker.test:1883",
      "info connected to broker.test:1883",
      'debug SUBSCRIBING to {"topic":"a","qos":1}',
      'debug Receiving SUBACK {"id":3,"reasons":"1"}',
      "debug Sending DISCONNECT",
      "info closed",
    ]);
  });

  it("may be @minimqtt/logger, which is told the level, and logs info when none is given", async () => {
    const lines: string[] = [];
    class Kept extends logging.Handler {
      emit(record: logging.LogRecord): void {
        lines.push(`${record.levelName} ${record.message}`);
      }
    }
    const handler = new Kept();
    logging.getLogger("minimqtt").addHandler(handler);
    const stage = await online({ logger: logging });
    await stage.client.publish("t", "x");
    await end(stage);
    logging.getLogger("minimqtt").removeHandler(handler);
    assertEquals(lines.slice(0, 2), [
      "INFO connecting to broker.test:1883",
      "INFO connected to broker.test:1883",
    ]);
    assert(!lines.join().includes("PUBLISH"), lines.join());
  });

  it("is refused when it is none", async () => {
    for (const logger of [null, 5, "console", {}, { debug() {} }]) {
      await assertRejects(() => online({ logger } as object), UsageError, "logger");
    }
  });
});

describe("stacks", () => {
  it("of a connect that fails has the line that called it", async () => {
    const set = scene();
    set.network.answer = "refuse";
    const { network, clock } = set;
    const callHere = () => Client.connect("h", { transport: network.transport, clock });
    const error = await assertRejects(callHere, ConnectionError);
    assertMatch(error.stack!, /says_test/);
    assertMatch(error.stack!, /refused the connection/);
  });

  it("of a publish after close() has the line that published", async () => {
    const stage = await online();
    const closeHere = () => end(stage);
    await closeHere();
    const publishHere = () => stage.client.publish("t", "x");
    const error = await assertRejects(publishHere, UsageError, "the client was closed");
    assertMatch(error.stack!, /publishHere|says_test/);
    assert(!error.stack!.includes("closeHere"), error.stack);
  });
});

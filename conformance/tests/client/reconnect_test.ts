import { ConnectionError, RefusedError, type Status, type Transport, UsageError } from "@minimqtt/client";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { publish } from "../../src/wire/wire.ts";
import { rejectsWith } from "../assertions.ts";
import {
  ACCEPTED,
  answerSubscribe,
  comeBack,
  CONNECT,
  connect,
  end,
  isSettled,
  online,
  PRESENT,
  RESUME,
  scene,
  settled,
  type Stage,
} from "./stage.ts";

const PINGREQ = "c000";
const PINGRESP = "d000";

/** All packets that have come, once everything that can run without time has run. */
async function packets({ broker }: Stage, count: number): Promise<string[]> {
  const all: string[] = [];
  while (all.length < count) all.push(await broker.packet());
  return all;
}

describe("Client: staying connected", () => {
  it("pings by itself, also when only receiving, and notices a dead peer within keep alive and replyTimeout", async () => {
    const stage = await online({ keepAlive: 10_000, replyTimeout: 2000, reconnect: false });
    const { broker, clock, client } = stage;
    for (let i = 0; i < 3; i++) {
      await clock.advance(9000);
      await broker.expect(PINGREQ);
      await broker.send(PINGRESP);
    }
    await clock.advance(9000);
    await broker.expect(PINGREQ);
    await clock.advance(1999);
    assertEquals(client.state, "online");
    await clock.advance(1);
    assertEquals(client.state, "closed");
    const error = await assertRejects(() => client.publish("t", "m"), ConnectionError);
    assertEquals(error.code, "pingresp-timeout");
  });

  it("sends no ping with keepAlive 0", async () => {
    const stage = await online({ keepAlive: 0 });
    await stage.clock.advance(1e9);
    assertEquals(stage.client.state, "online");
    await end(stage);
  });

  it("tells every change in words a user interface can show, first what is now, to each who reads", async () => {
    const stage = await online({ session: "resume" }, PRESENT);
    const { broker, clock, client, network } = stage;
    const read = async () => {
      const all: Status[] = [];
      for await (const status of client.status()) all.push(status);
      return all;
    };
    const [first, second] = [read(), read()];
    await settled();
    network.answer = "refuse";
    await broker.close();
    await clock.advance(1000);
    network.answer = "accept";
    const welcome = broker.welcome(PRESENT);
    await clock.advance(2000);
    await welcome;
    await settled();
    const closing = client.close();
    await broker.expect("e000");
    await Promise.all([clock.run(closing), broker.expectEnd()]);
    const texts = (await first).map(({ state, text }) => `${state}: ${text}`);
    assertEquals(texts, [
      "online: connected to broker.test:1883, session resumed",
      "waiting: connection lost: Connection closed by broker; next attempt in 1.0 s",
      "connecting: connecting to broker.test:1883",
      "waiting: no connection: broker.test:1883 refused the connection; next attempt in 2.0 s",
      "connecting: connecting to broker.test:1883, attempt 2",
      "online: connected to broker.test:1883, session resumed",
      "closed: closed",
    ]);
    assertEquals((await second).length, 7);
    assertEquals((await read()).map(({ state }) => state), ["closed"], "who comes late is told the end");
  });

  it("spreads the first attempts after the loss of a steady connection over reconnect.delay", async () => {
    const stage = await online({ random: () => 0.25, reconnect: { delay: 4000 } });
    const { broker, clock, network } = stage;
    await clock.advance(20_000);
    await broker.close();
    await clock.advance(999);
    assertEquals(network.dialled.length, 1);
    await clock.advance(1);
    assertEquals(network.dialled.length, 2);
    await broker.welcome();
    await end(stage);
  });

  it("does not storm where connections do not last: each that ends within five delays counts as a failure", async () => {
    const stage = await online({ reconnect: { delay: 100 } });
    const { broker, clock, network } = stage;
    const gaps: number[] = [];
    for (let i = 0; i < 7; i++) {
      await broker.close();
      const before = clock.now();
      while (network.dialled.length === i + 1) await clock.advance(10);
      gaps.push(clock.now() - before);
      await broker.welcome();
    }
    assertEquals(gaps, [100, 200, 400, 800, 1600, 1600, 1600]);
    await clock.advance(500);
    await broker.close();
    await clock.advance(0);
    await broker.welcome();
    await end(stage);
  });

  it("does not come back with reconnect: false; everything that waits gets the error", async () => {
    const stage = await online({ reconnect: false });
    const { broker, client, network } = stage;
    const subscribing = client.subscribe("a");
    await answerSubscribe(stage, "00");
    const subscription = await subscribing;
    const next = subscription.next();
    const publishing = client.publish("t", "m", { qos: 1 });
    await broker.packet();
    const pending = client.subscribe("b");
    await broker.close();
    for (const promise of [next, publishing, pending, client.subscribe("c")]) {
      const error = await assertRejects(() => promise as Promise<unknown>, Error);
      assertEquals(error.message, "Connection closed by broker");
    }
    assertEquals(await subscription.next(), { done: true, value: undefined }, "told once");
    assertEquals(network.dialled.length, 1);
    await client.close();
  });

  it("goes on after any refusal that time may heal, with the longest wait and in words", async () => {
    const stage = await online();
    const { client, clock } = stage;
    for (
      const [code, words] of [[3, "Server unavailable"], [4, "Incorrect username"], [
        5,
        "Unauthorized",
      ]] as const
    ) {
      const found: Status[] = [];
      const reading = (async () => {
        for await (const status of client.status()) {
          found.push(status);
          if (status.state === "waiting" && status.text.includes(words)) return status.retryIn;
        }
        return 0;
      })();
      await comeBack(stage, `2002000${code}`);
      const wait = await reading;
      assert(code === 3 ? wait <= 4000 : wait === 16_000, `${code}: ${wait}`);
      const welcome = stage.broker.welcome();
      await clock.advance(16_000);
      await welcome;
      await settled();
      assertEquals(client.state, "online");
      await clock.advance(5000);
    }
    await end(stage);
  });

  it("goes on after a fault of TLS that somebody has to mend, with the longest wait, and before the first connection ends", async () => {
    const set = scene();
    let fault: ConnectionError | undefined;
    const transport: Transport = {
      ...set.network.transport,
      connect: (address, options) =>
        fault === undefined ? set.network.transport.connect(address, options) : Promise.reject(fault),
    };
    const [client] = await Promise.all([
      connect(set, { transport, random: () => 0.5 }),
      set.broker.welcome(),
    ]);
    await set.broker.close();
    await settled();
    for (
      const code of ["certificate-expired", "certificate-untrusted", "tls-version", "not-permitted"] as const
    ) {
      fault = new ConnectionError(code, `it is ${code}`);
      await set.clock.advance(17_000);
      const { value } = await client.status().next();
      assert(value?.state === "waiting" && value.text.includes(`it is ${code}`), value?.text);
      assertEquals(value.retryIn, 16_500);
    }
    const early = await assertRejects(() => connect(set, { transport }), ConnectionError);
    assertEquals(early.code, "not-permitted");
    fault = undefined;
    const welcome = set.broker.welcome();
    await set.clock.advance(17_000);
    await welcome;
    await settled();
    assertEquals(client.state, "online");
    await end({ ...set, client });
  });

  it("ends when the broker refuses the protocol or the identifier: no time heals that", async () => {
    for (
      const [code, words] of [
        [1, "Connection Refused - Incorrect Protocol Version"],
        [2, "Connection Refused - ID Rejected"],
      ] as const
    ) {
      const stage = await online();
      await comeBack(stage, `2002000${code}`);
      assertEquals(stage.client.state, "closed");
      await rejectsWith(stage.client.publish("t", "m"), RefusedError, words);
      assertEquals(stage.clock.armed, 0);
    }
  });

  it("asks reconnect.final, where it is given, whether an error is the last", async () => {
    const asked: string[] = [];
    const stage = await online({
      reconnect: {
        final: (error) => {
          asked.push(error.message);
          return error instanceof RefusedError && error.returnCode === 5;
        },
      },
    });
    await comeBack(stage, "20020002");
    assertEquals(stage.client.state, "waiting");
    const welcome = stage.broker.welcome("20020005");
    await stage.clock.advance(20_000);
    await welcome;
    await settled();
    assertEquals(stage.client.state, "closed");
    assertEquals(asked.length, 3);
  });

  it("goes on from the first attempt on with reconnect.initially, whatever the refusal", async () => {
    const set = scene();
    const connecting = connect(set, { reconnect: { initially: true } });
    await set.broker.welcome("20020005");
    const welcome = set.broker.welcome();
    await set.clock.advance(16_000);
    await welcome;
    await end({ ...set, client: await connecting });
  });

  it("counts a connection that does not last as a failed attempt", async () => {
    const stage = await online({ reconnect: { attempts: 3 } });
    const { broker, client, clock } = stage;
    await clock.advance(10_000);
    for (let i = 0; i < 3; i++) {
      await broker.close();
      const welcome = broker.welcome();
      await clock.advance(10_000 - 6000);
      await welcome;
      await settled();
    }
    await broker.close();
    await clock.advance(20_000);
    assertEquals(client.state, "closed");
  });

  it("check() asks the broker now, and gives it up within replyTimeout", async () => {
    const stage = await online({ keepAlive: 1_000_000, replyTimeout: 3000, random: () => 0.5 });
    const { broker, client, clock } = stage;
    client.check();
    await broker.expect("c000");
    await broker.send("d000");
    await clock.advance(10_000);
    assertEquals(client.state, "online");
    client.check();
    await broker.expect("c000");
    await clock.advance(3000);
    assertEquals(client.state, "waiting");
    await end(stage);
  });

  it("check() ends the wait before the next attempt", async () => {
    const stage = await online({ keepAlive: 0, reconnect: { delay: 100_000 }, random: () => 0.5 });
    const { broker, client, network } = stage;
    await stage.clock.advance(600_000);
    await broker.close();
    await settled();
    assertEquals([client.state, network.dialled.length], ["waiting", 1]);
    client.check();
    await broker.welcome();
    await settled();
    assertEquals([client.state, network.dialled.length], ["online", 2]);
    await end(stage);
  });

  it("ends when a broken packet comes, and comes back", async () => {
    const stage = await online();
    await stage.broker.send("f000");
    await stage.broker.expectEnd();
    assertEquals(stage.client.state, "waiting");
    const welcome = stage.broker.welcome();
    await stage.clock.advance(2000);
    await welcome;
    await end(stage);
  });
});

describe("Client: subscriptions after a reconnect", () => {
  async function subscribed(choice: Parameters<typeof online>[0] = {}): Promise<Stage> {
    const stage = await online(choice);
    for (const [filter, qos] of [["a", 0], ["b/#", 1], ["+/c", 2]] as const) {
      const subscribing = stage.client.subscribe(filter, { qos });
      await answerSubscribe(stage, `0${qos}`);
      assertEquals((await subscribing).granted, [qos]);
    }
    return stage;
  }

  it("are made again in one packet with their QoS when the broker has no session", async () => {
    const stage = await subscribed();
    await comeBack(stage);
    assertEquals(
      await answerSubscribe(stage, "000102"),
      "8212000400016100" + "0003622f2301" + "00032b2f6302",
    );
    await end(stage);
  });

  it("are not made again when it has", async () => {
    const stage = await subscribed({ session: "resume" });
    await comeBack(stage, PRESENT);
    void stage.client.publish("t", "m");
    await stage.broker.expect(publish("t", "m"));
    await end(stage);
  });

  it("are made when the broker had not answered yet, and ended when it had not heard of it, session or not", async () => {
    const stage = await subscribed({ session: "resume" });
    const { broker, client } = stage;
    const waiting = client.subscribe("d");
    await broker.packet();
    const leaving = await Promise.all([client.subscribe("e"), answerSubscribe(stage, "00")]);
    const left = leaving[0].unsubscribe();
    await broker.packet();
    await comeBack(stage, PRESENT);
    await left;
    assertEquals(await answerSubscribe(stage, "00"), "82060007" + "00016400");
    await broker.expect("a2050008" + "000165");
    await broker.send("b0020008");
    assertEquals((await waiting).granted, [0]);
    await comeBack(stage, PRESENT);
    void client.publish("t", "m");
    await broker.expect(publish("t", "m"));
    await end(stage);
  });

  it("that were asked for anew, or wanted again, are told so to a session that is present", async () => {
    const stage = await subscribed({ session: "resume" });
    const { broker, client } = stage;
    const again = client.subscribe("a", { qos: 1 });
    await broker.packet();
    const other = await Promise.all([client.subscribe("e"), answerSubscribe(stage, "00")]);
    void other[0].unsubscribe();
    const wanted = client.subscribe("e");
    await broker.packet();
    await broker.packet();
    await comeBack(stage, PRESENT);
    assertEquals(await answerSubscribe(stage, "0100"), "820a0008" + "00016101" + "00016500");
    await Promise.all([again, wanted]);
    void client.publish("t", "m");
    await broker.expect(publish("t", "m"));
    await end(stage);
  });

  it("that are made and ended while there is no connection are known to the next", async () => {
    const stage = await subscribed({ session: "resume" });
    const { broker, client } = stage;
    await broker.close();
    await settled();
    const made = client.subscribe("new", { qos: 1 });
    assertEquals(await isSettled(made), false);
    const welcome = broker.welcome();
    await stage.clock.advance(2000);
    await welcome;
    const packet = await answerSubscribe(stage, "00010201");
    assertEquals(packet.endsWith("00036e657701"), true);
    assertEquals((await made).filters, ["new"]);
    await end(stage);
  });

  it("that have ended are not ended again where the session is a new one", async () => {
    const stage = await subscribed();
    const [subscription] = await Promise.all([stage.client.subscribe("e"), answerSubscribe(stage, "00")]);
    void subscription.unsubscribe();
    await stage.broker.packet();
    await comeBack(stage);
    await answerSubscribe(stage, "000102");
    void stage.client.publish("t", "m");
    await stage.broker.expect(publish("t", "m"));
    await end(stage);
  });

  it("end with the refusal when the broker does not want them again", async () => {
    const stage = await online();
    const { broker, client } = stage;
    const [kept] = await Promise.all([client.subscribe("a"), answerSubscribe(stage, "00")]);
    const [lost] = await Promise.all([client.subscribe("b"), answerSubscribe(stage, "00")]);
    await comeBack(stage);
    await answerSubscribe(stage, "0080");
    const error = await assertRejects(() => lost.next(), RefusedError);
    assertEquals([error.code, error.message], [
      "subscription-refused",
      "the broker refused the subscription to b (0x80)",
    ]);
    await broker.send(publish("a", "1"));
    assertEquals((await kept.next()).value?.text(), "1");
    await end(stage);
  });
});

describe("Client: messages under way at a reconnect", () => {
  it("are sent again with DUP in the original order when the session is present [MQTT-4.4.0-1]", async () => {
    const stage = await online({ session: "resume" });
    const { broker, client } = stage;
    const all = [1, 2, 1].map((qos, i) => client.publish("t", `${i}`, { qos: qos as 1 | 2 }));
    const sent = await packets(stage, 3);
    assertEquals(sent, [1, 2, 1].map((qos, i) => publish("t", `${i}`, { qos: qos as 1 | 2, id: i + 1 })));
    const away = broker.close();
    await away;
    await settled();
    all.push(client.publish("t", "3", { qos: 1 }));
    const welcome = broker.accept();
    await stage.clock.advance(1000);
    await welcome;
    await broker.expect(RESUME);
    await broker.send(PRESENT);
    assertEquals(await packets(stage, 4), [
      publish("t", "0", { qos: 1, id: 1, dup: true }),
      publish("t", "1", { qos: 2, id: 2, dup: true }),
      publish("t", "2", { qos: 1, id: 3, dup: true }),
      publish("t", "3", { qos: 1, id: 4 }),
    ]);
    await broker.send("40020001" + "50020002" + "40020003" + "40020004");
    await broker.expect("62020002");
    await broker.send("70020002");
    await Promise.all(all);
    await end(stage);
  });

  it("are published anew, without DUP and before what is new, when it is not", async () => {
    const stage = await online();
    const { broker, client } = stage;
    const all = [client.publish("t", "0", { qos: 1 }), client.publish("t", "1", { qos: 2 })];
    await packets(stage, 2);
    await broker.close();
    await settled();
    all.push(client.publish("t", "2", { qos: 1 }), client.publish("t", "3"));
    const welcome = broker.accept();
    await stage.clock.advance(1000);
    await welcome;
    await broker.expect(CONNECT);
    await broker.send(ACCEPTED);
    assertEquals(await packets(stage, 4), [
      publish("t", "0", { qos: 1, id: 1 }),
      publish("t", "1", { qos: 2, id: 2 }),
      publish("t", "2", { qos: 1, id: 3 }),
      publish("t", "3"),
    ]);
    await broker.send("40020001" + "50020002" + "40020003");
    await broker.expect("62020002");
    await broker.send("70020002");
    await Promise.all(all);
    await end(stage);
  });

  it("reject with session-lost, and are not sent twice, when the broker had taken them over with PUBREC", async () => {
    const stage = await online();
    const { broker, client } = stage;
    const publishing = client.publish("t", "0", { qos: 2 });
    await broker.packet();
    await broker.send("50020001");
    await broker.expect("62020001");
    const checked = assertRejects(() => publishing, ConnectionError);
    await comeBack(stage);
    assertEquals((await checked).code, "session-lost");
    void client.publish("t", "1");
    await broker.expect(publish("t", "1"));
    await end(stage);
  });

  it("are kept over attempts that fail", async () => {
    const stage = await online({ session: "resume" });
    const { broker, client, clock, network } = stage;
    const publishing = client.publish("t", "0", { qos: 1 });
    await broker.packet();
    network.answer = "refuse";
    await broker.close();
    await clock.advance(60_000);
    assertEquals(network.dialled.length > 4, true);
    network.answer = "accept";
    const welcome = broker.welcome(PRESENT);
    await clock.advance(16_000);
    await welcome;
    await broker.expect(publish("t", "0", { qos: 1, id: 1, dup: true }));
    await broker.send("40020001");
    await publishing;
    await end(stage);
  });
});

describe("Client: publishing while away", () => {
  async function away(choice: Parameters<typeof online>[0] = {}): Promise<Stage> {
    const stage = await online(choice);
    await stage.broker.close();
    await settled();
    assertEquals(stage.client.state, "waiting");
    return stage;
  }

  async function back({ broker, clock }: Stage): Promise<void> {
    const welcome = broker.welcome();
    await clock.advance(2000);
    await welcome;
  }

  it("keeps what is published, whatever its QoS, and sends it in order", async () => {
    const stage = await away({ sending: { window: 2 } });
    const expected: string[] = [];
    const all: Promise<void>[] = [];
    [0, 1, 1, 0, 1, 1, 0].forEach((qos, i) =>
      all.push(stage.client.publish("t", `${i}`, { qos: qos as 0 | 1 }))
    );
    await all[0];
    assertEquals(await isSettled(all[1]!), false);
    await back(stage);
    for (const [i, qos] of [0, 1, 1, 0, 1, 1, 0].entries()) {
      const packet = await stage.broker.packet();
      expected.push(packet);
      const id = [0, 1, 2, 0, 3, 4, 0][i]!;
      assertEquals(packet, publish("t", `${i}`, { qos: qos as 0 | 1, id }));
      if (qos === 1) await stage.broker.send(`400200${id.toString(16).padStart(2, "0")}`);
    }
    await Promise.all(all);
    await end(stage);
  });

  it("checks them at once all the same", async () => {
    const stage = await away();
    for (const qos of [0, 1] as const) {
      const error = await assertRejects(() => stage.client.publish("a/#", "m", { qos }), UsageError);
      assertEquals(error.code, "invalid-topic");
    }
    await end(stage);
  });

  it("owns the bytes as soon as the call returns", async () => {
    const stage = await away();
    const bytes = new TextEncoder().encode("before");
    void stage.client.publish("t", bytes);
    const acknowledged = stage.client.publish("t", bytes.buffer, { qos: 1 });
    bytes.fill(0);
    await back(stage);
    await stage.broker.expect(publish("t", "before") + publish("t", "before", { qos: 1, id: 1 }));
    await stage.broker.send("40020001");
    await acknowledged;
    await end(stage);
  });

  it("drops messages with QoS 0, or rejects them, as chosen in sending.offline", async () => {
    const dropping = await away({ sending: { offline: "drop" } });
    await dropping.client.publish("t", "dropped");
    await back(dropping);
    void dropping.client.publish("t", "sent");
    await dropping.broker.expect(publish("t", "sent"));
    await end(dropping);
    const rejecting = await away({ sending: { offline: "reject" } });
    const error = await assertRejects(() => rejecting.client.publish("t", "m"), UsageError);
    assertEquals(error.code, "not-connected");
    await end(rejecting);
  });

  it("has the promise of a message with QoS 0 wait when the queue is full, by count or by bytes", async () => {
    for (const sending of [{ messages: 2 }, { bytes: 10 }]) {
      const stage = await away({ sending });
      await stage.client.publish("t", "12345");
      await stage.client.publish("t", "12345");
      const third = stage.client.publish("t", "12345");
      assertEquals(await isSettled(third), false);
      await back(stage);
      await third;
      await stage.broker.expect(publish("t", "12345").repeat(3));
      await end(stage);
    }
  });

  it("rejects with queue-full instead when sending.whenFull says so", async () => {
    const stage = await away({ sending: { messages: 2, whenFull: "reject" } });
    await stage.client.publish("t", "1");
    const second = stage.client.publish("t", "2", { qos: 1 });
    for (const qos of [0, 1, 2] as const) {
      const error = await assertRejects(() => stage.client.publish("t", "3", { qos }), UsageError);
      assertEquals(error.code, "queue-full");
    }
    await back(stage);
    await stage.broker.expect(publish("t", "1") + publish("t", "2", { qos: 1, id: 1 }));
    await stage.broker.send("40020001");
    await second;
    await end(stage);
  });
});

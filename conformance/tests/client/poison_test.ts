/**
 * `Client` and a broker that hangs up whenever it gets a certain message or subscription: the same thing must not end
 * one connection after the other. It is found, named and given up, and all others arrive. A failure names its seed;
 * SEED repeats it.
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Client, MqttError, type QoS } from "@minimqtt/client";
import { memory } from "@minimqtt/client/memory";
import type { Packet } from "mqtt-packet";
import { FakeClock, settled } from "../../src/player/fake_clock.ts";
import { ModelBroker } from "../peers/model_broker.ts";
import { chance, settles, WatchedClock, withSeeds } from "../chance.ts";
import { rounds, shortened } from "../soak.ts";

const SEEDS = rounds(2000, 50);
const MESSAGES = 30;
const FILTERS = 12;
/** Four connections for each bad thing, a few more to halve the SUBSCRIBEs, each with the longest wait. */
const SOON = 20 * 60_000;
const MOST_DIALS = 60;

/** Whether the broker hangs up at it. */
function isPoison(packet: Packet, most: number): boolean {
  if (packet.cmd === "publish") return packet.topic === "poison";
  return packet.cmd === "subscribe" &&
    (packet.subscriptions.length > most ||
      packet.subscriptions.some(({ topic }) => topic.startsWith("poison")));
}

async function play(seed: number): Promise<void> {
  const { pick, random } = chance(seed);
  const clock = new WatchedClock(() => `SEED=${seed}`);
  const broker = new ModelBroker();
  const network = memory();
  let dials = 0;
  void (async () => {
    for (;; dials++) broker.serve(await network.accept());
  })();
  const session = pick(["clean", "resume"] as const);
  const most = pick([1, 8, Infinity]);
  broker.watch = (packet, link) => {
    if (isPoison(packet, most)) link.hangUp();
  };
  const client = await Client.connect("mqtt://broker.test", {
    transport: network.transport,
    clock,
    random,
    session,
    clientId: "poisoned",
    reconnect: { delay: pick([0, 50, 1000]) },
    sending: { window: pick([1, 3, 1000]), windowQoS2: pick([1, 10]) },
  });
  const outcomes = new Map<string, string>();
  const calls: Promise<unknown>[] = [];
  const follow = (name: string, promise: Promise<unknown>) => {
    const told = promise.then(
      () => "resolved",
      (error) => error === "aborted" ? error : error instanceof MqttError ? error.code : String(error),
    ).then((outcome) => outcomes.set(name, outcome));
    calls.push(told);
  };
  const enough = new AbortController();
  const poisons = new Set([pick([0, 5, 29]), Math.floor(random() * MESSAGES)].slice(0, pick([0, 1, 2])));
  const badFilters = new Set([Math.floor(random() * FILTERS), 3].slice(0, pick([0, 1, 2])));
  const publishAll = async () => {
    for (let i = 0; i < MESSAGES; i++) {
      const topic = poisons.has(i) ? "poison" : "good";
      const qos = pick<QoS>(poisons.has(i) ? [1, 2] : [0, 1, 2]);
      const signal = poisons.has(i) ? { signal: enough.signal } : {};
      follow(`${topic} ${i}`, client.publish(topic, `${i}`, { qos, ...signal }));
      if (random() < 0.2) await clock.advance(random() * 500);
    }
  };
  const subscribeAll = () => {
    for (let i = 0; i < FILTERS; i++) {
      const topic = badFilters.has(i) ? `poison/${i}` : `good/${i}`;
      follow(topic, client.subscribe(topic));
    }
  };
  if (random() < 0.5) subscribeAll();
  await publishAll();
  if (random() < 0.5) {
    // Again, on whatever connection there is.
    subscribeAll();
    await publishAll();
  }
  // What a session that goes on may hold is sent again until somebody gives it up.
  if (session === "resume" && !await settles(clock, Promise.all(calls), SOON / 10)) enough.abort("aborted");
  const inTime = await settles(clock, Promise.all(calls), SOON);
  const status = client.state === "online" ? "online" : JSON.stringify(await client.status().next());
  assert(inTime, `${calls.length - outcomes.size} have not settled in ${dials} connections: ${status}`);
  for (const [name, outcome] of outcomes) {
    // With QoS 2 a message that was taken over when a connection ended is nobody's any more.
    const expected = name.startsWith("poison")
      ? ["hung-up-on", ...(session === "resume" ? ["aborted"] : [])]
      : ["resolved", "session-lost"];
    assert(expected.includes(outcome), `${name}: ${outcome}`);
  }
  // Where it is sent again all the time there are as many as the back-off allows.
  if (session === "clean") assertLess(dials, MOST_DIALS);
  assert(await settles(clock, client.close(), SOON), "close() does not settle");
  assertEquals(broker.violations, []);
}

describe("Client and a broker that hangs up at what it does not like", () => {
  it("blames what was sent alone, not what is first in line when the answers are lost with the connection", async () => {
    const clock = new FakeClock();
    const broker = new ModelBroker();
    const network = memory();
    void (async () => {
      for (;;) broker.serve(await network.accept());
    })();
    // What is answered in the turn in which the connection ends does not arrive.
    broker.fate = (packet, link) => {
      if (packet.cmd !== "suback") return "send";
      void settled().then(() => link.releaseAll());
      return "hold";
    };
    const client = await Client.connect("mqtt://broker.test", { transport: network.transport, clock });
    broker.watch = (packet, link) => {
      if (isPoison(packet, Infinity)) link.hangUp();
    };
    const subscribing = client.subscribe("good");
    const publishing = client.publish("poison", "", { qos: 1 });
    assert(await settles(clock, publishing, SOON));
    assertEquals(await publishing.catch(({ code }) => code), "hung-up-on");
    assertEquals(await clock.run(subscribing.then(({ filters }) => filters)), ["good"]);
    // Three together, in two of them it is alone, and the next is a good one.
    await clock.advance(60_000);
    assertEquals([broker.connects, client.state], [6, "online"]);
    assert(await settles(clock, client.close(), SOON));
  });

  it(`gives that up, and nothing else${shortened(`${SEEDS} seeds`)}`, async () => {
    await withSeeds(SEEDS, play);
  });
});

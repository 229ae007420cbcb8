// Test limit: 40 minutes
/**
 * Two hours of a bad day, in virtual time: a peer that at random refuses, hangs, hangs up, answers wrongly, floods,
 * dribbles, falls silent and goes away, and is well for a while now and then. Then everything that was published must
 * settle; a silent peer is noticed in time, attempts become rare, and nothing grows.
 *
 * A failure names its seed; SEED repeats it.
 *
 * Longer than 300 lines: the ways in which a peer can be bad.
 */
import process from "node:process";
import { assert, assertEquals, assertLess } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Client, type QoS } from "@minimqtt/client";
import { memory, type MemoryConnection } from "@minimqtt/client/memory";
import { ConnectionError, type Millis } from "@minimqtt/core";
import { Buffer } from "node:buffer";
import { generate, type Packet } from "mqtt-packet";
import { settled } from "../../src/player/fake_clock.ts";
import { ModelBroker, type ModelLink } from "../peers/model_broker.ts";
import { rounds, shortened } from "../soak.ts";
import { type Chance, chance, settles, WatchedClock, withSeeds } from "../chance.ts";

const SEEDS = rounds(1000, 5);
const SECOND: Millis = 1000;
const MINUTE: Millis = 60 * SECOND;
const KEEP_ALIVE = 20 * SECOND;
const REPLY = 5 * SECOND;
/** The longest back-off, a reply that does not come any more, and what is then sent one at a time. */
const SOON = 2 * MINUTE;
/** A good connection lasts five seconds, what is worse has a back-off that grows. */
const MOST_DIALS = 14;
/** What a run may leave to the collector. */
const MOST_HEAP = 400_000_000;

/** What a peer does with one connection. */
type Mood = "well" | "refuse" | "hang" | "shut" | "swallow" | "busy" | "garbage" | "trouble";
const MOODS: readonly Mood[] = [
  "refuse",
  "hang",
  "shut",
  "swallow",
  "busy",
  "garbage",
  "trouble",
  "trouble",
  "trouble",
];

/** What it does once the connection is accepted, after some packets. */
const TROUBLES = [
  "hang up",
  "reset",
  "half a packet",
  "silence",
  "deaf",
  "wrong answers",
  "flood",
  "flood of answers",
  "dribble",
] as const;

class Peer {
  readonly broker = new ModelBroker();
  readonly network = memory();
  readonly clock: WatchedClock;
  readonly chance: Chance;
  /** When each attempt began. */
  readonly dials: Millis[] = [];
  isWell = true;
  /** Since when the client has got nothing, and is to notice. */
  silentSince: Millis = Infinity;
  readonly troubles = new WeakMap<ModelLink, (typeof TROUBLES)[number] | undefined>();
  readonly #begins = new WeakMap<ModelLink, number>();

  constructor(clock: WatchedClock, chance: Chance) {
    this.clock = clock;
    this.chance = chance;
    const { broker } = this;
    broker.fate = (packet, link) => this.#fate(packet, link);
    broker.watch = (_, link) => {
      const begins = this.#begins.get(link);
      if (begins === undefined) return;
      this.#begins.set(link, begins - 1);
      if (begins === 0) this.#begin(link);
    };
    broker.transmit = (bytes, link) => this.#transmit(bytes, link);
  }

  async connect(signal: AbortSignal | undefined): Promise<MemoryConnection> {
    const { pick, random } = this.chance;
    this.dials.push(this.clock.now());
    this.silentSince = Infinity;
    const mood = this.isWell ? "well" : pick(MOODS);
    if (mood === "refuse") throw new ConnectionError("dial-failed", "refused");
    if (mood === "hang") {
      return new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
    }
    const near = await this.network.transport.connect({ host: "peer", port: 1883 }, { signal: signal! });
    const far = await this.network.accept();
    if (mood === "shut") void far.close();
    else if (mood === "swallow") {
      // Whatever comes is read, and that is all.
      void (async () => {
        while (await far.read().catch(() => null) !== null);
      })();
    } else if (mood === "busy") {
      void far.write(generate({ cmd: "connack", sessionPresent: false, returnCode: pick([3, 4, 5]) }));
    } else if (mood === "garbage") void far.write(this.#garbage());
    else {
      if (random() < 0.3) this.broker.forget();
      const link = this.broker.serve(far);
      if (mood === "trouble") {
        this.#begins.set(link, Math.floor(random() * 12));
      }
    }
    return near as MemoryConnection;
  }

  /** The bad time begins, for the connection that there is as well. */
  worsen(): void {
    this.isWell = false;
    for (const link of this.broker.links) this.#begins.set(link, Math.floor(this.chance.random() * 12));
  }

  /** All is well from now on. */
  heal(): void {
    this.isWell = true;
    for (const link of this.broker.links) {
      this.#begins.delete(link);
      const trouble = this.troubles.get(link);
      // Who is silent stays so, and what was answered wrongly is not answered.
      if (trouble === "dribble" || trouble === "wrong answers") this.troubles.delete(link);
    }
  }

  #begin(link: ModelLink): void {
    const { broker, chance: { pick, random } } = this;
    const trouble = pick(TROUBLES);
    this.troubles.set(link, trouble);
    const far = link.connection as MemoryConnection;
    // What one notices is to be noticed; the rest lasts for a while.
    if (trouble !== "silence" && trouble !== "deaf" && trouble !== "half a packet") {
      void pass(this.clock, random() * 2 * MINUTE).then(() => this.isWell || link.hangUp());
    }
    if (trouble === "hang up") link.hangUp();
    else if (trouble === "reset") {
      link.leave();
      far.reset();
    } else if (trouble === "half a packet") {
      link.write(new Uint8Array([0x30, 200, 1, 0, 1, 0x61]));
      if (random() < 0.5) link.hangUp();
      else this.silentSince = this.clock.now();
    } else if (trouble === "deaf") {
      link.pause();
      this.silentSince = this.clock.now();
    } else if (trouble === "silence") this.silentSince = this.clock.now();
    else if (trouble === "flood") {
      const count = pick([10, 1000]);
      for (let i = 0; i < count; i++) broker.publish("in", pick(["", "text"]), pick([0, 1, 2]));
      if (random() < 0.5) {
        link.pause();
        void pass(this.clock, 15 * SECOND).then(() => link.resume());
      }
    } else if (trouble === "flood of answers") {
      const cmd = pick(["pubrel", "pubrec", "puback", "pingresp"] as const);
      const one = generate({ cmd, messageId: 1 + Math.floor(random() * 60_000) } as Packet);
      link.write(Buffer.concat(Array.from({ length: pick([10, 20_000]) }, () => one)));
    }
  }

  #fate(packet: Packet, link: ModelLink): "send" | "drop" {
    const trouble = this.troubles.get(link);
    if (trouble === "silence" || trouble === "half a packet") return "drop";
    const { pick, random } = this.chance;
    if (trouble !== "wrong answers" || random() < 0.5) return "send";
    const { messageId = 1 } = packet;
    const wrong: Packet = pick<Packet>([
      { cmd: "puback", messageId },
      { cmd: "pubrec", messageId },
      { cmd: "pubcomp", messageId },
      { cmd: "puback", messageId: messageId + 1 },
      { cmd: "suback", messageId, granted: [0, 1, 2] },
      { cmd: "suback", messageId, granted: [128] },
      { cmd: "unsuback", messageId, granted: [] },
      { cmd: "connack", sessionPresent: false, returnCode: 0 },
      { cmd: "pingresp" },
    ]);
    if (random() < 0.1) link.write(this.#garbage());
    else link.write(generate(wrong));
    return "drop";
  }

  async #transmit(bytes: Uint8Array, link: ModelLink): Promise<void> {
    if (this.troubles.get(link) !== "dribble") return link.connection.write(bytes);
    const { random } = this.chance;
    const size = 1 + Math.floor(random() * 4);
    for (let at = 0; at < bytes.length && !link.over; at += size) {
      if (!this.isWell) await pass(this.clock, random() * 4 * SECOND);
      await link.connection.write(bytes.slice(at, at + size));
    }
  }

  #garbage(): Uint8Array {
    const { random } = this.chance;
    return Uint8Array.from({ length: 1 + Math.floor(random() * 40) }, () => Math.floor(random() * 256));
  }
}

function pass(clock: WatchedClock, time: Millis): Promise<void> {
  return new Promise((resolve) => clock.timer(clock.now() + time, resolve));
}

async function badDay(seed: number): Promise<void> {
  const clock = new WatchedClock(() => `SEED=${seed}`);
  const drawn = chance(seed);
  const { pick, random } = drawn;
  const peer = new Peer(clock, drawn);
  const pending = new Map<number, string>();
  let published = 0;
  const { name, schemes } = peer.network.transport;
  const client = await Client.connect("mqtt://peer", {
    transport: { name, schemes, connect: (_, options) => peer.connect(options?.signal) },
    clock,
    random,
    session: pick(["clean", "resume"] as const),
    clientId: "unlucky",
    keepAlive: KEEP_ALIVE,
    replyTimeout: REPLY,
    connectTimeout: REPLY,
    acknowledgeTimeout: 30 * SECOND,
    sending: {
      window: pick([1, 10, 1024]),
      messages: pick([10, 10_000]),
      whenFull: pick(["wait", "latest"] as const),
    },
    receiving: { messages: pick([1, 100]) },
  });
  const publish = (qos: QoS) => {
    const number = published++;
    pending.set(number, `${number} with QoS ${qos}`);
    const done = () => void pending.delete(number);
    client.publish("out", "x".repeat(pick([0, 10, 3000])), { qos }).then(done, done);
  };
  let received = 0;
  let refused = 0;
  const subscribe = async (): Promise<void> => {
    while (client.state !== "closed") {
      try {
        for await (const _ of await client.subscribe("in", { qos: pick([1, 2]) })) received++;
        return;
      } catch {
        // A wrong answer has refused it.
        refused++;
        await pass(clock, 10 * SECOND);
      }
    }
  };
  const reading = subscribe();
  const end = clock.now() + 120 * MINUTE;
  while (clock.now() < end) {
    peer.worsen();
    const worse = clock.now() + (2 + random() * 20) * MINUTE;
    while (clock.now() < worse) {
      for (let i = pick([0, 1, 1, 1, 5]); i > 0; i--) publish(pick([0, 1, 2]));
      await clock.advance(random() * 10 * SECOND);
      const silence = clock.now() - peer.silentSince;
      assert(
        client.state !== "online" || silence < KEEP_ALIVE + REPLY + 10 * SECOND,
        `a peer that is silent for ${silence} is not noticed`,
      );
    }
    peer.heal();
    // Those that were published until now settle, whatever has happened to them.
    const before = [...pending.keys()];
    const until = clock.now() + SOON;
    const isDone = () => client.state === "online" && before.every((number) => !pending.has(number));
    while (clock.now() < until && !isDone()) await clock.advance(SECOND);
    const left = before.filter((number) => pending.has(number));
    assertEquals(
      left.length,
      0,
      `all is well, and ${left.length} of ${before.length} have not settled (${
        pending.get(left[0]!)
      }); ${client.state}: ${JSON.stringify(peer.dials.slice(-3))} now ${clock.now()}`,
    );
    assertEquals(client.state, "online");
  }
  const { dials } = peer;
  dials.forEach((at, i) => {
    const later = dials[i + MOST_DIALS];
    assert(later === undefined || later - at > MINUTE, `${MOST_DIALS + 1} attempts from ${at} to ${later}`);
  });
  assert(dials.length > 5, `${dials.length} attempts`);
  assert(await settles(clock, client.close(), SOON), "close() does not settle");
  assert(await settles(clock, reading, SOON), "the reader does not end");
  await settled();
  assertEquals(client.state, "closed");
  assertLess(process.memoryUsage().heapUsed, MOST_HEAP);
  if (process.env["SEED"] !== undefined) console.log({ published, received, refused, dials: dials.length });
}

describe("Client on a bad day of two hours", () => {
  it(`is never stuck, never in a storm, and grows by nothing${shortened(`${SEEDS} seeds`)}`, async () => {
    await withSeeds(SEEDS, badDay);
  });
});

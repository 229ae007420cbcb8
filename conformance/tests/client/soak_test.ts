// Test limit: 6 minutes
/**
 * `Client` on a bad day: connections cut in the middle of packets, a broker that restarts. What was acknowledged must
 * arrive, in the order of each topic, and with QoS 2 exactly once. A failure names its seed; SOAK_SEED repeats it.
 */
import { Buffer } from "node:buffer";
import { assert, assertEquals, assertLess } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Client } from "@minimqtt/client";
import { tcp } from "@minimqtt/transport-tcp";
import { type Packet, parser } from "mqtt-packet";
import { mosquittoMissing, startMosquitto } from "../../src/peers/brokers.ts";
import { randomFrom, startUnrulyProxy } from "../peers/unruly_proxy.ts";
import { rounds, shortened } from "../soak.ts";

const QOS_1 = rounds(100_000, 10_000);
const QOS_2 = rounds(20_000, 2000);
const TOPICS = 8;
const CUTS = rounds(50, 5);
const RESTARTS = rounds(3, 1);
const LIMIT = 240_000;
const SILENCE = 10_000;
/**
 * The most messages on their way at a time. With tens of thousands, all sent again after each cut, mosquitto 2.0.11 gets
 * around all packet identifiers and uses one anew that is still in flight [MQTT-2.3.1-2].
 */
const BACKLOG = 2000;

const missing = mosquittoMissing();
const test = missing === null ? it : it.skip;
const because = missing === null ? shortened("a tenth of the messages") : ` (skipped: ${missing})`;

function delay(time: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, time));
}

/** What came, of one quality of service. */
class Ledger {
  readonly #highest = new Map<string, number>();
  readonly received = new Set<string>();
  /** Messages that came again. */
  readonly repeated: string[] = [];
  /** Messages that came behind a later one of their topic, with that one. */
  readonly late: [string, string][] = [];

  take(topic: string, number: number): void {
    const message = `${topic}: ${number}`;
    if (this.received.has(message)) {
      this.repeated.push(message);
      return;
    }
    this.received.add(message);
    const highest = this.#highest.get(topic) ?? -1;
    if (number < highest) this.late.push([message, `${topic}: ${highest}`]);
    else this.#highest.set(topic, number);
  }
}

/**
 * Reads along what the broker sends, to tell its faults from ours. A restart makes mosquitto 2.0.11 forget now and then
 * that a message with QoS 2 was received: it publishes it again though it had sent its PUBREL, or behind a later one, or
 * never sends one that it had acknowledged.
 */
class Witness {
  readonly #parsers: ReturnType<typeof parser>[] = [];
  readonly #published = new Map<number, string>();
  readonly #released = new Set<string>();
  /** Where each message was sent: connection and place in it. */
  readonly #sent = new Map<string, [number, number][]>();
  #place = 0;
  /** Messages that the broker published again after their PUBREL [MQTT-4.3.3-1]. */
  readonly repeated = new Set<string>();

  watch(connection: number, bytes: Uint8Array): void {
    const reader = this.#parsers[connection] ??= parser()
      .on("packet", (packet) => this.#take(packet, connection));
    reader.parse(Buffer.from(bytes));
  }

  /** Whether the broker has sent it at all. */
  hasSent(message: string): boolean {
    return this.#sent.has(message);
  }

  /** Whether the broker has sent `first` before `second` on one connection. */
  inOrder(first: string, second: string): boolean {
    const later = this.#sent.get(second) ?? [];
    return (this.#sent.get(first) ?? []).some(([connection, place]) =>
      later.some((other) => other[0] === connection && other[1] > place)
    );
  }

  #take(packet: Packet, connection: number): void {
    const { messageId = 0 } = packet;
    if (packet.cmd === "publish") {
      const message = `${packet.topic}: ${packet.payload.toString()}`;
      this.#sent.set(message, [...this.#sent.get(message) ?? [], [connection, this.#place++]]);
      if (packet.qos !== 2) return;
      this.#published.set(messageId, message);
      if (this.#released.has(message)) this.repeated.add(message);
    } else if (packet.cmd === "pubrel") this.#released.add(this.#published.get(messageId) ?? "");
  }
}

/** All messages of the day, both qualities of service mixed as their numbers are. */
function* messages() {
  let one = 0;
  let two = 0;
  while (one < QOS_1 || two < QOS_2) {
    const qos = two * QOS_1 < one * QOS_2 && two < QOS_2 ? 2 : 1;
    const number = qos === 1 ? one++ : two++;
    const topic = `soak/${qos}/${number % TOPICS}`;
    yield { topic, payload: String(Math.floor(number / TOPICS)), qos } as const;
  }
}

/** A day's seed: another one each time, unless one is given. */
function chooseSeed(): number {
  const given = (globalThis as { process?: { env: Record<string, string | undefined> } }).process?.env
    .SOAK_SEED;
  return given === undefined ? Math.floor(Math.random() * 0x1_0000_0000) : Number(given);
}

describe("Client over a proxy that cuts, to a broker that restarts", () => {
  test(`Client loses nothing that was acknowledged, repeats no QoS 2, keeps each topic's order${because}`, {
    timeout: LIMIT,
  }, async () => {
    const seed = chooseSeed();
    console.log(`seed ${seed}`);
    const random = randomFrom(seed);
    // With its usual limit of 20 in flight, what mosquitto 2.0.11 has queued for a subscriber that comes back leaves
    // behind later messages of the same topic.
    const extraConfig = "max_inflight_messages 65535";
    const witness = new Witness();
    await using broker = await startMosquitto({ persistence: true, extraConfig });
    await using proxy = await startUnrulyProxy({
      target: () => broker.port,
      cuts: CUTS,
      most: rounds(150_000, 60_000),
      random,
      watch: (connection, bytes) => witness.watch(connection, bytes),
    });
    const url = `mqtt://127.0.0.1:${proxy.port}`;
    const common = {
      transport: tcp(),
      session: "resume",
      keepAlive: 5000,
      replyTimeout: 5000,
      reconnect: { delay: 20, initially: true },
      random,
    } as const;
    const ledgers = { 1: new Ledger(), 2: new Ledger() };
    const total = QOS_1 + QOS_2;
    let restarts = 0;
    let restarting: Promise<void> = Promise.resolve();
    let last = Infinity;
    try {
      await using subscriber = await Client.connect(url, { ...common, clientId: "soak-subscriber" });
      await subscriber.subscribe("soak/#", {
        qos: 2,
        onMessage({ topic, qos, payload }) {
          ledgers[qos as 1 | 2].take(topic, Number(new TextDecoder().decode(payload)));
          last = performance.now();
          const received = ledgers[1].received.size + ledgers[2].received.size;
          if (restarts < RESTARTS && received >= total * (restarts + 1) / (RESTARTS + 1)) {
            restarts++;
            restarting = restarting.then(() => broker.restart());
          }
        },
      });
      await using publisher = await Client.connect(url, { ...common, clientId: "soak-publisher" });
      const paced = async function* () {
        let sent = 0;
        for (const message of messages()) {
          while (sent - ledgers[1].received.size - ledgers[2].received.size >= BACKLOG) await delay(5);
          sent++;
          yield message;
        }
      };
      assertEquals(await publisher.publishMany(paced()), total);
      const all = [...messages()].map(({ topic, payload }) => `${topic}: ${payload}`);
      const lost = () =>
        all.filter((message) => !ledgers[1].received.has(message) && !ledgers[2].received.has(message));
      // What does not come within a while of silence does not come.
      while (lost().length > 0 && performance.now() < last + SILENCE) await delay(100);
      await restarting;
      const neverSent = lost().filter((message) => !witness.hasSent(message));
      const late = [...ledgers[1].late, ...ledgers[2].late];
      const { received, repeated } = ledgers[2];
      console.log(
        `seed ${seed}: ${proxy.cuts} cuts, ${restarts} restarts, ${proxy.connections} connections; QoS 1 ` +
          `${ledgers[1].received.size} (${
            ledgers[1].repeated.length
          } repeated), QoS 2 ${received.size}; by the ` +
          `broker: ${repeated.length} QoS 2 repeated, ${late.length} late, ${neverSent.length} never sent`,
      );
      assertEquals(lost().filter((message) => witness.hasSent(message)), []);
      assertEquals(late.filter(([message, before]) => witness.inOrder(message, before)), []);
      assertEquals(repeated.filter((message) => !witness.repeated.has(message)), []);
      assertLess(neverSent.length + late.length, total / 100);
      assertEquals([restarts, proxy.cuts], [RESTARTS, CUTS]);
      assert(proxy.connections > CUTS);
    } catch (error) {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    }
  });
});

/**
 * `Client` on a bad day: connections cut in the middle of packets, a broker that restarts. What was acknowledged must
 * arrive, in the order of each topic, and with QoS 2 exactly once. A failure names its seed; SOAK_SEED repeats it.
 */
import { Buffer } from "node:buffer";
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Client } from "@minimqtt/client";
import { tcp } from "@minimqtt/transport-tcp";
import { type Packet, parser } from "mqtt-packet";
import { mosquittoMissing, startMosquitto } from "../src/brokers.ts";
import { randomFrom, startUnrulyProxy } from "./unruly_proxy.ts";

const QOS_1 = 100_000;
const QOS_2 = 20_000;
const TOPICS = 8;
const CUTS = 50;
const RESTARTS = 3;
const LIMIT = 240_000;

const missing = mosquittoMissing();
const test = missing === null ? it : it.skip;
const because = missing === null ? "" : ` (skipped: ${missing})`;

/** What came of one quality of service, as the number that each topic owes next. */
class Ledger {
  readonly #due = new Map<string, number>();
  received = 0;
  /** Messages that came again. */
  readonly repeated: string[] = [];
  /** Messages that came though one before them on their topic had not. */
  readonly gaps: string[] = [];

  take(topic: string, number: number): void {
    const due = this.#due.get(topic) ?? 0;
    if (number < due) this.repeated.push(`${topic}: ${number}`);
    else {
      if (number > due) this.gaps.push(`${topic}: ${number} came, ${due} was due`);
      this.#due.set(topic, number + 1);
      this.received++;
    }
  }
}

/**
 * Reads along what the broker sends, to tell its faults from ours: mosquitto 2.0.11 forgets in a restart that a message
 * with QoS 2 was received, and publishes it again though it had sent its PUBREL.
 */
class Witness {
  readonly #parsers: ReturnType<typeof parser>[] = [];
  readonly #published = new Map<number, string>();
  readonly #released = new Set<string>();
  /** Messages that the broker published again after their PUBREL [MQTT-4.3.3-1]. */
  readonly published = new Set<string>();

  watch(connection: number, bytes: Uint8Array): void {
    const reader = this.#parsers[connection] ??= parser().on("packet", (packet) => this.#take(packet));
    reader.parse(Buffer.from(bytes));
  }

  #take(packet: Packet): void {
    const { messageId = 0 } = packet;
    if (packet.cmd === "publish" && packet.qos === 2) {
      const message = `${packet.topic}: ${packet.payload.toString()}`;
      this.#published.set(messageId, message);
      if (this.#released.has(message)) this.published.add(message);
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
    timeout: LIMIT + 30_000,
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
      most: 150_000,
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
    let finish!: () => void;
    let giveUp!: (error: Error) => void;
    const finished = new Promise<void>((resolve, reject) => [finish, giveUp] = [resolve, reject]);
    const late = setTimeout(() => {
      const { received } = ledgers[1];
      giveUp(new Error(`${received} of ${QOS_1} and ${ledgers[2].received} of ${QOS_2} came in time`));
    }, LIMIT);
    try {
      await using subscriber = await Client.connect(url, { ...common, clientId: "soak-subscriber" });
      await subscriber.subscribe("soak/#", {
        qos: 2,
        onMessage({ topic, qos, payload }) {
          ledgers[qos as 1 | 2].take(topic, Number(new TextDecoder().decode(payload)));
          const received = ledgers[1].received + ledgers[2].received;
          if (received === total) finish();
          if (restarts < RESTARTS && received >= total * (restarts + 1) / (RESTARTS + 1)) {
            restarts++;
            restarting = restarting.then(() => broker.restart());
          }
        },
      });
      await using publisher = await Client.connect(url, { ...common, clientId: "soak-publisher" });
      assertEquals(await publisher.publishMany(messages()), total);
      await finished;
      await restarting;
      const { repeated } = ledgers[2];
      console.log(
        `seed ${seed}: ${proxy.cuts} cuts, ${restarts} restarts, ${proxy.connections} connections; QoS 1 ` +
          `${ledgers[1].received} (${ledgers[1].repeated.length} repeated), QoS 2 ${ledgers[2].received} ` +
          `(${repeated.length} repeated by the broker)`,
      );
      assertEquals([...ledgers[1].gaps, ...ledgers[2].gaps], []);
      assertEquals(repeated.filter((message) => !witness.published.has(message)), []);
      assertEquals([restarts, proxy.cuts], [RESTARTS, CUTS]);
      assert(proxy.connections > CUTS);
    } catch (error) {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    } finally {
      clearTimeout(late);
    }
  });
});

// Test limit: 25 minutes
/**
 * `Client` against a broker that does everything right, over a network that does not: calls, aborts, cuts, sessions
 * that are lost, slow consumers, small windows and queues, as a seed says. Every call settles, and every message is
 * where its promise says: with QoS 1 at least once, with QoS 2 exactly once, in the order of its quality of service.
 *
 * A failure names its seed; SEED repeats it.
 *
 * Longer than 300 lines: what may happen, and what must be true of it afterwards.
 */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Client, type ClientOptions, MqttError, type QoS, type Subscription } from "@minimqtt/client";
import { memory } from "@minimqtt/client/memory";
import { settled } from "../../src/player/fake_clock.ts";
import { ModelBroker, type ModelLink } from "../peers/model_broker.ts";
import { rounds, shortened } from "../soak.ts";
import { type Chance, chance, settles, UnrulyConnection, WatchedClock, withSeeds } from "../chance.ts";

const SEEDS = rounds(10_000, 100);
const STEPS = 80;
/** How long everything may take once all is well: the longest back-off, and some; and a loop's answers one by one. */
const SOON = 400_000;
const OTHERS = ["other/1", "other/2"];

/** A message that was published, and what became of its promise. */
interface Published {
  readonly number: number;
  readonly qos: QoS;
  readonly aborted: AbortController | undefined;
  /** How many sessions had been lost when it was published, and when its promise settled. */
  readonly lossesBefore: number;
  lossesAfter: number;
  outcome: "pending" | "resolved" | string;
}

/** A message that the broker sent to the main subscription. */
interface Sent {
  readonly payload: string;
  readonly qos: QoS;
  readonly losses: number;
}

class Play {
  readonly chance: Chance;
  readonly clock: WatchedClock;
  readonly broker = new ModelBroker();
  readonly network: ReturnType<typeof memory>;
  readonly connections: UnrulyConnection[] = [];
  readonly published: Published[] = [];
  readonly sent: Sent[] = [];
  readonly seen: { payload: string; qos: QoS }[] = [];
  readonly calls = new Map<Promise<unknown>, string>();
  readonly others: Subscription[] = [];
  /** How it reads; `answers` publishes in its loop, and waits for that. */
  kind!: string;
  client!: Client;
  options!: ClientOptions;
  readonly #chunkSize: number;
  #count = 0;
  #hungUpOn = false;
  losses = 0;
  isWell = false;
  holding = false;
  dialFails = false;

  constructor(seed: number) {
    this.chance = chance(seed);
    this.clock = new WatchedClock(() => `SEED=${seed}`);
    const { pick } = this.chance;
    this.#chunkSize = pick([1, 7, 100, 65_536]);
    this.network = memory({ room: pick([64, 1000, 65_536]), chunkSize: this.#chunkSize });
  }

  get link(): ModelLink | undefined {
    return [...this.broker.links].at(-1);
  }

  async begin(): Promise<void> {
    const { broker, clock, network, connections } = this;
    const { pick, random } = this.chance;
    const serve = async () => {
      for (;;) broker.serve(await network.accept());
    };
    void serve();
    broker.fate = (packet, link) => {
      if (packet.cmd === "connack" && !packet.sessionPresent) this.losses++;
      return this.holding || link.held.length > 0 ? "hold" : "send";
    };
    const { name, schemes } = network.transport;
    this.kind = pick(["next", "batches", "callback", "messages", "manual", "answers"]);
    const session = pick(["clean", "resume", "resume"] as const);
    this.options = {
      transport: {
        name,
        schemes,
        connect: async (address, options) => {
          if (this.dialFails) throw new Error("no network");
          const connection = new UnrulyConnection(await network.transport.connect(address, options));
          connections.push(connection);
          return connection;
        },
      },
      clock,
      random,
      session,
      clientId: "model",
      keepAlive: pick([0, 5000, 60_000]),
      // Where the queue is small, each answer may lie behind more than it holds.
      acknowledgeTimeout: this.kind === "answers" ? 5000 : pick([5000, 60_000, Infinity]),
      reconnect: { delay: pick([0, 50, 1000]) },
      sending: {
        messages: pick([1, 3, 20]),
        bytes: pick([10, 1000, 1_000_000]),
        window: pick([1, 2, 5, 1000]),
        windowQoS2: pick([1, 2, 10]),
        whenFull: pick(["wait", "wait", "reject", "drop-oldest", "latest"] as const),
        offline: pick(["keep", "keep", "drop", "reject"] as const),
      },
      receiving: { messages: pick([1, 2, 5, 1000]), bytes: pick([1, 100, 1_000_000]) },
    };
    this.client = await Client.connect("mqtt://broker.test", this.options);
  }

  call(name: string, promise: Promise<unknown>): void {
    this.calls.set(promise, name);
    const done = () => void this.calls.delete(promise);
    promise.then(done, done);
  }

  publish(): Promise<void> {
    const { pick, random } = this.chance;
    const qos = pick([0, 1, 1, 2, 2] as const);
    const size = random() < 0.03 ? 1000 * Math.min(70, this.#chunkSize) : pick([0, 10, 300]);
    const aborted = random() < 0.3 ? new AbortController() : undefined;
    const message: Published = {
      number: this.published.length,
      qos,
      aborted,
      lossesBefore: this.losses,
      lossesAfter: 0,
      outcome: "pending",
    };
    this.published.push(message);
    const promise = this.client.publish(
      pick(["out/1", "out/2", "out/3"]),
      `${message.number} ${"x".repeat(size)}`,
      { qos, ...(aborted && { signal: aborted.signal }) },
    );
    const end = (outcome: string) => {
      message.outcome = outcome;
      message.lossesAfter = this.losses;
    };
    promise.then(
      () => end("resolved"),
      (error) => end(error === "aborted" ? error : error instanceof MqttError ? error.code : String(error)),
    );
    this.call(`publish ${message.number} with QoS ${qos}`, promise);
    return promise;
  }

  async begins(): Promise<void> {
    await this.consume().catch(this.#onEnd);
  }

  /** Nothing else ends a subscription. */
  readonly #onEnd = (error: unknown): void => {
    this.#hungUpOn = true;
    if (!(error instanceof MqttError) || error.code !== "hung-up-on") throw error;
  };

  /** The main subscription, which is read all the time, now fast, now slowly. */
  async consume(): Promise<void> {
    const { pick, random } = this.chance;
    const { client } = this;
    const take = ({ payload, qos, topic }: { payload: Uint8Array; qos: QoS; topic: string }) => {
      if (topic === "main") this.seen.push({ payload: new TextDecoder().decode(payload), qos });
    };
    const dawdle = async () => {
      if (this.isWell || random() < 0.5) return;
      const until = this.clock.now() + pick([1, 100, 3000]);
      while (!this.isWell && this.clock.now() < until) {
        await new Promise<void>((resolve) => this.clock.timer(this.clock.now() + 50, resolve));
      }
    };
    const { kind } = this;
    if (kind === "callback") {
      await client.subscribe("main", {
        qos: 2,
        onMessage: (message) => {
          take(message);
          return random() < 0.5 ? undefined : dawdle();
        },
        onError: this.#onEnd,
      });
      return;
    }
    const acknowledge = kind === "manual" ? "manual" : "auto";
    // Who reads all messages gets those that come from now on.
    const subscribing = client.subscribe("main", { qos: 2, acknowledge });
    const run = async () => {
      const subscription = kind === "messages" ? client.messages : await subscribing;
      if (kind === "batches") {
        for await (const batch of (await subscribing).batches()) {
          batch.forEach(take);
          await dawdle();
        }
        return;
      }
      for await (const message of subscription) {
        take(message);
        if (kind === "answers") await this.publish().catch(() => {});
        else await dawdle();
        message.acknowledge();
      }
    };
    run().catch(this.#onEnd);
    await subscribing;
  }

  /** Something that happens. */
  async step(): Promise<void> {
    const { pick, random } = this.chance;
    const { broker, client, clock, link } = this;
    const connection = this.connections.at(-1);
    const dice = random() * 100;
    if (dice < 30) void this.publish().catch(() => {});
    else if (dice < 36) pick(this.published.filter(({ aborted }) => aborted))?.aborted?.abort("aborted");
    else if (dice < 56) this.send();
    else if (dice < 58) {
      const signal = new AbortController();
      this.call(
        "subscribe",
        client.subscribe(pick(OTHERS), { qos: pick([0, 1, 2]), signal: signal.signal }).then((stream) => {
          this.others.push(stream);
          if (this.isWell) void this.drain(stream);
        }, () => {}),
      );
      if (random() < 0.3) {
        await settled();
        signal.abort("aborted");
      }
    } else if (dice < 60) {
      const other = this.others.shift();
      if (other !== undefined) this.call("unsubscribe", other.unsubscribe());
    } else if (dice < 64) this.holding = !this.holding;
    else if (dice < 68) link?.releaseAll();
    else if (dice < 71) link?.pause();
    else if (dice < 75) link?.resume();
    else if (dice < 77) connection?.stall();
    else if (dice < 80) connection?.go();
    else if (dice < 84) this.cut();
    else if (dice < 85) {
      if (connection !== undefined) connection.failsWrites = true;
    } else if (dice < 87) broker.forget();
    else if (dice < 88) this.dialFails = !this.dialFails;
    else if (dice < 89) client.check();
    else await clock.advance(pick([1, 10, 200, 3000]));
    if (random() < 0.5) await settled();
  }

  /** The broker sends a message. */
  send(): void {
    const { pick, random } = this.chance;
    const qos = pick([0, 1, 2] as const);
    if (random() < 0.3) {
      this.broker.publish(pick(OTHERS), "o", qos);
      return;
    }
    const payload = `${this.#count++} ${"x".repeat(pick([0, 50, 500]))}`;
    if (this.broker.publish("main", payload, qos)) this.sent.push({ payload, qos, losses: this.losses });
  }

  cut(): void {
    const { link } = this;
    if (link === undefined) return;
    const { random } = this.chance;
    if (random() < 0.3) return link.hangUp();
    // In the middle of a packet, now and then.
    if (random() < 0.3) link.write(new Uint8Array([0x30, 100, 0, 4, 0x6d]));
    link.leave();
    (link.connection as unknown as { reset(): void }).reset();
  }

  async drain(subscription: Subscription): Promise<void> {
    try {
      for await (const _ of subscription as unknown as AsyncIterable<unknown>);
    } catch {
      // It was aborted.
    }
  }

  async heal(): Promise<void> {
    const { broker, calls, client, clock, link } = this;
    this.isWell = true;
    this.holding = this.dialFails = false;
    for (const other of this.others) void this.drain(other);
    link?.releaseAll();
    link?.resume();
    this.connections.at(-1)?.go();
    await settled();
    const until = clock.now() + SOON;
    const isQuiet = () => client.state === "online" && calls.size === 0 && broker.unacknowledged === 0;
    while (!isQuiet() && clock.now() < until) await clock.advance(1000);
    assertEquals([...calls.values()], [], "have not settled");
    assertEquals(broker.unacknowledged, 0, "messages to the client are not acknowledged");
    assertEquals(client.state, "online");
    const works = client.publish("out/1", "works", { qos: 2 });
    assert(await settles(clock, works, SOON), "a further publish does not settle");
    await works;
  }

  async end(): Promise<void> {
    assert(await settles(this.clock, this.client.close(), SOON), "close() does not settle");
    // A slow consumer has a timer of its own.
    await this.clock.advance(100);
    assertEquals(this.clock.armed, 0, "timers are armed after close()");
    assertEquals(this.connections.filter(({ closed }) => !closed).length, 0, "open after close()");
  }

  /** Every message is where its promise says. */
  check(): void {
    const { broker, published, seen, sent } = this;
    assertEquals(broker.violations, []);
    const arrivals = new Map<number, number>();
    const last = [-1, -1, -1];
    for (const { payload, qos } of broker.taken) {
      if (payload === "works") continue;
      const number = parseInt(payload);
      const count = (arrivals.get(number) ?? 0) + 1;
      arrivals.set(number, count);
      if (count > 1) continue;
      assert(number > last[qos]!, `${number} with QoS ${qos} arrives behind ${last[qos]}`);
      last[qos] = number;
    }
    for (const { number, qos, outcome, lossesBefore, lossesAfter, aborted } of published) {
      const count = arrivals.get(number) ?? 0;
      const what = `message ${number} with QoS ${qos}, ${outcome}, arrived ${count} times`;
      const isKept = lossesBefore === lossesAfter;
      if (outcome === "resolved") {
        assert(qos === 0 ? count <= 1 : qos === 2 && isKept ? count === 1 : count >= 1, what);
      } else if (outcome === "aborted") assert(aborted?.signal.aborted, what);
      else if (outcome === "session-lost") assert(qos === 2 && !isKept, what);
      else if (outcome === "queue-full" || outcome === "not-connected") assertEquals(count, 0, what);
      else assertEquals(outcome, "hung-up-on", what);
    }
    const times = new Map<string, number>();
    const newest = [-1, -1, -1];
    for (const { payload, qos } of seen) {
      const count = (times.get(payload) ?? 0) + 1;
      times.set(payload, count);
      if (count > 1) {
        assertEquals(qos, 1, `${payload} with QoS ${qos} came twice`);
        continue;
      }
      const number = parseInt(payload);
      if (qos === 0) continue;
      assert(number > newest[qos]!, `${number} with QoS ${qos} came behind ${newest[qos]}`);
      newest[qos] = number;
    }
    // Who cuts the connection four times in a row at a SUBSCRIBE has it given up.
    if (this.#hungUpOn) return;
    for (const { payload, qos, losses } of sent) {
      if (losses < this.losses) continue;
      assert(times.has(payload), `${parseInt(payload)} with QoS ${qos} never came`);
    }
  }
}

describe("Client against a model of a broker", () => {
  it(`settles every call and keeps every promise${shortened(`${SEEDS} seeds`)}`, async () => {
    await withSeeds(SEEDS, async (seed) => {
      const play = new Play(seed);
      await play.begin();
      play.call("subscribe", play.begins());
      for (let i = 0; i < STEPS; i++) await play.step();
      await play.heal();
      play.check();
      await play.end();
    });
  });
});

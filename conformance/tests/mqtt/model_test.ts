// Test limit: 25 minutes
/**
 * `MQTT` against a broker that does everything right, over a network that does not: calls one after the other and side
 * by side, in callbacks and out of them, aborts, cuts, sessions that are lost, as a seed says. Every call settles, and
 * every message is where its promise says.
 *
 * A failure names its seed; SEED repeats it.
 *
 * Longer than 300 lines: what may happen, and what must be true of it afterwards.
 */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { MQTT, type QoS } from "@minimqtt/client";
import { memory, type MemoryConnection } from "@minimqtt/client/memory";
import { settled } from "../../src/player/fake_clock.ts";
import { ModelBroker, type ModelLink } from "../peers/model_broker.ts";
import { type Chance, chance, settles, UnrulyConnection, WatchedClock, withSeeds } from "../chance.ts";
import { rounds, shortened } from "../soak.ts";

const SEEDS = rounds(10_000, 100);
const STEPS = 60;
/** All attempts to connect, each with its time-outs and the wait behind it, and then the call itself. */
const SOON = 400_000;
const OTHERS = ["other/1", "other/2"];

interface Published {
  readonly number: number;
  readonly qos: QoS;
  readonly lossesBefore: number;
  resolved: boolean;
}

class Play {
  readonly chance: Chance;
  readonly clock: WatchedClock;
  readonly broker = new ModelBroker();
  readonly network: ReturnType<typeof memory>;
  readonly connections: UnrulyConnection[] = [];
  readonly published: Published[] = [];
  readonly sent: { payload: string; qos: QoS; losses: number }[] = [];
  readonly seen: { payload: string; qos: QoS }[] = [];
  readonly calls = new Map<Promise<unknown>, string>();
  readonly aborts: AbortController[] = [];
  readonly client: MQTT;
  readonly cleanSession: boolean;
  readonly #chunkSize: number;
  #count = 0;
  losses = 0;
  isWell = false;
  holding = false;
  dialFails = false;

  constructor(seed: number) {
    this.chance = chance(seed);
    this.clock = new WatchedClock(() => `SEED=${seed}`);
    const { pick, random } = this.chance;
    const { broker, clock, connections } = this;
    const chunkSize = this.#chunkSize = pick([1, 7, 100, 65_536]);
    const network = this.network = memory({ room: pick([64, 1000, 65_536]), chunkSize });
    const serve = async () => {
      for (;;) broker.serve(await network.accept());
    };
    void serve();
    broker.fate = (packet, link) => {
      if (packet.cmd === "connack" && !packet.sessionPresent) this.losses++;
      return this.holding || link.held.length > 0 ? "hold" : "send";
    };
    const { name, schemes } = network.transport;
    this.cleanSession = random() < 0.3;
    this.client = new MQTT({
      broker: "broker.test",
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
      clientId: "model",
      keepAlive: pick([0, 5, 60]),
      recvTimeout: pick([2, 10]),
      connectRetries: pick([1, 3]),
      retryDelay: pick([0, 1]),
    });
    const style = pick(["plain", "waits", "answers", "calls", "throws"]);
    this.client.onMessage = (_, topic, payload, { qos }) => {
      if (topic === "main") this.seen.push({ payload, qos });
      if (this.isWell || style === "plain" || random() < 0.5) return undefined;
      if (style === "waits") return this.pass(pick([1, 100, 3000]));
      if (style === "answers") return this.publish().catch(() => {});
      if (style === "throws") throw new Error("the program's own");
      return this.anyCall().catch(() => {});
    };
  }

  get link(): ModelLink | undefined {
    return [...this.broker.links].at(-1);
  }

  pass(time: number): Promise<void> {
    return new Promise((resolve) => this.clock.timer(this.clock.now() + time, resolve));
  }

  /** Calls that do not settle are found by this. */
  call(name: string, promise: Promise<unknown>): Promise<unknown> {
    this.calls.set(promise, name);
    const done = () => void this.calls.delete(promise);
    promise.then(done, done);
    return promise;
  }

  get options(): { signal?: AbortSignal; timeout?: number } {
    const { pick, random } = this.chance;
    const abort = random() < 0.2 ? new AbortController() : undefined;
    if (abort !== undefined) this.aborts.push(abort);
    const timeout = pick([undefined, undefined, 1, 20]);
    return { ...(abort && { signal: abort.signal }), ...(timeout !== undefined && { timeout }) };
  }

  async publish(): Promise<void> {
    const { pick, random } = this.chance;
    const qos = pick([0, 1, 1, 2, 2] as const);
    const message: Published = {
      number: this.published.length,
      qos,
      lossesBefore: this.losses,
      resolved: false,
    };
    this.published.push(message);
    const text = `${message.number} ${
      "x".repeat(random() < 0.03 ? 1000 * Math.min(70, this.#chunkSize) : pick([0, 10, 300]))
    }`;
    await this.call(
      `publish ${message.number} with QoS ${qos}`,
      this.client.publish(pick(["out/1", "out/2"]), text, { qos, ...this.options }),
    );
    message.resolved = true;
  }

  /** What most programs do: connected it listens, else it connects. */
  async run(): Promise<void> {
    const { pick } = this.chance;
    const { client, cleanSession } = this;
    for (let round = 0; !this.isWell; round++) {
      try {
        if (!client.isConnected()) {
          await this.call(
            "connect",
            client.connect({ cleanSession, ...(round > 0 && this.options.signal && {}) }),
          );
          if (!this.broker.hasSubscriber("main")) {
            await this.call("subscribe", client.subscribe("main", 2));
          }
        }
        await this.call("loop", client.loop(pick([0, 1, 1, 3])));
      } catch {
        await this.pass(100);
      }
      await this.pass(pick([0, 0, 10, 2000]));
    }
  }

  /** A call from within a callback. */
  anyCall(): Promise<unknown> {
    const { pick } = this.chance;
    const { client } = this;
    switch (pick(["publish", "subscribe", "ping", "loop", "disconnect", "reconnect"])) {
      case "publish":
        return this.publish();
      case "subscribe":
        return this.call("subscribe within", client.subscribe(pick(OTHERS), this.options));
      case "ping":
        return this.call("ping within", client.ping(this.options));
      case "loop":
        return this.call("loop within", client.loop(pick([0, 1]), this.options));
      case "disconnect":
        return this.call("disconnect within", client.disconnect());
      default:
        return this.call("reconnect within", client.reconnect(true, this.options));
    }
  }

  async step(): Promise<void> {
    const { pick, random } = this.chance;
    const { broker, client, clock, link } = this;
    const connection = this.connections.at(-1);
    const dice = random() * 100;
    const quietly = (name: string, promise: Promise<unknown>) =>
      void this.call(name, promise).catch(() => {});
    if (dice < 30) void this.publish().catch(() => {});
    else if (dice < 35) this.aborts.splice(Math.floor(random() * this.aborts.length), 1)[0]?.abort("aborted");
    else if (dice < 55) this.send();
    else if (dice < 57) {
      quietly("subscribe", client.subscribe(pick(OTHERS), { qos: pick([0, 1, 2]), ...this.options }));
    } else if (dice < 59) quietly("unsubscribe", client.unsubscribe(pick(OTHERS), this.options));
    else if (dice < 60) quietly("ping", client.ping(this.options));
    else if (dice < 61) quietly("disconnect", client.disconnect());
    else if (dice < 62) quietly("reconnect", client.reconnect(true, this.options));
    else if (dice < 63) quietly("loop", client.loop(pick([0, 1, 5]), this.options));
    else if (dice < 66) this.holding = !this.holding;
    else if (dice < 70) link?.releaseAll();
    else if (dice < 72) link?.pause();
    else if (dice < 75) link?.resume();
    else if (dice < 76) connection?.stall();
    else if (dice < 79) connection?.go();
    else if (dice < 83) this.cut();
    else if (dice < 84) {
      if (connection !== undefined) connection.failsWrites = true;
    } else if (dice < 86) broker.forget();
    else if (dice < 87) this.dialFails = !this.dialFails;
    else await clock.advance(pick([1, 10, 200, 3000]));
    if (random() < 0.5) await settled();
  }

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
    if (random() < 0.3) link.write(new Uint8Array([0x30, 100, 0, 4, 0x6d]));
    link.leave();
    (link.connection as MemoryConnection).reset();
  }

  async heal(running: Promise<void>): Promise<void> {
    const { broker, calls, client, cleanSession, clock, link } = this;
    this.isWell = true;
    this.holding = this.dialFails = false;
    link?.releaseAll();
    link?.resume();
    this.connections.at(-1)?.go();
    await settled();
    assert(
      await settles(clock, running, SOON),
      `the program has not ended: ${[...calls.values()].join(", ")}`,
    );
    const all = Promise.allSettled([...calls.keys()]);
    assert(await settles(clock, all, SOON), `has not settled: ${[...calls.values()].join(", ")}`);
    // It works as on its first day, from wherever it is.
    const rest = async () => {
      if (!client.isConnected()) await client.connect({ cleanSession });
      await client.publish("out/1", "works", { qos: 2 });
      await client.loop(5);
    };
    // A loss that nobody has met yet is met first; what it takes with it may be the next thing to be met.
    const twice = async () => {
      for (let attempt = 0; attempt < 3; attempt++) await rest().catch(() => {});
      await rest();
    };
    const well = twice();
    assert(await settles(clock, well, SOON), "a further connect, publish and loop do not settle");
    await well;
    assertEquals(broker.unacknowledged, 0, "messages to the client are not acknowledged");
  }

  async end(): Promise<void> {
    assert(await settles(this.clock, this.client.deinit(), SOON), "deinit() does not settle");
    await settled();
    assertEquals(this.clock.armed, 0, "timers are armed after deinit()");
    assertEquals(this.connections.filter(({ closed }) => !closed).length, 0, "open after deinit()");
  }

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
    for (const { number, qos, resolved, lossesBefore } of published) {
      const count = arrivals.get(number) ?? 0;
      const what = `message ${number} with QoS ${qos}, ${
        resolved ? "resolved" : "rejected"
      }, arrived ${count} times`;
      // A broker that lost the session unnoticed takes what is sent again for something new.
      if (qos === 0 || (qos === 2 && lossesBefore === this.losses)) assert(count <= 1, what);
      if (qos !== 0 && resolved) assert(count >= 1, what);
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
      assert(number > newest[qos]!, `${number} with QoS ${qos} came behind ${newest[qos]}`);
      newest[qos] = number;
    }
    for (const { payload, qos, losses } of sent) {
      if (losses < this.losses) continue;
      assert(times.has(payload), `${parseInt(payload)} with QoS ${qos} never came`);
    }
  }
}

describe("MQTT against a model of a broker", () => {
  it(`settles every call and keeps every promise${shortened(`${SEEDS} seeds`)}`, async () => {
    await withSeeds(SEEDS, async (seed) => {
      const play = new Play(seed);
      const running = play.run();
      for (let i = 0; i < STEPS; i++) await play.step();
      await play.heal(running);
      play.check();
      await play.end();
    });
  });
});

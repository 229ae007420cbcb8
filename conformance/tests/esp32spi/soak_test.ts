// Test limit: 6 minutes
/**
 * A thousand connections through a co-processor with whom everything goes wrong at random: what the broker has
 * acknowledged arrives, no slot is lost, and the host keeps the protocol.
 */
import { assert, assertEquals } from "@std/assert";
import { MQTT } from "@minimqtt/client";
import { esp32spi, EspSpiControl, systemClock, WiFiManager } from "@minimqtt/transport-esp32spi";
import type { Clock } from "@minimqtt/transport-esp32spi";
import { EspEmulator, replyEdits } from "@minimqtt/transport-esp32spi/emulator";
import type { Fault } from "@minimqtt/transport-esp32spi/emulator";
import { tcp } from "@minimqtt/transport-tcp";
import { describe, it } from "@std/testing/bdd";
import process from "node:process";
import { mosquittoMissing, startMosquitto } from "../../src/peers/brokers.ts";
import { rounds, shortened } from "../soak.ts";

const CYCLES = rounds(1000, 200);
const missing = mosquittoMissing();

describe("soak over esp32spi", () => {
  const title = "1000 connections with random faults lose no acknowledged message and no slot" +
    shortened(`${CYCLES} of them`);
  const define = missing === null ? it : it.skip;
  define(missing === null ? title : `${title} (skipped: ${missing})`, { timeout: 280_000 }, async () => {
    const seed = Number(process.env["SEED"]) || Date.now() % 1_000_000;
    console.log(`SEED=${seed}`);
    await using broker = await startMosquitto();
    const soak = new Soak(broker.port, random(seed));
    await soak.run();
    assertEquals(soak.lost(), []);
    assertEquals(soak.module.socketsInUse, []);
    assertEquals(soak.module.violations.list, []);
    // It was a soak in faults: most cycles had one, some were ended by it, and many were not.
    assert(soak.injected > CYCLES / 2, `${soak.injected} faults`);
    assert(soak.broken > CYCLES / 20 && soak.acknowledged.size > CYCLES / 2, soak.summary());
    console.log(soak.summary());
  });
});

class Soak {
  readonly acknowledged: Set<string> = new Set();
  readonly #received = new Set<string>();
  injected = 0;
  broken = 0;
  readonly module: EspEmulator;
  readonly #pick: Pick;
  readonly #port: number;
  readonly #esp: EspSpiControl;
  readonly #wifi: WiFiManager;

  constructor(port: number, pick: Pick) {
    this.#port = port;
    this.#pick = pick;
    // The driver's time runs ten times as fast as the module's: real sockets need theirs.
    this.module = new EspEmulator({ networks: [{ ssid: "home" }], clock: fastClock(4) });
    const { ready, ...pins } = this.module.pins;
    const quick = {
      read: () => ready.read(),
      wait: (level: boolean, limit: number) => ready.wait!(level, limit / 10),
    };
    this.#esp = new EspSpiControl(this.module.bus, { ...pins, ready: quick }, { clock: fastClock(40) });
    this.#wifi = new WiFiManager(this.#esp, { ssid: "home" });
  }

  /** What was acknowledged and did not arrive. */
  lost(): string[] {
    return [...this.acknowledged].filter((message) => !this.#received.has(message));
  }

  summary(): string {
    return `${this.acknowledged.size} acknowledged, ${this.injected} faults, ${this.broken} connections broken by them`;
  }

  async run(): Promise<void> {
    const listening = new AbortController();
    const { ended } = await this.#collect(listening.signal);
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      this.#inject();
      try {
        await this.#cycle(`message ${cycle}`);
      } catch (error) {
        // An error of the client's, never one of a program's.
        assert(`${error}`.startsWith("MMQTT"), `${(error as Error).stack}`);
        this.broken++;
      }
    }
    // Whatever is left of them: from here on all is well.
    this.module.faults.clear();
    this.module.restoreWifi();
    await this.#cycle("the last message");
    while (!this.#received.has("the last message")) await new Promise((resolve) => setTimeout(resolve, 20));
    listening.abort();
    await ended;
    this.module.close();
  }

  /** One connection: subscribes, publishes, waits for its own message, ends well or not. */
  async #cycle(message: string): Promise<void> {
    const topic = `soak/${this.#pick(5)}`;
    const client = this.#client();
    let mine = false;
    client.onMessage = (_client, _topic, text) => {
      if (text === message) mine = true;
    };
    try {
      await client.connect();
      await client.subscribe(topic, 1);
      await client.publish(topic, message, false, 1);
      this.acknowledged.add(message);
      if (this.#pick(4) === 0) return;
      // Longer than it takes: what the module lost is not found by waiting.
      for (let tries = 0; tries < 20 && !mine; tries++) await client.loop(CALL);
      await client.disconnect();
    } finally {
      // What is left without a farewell, is closed by the end of its client.
      await client[Symbol.asyncDispose]();
    }
  }

  #client(): MQTT {
    return new MQTT({
      broker: "127.0.0.1",
      port: this.#port,
      transport: esp32spi(this.#esp, { wifi: this.#wifi }),
      socketTimeout: CALL,
      recvTimeout: 5,
      connectRetries: 1,
    });
  }

  /** Something for one of the next commands, most of the time. */
  #inject(): void {
    if (this.module.faults.pending > 2 || this.#pick(10) < 3) return;
    const kind = FAULTS[this.#pick(FAULTS.length)]!;
    this.module.faults.inject({ ...kind, after: this.#pick(25) } as Fault);
    this.injected++;
    if (this.#pick(50) > 0) return;
    if (this.#pick(2) === 0) this.module.restart();
    else {
      this.module.dropWifi();
      setTimeout(() => this.module.restoreWifi(), this.#pick(50));
    }
  }

  /** Collects what really was published, on another way, until the signal is aborted. */
  async #collect(signal: AbortSignal): Promise<{ readonly ended: Promise<void> }> {
    const client = new MQTT({ broker: "127.0.0.1", port: this.#port, transport: tcp() });
    client.onMessage = (_client, _topic, text) => {
      this.#received.add(text);
    };
    await client.connect();
    await client.subscribe("soak/#", 1);
    const collect = async () => {
      while (!signal.aborted) await client.loop(1, { signal }).catch(() => undefined);
      await client.disconnect();
    };
    return { ended: collect() };
  }
}

const FAULTS: readonly object[] = [
  { kind: "busy" },
  { kind: "busy", time: 20 },
  { kind: "error" },
  { kind: "error", times: 2 },
  { kind: "reply", edit: replyEdits.wrongOpcode },
  { kind: "reply", edit: replyEdits.wrongCount },
  { kind: "reply", edit: replyEdits.wrongEnd },
  { kind: "reply", edit: replyEdits.absurdLength },
  { kind: "reply", edit: replyEdits.truncated(2) },
  { kind: "reply", edit: replyEdits.truncated(0, 0xff) },
  { kind: "reply", edit: replyEdits.late(2) },
  { kind: "reply", edit: replyEdits.late(30) },
  { kind: "command", edit: replyEdits.flipped(0, 5) },
  { kind: "command", edit: replyEdits.flipped(1, 7) },
  { kind: "swallow" },
  { kind: "repeat" },
  { kind: "restart", when: "before" },
  { kind: "restart", when: "after" },
  { kind: "restart", when: "mid-reply" },
  { kind: "write", accept: 3 },
  { kind: "write", accept: 0 },
  { kind: "write", accept: 0, close: true },
  { kind: "read", most: 1, times: 5 },
  { kind: "no-socket" },
  { kind: "connect", how: "refuse" },
  { kind: "connect", how: "slow", time: 50 },
];

/** Seconds that a call may take. */
const CALL = 1;

/** A number from 0 up to `limit`, the same ones for the same seed. */
type Pick = (limit: number) => number;

function random(seed: number): Pick {
  let state = seed * 0x9e3779b9 | 1;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

function fastClock(speed: number): Clock {
  return {
    now: () => systemClock.now() * speed,
    sleep: (time, signal) => systemClock.sleep(time / speed, signal),
  };
}

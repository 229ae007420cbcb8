/**
 * A bus on which somebody else, or something, opens windows at random: nothing that was published is missing or damaged,
 * nothing that comes is, and it never hangs.
 */
import { Client } from "@minimqtt/client";
import { esp32spi, EspSpiControl, systemClock, WiFiManager } from "@minimqtt/transport-esp32spi";
import type { Clock, SpiBus } from "@minimqtt/transport-esp32spi";
import { EspEmulator } from "@minimqtt/transport-esp32spi/emulator";
import { tcp } from "@minimqtt/transport-tcp";
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import process from "node:process";
import { mosquittoMissing, startMosquitto } from "../../src/peers/brokers.ts";

const MESSAGES = 1500;
/** How many seeds; twenty are for a longer run: SEEDS=20. */
const SEEDS = Number(process.env["SEEDS"] ?? 2);
const first = Number(process.env["SEED"] ?? Date.now() % 100_000);

const missing = mosquittoMissing();

describe("stray windows on the bus of a co-processor", () => {
  for (const firmware of ["3.3.0", "1.7.7"]) {
    const define = missing === null ? it : it.skip;
    const title = `lose and damage none of ${MESSAGES} messages, firmware ${firmware}`;
    define(
      missing === null ? title : `${title} (skipped: ${missing})`,
      { timeout: 120_000 * SEEDS },
      async () => {
        for (let seed = first; seed < first + SEEDS; seed++) {
          const { strays, connections } = await exchange(firmware, seed);
          console.log(
            `SEED=${seed} firmware ${firmware}: ${strays} stray windows, ${connections} connections`,
          );
          // They were there, and were felt.
          assert(strays > 20 && connections > 1);
        }
      },
    );
  }
});

async function exchange(firmware: string, seed: number): Promise<{ strays: number; connections: number }> {
  await using broker = await startMosquitto();
  const url = `mqtt://127.0.0.1:${broker.port}`;
  const module = new EspEmulator({ firmware, networks: [{ ssid: "home" }], clock });
  const noise = new Noise(module, seed);
  const esp = new EspSpiControl(noise.bus, module.pins, { clock });
  const wifi = new WiFiManager(esp, { ssid: "home" });
  const observer = await Client.connect(url, { transport: tcp() });
  const [there, back] = [new Set<number>(), new Set<number>()];
  await observer.subscribe("stray/up/#", {
    qos: 1,
    onMessage: (message) => void there.add(read(message.payload)),
  });
  const client = await Client.connect(url, {
    transport: esp32spi(esp, { wifi, idle: 5 }),
    session: "resume",
    clientId: `stray-${seed}`,
    reconnect: { delay: 1, initially: true },
  });
  let connections = 0;
  const watching = (async () => {
    for await (const { state } of client.status()) if (state === "online") connections++;
  })();
  await client.subscribe("stray/down/#", {
    qos: 1,
    onMessage: (message) => void back.add(read(message.payload)),
  });
  const all = async () => {
    for (let number = 0; number < MESSAGES; number += WAVE) {
      const numbers = Array.from({ length: WAVE }, (_, index) => number + index);
      await Promise.all(numbers.flatMap((one) => [
        client.publish(`stray/up/${one % 7}`, write(one), { qos: 1 }),
        observer.publish(`stray/down/${one % 7}`, write(one), { qos: 1 }),
      ]));
    }
    noise.quiet = true;
    while (there.size < MESSAGES || back.size < MESSAGES) await pause(10);
  };
  let over = false;
  const watchdog = async () => {
    for (let [before, since] = [0, performance.now()]; !over; await pause(100)) {
      const { phase, ready, socketsInUse, wifiStatus } = module;
      const state = {
        there: there.size,
        back: back.size,
        client: client.state,
        phase,
        ready,
        socketsInUse,
        wifiStatus,
      };
      if (state.there + state.back !== before) {
        [before, since] = [state.there + state.back, performance.now()];
      }
      assert(performance.now() - since < HANG, `it hangs, with seed ${seed}: ${JSON.stringify(state)}`);
    }
  };
  try {
    await Promise.race([all(), watchdog()]);
  } finally {
    over = true;
    await client.close({ drop: true });
    await watching;
    await observer.close({ drop: true });
    module.close();
  }
  assertEquals([there.has(-1), back.has(-1)], [false, false], "a message was damaged");
  return { strays: noise.strays, connections };
}

/** The module's time and the driver's run faster than the clients'. */
const SPEED = 20;
const clock: Clock = {
  now: () => SPEED * systemClock.now(),
  sleep: (time, signal) => systemClock.sleep(time / SPEED, signal),
};

/** Milliseconds without a message that count as hanging; MQTT's own limits are below. */
const HANG = 45_000;

/** Messages under way at a time. */
const WAVE = 25;

const pause = (time: number) => new Promise((resolve) => setTimeout(resolve, time));

/** A number, and bytes that follow from it. */
function write(number: number): Uint8Array {
  const bytes = new Uint8Array(4 + number % 190);
  new DataView(bytes.buffer).setUint32(0, number);
  for (let at = 4; at < bytes.length; at++) bytes[at] = number * 31 + at * 7;
  return bytes;
}

/** The number, or -1 for bytes that do not follow from it. */
function read(bytes: Uint8Array): number {
  const number = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  const expected = write(number);
  return bytes.length === expected.length && bytes.every((byte, at) => byte === expected[at]) ? number : -1;
}

/** The module's bus, with windows of nobody's between those of the driver. */
class Noise {
  strays = 0;
  quiet = false;
  readonly bus: SpiBus;
  readonly #module: EspEmulator;
  #state: number;

  constructor(module: EspEmulator, seed: number) {
    this.#module = module;
    this.#state = seed * 0x9e3779b9 | 1;
    this.bus = {
      ...module.bus,
      select: () => {
        if (!this.quiet && this.#pick(30) === 0) {
          for (let left = 1 + this.#pick(3); left > 0; left--) this.#stray();
        }
        return module.bus.select();
      },
    };
  }

  #stray(): void {
    const { bus } = this.#module;
    // Only when nobody else does; whether the module expects one or not.
    this.strays++;
    void bus.select();
    const size = [0, 1, 3, 4, 8, 12, 32, 200][this.#pick(8)]!;
    const kind = this.#pick(4);
    const bytes = new Uint8Array(size).map(() => kind === 0 ? 0 : kind === 1 ? 0xff : this.#pick(256));
    if (size > 0) void bus.transfer(bytes);
    void bus.deselect();
  }

  #pick(limit: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % limit;
  }
}

/** Long writes through the firmware's send window, over paths of all lengths and widths, in virtual time. */

import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { EspEmulator } from "../src/emulator/mod.ts";
import type { Path } from "../src/emulator/mod.ts";
import { esp32spi, EspSpiControl } from "../src/mod.ts";
import { streamPair } from "./stream_pair.ts";
import { VirtualClock } from "./virtual_clock.ts";

const WINDOW = 5744;

for (const firmware of ["3.3.0", "1.7.7"]) {
  describe(`the send window of firmware ${firmware}`, () => {
    for (const roundTrip of [1, 10, 20, 50, 100, 300]) {
      for (const rate of [10_000, 30_000, 100_000, 500_000]) {
        it(`${rate / 1000} kB/s and ${roundTrip} ms of round trip let all through, and at 70 % at least`, async () => {
          const allowed = Math.min(rate, WINDOW / roundTrip * 1000);
          for (const size of [1000, 6000, 20_000, 100_000, 300_000]) {
            const time = await send(firmware, { roundTrip, rate }, size);
            const share = size / time * 1000 / allowed;
            if (size >= 100_000) assert(share >= 0.7, `${Math.round(100 * share)} % with ${size} bytes`);
          }
        });
      }
    }
  });
}

describe("the send window of firmware 1.7.7", () => {
  for (const roundTrip of [50, 150, 350]) {
    it(`lets all through where ${roundTrip} ms of round trip are behind a proxy, and do not show in the dial`, async () => {
      for (const rate of [10_000, 60_000, 400_000]) {
        await send("1.7.7", { roundTrip, rate }, 100_000, { hidden: true });
      }
    });
  }

  for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
    it(`lets messages of all sizes through, with pauses and a round trip that changes, seed ${seed}`, async () => {
      const random = randomNumbers(seed);
      const roundTrip = 300 ** random();
      const rate = 10_000 * 50 ** random();
      const path = {
        rate,
        get roundTrip() {
          return roundTrip * (1 + 0.3 * random());
        },
      };
      const sizes = Array.from({ length: 12 }, () => Math.ceil(60_000 ** random()));
      await send("1.7.7", path, sizes, { pause: () => random() < 0.4 ? 500 * random() : 0 });
    });
  }
});

/** How a message, or several, are sent. */
interface Manner {
  /** The time that the dial took says nothing about the path. */
  readonly hidden?: boolean;
  /** Milliseconds after each message. */
  readonly pause?: () => number;
}

/** Milliseconds until so many bytes, or messages of so many, have arrived. */
async function send(
  firmware: string,
  path: Path,
  sizes: number | readonly number[],
  { hidden = false, pause = () => 0 }: Manner = {},
): Promise<number> {
  const clock = new VirtualClock();
  const [near, far] = streamPair();
  const module = new EspEmulator({ firmware, clock, path, networks: [{ ssid: "home" }], route: () => near });
  const esp = new EspSpiControl(module.bus, module.pins, { clock });
  await esp.connectAP("home");
  if (hidden) esp.connectTime = () => 1;
  const connection = await esp32spi(esp).connect({ host: "10.0.0.9", port: 1883 });
  const messages = [sizes].flat();
  const size = messages.reduce((sum, one) => sum + one, 0);
  const message = Uint8Array.from({ length: size }, (_, index) => index * 7 + (index >> 8));
  const received = new Uint8Array(size);
  let count = 0;
  const all = new Promise<number>((resolve) => {
    far.on("data", (bytes: Uint8Array) => {
      received.set(bytes, count);
      count += bytes.length;
      if (count === size) resolve(clock.now());
    });
  });
  const start = clock.now();
  for (let at = 0; messages.length > 0;) {
    const next = messages.shift()!;
    await connection.write(message.subarray(at, at += next));
    await clock.sleep(pause());
  }
  const end = await all;
  assertEquals(received, message);
  await connection.close();
  assertEquals(module.violations.list, []);
  module.close();
  return end - start;
}

/** From 0 to 1, the same ones for the same seed. */
function randomNumbers(seed: number): () => number {
  let state = seed * 0x9e3779b9 | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

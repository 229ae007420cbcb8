/**
 * `Client` with a consumer that takes fifty times as long as messages come: the broker is slowed down, nothing grows, and
 * keep alive goes on for a minute of real time.
 */
import process from "node:process";
import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Client } from "@minimqtt/client";
import { tcp } from "@minimqtt/transport-tcp";
import { mosquittoMissing, startMosquitto } from "../../src/peers/brokers.ts";
import { rounds, shortened } from "../soak.ts";

const missing = mosquittoMissing();
const test = missing === null ? it : it.skip;
const SECONDS = rounds(60, 15);
const because = missing === null ? shortened(`${SECONDS} seconds`) : ` (skipped: ${missing})`;

const MEBIBYTE = 1024 * 1024;
/** Every ten milliseconds: 5,000 messages a second. */
const PACE = { every: 10, messages: 50 };

function delay(time: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, time));
}

/** The least of what was seen: what is in use when the garbage is gone. */
function least(samples: readonly NodeJS.MemoryUsage[], what: "heapUsed" | "rss"): number {
  return Math.min(...samples.map((sample) => sample[what]));
}

describe("Client with a slow consumer", () => {
  test(`slows the broker down for a minute: no memory, no disconnect, keep alive answered${because}`, {
    timeout: 2 * SECONDS * 1000,
  }, async () => {
    // A broker that kept all of it would be the one that grows.
    const extraConfig = "max_queued_messages 1000";
    await using broker = await startMosquitto({ extraConfig });
    const options = { transport: tcp(), keepAlive: 5000, replyTimeout: 5000 };
    const url = `mqtt://127.0.0.1:${broker.port}`;
    await using consumer = await Client.connect(url, { ...options, receiving: { messages: 100 } });
    await using publisher = await Client.connect(url, options);
    const states: string[] = [];
    void (async () => {
      for await (const { state } of consumer.status()) states.push(state);
    })();
    const samples: NodeJS.MemoryUsage[] = [];
    const stop = new AbortController();
    const readings = await consumer.subscribe("flood");
    const start = performance.now();
    let published = 0;
    let consumed = 0;
    const publishing = (async () => {
      const payload = "x".repeat(64);
      while (!stop.signal.aborted) {
        // As many as the clock says, however late the timer is.
        const due = (performance.now() - start) / PACE.every * PACE.messages;
        while (published < due) {
          published++;
          await publisher.publish("flood", payload);
        }
        await delay(PACE.every);
      }
    })();
    for await (const message of readings) {
      assertEquals(message.payload.length, 64);
      consumed++;
      await delay(10);
      const seconds = (performance.now() - start) / 1000;
      if (seconds > samples.length) samples.push(process.memoryUsage());
      if (seconds >= SECONDS) break;
    }
    stop.abort();
    await publishing;
    const third = Math.floor(SECONDS / 3);
    const [early, late] = [samples.slice(third / 4, third * 5 / 4), samples.slice(-third)];
    const heap = least(late, "heapUsed") - least(early, "heapUsed");
    const resident = least(late, "rss") - least(early, "rss");
    console.log(
      `${published} published, ${consumed} consumed in ${SECONDS} s; ` +
        `heap ${(least(late, "heapUsed") / MEBIBYTE).toFixed(1)} MiB (${
          (heap / MEBIBYTE).toFixed(1)
        } more than early), ` +
        `resident ${(least(late, "rss") / MEBIBYTE).toFixed(1)} MiB (${
          (resident / MEBIBYTE).toFixed(1)
        } more)`,
    );
    assertGreater(published, 5000 * SECONDS * 55 / 60);
    assertLess(consumed, published / 20);
    assertLess(heap, 8 * MEBIBYTE);
    assertLess(resident, 48 * MEBIBYTE);
    assertEquals([states, consumer.dropped], [["online"], 0]);
    assertEquals(/exceeded timeout|disconnected/.test(broker.log), false, broker.log);
  });
});

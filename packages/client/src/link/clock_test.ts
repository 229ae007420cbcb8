import { assert, assertEquals, assertGreaterOrEqual, assertLess } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { HandClock, isSettled, turn } from "../../tests/support.ts";
import { sleep, systemClock } from "./clock.ts";

describe("systemClock", () => {
  it("now() is monotonic and in milliseconds", async () => {
    const start = systemClock.now();
    await new Promise((resolve) => setTimeout(resolve, 5));
    const passed = systemClock.now() - start;
    assertGreaterOrEqual(passed, 4);
    assertLess(passed, 5000);
  });

  it("timer() is not early, and calls once", async () => {
    const at = systemClock.now() + 3.5;
    let calls = 0;
    await new Promise<void>((resolve) =>
      systemClock.timer(at, () => {
        calls++;
        resolve();
      })
    );
    // Timers of runtimes are a fraction of a millisecond early at times; who is woken looks at the clock.
    assertGreaterOrEqual(systemClock.now(), at - 1);
    assertEquals(calls, 1);
  });

  it("timer() for the past calls soon, but not at once", async () => {
    let called = false;
    const cancelled = new Promise<void>((resolve) => {
      systemClock.timer(systemClock.now() - 1000, () => {
        called = true;
        resolve();
      });
    });
    assertEquals(called, false);
    await cancelled;
  });

  it("timer() can be cancelled, also afterwards", async () => {
    let called = false;
    const cancel = systemClock.timer(systemClock.now() + 1, () => called = true);
    cancel();
    await new Promise((resolve) => setTimeout(resolve, 5));
    cancel();
    assertEquals(called, false);
  });

  it("timer() for a far future does not overflow and call at once", async () => {
    let called = false;
    const cancels = [2 ** 31, 2 ** 40, Infinity].map((ms) =>
      systemClock.timer(systemClock.now() + ms, () => called = true)
    );
    await new Promise((resolve) => setTimeout(resolve, 5));
    for (const cancel of cancels) cancel();
    assertEquals(called, false);
  });
});

describe("sleep()", () => {
  it("sleep() resolves at its time, and waits again when it was woken early", async () => {
    const clock = new HandClock();
    const sleeping = sleep(clock, 100);
    const [timer] = [...clock.timers.keys()];
    clock.timers.clear();
    timer!();
    assertEquals([await isSettled(sleeping), clock.armed], [false, [100]]);
    await clock.go(100);
    assertEquals([await isSettled(sleeping), clock.armed], [true, []]);
  });

  it("sleep() resolves early for a signal, before and during, and leaves neither timer nor listener", async () => {
    const clock = new HandClock();
    const stop = new AbortController();
    const sleeping = sleep(clock, 100, stop.signal);
    assertEquals(await isSettled(sleeping), false);
    stop.abort();
    await sleeping;
    await sleep(clock, 100, stop.signal);
    await turn();
    assert(clock.timers.size === 0);
  });
});

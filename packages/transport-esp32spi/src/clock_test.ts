import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { systemClock } from "./clock.ts";

describe("systemClock", () => {
  it("sleeps at least as long as it was told", async () => {
    const start = systemClock.now();
    await systemClock.sleep(20);
    // Timers may fire up to a millisecond early.
    assert(systemClock.now() - start >= 19);
  });

  it("lets others have a turn when it sleeps for nothing", async () => {
    let turns = 0;
    const other = systemClock.sleep(0).then(() => turns++);
    await systemClock.sleep(0);
    await other;
    assertEquals(turns, 1);
  });

  it("wakes early when the signal is aborted, before or meanwhile", async () => {
    const controller = new AbortController();
    const sleeping = systemClock.sleep(1e6, controller.signal);
    controller.abort();
    await sleeping;
    await systemClock.sleep(1e6, controller.signal);
  });
});

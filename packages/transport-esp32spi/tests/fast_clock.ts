import type { Clock } from "../src/clock.ts";
import { systemClock } from "../src/clock.ts";

/** A clock that runs so many times as fast as the runtime's: for tests with real sockets, which take real time. */
export function fastClock(speed: number): Clock {
  return {
    now: () => systemClock.now() * speed,
    sleep: (time, signal) => systemClock.sleep(time / speed, signal),
  };
}

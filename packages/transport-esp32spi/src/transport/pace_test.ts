import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { LegacyPace } from "./pace.ts";

const BUFFER = 5744;

describe("the pace before 3.0.0", () => {
  it("is 1 KiB in 5 ms at first, and small writes need not wait for each other", () => {
    const pace = new LegacyPace(0);
    pace.note(1024, 1024, 0);
    assert(pace.next(1024) >= 5 && pace.next(1024) < 6, `${pace.next(1024)}`);
    const quick = new LegacyPace(0);
    quick.note(32, 32, 0);
    assertEquals(quick.next(32) <= 0, true);
  });

  it("uses less than the buffer until what was sent must have been acknowledged", () => {
    const pace = new LegacyPace(100);
    let now = 0;
    for (let sent = 0; sent + 1024 < BUFFER - 128; sent += 1024) {
      now = Math.max(now, pace.next(1024));
      assert(now < 100, `${now}`);
      pace.note(1024, 1024, now);
    }
    assert(pace.next(1024) > 100 && pace.next(1024) < 130, `${pace.next(1024)}`);
  });

  it("after a write that was taken in part waits, longest where nothing is known of the path", () => {
    for (const [roundTrip, least, most] of [[0, 600, 700], [50, 200, 350]] as const) {
      const pace = new LegacyPace(roundTrip);
      for (let count = 0; count < 5; count++) pace.note(1024, 1024, count);
      pace.note(1024, BUFFER - 5 * 1024, 5);
      assert(pace.next(700) - 5 >= least && pace.next(700) - 5 <= most, `${pace.next(700)}`);
      // None is as large as another: they must not fill the buffer exactly.
      assert(pace.size < 1024);
    }
  });

  it("finds the rate from how much was acknowledged when the buffer was full", () => {
    // 20 bytes a millisecond, and 10 ms of round trip.
    const pace = new LegacyPace(10);
    const path = new Path(20, 10);
    let now = 0;
    const start = { at: 0, sent: 0 };
    for (let sent = 0; sent < 200_000;) {
      const size = pace.size;
      now = Math.max(now, pace.next(size));
      const taken = path.write(size, now);
      assert(taken > 0, `nothing was taken at ${now} ms`);
      pace.note(size, taken, now);
      sent += taken;
      if (sent < 50_000) Object.assign(start, { at: now, sent });
      else if (sent >= 200_000) {
        const rate = (sent - start.sent) / (now - start.at);
        assert(rate > 17 && rate < 20.5, `${rate} bytes a millisecond`);
      }
    }
  });

  it("takes the first answer for a round trip where the dial did not tell", () => {
    const pace = new LegacyPace(1);
    pace.note(100, 100, 0);
    pace.answered(200);
    for (let count = 0; count < 5; count++) pace.note(1024, 1024, 300 + 6 * count);
    assert(pace.next(1024) >= 500, `${pace.next(1024)}`);
  });
});

/** A path, and the firmware's send buffer in front of it. */
class Path {
  readonly #rate: number;
  readonly #roundTrip: number;
  #underWay: { readonly size: number; readonly until: number }[] = [];
  #free = 0;

  constructor(rate: number, roundTrip: number) {
    this.#rate = rate;
    this.#roundTrip = roundTrip;
  }

  write(size: number, now: number): number {
    this.#underWay = this.#underWay.filter(({ until }) => until > now);
    const taken = Math.min(size, BUFFER - this.#underWay.reduce((sum, { size }) => sum + size, 0));
    this.#free = Math.max(this.#free, now) + taken / this.#rate;
    if (taken > 0) this.#underWay.push({ size: taken, until: this.#free + this.#roundTrip });
    return taken;
  }
}

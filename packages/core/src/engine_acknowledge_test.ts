/** How long a server may leave everything unacknowledged. */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ConnectionError } from "./errors.ts";
import { Bench, fault } from "../tests/support.ts";

const TIMES = [{ acknowledgeTimeout: 5000 }, { keepAlive: 0 }] as const;

/** Moves to the moment, and ticks. */
function at(bench: Bench, now: number): void {
  bench.now = now;
  bench.engine.tick(now);
}

describe("acknowledgeTimeout", () => {
  for (
    const [name, ask] of [
      ["a message with QoS 1", (bench: Bench) => bench.engine.publish("t", "", 1)],
      ["a message with QoS 2", (bench: Bench) => bench.engine.publish("t", "", 2)],
      ["a SUBSCRIBE", (bench: Bench) => bench.engine.subscribe([{ topic: "t", qos: 0 }])],
      ["an UNSUBSCRIBE", (bench: Bench) => bench.engine.unsubscribe(["t"])],
    ] as const
  ) {
    it(`ends the connection when ${name} is not acknowledged in time, from when it has left`, () => {
      const bench = Bench.online(...TIMES);
      assertEquals(bench.engine.deadline, Infinity);
      ask(bench);
      assertEquals(bench.engine.deadline, Infinity, "it has not left");
      bench.now = 1000;
      bench.sent();
      assertEquals(bench.engine.deadline, 6000);
      at(bench, 6000);
      const error = fault(bench.pull());
      assert(error instanceof ConnectionError);
      assertEquals([error.code, error.message], [
        "acknowledgement-timeout",
        "Nothing was acknowledged within 5 seconds.",
      ]);
    });
  }

  it("begins anew with each acknowledgement, a step of QoS 2 included, and ends with the last", () => {
    const bench = Bench.online(...TIMES);
    bench.engine.publish("t", "", 2);
    bench.engine.publish("t", "", 1);
    bench.sent();
    for (
      const [now, answer, deadline] of [
        [4000, "50020001", 9000],
        [8000, "40020002", 13_000],
        [12_000, "70020001", Infinity],
      ] as const
    ) {
      at(bench, now);
      bench.receive(answer);
      bench.sent();
      assertEquals(bench.engine.deadline, deadline);
    }
  });

  it("does not run for what was abandoned, unless something else is unacknowledged", () => {
    const bench = Bench.online(...TIMES);
    bench.engine.publish("t", "1", 1);
    bench.engine.publish("t", "2", 1);
    bench.sent();
    bench.engine.abandon(1);
    assertEquals(bench.engine.deadline, 5000);
    bench.engine.abandon(2);
    assertEquals(bench.engine.deadline, Infinity);
    at(bench, 100_000);
    bench.engine.publish("t", "3", 1);
    bench.sent();
    assertEquals([bench.state, bench.engine.deadline], ["online", 105_000]);
  });

  it("stands still while nobody reads", () => {
    const bench = Bench.online(...TIMES);
    bench.engine.publish("t", "1", 1);
    bench.sent();
    bench.engine.pause(1000);
    assertEquals(bench.engine.deadline, Infinity);
    bench.engine.resume(101_000);
    assertEquals(bench.engine.deadline, 105_000);
  });
});

import { assert, assertEquals, assertGreaterOrEqual } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { systemClock } from "../link/clock.ts";
import { type ClockWorker, type ClockWorkerEvent, workerClock, workerClockSource } from "./worker_clock.ts";

describe("workerClock()", () => {
  it("timer() waits in the worker, and calls once, not early", async () => {
    const worker = new WorkerHere();
    using clock = workerClock(worker);
    const at = clock.now() + 3.5;
    let calls = 0;
    await new Promise<void>((resolve) =>
      clock.timer(at, () => {
        calls++;
        resolve();
      })
    );
    assertGreaterOrEqual(clock.now(), at - 1);
    assertEquals([calls, worker.got], [1, [[0, 4]]]);
  });

  it("timer() for the past, and for a far future, asks the worker for what it can do", () => {
    const worker = new WorkerHere();
    using clock = workerClock(worker);
    const cancels = [clock.now() - 1000, clock.now() + 2 ** 40, Infinity].map((at) =>
      clock.timer(at, () => {})
    );
    assertEquals(worker.got, [[0, 0], [1, 0x7fff_ffff], [2, 0x7fff_ffff]]);
    for (const cancel of cancels) cancel();
  });

  it("timer() can be cancelled, also afterwards, and leaves nothing in the worker", async () => {
    const worker = new WorkerHere();
    using clock = workerClock(worker);
    const called: string[] = [];
    const cancel = clock.timer(clock.now() + 1, () => called.push("cancelled"));
    cancel();
    await new Promise<void>((resolve) => clock.timer(clock.now() + 5, resolve));
    cancel();
    assertEquals(called, []);
    assertEquals(worker.got.map(([id, wait]) => [id, wait < 0]), [[0, false], [0, true], [1, false]]);
  });

  it("a timer that the worker had sent off when it was cancelled does not call", () => {
    const worker = new WorkerHere();
    using clock = workerClock(worker);
    let called = false;
    const cancel = clock.timer(clock.now() + 1e6, () => called = true);
    cancel();
    worker.emit("message", { data: 0 });
    assertEquals(called, false);
  });

  for (const how of ["error", "dispose"] as const) {
    it(`timers wait in the page when the worker has ended, those that are armed as well (${how})`, async () => {
      const worker = new WorkerHere(() => {});
      using clock = workerClock(worker);
      const before = new Promise<void>((resolve) => clock.timer(clock.now() + 5, resolve));
      let cancelled = true;
      const cancel = clock.timer(clock.now() + 5, () => cancelled = false);
      let prevented = false;
      if (how === "error") worker.emit("error", { preventDefault: () => void (prevented = true) });
      else clock[Symbol.dispose]();
      cancel();
      await before;
      await new Promise<void>((resolve) => clock.timer(clock.now() + 5, resolve));
      assertEquals([cancelled, worker.ended, prevented, worker.got.length], [true, 1, how === "error", 2]);
    });
  }

  it("is the system's clock where there is no Worker", async () => {
    using clock = withWorker(undefined, () => workerClock());
    await new Promise<void>((resolve) => clock.timer(clock.now() + 2, resolve));
    assert(Math.abs(clock.now() - systemClock.now()) < 1000);
  });

  it("is the system's clock where a policy forbids the Worker", async () => {
    const forbidden = function () {
      throw new DOMException("blob: is not allowed", "SecurityError");
    };
    using clock = withWorker(forbidden, () => workerClock());
    await new Promise<void>((resolve) => clock.timer(clock.now() + 2, resolve));
  });

  it("turn() comes after what runs at present, in the order of the calls, and takes no timer", async () => {
    for (const immediate of [true, false]) {
      const { setImmediate } = globalThis;
      if (!immediate) Reflect.deleteProperty(globalThis, "setImmediate");
      try {
        using clock = workerClock(new WorkerHere());
        const order: string[] = [];
        const done = new Promise<void>((resolve) => {
          clock.turn(() => order.push("first"));
          clock.turn(() => {
            order.push("second");
            resolve();
          });
        });
        await Promise.resolve().then(() => order.push("promises"));
        await done;
        assertEquals(order, ["promises", "first", "second"]);
      } finally {
        globalThis.setImmediate = setImmediate;
      }
    }
  });

  const title = "timer() waits in a real Worker with workerClockSource, without a timer of the page";
  const reason = "Worker" in globalThis ? "" : " (skipped: Node has no Worker)";
  (reason === "" ? it : it.skip)(`${title}${reason}`, async () => {
    const { Worker } = globalThis as unknown as { Worker: new (url: string, as: object) => ClockWorker };
    const url = URL.createObjectURL(new Blob([workerClockSource], { type: "text/javascript" }));
    // Deno has no others than modules.
    using clock = workerClock(new Worker(url, { type: "module" }));
    const at = clock.now() + 20;
    // The page's own timers would not do: there are none for a while.
    const { setTimeout } = globalThis;
    globalThis.setTimeout = (() => 0) as unknown as typeof setTimeout;
    try {
      await new Promise<void>((resolve) => clock.timer(at, resolve));
    } finally {
      globalThis.setTimeout = setTimeout;
    }
    assertGreaterOrEqual(clock.now(), at - 1);
  });
});

/** The Worker's program, run here. */
class WorkerHere implements ClockWorker {
  readonly got: [number, number][] = [];
  ended = 0;
  readonly #listeners: [string, (event: ClockWorkerEvent) => void][] = [];
  readonly #run: (event: { readonly data: unknown }) => void;

  constructor(run?: () => void) {
    const make = new Function("postMessage", `let onmessage; ${workerClockSource} return onmessage;`);
    this.#run = run ?? make((data: unknown) => this.emit("message", { data }));
  }

  postMessage(data: unknown): void {
    this.got.push(data as [number, number]);
    this.#run({ data });
  }

  terminate(): void {
    this.ended++;
  }

  addEventListener(type: "message" | "error", listener: (event: ClockWorkerEvent) => void): void {
    this.#listeners.push([type, listener]);
  }

  emit(type: "message" | "error", event: ClockWorkerEvent): void {
    for (const [heard, listener] of this.#listeners) if (heard === type) listener(event);
  }
}

/** Runs something where there is another `Worker`, or none. */
function withWorker<Result>(replacement: unknown, run: () => Result): Result {
  const runtime = globalThis as { Worker?: unknown };
  const had = "Worker" in runtime;
  const { Worker } = runtime;
  runtime.Worker = replacement;
  try {
    return run();
  } finally {
    if (had) runtime.Worker = Worker;
    else Reflect.deleteProperty(runtime, "Worker");
  }
}

import { assertEquals, assertLess, assertRejects, assertStrictEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { race as raceTo } from "./race.ts";

function race<Opened>(
  addresses: readonly string[],
  attempt: Parameters<typeof raceTo<Opened>>[1],
  signal?: AbortSignal,
): Promise<Opened> {
  return raceTo(Promise.resolve(addresses), attempt, signal);
}

/** Addresses that answer, or fail, after so many milliseconds; how each attempt ended. */
function network(times: Record<string, number>) {
  const tried: string[] = [];
  const abandoned: string[] = [];
  const attempt = (address: string) => {
    tried.push(address);
    const time = times[address]!;
    let timer: ReturnType<typeof setTimeout>;
    const opened = new Promise<string>((resolve, reject) => {
      const error = Object.assign(new Error(`${address} has no route`), { code: "ENETUNREACH" });
      timer = setTimeout(() => time < 0 ? reject(error) : resolve(address), Math.abs(time));
    });
    return { opened, abandon: () => (clearTimeout(timer), void abandoned.push(address)) };
  };
  return { tried, abandoned, attempt };
}

describe("race()", () => {
  it("race() goes on at once where an address has no route, and waits for a slow one", async () => {
    const { attempt, abandoned } = network({ a: -1, b: 1100 });
    assertEquals(await race(["a", "b"], attempt), "b");
    assertEquals(abandoned, ["a"]);
  });

  it("race() tries the next one beside a silent one, and gives up the silent one for who answers", async () => {
    const { attempt, tried, abandoned } = network({ a: 60_000, b: 1, c: 1 });
    const start = performance.now();
    assertEquals(await race(["a", "b", "c"], attempt), "b");
    assertLess(performance.now() - start, 5000);
    assertEquals([tried, abandoned], [["a", "b"], ["a"]]);
  });

  it("race() takes a slow first one that answers while the next ones do not", async () => {
    const { attempt, abandoned } = network({ a: 400, b: 60_000 });
    assertEquals(await race(["a", "b"], attempt), "a");
    assertEquals(abandoned, ["b"]);
  });

  it("race() rejects with the error of the only one, or with those of all", async () => {
    const { attempt } = network({ a: -1, b: -1 });
    await assertRejects(() => race(["a"], attempt), Error, "a has no route");
    const error = await assertRejects(() => race(["a", "b"], attempt), AggregateError);
    assertEquals([error.message, (error as { code?: string }).code], [
      "a has no route; b has no route",
      "ENETUNREACH",
    ]);
  });

  it("race() rejects when no address is found, and does not wait for a name when the signal is aborted", async () => {
    const { attempt } = network({});
    await assertRejects(
      () => raceTo(Promise.reject(new Error("no such name")), attempt),
      Error,
      "no such name",
    );
    const stop = new AbortController();
    const racing = raceTo(new Promise<string[]>(() => {}), attempt, stop.signal).catch((error) => error);
    stop.abort("enough");
    assertEquals(await racing, "enough");
  });

  it("race() rejects with the signal's reason, before and during, and gives up all attempts", async () => {
    const reason = new Error("enough");
    const { attempt, tried, abandoned } = network({ a: -1, b: 60_000 });
    assertStrictEquals(await race(["a"], attempt, AbortSignal.abort(reason)).catch((error) => error), reason);
    assertEquals(tried, []);
    const stop = new AbortController();
    const racing = race(["a", "b"], attempt, stop.signal).catch((error) => error);
    setTimeout(() => stop.abort(reason), 20);
    assertStrictEquals(await racing, reason);
    assertEquals(abandoned, ["a", "b"]);
  });
});

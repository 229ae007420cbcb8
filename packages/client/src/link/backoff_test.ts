import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { backoff } from "./backoff.ts";

describe("backoff()", () => {
  it("backoff() doubles up to 16 times the first wait: 2, 4, 8, 16, 32, 32 seconds (MM-036)", () => {
    const waits = [1, 2, 3, 4, 5, 6, 7, 1000, 2000].map((failures) => backoff(failures, 2000, 0));
    assertEquals(waits, [2000, 4000, 8000, 16_000, 32_000, 32_000, 32_000, 32_000, 32_000]);
  });

  it("backoff() adds 0 to 1000 whole milliseconds on top, also of the longest (MM-036)", () => {
    for (const failures of [1, 5, 9]) {
      const base = backoff(failures, 2000, 0);
      assertEquals(backoff(failures, 2000, 0.5) - base, 500);
      assertEquals(backoff(failures, 2000, 1 - Number.EPSILON) - base, 1000);
      assertEquals(backoff(failures, 2000, 0.0009), base);
    }
    assertEquals(backoff(9, 2000, 1 - Number.EPSILON), 33_000);
  });

  it("backoff() of nothing is nothing", () => {
    assertEquals(backoff(5, 0, 0.9), 0);
  });
});

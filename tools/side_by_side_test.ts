import { assertEquals, assertGreater, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { sideBySide } from "./side_by_side.ts";

/** Jobs that wait, and how many did so at a time. */
class Waiting {
  #now = 0;
  most = 0;
  readonly begun: number[] = [];

  jobs(count: number, time: number): (() => Promise<number>)[] {
    return Array.from({ length: count }, (_, number) => async () => {
      this.begun.push(number);
      this.most = Math.max(this.most, ++this.#now);
      await new Promise((resolve) => setTimeout(resolve, time));
      this.#now--;
      return number;
    });
  }
}

describe("sideBySide", () => {
  it("begins jobs in their order, beside each other, and gives the results in that order", async () => {
    const waiting = new Waiting();
    assertEquals(await sideBySide(waiting.jobs(6, 50), 4), [0, 1, 2, 3, 4, 5]);
    assertEquals(waiting.begun, [0, 1, 2, 3, 4, 5]);
    assertGreater(waiting.most, 1);
  });

  it("never runs more than it may", async () => {
    const waiting = new Waiting();
    await sideBySide(waiting.jobs(5, 600), 2);
    assertEquals(waiting.most, 2);
  });

  it("rejects with what a job rejects with", async () => {
    await assertRejects(() => sideBySide([() => Promise.reject(new Error("mine"))], 2), Error, "mine");
  });
});

import type { Message } from "@minimqtt/core";
import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { OVERFLOW } from "./message_queue.ts";
import { Unclaimed } from "./unclaimed.ts";

const message = (size: number) => ({ payload: new Uint8Array(size) }) as Message;

describe("Unclaimed", () => {
  it("keeps messages up to its limits in number and in bytes", () => {
    const unclaimed = new Unclaimed({ messages: 2, bytes: 100 });
    for (let i = 0; i < 100; i++) unclaimed.push(message(1));
    assertEquals(unclaimed.takeAll().length, 2 * OVERFLOW);
    for (let i = 0; i < 100; i++) unclaimed.push(message(400));
    assertEquals(unclaimed.takeAll().length, 2);
    assertEquals(unclaimed.takeAll(), []);
  });
});

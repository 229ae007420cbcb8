import { assertEquals, assertLess } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { Message, QoS } from "@minimqtt/core";
import { Gate, MessageQueue, OVERFLOW } from "./message_queue.ts";
import { Delivery } from "./received_message.ts";

function message(size = 1, qos: QoS = 0): Delivery {
  const payload = new Uint8Array(size);
  return new Delivery(
    {
      type: "message",
      packet: 0x30,
      topic: "t",
      payload,
      qos,
      retain: false,
      duplicate: false,
      id: 0,
    } as Message,
    undefined,
  );
}

function bench(messages: number, bytes: number) {
  let opened = 0;
  const gate = new Gate(() => opened++);
  return { gate, queue: new MessageQueue({ messages, bytes }, gate), opened: () => opened };
}

describe("MessageQueue", () => {
  it("gives all at once, in order, and an array of the caller's own also when there is nothing", () => {
    const { queue } = bench(10, 1000);
    const all = [message(), message()];
    for (const one of all) queue.push(one);
    assertEquals(queue.length, 2);
    assertEquals(queue.takeAll(), all);
    queue.takeAll().push(message());
    assertEquals(queue.length, 0);
  });

  it("closes the gate at its limit in messages or in bytes, and opens it when it is emptied", () => {
    for (const [messages, bytes, size] of [[3, 1000, 1], [1000, 30, 10]] as const) {
      const { queue, gate, opened } = bench(messages, bytes);
      queue.push(message(size));
      queue.push(message(size));
      assertEquals(gate.full, 0);
      queue.push(message(size));
      assertEquals([gate.full, opened()], [1, 0]);
      queue.takeAll();
      queue.takeAll();
      assertEquals([gate.full, opened()], [0, 1]);
    }
  });

  it("says whether a message can come in without closing it", () => {
    const { queue, gate } = bench(3, 30);
    assertEquals([queue.hasRoom(message(29)), queue.hasRoom(message(30))], [true, false]);
    queue.push(message());
    queue.push(message());
    assertEquals([queue.hasRoom(message()), gate.full], [false, 0]);
  });

  it("gives up and counts QoS 0 when it has overflowed, in messages or in bytes, and takes QoS 1 and 2", () => {
    for (const [messages, bytes, size] of [[2, 10_000, 1], [1000, 20_000, 10_000]] as const) {
      const { queue, gate } = bench(messages, bytes);
      for (let i = 0; i < 2 * OVERFLOW; i++) queue.push(message(size));
      assertEquals([queue.length, gate.dropped], [2 * OVERFLOW, 0]);
      queue.push(message(size));
      assertEquals([queue.length, gate.dropped], [2 * OVERFLOW, 1]);
      queue.push(message(size, 1));
      queue.push(message(size, 2));
      assertEquals([queue.length, gate.dropped], [2 * OVERFLOW + 2, 1]);
      queue.takeAll();
      assertEquals([gate.full, gate.jammed], [0, 0]);
    }
  });

  it("jams the gate when QoS 1 and 2 have overflowed in what they hold, not in number", () => {
    const { queue, gate } = bench(2, 10_000);
    for (let i = 0; i < 100; i++) queue.push(message(1, 1));
    assertEquals([gate.full, gate.jammed], [1, 0]);
    queue.push(message(10_000 * OVERFLOW, 1));
    queue.push(message(1, 2));
    queue.push(message(1, 2));
    assertEquals([queue.length, gate.jammed], [103, 1]);
    queue.takeAll();
    assertEquals([gate.full, gate.jammed], [0, 0]);
  });

  it("jams the gate by empty messages as well: each of them holds something", () => {
    const { queue, gate } = bench(2, 10_000);
    for (let i = 0; i < 10_000 && gate.jammed === 0; i++) queue.push(message(0, 1));
    assertLess(queue.length, 400);
    assertEquals([gate.isOpen(true), gate.isOpen(false)], [false, false]);
    queue.takeAll();
    assertEquals([gate.isOpen(true), gate.isOpen(false)], [true, true]);
  });

  it("opens the gate only when no other queue is full", () => {
    let opened = 0;
    const gate = new Gate(() => opened++);
    const queues = [1, 2].map(() => new MessageQueue({ messages: 1, bytes: 10 }, gate));
    for (const queue of queues) queue.push(message());
    queues[0]!.takeAll();
    assertEquals([gate.full, opened], [1, 0]);
    queues[1]!.takeAll();
    assertEquals([gate.full, opened], [0, 1]);
  });
});

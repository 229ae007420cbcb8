import { assert, assertEquals, assertNotEquals, assertStrictEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Outbox } from "./outbox.ts";
import { hex } from "../tests/support.ts";

function put(out: Outbox, ...values: number[]): void {
  const at = out.reserve(values.length);
  values.forEach((value, i) => out.bytes[at + i] = value);
}

describe("Outbox.take()", () => {
  it("gives null when nothing waits, and everything as one batch when something does", () => {
    const out = new Outbox();
    assertEquals(out.take(), null);
    put(out, 1, 2);
    put(out, 3);
    assertEquals(out.length, 3);
    assertEquals(hex(out.take()!), "010203");
    assertEquals(out.length, 0);
    assertEquals(out.take(), null);
  });

  it("leaves a batch untouched until it comes back", () => {
    const out = new Outbox();
    put(out, 1, 2, 3);
    const batch = out.take()!;
    for (let i = 0; i < 10; i++) {
      put(out, 9, 9, 9, 9);
      if (i % 3 === 2) out.take();
    }
    assertEquals(hex(batch), "010203");
  });

  it("never fills the array that is lent, also when the spare one is used up", () => {
    const out = new Outbox();
    put(out, 1);
    const first = out.take()!;
    put(out, 2);
    out.give(first);
    out.take();
    put(out, 3);
    const third = out.take()!;
    put(out, 4);
    assertEquals(hex(third), "03");
  });
});

describe("Outbox.give()", () => {
  it("makes two arrays serve for ever, one filling while the other is written", () => {
    const out = new Outbox();
    const buffers = new Set<unknown>();
    put(out, 1);
    for (let i = 0; i < 1000; i++) {
      const batch = out.take()!;
      buffers.add(batch.buffer);
      put(out, i & 0xff);
      out.give(batch);
    }
    assertEquals(buffers.size, 2);
  });

  it("ignores a batch given twice, one of before, and an array of somebody else's", () => {
    const out = new Outbox();
    put(out, 1);
    const first = out.take()!;
    out.give(first);
    out.give(first);
    put(out, 2);
    const second = out.take()!;
    assertStrictEquals(second.buffer, first.buffer);
    out.give(first);
    out.give(new Uint8Array(64));
    put(out, 3);
    assertNotEquals(out.bytes.buffer, second.buffer);
    assertEquals(hex(second), "02");
  });

  it("does not keep the array of a large packet", () => {
    const out = new Outbox();
    out.reserve(1_000_000);
    const batch = out.take()!;
    out.give(batch);
    put(out, 1);
    assert(out.bytes.length < 1000);
  });
});

describe("Outbox.reserve()", () => {
  it("keeps what waits when it grows", () => {
    const out = new Outbox();
    let expected = "";
    for (let size = 1; size < 600; size++) {
      put(out, ...new Array(size).fill(size & 0xff));
      expected += (size & 0xff).toString(16).padStart(2, "0").repeat(size);
    }
    assertEquals(hex(out.take()!), expected);
  });
});

describe("Outbox.clear()", () => {
  it("drops what waits, and a large array", () => {
    const out = new Outbox();
    out.reserve(300);
    out.clear();
    assertEquals(out.take(), null);
    assert(out.bytes.length > 0, "a small array stays");
    out.reserve(200_000);
    out.clear();
    assertEquals(out.bytes.length, 0);
  });
});

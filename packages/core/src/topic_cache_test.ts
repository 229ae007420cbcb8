import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import { Buffer } from "node:buffer";
import { TopicCache } from "./topic_cache.ts";
import { text, utf8 } from "../tests/support.ts";

describe("TopicCache.get()", () => {
  it("makes the text of a range once", () => {
    let made = 0;
    const cache = new TopicCache((bytes) => {
      made++;
      return text(bytes);
    });
    const bytes = utf8("xxbench/topicyy");
    for (let i = 0; i < 10; i++) assertEquals(cache.get(bytes, 2, 13), "bench/topic");
    assertEquals(made, 1);
  });

  it("always gives what the bytes say, whatever shares a slot", () => {
    const cache = new TopicCache(text);
    const unit = fc.constantFrom("a", "b", "c", "/", "é", "😀");
    fc.assert(
      fc.property(fc.array(fc.string({ unit, maxLength: 6 }), { maxLength: 50 }), (topics) => {
        for (const topic of topics) {
          const bytes = utf8(`#${topic}#`);
          assertEquals(cache.get(bytes, 1, bytes.length - 1), topic);
        }
      }),
      { numRuns: 200 },
    );
  });

  it("takes ranges of any length", () => {
    const cache = new TopicCache(text);
    for (const length of [0, 1, 127, 128, 129, 1000, 65_535]) {
      const bytes = utf8("t".repeat(length));
      for (let i = 0; i < 2; i++) assertEquals(cache.get(bytes, 0, length).length, length);
    }
  });

  it("does not cache what is refused", () => {
    let refuse = true;
    const cache = new TopicCache((bytes) => {
      if (refuse) throw new RangeError("no");
      return text(bytes);
    });
    assertThrows(() => cache.get(utf8("a"), 0, 1), RangeError);
    assertThrows(() => cache.get(utf8("a"), 0, 1), RangeError);
    refuse = false;
    assertEquals(cache.get(utf8("a"), 0, 1), "a");
  });

  it("keeps no view of the chunk, also of a Buffer", () => {
    for (const make of [utf8, (value: string) => Buffer.from(value)]) {
      let made = 0;
      const cache = new TopicCache((bytes) => {
        made++;
        return text(bytes);
      });
      const bytes = make("topic");
      cache.get(bytes, 0, 5);
      bytes.fill(0x61);
      assertEquals(cache.get(utf8("topic"), 0, 5), "topic");
      assertEquals(made, 1);
      assertEquals(cache.get(bytes, 0, 5), "aaaaa");
    }
  });
});

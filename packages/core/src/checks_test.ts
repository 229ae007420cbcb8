import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { checkPayload, checkSize } from "./checks.ts";
import { UsageError } from "./errors.ts";

describe("checkSize()", () => {
  it("takes what the remaining length can say, and not a byte more (MM-094)", () => {
    checkSize(268_435_455);
    assertEquals(assertThrows(() => checkSize(268_435_456), UsageError).code, "payload-too-large");
  });
});

describe("checkPayload()", () => {
  it("takes text and bytes, and nothing else (MM-076)", () => {
    for (const payload of ["", "a€😀", new Uint8Array(3)]) checkPayload(payload, 4);
    for (const payload of [null, undefined, 1, true, {}, [1]]) {
      assertEquals(assertThrows(() => checkPayload(payload, 4), UsageError).code, "invalid-argument");
    }
  });

  it("refuses half a surrogate pair, in short text and in long [MQTT-1.5.3-1]", () => {
    for (const text of ["\ud800", "a".repeat(1 << 20) + "\udc00"]) {
      assertEquals(assertThrows(() => checkPayload(text, 4), UsageError).code, "invalid-argument");
    }
  });
});

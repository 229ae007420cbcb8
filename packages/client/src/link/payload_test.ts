import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { UsageError } from "@minimqtt/core";
import { toPayload } from "./payload.ts";

describe("toPayload()", () => {
  it("toPayload() leaves text and bytes as they are (MM-075)", () => {
    const array = Uint8Array.of(1, 2);
    assertStrictEquals(toPayload("text"), "text");
    assertStrictEquals(toPayload(array), array);
  });

  it("toPayload() makes text of numbers by Python's rules (MM-077)", () => {
    const cases: [number | bigint, string][] = [
      [42, "42"],
      [-7, "-7"],
      [0, "0"],
      [-0, "0"],
      [1.5, "1.5"],
      [0.1, "0.1"],
      [-0.25, "-0.25"],
      [1e-4, "0.0001"],
      [1.5e-4, "0.00015"],
      [1e-5, "1e-05"],
      [1.25e-5, "1.25e-05"],
      [1e-7, "1e-07"],
      [-1e-7, "-1e-07"],
      [1e-100, "1e-100"],
      [5e-324, "5e-324"],
      [1e15, "1000000000000000"],
      [9_007_199_254_740_991, "9007199254740991"],
      [9_007_199_254_740_992, "9007199254740992"],
      [1e16, "1e+16"],
      [1.5e20, "1.5e+20"],
      [1e21, "1e+21"],
      [1e22, "1e+22"],
      [1.7976931348623157e308, "1.7976931348623157e+308"],
      [123_456.789, "123456.789"],
      [12_345_678_901_234_567_890n, "12345678901234567890"],
      [-1n, "-1"],
    ];
    for (const [value, text] of cases) assertEquals(toPayload(value), text);
  });

  it("toPayload() takes any view and buffer as exactly its own bytes (MM-076)", () => {
    const { buffer } = Uint8Array.of(1, 2, 3, 4, 5, 6);
    assertEquals(toPayload(buffer), Uint8Array.of(1, 2, 3, 4, 5, 6));
    assertEquals(toPayload(new DataView(buffer, 1, 2)), Uint8Array.of(2, 3));
    assertEquals(toPayload(new Uint16Array(buffer, 2, 2)), Uint8Array.of(3, 4, 5, 6));
    assertEquals(toPayload(new Uint8ClampedArray(buffer, 5)), Uint8Array.of(6));
    assertEquals(toPayload(new ArrayBuffer(0)), new Uint8Array(0));
  });

  it("toPayload() refuses everything else in the reference's words (MM-071) (MM-076)", () => {
    for (const message of [null, undefined]) {
      assertThrows(() => toPayload(message), UsageError, "Message can not be None.");
    }
    for (const message of [true, false, {}, [], [1], new Map(), () => {}, Symbol("s"), new Date(0)]) {
      assertThrows(() => toPayload(message), UsageError, "Invalid message data type.");
    }
    for (const message of [NaN, Infinity, -Infinity]) {
      assertEquals(assertThrows(() => toPayload(message), UsageError).code, "invalid-argument");
    }
  });
});

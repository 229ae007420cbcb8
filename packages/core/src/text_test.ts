import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import { decodeText, encodeText, payloadBytes, writeText } from "./text.ts";
import { textArb } from "../tests/arbitraries.ts";
import { bytes, hex, utf8 } from "../tests/support.ts";

describe("writeText()", () => {
  it("writes what TextEncoder gives, at its place and nowhere else (MM-066)", () => {
    fc.assert(
      fc.property(textArb, fc.nat(5), (value, at) => {
        const expected = utf8(value);
        const room = new Uint8Array(at + expected.length + 5).fill(0xaa);
        writeText(room, at, value);
        assertEquals(hex(room), "aa".repeat(at) + hex(expected) + "aa".repeat(5));
      }),
      { numRuns: 100 },
    );
  });
});

describe("payloadBytes()", () => {
  it("gives bytes as they are, and text as UTF-8 of any length (MM-066) (MM-075)", () => {
    const bytes = utf8("x");
    assertStrictEquals(payloadBytes(bytes), bytes);
    for (const tail of ["", "é", "€", "😀", "\ufeff", "\0"]) {
      for (const length of [0, 1, 2, 100, 1364, 1365, 1366, 4095, 4096, 4097, 100_000]) {
        for (const fill of ["a", "é", "€", "😀"]) {
          const value = fill.repeat(length / fill.length) + tail;
          assertEquals(payloadBytes(value), utf8(value));
        }
      }
    }
  });
});

describe("decodeText()", () => {
  it("gives back what was encoded, U+FEFF and U+0000 included [MQTT-1.5.3-3]", () => {
    for (const value of ["", "\ufeff", "\ufeff\ufeffa", "a\ufeff", "\0", "é€😀\u{10ffff}\uffff\ufffd"]) {
      assertEquals(decodeText(encodeText(value)), value);
    }
    fc.assert(fc.property(textArb, (value) => {
      assertEquals(decodeText(encodeText(value)), value);
    }));
  });

  it("throws for ill-formed bytes [MQTT-1.5.3-1]", () => {
    for (
      const bad of [
        "80",
        "c3",
        "c328",
        "c080",
        "e08080",
        "eda080",
        "edbfbf",
        "f4908080",
        "f0808080",
        "ff",
        "61e282",
        "efbfbd80",
      ]
    ) {
      assertThrows(() => decodeText(bytes(bad)), TypeError);
    }
  });
});

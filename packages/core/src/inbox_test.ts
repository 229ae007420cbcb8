import { assert, assertEquals, assertFalse, assertStrictEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import { Buffer } from "node:buffer";
import { ProtocolError } from "./errors.ts";
import { Inbox } from "./inbox.ts";
import { bytes, hex, packet, publish, remaining } from "../tests/support.ts";

const LARGE = 10_000_000;

function inbox(limit = LARGE): Inbox {
  return new Inbox(limit, () => {});
}

/** The packets that are there, each as its first byte and body. */
function packets(box: Inbox): string[] {
  const found: string[] = [];
  while (box.next()) {
    found.push(`${box.first.toString(16).padStart(2, "0")}:${hex(box.bytes.subarray(box.start, box.end))}`);
  }
  return found;
}

describe("Inbox.next()", () => {
  it("gives nothing before anything came", () => {
    const box = inbox();
    assertFalse(box.next());
    assertFalse(box.unread);
    assertEquals(box.missing, 0);
    box.push(new Uint8Array(0));
    assertFalse(box.next());
  });

  it("gives packets in place, without a copy", () => {
    const box = inbox();
    const chunk = bytes("d000 40020001 d000");
    box.push(chunk);
    assert(box.next() && box.next());
    assertStrictEquals(box.bytes, chunk);
    assertEquals([box.first, box.start, box.end], [0x40, 4, 6]);
    assert(box.next());
    assertFalse(box.next());
    assertEquals(box.bytes.length, 0, "an idle inbox holds no chunk");
  });

  it("copies a packet that spans chunks once, into an array of its size", () => {
    const box = inbox();
    const stream = bytes(publish("t", "x".repeat(1000)));
    for (const [start, end] of [[0, 100], [100, 400], [400, 900]]) box.push(stream.slice(start, end));
    assertFalse(box.next());
    assertEquals(box.missing, stream.length - 900);
    box.push(stream.slice(900));
    assert(box.next());
    assertEquals(box.bytes.buffer.byteLength, stream.length - 3);
    assertEquals([box.start, box.end], [0, stream.length - 3]);
  });

  it("gives the same packets however the stream is cut (MM-224)", () => {
    const stream = bytes(
      "20020000 d000 300a000472782f307a65726f 40020001" + publish("a", "x".repeat(300)) + "d000",
    );
    const whole = inbox();
    whole.push(stream);
    const expected = packets(whole);
    assertEquals(expected.length, 6);
    for (let cut = 0; cut <= stream.length; cut++) {
      for (const early of [false, true]) {
        const box = inbox();
        box.push(stream.slice(0, cut));
        const found = early ? packets(box) : [];
        box.push(stream.slice(cut));
        assertEquals([...found, ...packets(box)], expected, `cut at ${cut}`);
        assertEquals(box.missing, 0);
      }
    }
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(40), fc.boolean()), { maxLength: 40 }), (steps) => {
        const box = inbox();
        const found: string[] = [];
        let at = 0;
        for (const [size, pull] of steps) {
          box.push(stream.slice(at, at += size));
          if (pull) found.push(...packets(box));
        }
        box.push(stream.slice(at));
        assertEquals([...found, ...packets(box)], expected);
      }),
      { numRuns: 200 },
    );
  });

  it("decodes the remaining length at every boundary (section 2.2.3) (MM-095)", () => {
    for (const size of [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152]) {
      const stream = new Uint8Array(5 + size).fill(0x55);
      const head = bytes(`30${remaining(size)}`);
      stream.set(head);
      const whole = stream.subarray(0, head.length + size);
      for (const cut of [0, 1, 2, head.length, head.length + (size >> 1)]) {
        if (cut > whole.length) continue;
        const box = inbox();
        box.push(whole.subarray(0, cut));
        if (cut < whole.length) assertFalse(box.next());
        box.push(whole.subarray(cut));
        assert(box.next());
        assertEquals(box.end - box.start, size);
        assertFalse(box.next());
      }
    }
  });

  it("takes a length that is not in its shortest form, which MQTT 3.1.1 does not forbid", () => {
    const box = inbox();
    box.push(bytes("d0808000 d08000 408200 0001"));
    assertEquals(packets(box), ["d0:", "d0:", "40:0001"]);
  });

  it("refuses a fifth byte of length, whatever follows (section 2.2.3) (MM-210)", () => {
    for (const text of ["3080808080", "30ffffffff", "308080808001", "3080808080 00"]) {
      for (let cut = 1; cut <= 5; cut++) {
        const box = inbox();
        box.push(bytes(text).slice(0, cut));
        const error = assertThrows(() => {
          if (cut < 5) assertFalse(box.next());
          box.push(bytes(text).slice(cut));
          box.next();
        }, ProtocolError);
        assertEquals(error.statement, "section 2.2.3");
        assertEquals(error.summary, "invalid remaining length encoding");
      }
    }
  });

  it("refuses a packet over the limit by its header, and takes one of just the limit [MQTT-4.8.0-2] (MM-096)", () => {
    for (const size of [127, 128, 16_384, 2_097_152]) {
      const whole = size + 1 + remaining(size).length / 2;
      const header = bytes(`30${remaining(size)}`);
      const over = inbox(whole - 1);
      over.push(header);
      const error = assertThrows(() => over.next(), ProtocolError);
      assertEquals([error.code, error.statement], ["packet-too-large", "MQTT-4.8.0-2"]);
      const fits = inbox(whole);
      fits.push(header);
      assertFalse(fits.next());
      assertEquals(fits.missing, size);
    }
  });

  it("refuses the largest length there is under the usual limit, without memory for it (MM-096)", () => {
    const box = inbox();
    box.push(bytes("30ffffff7f"));
    const error = assertThrows(() => box.next(), ProtocolError);
    assertEquals(error.summary, "a packet of 268435460 bytes arrives, the limit is 10000000");
    assertEquals(box.missing, 1, "nothing was made for the body");
  });

  it("asks the header check before the limit and before the body", () => {
    const asked: number[][] = [];
    const box = new Inbox(10, (first, length) => {
      asked.push([first, length]);
      if (first === 0) throw new ProtocolError("unexpected-packet", "no", "x");
    });
    box.push(bytes("4002"));
    assertFalse(box.next());
    box.push(bytes("0001 00ffff7f"));
    assert(box.next());
    assertEquals(assertThrows(() => box.next(), ProtocolError).summary, "no");
    assertEquals(asked, [[0x40, 2], [0, 2_097_151]]);
  });

  it("takes a megabyte byte by byte in linear time, pulled at once or at the end", () => {
    const size = 1 << 20;
    const stream = new Uint8Array(size + 4).fill(7);
    stream.set(bytes(`30${remaining(size)}`));
    for (const early of [true, false]) {
      const box = inbox();
      let count = 0;
      for (let i = 0; i < stream.length; i++) {
        box.push(stream.subarray(i, i + 1));
        if (early && box.next()) count++;
      }
      if (!early && box.next()) count++;
      assertEquals(count, 1);
      assertEquals(box.end - box.start, size);
    }
  });

  it("takes a hundred thousand packets that wait, in linear time", () => {
    const box = inbox();
    for (let i = 0; i < 100_000; i++) box.push(bytes("d000"));
    let count = 0;
    while (box.next()) count++;
    assertEquals(count, 100_000);
  });
});

describe("Inbox.push()", () => {
  it("makes plain arrays of a Buffer, whose slice() would not copy", () => {
    const box = inbox();
    const whole = Buffer.from("0040020102", "hex");
    box.push(whole.subarray(1));
    assert(box.next());
    assertStrictEquals(Object.getPrototypeOf(box.bytes), Uint8Array.prototype);
    assertStrictEquals(box.bytes.buffer, whole.buffer);
    assertEquals(hex(box.bytes.subarray(box.start, box.end)), "0102");
  });
});

describe("Inbox.unread", () => {
  it("tells whether bytes lie there that next() has not looked at", () => {
    const box = inbox();
    box.push(bytes("d000 d0"));
    box.push(bytes("00"));
    assert(box.unread);
    assert(box.next());
    assert(box.unread);
    assert(box.next());
    assertFalse(box.unread);
    box.push(bytes("30"));
    assertFalse(box.next());
    assertFalse(box.unread, "a packet that has begun has been looked at");
  });
});

describe("Inbox.missing", () => {
  it("counts what the packet that has begun lacks, as far as is known (MM-179)", () => {
    const box = inbox();
    const steps: [string, number][] = [
      ["30", 1],
      ["84", 1],
      ["00", 4],
      ["0001", 2],
      ["74", 1],
      ["78", 0],
      ["d0", 1],
      ["00", 0],
    ];
    for (const [text, missing] of steps) {
      box.push(bytes(text));
      while (box.next());
      assertEquals(box.missing, missing);
    }
  });
});

describe("Inbox.clear()", () => {
  it("forgets all bytes, in every state", () => {
    for (const text of ["30", "3080", "300400", "d000 30", "d000"]) {
      const box = inbox();
      box.push(bytes(text));
      box.push(bytes("31"));
      box.next();
      box.clear();
      assertFalse(box.unread);
      assertEquals(box.missing, 0);
      box.push(bytes(packet(0x40, "0102")));
      assertEquals(packets(box), ["40:0102"]);
    }
  });
});

describe("Inbox.limit", () => {
  it("may be changed at any time", () => {
    const box = inbox(100);
    box.limit = 4;
    box.push(bytes("40020001 3003000174"));
    assert(box.next());
    assertThrows(() => box.next(), ProtocolError);
  });
});

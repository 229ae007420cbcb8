import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ProtocolError } from "../errors.ts";
import { Inbox } from "../inbox.ts";
import type { Message } from "../packets.ts";
import { bytes, field, hex, packet, publish, u16, utf8 } from "../../tests/support.ts";
import { reading as read } from "./read.ts";

/** An inbox with its cursor on the packet. */
function cursor(text: string): Inbox {
  const inbox = new Inbox(1_000_000, read.check);
  inbox.push(bytes(text));
  assert(inbox.next());
  return inbox;
}

function message(text: string): Message {
  return read.readPublish(cursor(text));
}

function refused(action: () => unknown, statement: string): ProtocolError {
  const error = assertThrows(action, ProtocolError);
  assertEquals(error.statement, statement, error.message);
  return error;
}

function hex2(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}

describe("check()", () => {
  it("passes the ten packets a server sends, with their flags and lengths", () => {
    for (
      const [first, remaining] of [
        [0x20, 2],
        [0x30, 2],
        [0x31, 100],
        [0x32, 5],
        [0x3a, 5],
        [0x3b, 5],
        [0x34, 5],
        [0x3d, 5],
        [0x40, 2],
        [0x50, 2],
        [0x62, 2],
        [0x70, 2],
        [0x90, 3],
        [0x90, 1002],
        [0xb0, 2],
        [0xd0, 0],
      ] as const
    ) read.check(first, remaining);
  });

  it("refuses packets that only a client sends, and types 0 and 15 [MQTT-4.8.0-1] (MM-171) (MM-220)", () => {
    for (const type of [0, 1, 8, 10, 12, 14, 15]) {
      for (let flags = 0; flags < 16; flags++) {
        const first = type << 4 | flags;
        const error = refused(() => read.check(first, 0), "MQTT-4.8.0-1");
        assertEquals(error.code, "unexpected-packet");
        assertEquals(error.firstByte, first);
      }
    }
  });

  it("refuses every wrong flag [MQTT-2.2.2-2] (MM-219)", () => {
    for (const [type, right, remaining] of WITHOUT_FLAGS) {
      for (let flags = 0; flags < 16; flags++) {
        if (flags === right) read.check(type | flags, remaining);
        else refused(() => read.check(type | flags, remaining), "MQTT-2.2.2-2");
      }
    }
  });

  it("refuses QoS 3 [MQTT-3.3.1-4] (MM-216) and DUP with QoS 0 [MQTT-3.3.1-2] (MM-218), and no other PUBLISH flag", () => {
    for (let flags = 0; flags < 16; flags++) {
      const check = () => read.check(0x30 | flags, 10);
      if ((flags & 6) === 6) refused(check, "MQTT-3.3.1-4");
      else if (flags === 8 || flags === 9) refused(check, "MQTT-3.3.1-2");
      else check();
    }
  });

  it("refuses wrong lengths, before the body has come (MM-030) (MM-081) (MM-109) (MM-123) (MM-176)", () => {
    const statements: Record<number, string> = {
      0x20: "section 3.2.1",
      0x40: "section 3.4.1",
      0x50: "section 3.5.1",
      0x60: "section 3.6.1",
      0x70: "section 3.7.1",
      0xb0: "section 3.11.1",
    };
    for (const [type, statement] of Object.entries(statements)) {
      const first = Number(type) === 0x60 ? 0x62 : Number(type);
      for (const remaining of [0, 1, 3, 4, 127, 128, 268_435_455]) {
        refused(() => read.check(first, remaining), statement);
      }
    }
    for (const remaining of [0, 1, 2]) refused(() => read.check(0x90, remaining), "MQTT-3.8.4-5");
    for (const remaining of [1, 2, 200]) {
      const { summary } = refused(() => read.check(0xd0, remaining), "section 3.13.1");
      assertEquals(summary, `Unexpected PINGRESP returned from broker: ${remaining}.`);
    }
  });

  it("says invalid CONNACK, invalid PUBACK and so on (MM-030) (MM-081) (MM-109)", () => {
    for (
      const [first, name] of [[0x20, "CONNACK"], [0x40, "PUBACK"], [0x90, "SUBACK"], [
        0xb0,
        "UNSUBACK",
      ]] as const
    ) {
      assertEquals(assertThrows(() => read.check(first, 0), ProtocolError).summary, `invalid ${name}`);
    }
  });
});

describe("readConnack()", () => {
  it("reads session present from the flags byte [MQTT-3.2.2-2] (MM-031)", () => {
    assertEquals(read.readConnack(cursor("20020000")), {
      sessionPresent: false,
      returnCode: 0,
      reason: 0,
      receiveMaximum: 65_535,
    });
    assertEquals(read.readConnack(cursor("20020100")).sessionPresent, true);
  });

  it("reads all 256 codes, with their reason in MQTT 5's numbers", () => {
    const reasons = [0, 0x84, 0x85, 0x88, 0x86, 0x87];
    for (let code = 0; code < 256; code++) {
      const connack = read.readConnack(cursor(`200200${hex2(code)}`));
      assertEquals(connack.returnCode, code);
      assertEquals(connack.reason, reasons[code] ?? 0x80);
    }
  });

  it("takes session present with a refusal for a refusal [MQTT-3.2.2-4] (MM-032)", () => {
    assertEquals(read.readConnack(cursor("20020105")), {
      sessionPresent: false,
      returnCode: 5,
      reason: 0x87,
      receiveMaximum: 65_535,
    });
  });

  it("refuses reserved bits of the flags byte (section 3.2.2.1) (MM-032)", () => {
    for (let flags = 2; flags < 256; flags++) {
      for (const code of ["00", "05"]) {
        refused(() => read.readConnack(cursor(`2002${hex2(flags)}${code}`)), "section 3.2.2.1");
      }
    }
  });
});

describe("readPublish()", () => {
  it("reads topic, payload, flags and identifier (MM-125) (MM-126) (MM-131)", () => {
    assertEquals(message("300a000472782f307a65726f"), {
      type: "message",
      packet: 0x30,
      topic: "rx/0",
      payload: utf8("zero"),
      qos: 0,
      retain: false,
      duplicate: false,
      id: 0,
    });
    assertEquals(message("3b0b000472782f3100016f6e65"), {
      type: "message",
      packet: 0x30,
      topic: "rx/1",
      payload: utf8("one"),
      qos: 1,
      retain: true,
      duplicate: true,
      id: 1,
    });
    const { qos, id } = message("340b000472782f32fffe74776f");
    assertEquals([qos, id], [2, 65_534]);
  });

  it("gives an empty payload, and one that begins right behind the identifier", () => {
    assertEquals(message("3003000174").payload.length, 0);
    assertEquals(message("32050001740001").payload.length, 0);
    assertEquals(hex(message("32060001740001ff").payload), "ff");
  });

  it("keeps U+FEFF in the topic, and text of 1 to 4 bytes a character [MQTT-1.5.3-3]", () => {
    for (
      const topic of [
        "\ufeff",
        "\ufeffa",
        "a\ufeff/\ufeff",
        "é",
        "€",
        "😀/\u{10ffff}",
        "\u0001\u007f\u0080\uffff",
      ]
    ) {
      for (let again = 0; again < 2; again++) assertEquals(message(publish(topic)).topic, topic);
    }
  });

  it("takes topics up to 65535 bytes [MQTT-4.7.3-3]", () => {
    for (const length of [1, 127, 128, 129, 65_535]) {
      assertEquals(message(publish("t".repeat(length), "x")).topic.length, length);
    }
  });

  it("refuses a topic longer than the packet, with the reference's words [MQTT-3.3.2-1] (MM-211)", () => {
    const { summary } = refused(() => message("30050004617879"), "MQTT-3.3.2-1");
    assertEquals(summary, "Topic length 4 in PUBLISH packet exceeds remaining length 5 - 2");
    refused(() => message("3003ffff61"), "MQTT-3.3.2-1");
  });

  it("refuses a packet without room for the topic's length (section 3.3.2) (MM-213)", () => {
    refused(() => message("3000"), "section 3.3.2");
    refused(() => message("300100"), "section 3.3.2");
  });

  it("refuses QoS 1 and 2 without room for an identifier, or with 0 [MQTT-2.3.1-1] (MM-212) (MM-217)", () => {
    for (const first of ["32", "33", "34", "3a", "3d"]) {
      refused(() => message(`${first}03000161`), "MQTT-2.3.1-1");
      refused(() => message(`${first}0400016101`), "MQTT-2.3.1-1");
      refused(() => message(`${first}050001610000`), "MQTT-2.3.1-1");
      refused(() => message(`${first}06000161000078`), "MQTT-2.3.1-1");
    }
  });

  it("refuses an empty topic [MQTT-4.7.3-1] (MM-214)", () => {
    refused(() => message("30020000"), "MQTT-4.7.3-1");
    refused(() => message("3204 0000 0001"), "MQTT-4.7.3-1");
  });

  it("refuses wildcards and U+0000 in a topic [MQTT-3.3.2-2] [MQTT-1.5.3-2] (MM-215)", () => {
    for (const topic of ["+", "a/+", "#", "a/#", "a+b", "#é"]) {
      refused(() => message(publish(topic)), "MQTT-3.3.2-2");
    }
    for (const topic of ["\0", "a\0b", "é\0"]) refused(() => message(publish(topic)), "MQTT-1.5.3-2");
  });

  it("refuses every kind of ill-formed UTF-8 in a topic [MQTT-1.5.3-1] (MM-128)", () => {
    for (
      const bad of [
        "c328",
        "80",
        "ff",
        "fe",
        "c3",
        "e28282e2",
        "e282",
        "f09f98",
        "c080", // U+0000 in two bytes
        "c1bf",
        "e08080",
        "f0808080",
        "eda080", // surrogates
        "edbfbf",
        "eda0bdedb880",
        "f4908080", // beyond U+10FFFF
        "f8888080 80",
      ]
    ) {
      const topic = bytes(bad);
      refused(() => message(packet(0x30, field(topic))), "MQTT-1.5.3-1");
      refused(() => message(packet(0x30, field(bytes(`61${bad}62`)))), "MQTT-1.5.3-1");
    }
  });

  it("does not look at the payload", () => {
    assertEquals(hex(message(publish("t", bytes("00c328ff2b23"))).payload), "00c328ff2b23");
  });
});

describe("readAcknowledgement()", () => {
  it("reads the identifier [MQTT-2.3.1-6]", () => {
    for (const first of ["40", "50", "62", "70"]) {
      for (const id of [1, 255, 256, 65_535]) {
        const into = { id: 0, reason: 7 };
        read.readAcknowledgement(cursor(`${first}02${u16(id)}`), into);
        assertEquals(into, { id, reason: 0 });
      }
    }
  });

  it("refuses identifier 0 [MQTT-2.3.1-1]", () => {
    for (const first of ["40", "50", "62", "70"]) {
      refused(
        () => read.readAcknowledgement(cursor(`${first}020000`), { id: 0, reason: 0 }),
        "MQTT-2.3.1-1",
      );
    }
  });
});

describe("readReasons()", () => {
  it("reads SUBACK's codes in order [MQTT-3.9.3-1]", () => {
    const into = { id: 0, reason: 0 };
    assertEquals(read.readReasons(cursor("9006 0102 00 01 02 80"), into), [0, 1, 2, 0x80]);
    assertEquals(into.id, 0x0102);
  });

  it("gives none for UNSUBACK", () => {
    const into = { id: 0, reason: 0 };
    assertEquals(read.readReasons(cursor("b0020006"), into), []);
    assertEquals(into.id, 6);
  });

  it("refuses every other code [MQTT-3.9.3-2] (MM-108)", () => {
    for (let code = 0; code < 256; code++) {
      if (code < 3 || code === 0x80) continue;
      refused(
        () => read.readReasons(cursor(`90040001 00${hex2(code)}`), { id: 0, reason: 0 }),
        "MQTT-3.9.3-2",
      );
    }
  });

  it("refuses identifier 0 [MQTT-2.3.1-1]", () => {
    refused(() => read.readReasons(cursor("9003000000"), { id: 0, reason: 0 }), "MQTT-2.3.1-1");
    refused(() => read.readReasons(cursor("b0020000"), { id: 0, reason: 0 }), "MQTT-2.3.1-1");
  });
});

/** Type, flags and a right length of every packet whose flags are fixed. */
const WITHOUT_FLAGS = [
  [0x20, 0, 2],
  [0x40, 0, 2],
  [0x50, 0, 2],
  [0x60, 2, 2],
  [0x70, 0, 2],
  [0x90, 0, 3],
  [0xb0, 0, 2],
  [0xd0, 0, 0],
] as const;

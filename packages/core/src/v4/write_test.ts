import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Outbox } from "../outbox.ts";
import type { ConnectOptions, QoS } from "../packets.ts";
import { encodeText } from "../text.ts";
import { bytes, CONNECT_OPTIONS, field, hex, packet, remaining, u16, utf8 } from "../../tests/support.ts";
import { writing as write } from "./write.ts";

function written(action: (out: Outbox) => void): string {
  const out = new Outbox();
  action(out);
  return hex(out.bytes.subarray(0, out.length));
}

function connect(options: Partial<ConnectOptions> = {}): string {
  return written((out) => write.writeConnect(out, { ...CONNECT_OPTIONS, ...options }));
}

function publish(
  topic: string,
  payload: string | Uint8Array,
  qos: QoS = 0,
  retain = false,
  duplicate = false,
) {
  const id = qos === 0 ? 0 : 1;
  const body = typeof payload === "string" ? utf8(payload) : payload;
  return written((out) => write.writePublish(out, encodeText(topic), body, qos, retain, duplicate, id));
}

describe("writeConnect()", () => {
  it("writes the reference's bytes with the defaults [MQTT-3.1.0-1] [MQTT-3.1.2-1] (MM-020)", () => {
    assertEquals(connect(), "101200044d5154540402003c0006676f6c64656e");
  });

  it("writes flags 00 without a clean session (MM-022)", () => {
    assertEquals(connect({ cleanSession: false }), "101200044d5154540400003c0006676f6c64656e");
  });

  it("writes keep alive in two bytes, 0 to 65535 (MM-008) (MM-023) (MM-170)", () => {
    assertEquals(connect({ keepAlive: 0 }).slice(20, 24), "0000");
    assertEquals(connect({ keepAlive: 300 }).slice(20, 24), "012c");
    assertEquals(connect({ keepAlive: 65_535 }).slice(20, 24), "ffff");
  });

  it("writes every will of the golden file [MQTT-3.1.2-9] (MM-051) (MM-052)", () => {
    const will = { topic: "will/t", payload: "gone" };
    assertEquals(
      connect({ will }),
      "102000044d5154540406003c0006676f6c64656e000677696c6c2f740004676f6e65",
    );
    assertEquals(
      connect({ will: { ...will, qos: 1, retain: true } }),
      "102000044d515454042e003c0006676f6c64656e000677696c6c2f740004676f6e65",
    );
    assertEquals(
      connect({ will: { ...will, payload: "42", qos: 2 } }),
      "101e00044d5154540416003c0006676f6c64656e000677696c6c2f7400023432",
    );
    assertEquals(
      connect({ will: { ...will, payload: new Uint8Array(0) } }),
      "101c00044d5154540406003c0006676f6c64656e000677696c6c2f740000",
    );
    assertEquals(
      connect({ will: { ...will, payload: bytes("00ff") } }),
      "101e00044d5154540406003c0006676f6c64656e000677696c6c2f74000200ff",
    );
  });

  it("writes a user name with, without and with an empty password [MQTT-3.1.2-18] (MM-060) (MM-061) (MM-062)", () => {
    assertEquals(
      connect({ username: "user", password: "pass" }),
      "101e00044d51545404c2003c0006676f6c64656e000475736572000470617373",
    );
    assertEquals(
      connect({ username: "user" }),
      "101800044d5154540482003c0006676f6c64656e000475736572",
    );
    assertEquals(
      connect({ username: "", password: "" }),
      "101600044d51545404c2003c0006676f6c64656e00000000",
    );
    assertEquals(
      connect({ username: "", password: bytes("00fe") }),
      "101800044d51545404c2003c0006676f6c64656e0000000200fe",
    );
  });

  it("writes all combinations of flags, the payload in order, reserved bit 0 [MQTT-3.1.2-3] [MQTT-3.1.3-1] (MM-021)", () => {
    const found = new Set<string>();
    const wills = ([0, 1, 2] as const).flatMap((qos) =>
      [false, true].map((retain) => ({ topic: "w/é", payload: "😀", qos, retain }))
    );
    for (const will of [undefined, ...wills]) {
      for (const username of [undefined, "user"]) {
        for (const password of username === undefined ? [undefined] : [undefined, "pass"]) {
          for (const cleanSession of [false, true]) {
            const flags = (cleanSession ? 2 : 0) | (will ? 4 | will.qos << 3 | (will.retain ? 32 : 0) : 0) |
              (password === undefined ? 0 : 64) | (username === undefined ? 0 : 128);
            found.add(flags.toString(16));
            const body = field("MQTT") + "04" + flags.toString(16).padStart(2, "0") + "003c" + field("id") +
              (will ? field(will.topic) + field(will.payload) : "") +
              (username === undefined ? "" : field(username)) +
              (password === undefined ? "" : field(password));
            assertEquals(
              connect({
                clientId: "id",
                cleanSession,
                ...(will && { will }),
                ...(username !== undefined && { username }),
                ...(password !== undefined && { password }),
              }),
              packet(0x10, body),
            );
          }
        }
      }
    }
    assertEquals(found.size, 7 * 3 * 2);
  });

  it("writes lengths in bytes, not characters [MQTT-3.1.3-4] (MM-012) (MM-066)", () => {
    assertEquals(connect({ clientId: "dev-é" }), "101200044d5154540402003c00066465762dc3a9");
    for (const text of ["é", "€", "😀", "\ufeff", "e\u0301"]) {
      assertEquals(
        connect({ clientId: text, username: text, password: text, will: { topic: text, payload: text } }),
        packet(0x10, "00044d51545404c6003c" + field(text).repeat(5)),
      );
    }
  });

  it("writes remaining lengths beyond 127 and fields of 65535 bytes (MM-024)", () => {
    assertEquals(
      connect({ clientId: "c".repeat(120) }),
      packet(0x10, "00044d5154540402003c0078" + "63".repeat(120)),
    );
    const long = "x".repeat(65_535);
    assertEquals(
      connect({ clientId: long, username: long, password: long, will: { topic: long, payload: long } }),
      packet(0x10, "00044d51545404c6003c" + field(long).repeat(5)),
    );
  });

  it("writes an empty client identifier as an empty field [MQTT-3.1.3-3] (MM-011)", () => {
    assertEquals(connect({ clientId: "" }), "100c00044d5154540402003c0000");
  });
});

describe("writePublish()", () => {
  it("writes the reference's bytes for QoS 0, 1 and 2 [MQTT-2.3.1-5] [MQTT-3.3.2-1] (MM-072) (MM-073) (MM-074) (MM-088)", () => {
    assertEquals(publish("t", "hello"), "300800017468656c6c6f");
    assertEquals(publish("t", "", 0, true), "3103000174");
    assertEquals(publish("t", "hello", 1), "320a000174000168656c6c6f");
    assertEquals(publish("t", bytes("00ff"), 1, true), "3307000174000100ff");
    assertEquals(publish("t", "hello", 2), "340a000174000168656c6c6f");
  });

  it("writes all flags [MQTT-3.3.1-1]", () => {
    for (const qos of [0, 1, 2] as const) {
      for (const retain of [false, true]) {
        for (const duplicate of qos === 0 ? [false] : [false, true]) {
          const first = 0x30 | qos << 1 | (retain ? 1 : 0) | (duplicate ? 8 : 0);
          assertEquals(publish("t", "x", qos, retain, duplicate).slice(0, 2), first.toString(16));
        }
      }
    }
  });

  it("writes the remaining length at every boundary (section 2.2.3) (MM-095)", () => {
    for (const size of [126, 127, 128, 129, 16_383, 16_384, 16_385, 2_097_151, 2_097_152, 3_000_000]) {
      const payload = new Uint8Array(size - 3).fill(0x78);
      const out = new Outbox();
      write.writePublish(out, encodeText("t"), payload, 0, false, false, 0);
      const header = `30${remaining(size)}000174`;
      assertEquals(hex(out.bytes.subarray(0, header.length / 2)), header);
      assertEquals(out.length, header.length / 2 + payload.length);
      assertEquals(out.bytes.subarray(0, out.length).lastIndexOf(0x78), out.length - 1);
    }
  });

  it("writes the largest remaining length as ff ff ff 7f (MM-095)", () => {
    // Only the header: an outbox and a payload that pretend.
    const out = { bytes: { set: () => {} } as Record<number, number>, length: 0, reserve: () => 0 };
    const payload = { length: 268_435_452 };
    write.writePublish(out as unknown as Outbox, encodeText("t"), payload as Uint8Array, 0, false, false, 0);
    assertEquals(Array.from({ length: 5 }, (_, i) => out.bytes[i]), [0x30, 0xff, 0xff, 0xff, 0x7f]);
  });

  it("appends to what is there", () => {
    assertEquals(
      written((out) => {
        write.writePing(out);
        write.writePublish(out, encodeText("t"), utf8("x"), 1, false, false, 65_535);
        write.writeDisconnect(out);
      }),
      "c000" + "3206000174ffff78" + "e000",
    );
  });
});

describe("writeSubscribe()", () => {
  it("writes one packet for all filters, first byte 82 [MQTT-3.8.1-1] (MM-101)", () => {
    const filters = [{ topic: "a/b", qos: 0 }, { topic: "c/+", qos: 1 }, { topic: "d/#", qos: 2 }] as const;
    assertEquals(
      written((out) => write.writeSubscribe(out, 4, filters)),
      "821400040003612f62000003632f2b010003642f2302",
    );
  });

  it("writes the long topics and lists of the reference's own tests (MM-095)", () => {
    const long = `f${"o".repeat(257)}`;
    assertEquals(
      written((out) => write.writeSubscribe(out, 1, [{ topic: long, qos: 0 }])),
      `8287020001010266${"6f".repeat(257)}00`,
    );
    const many = Array.from({ length: 1000 }, (_, i) => `foo/bar${String(i + 1).padStart(4, "0")}`);
    assertEquals(
      written((out) => write.writeSubscribe(out, 1, many.map((topic) => ({ topic, qos: 0 })))),
      "82b26d0001" + many.map((topic) => field(topic) + "00").join(""),
    );
  });

  it("writes filters of 1 to 4 bytes a character (MM-066)", () => {
    assertEquals(
      written((out) => write.writeSubscribe(out, 258, [{ topic: "é/€/😀/\ufeff", qos: 1 }])),
      packet(0x82, "0102" + field("é/€/😀/\ufeff") + "01"),
    );
  });
});

describe("writeUnsubscribe()", () => {
  it("writes one packet for all filters, first byte a2 [MQTT-3.10.1-1] (MM-115)", () => {
    assertEquals(
      written((out) => write.writeUnsubscribe(out, 6, ["a/b", "c/+", "d/#"])),
      "a21100060003612f620003632f2b0003642f23",
    );
    const many = Array.from({ length: 999 }, (_, i) => `foo/bar${String(i + 1).padStart(4, "0")}`);
    assertEquals(
      written((out) => write.writeUnsubscribe(out, 1, many)),
      "a2bd650001" + many.map(field).join(""),
    );
  });
});

describe("writeAcknowledgement()", () => {
  it("writes 40, 50, 62 and 70, and the identifier as it came [MQTT-2.3.1-6] [MQTT-3.6.1-1]", () => {
    for (const [type, first] of [[0x40, "40"], [0x50, "50"], [0x60, "62"], [0x70, "70"]] as const) {
      for (const id of [1, 255, 256, 65_535]) {
        assertEquals(written((out) => write.writeAcknowledgement(out, type, id)), `${first}02${u16(id)}`);
      }
    }
  });
});

describe("writePing()", () => {
  it("writes c0 00 (MM-172)", () => assertEquals(written(write.writePing), "c000"));
});

describe("writeDisconnect()", () => {
  it("writes e0 00 [MQTT-3.14.1-1] (MM-180)", () => assertEquals(written(write.writeDisconnect), "e000"));
});

import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import { ProtocolError, UsageError } from "../errors.ts";
import { bytes, field, hex, utf8 } from "../../tests/support.ts";
import { encode, readProperties, WILL_TYPE } from "./properties.ts";

/** A valid value of each property, in hex, by its identifier: written from the standard, apart from the table. */
const VALID: Readonly<Record<number, readonly [name: string, value: string, decoded: unknown]>> = {
  0x01: ["payloadFormatIndicator", "01", true],
  0x02: ["messageExpiryInterval", "01020304", 0x01020304],
  0x03: ["contentType", field("t"), "t"],
  0x08: ["responseTopic", field("a/b"), "a/b"],
  0x09: ["correlationData", "0002fffe", bytes("fffe")],
  0x0b: ["subscriptionIdentifiers", "ffffff7f", [268_435_455]],
  0x11: ["sessionExpiryInterval", "ffffffff", 4_294_967_295],
  0x12: ["assignedClientIdentifier", field("id"), "id"],
  0x13: ["serverKeepAlive", "ffff", 65_535],
  0x15: ["authenticationMethod", field("m"), "m"],
  0x16: ["authenticationData", "0000", bytes("")],
  0x17: ["requestProblemInformation", "00", false],
  0x18: ["willDelayInterval", "00000000", 0],
  0x19: ["requestResponseInformation", "01", true],
  0x1a: ["responseInformation", field("i"), "i"],
  0x1c: ["serverReference", field("s"), "s"],
  0x1f: ["reasonString", field("é"), "é"],
  0x21: ["receiveMaximum", "0001", 1],
  0x22: ["topicAliasMaximum", "0000", 0],
  0x23: ["topicAlias", "0001", 1],
  0x24: ["maximumQoS", "01", 1],
  0x25: ["retainAvailable", "00", false],
  0x26: ["userProperties", field("k") + field("v"), [["k", "v"]]],
  0x27: ["maximumPacketSize", "80000000", 2_147_483_648],
  0x28: ["wildcardSubscriptionAvailable", "01", true],
  0x29: ["subscriptionIdentifiersAvailable", "00", false],
  0x2a: ["sharedSubscriptionAvailable", "01", true],
};

const ACKS = [0x40, 0x50, 0x62, 0x70, 0x90, 0xb0];
const CONNACK = [0x20];
const PUBLISH = [0x30];

/** Which packets of a server each may come in (table 2-4), those of a client left away. */
const PLACES: Readonly<Record<number, readonly number[]>> = {
  0x01: PUBLISH,
  0x02: PUBLISH,
  0x03: PUBLISH,
  0x08: PUBLISH,
  0x09: PUBLISH,
  0x0b: PUBLISH,
  0x11: CONNACK,
  0x12: CONNACK,
  0x13: CONNACK,
  0x15: [0x20, 0xf0],
  0x16: [0x20, 0xf0],
  0x1a: CONNACK,
  0x1c: [0x20, 0xe0],
  0x1f: [0x20, ...ACKS, 0xe0, 0xf0],
  0x21: CONNACK,
  0x22: CONNACK,
  0x23: PUBLISH,
  0x24: CONNACK,
  0x25: CONNACK,
  0x26: [0x20, 0x30, ...ACKS, 0xe0, 0xf0],
  0x27: CONNACK,
  0x28: CONNACK,
  0x29: CONNACK,
  0x2a: CONNACK,
};

const PACKETS = [0x20, 0x30, ...ACKS, 0xe0, 0xf0];

/** The properties in `body`, which stands in a packet with this first byte. */
function read(first: number, body: string, tail = ""): Record<string, unknown> {
  const length = (body.length / 2).toString(16).padStart(2, "0");
  return readAll(first, length + body + tail, body.length / 2 + 1);
}

function readAll(first: number, text: string, end?: number): Record<string, unknown> {
  const array = bytes(text);
  const into = {};
  const stop = readProperties(array, 0, array.length, first, into);
  if (end !== undefined) assertEquals(stop, end);
  // What is only checked is refused or taken in the same way.
  assertEquals(readProperties(array, 0, array.length, first), stop);
  return into;
}

function refused(first: number, text: string, statement: string, reason: number | undefined): ProtocolError {
  const array = bytes(text);
  const error = assertThrows(() => readProperties(array, 0, array.length, first, {}), ProtocolError);
  const checked = assertThrows(() => readProperties(array, 0, array.length, first), ProtocolError);
  assertEquals(checked.message, error.message);
  assertEquals([error.statement, error.reason ?? 0x81], [statement, reason], error.message);
  return error;
}

function hex2(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}

function section(first: number): string {
  return `MQTT5 section 3.${first >> 4}.2`;
}

describe("readProperties()", () => {
  it("reads each of the 27 where it may come, and refuses it anywhere else as malformed (table 2-4)", () => {
    for (let id = 0; id < 256; id++) {
      const [name = "", value = "00", decoded] = VALID[id] ?? [];
      for (const first of PACKETS) {
        if (PLACES[id]?.includes(first)) {
          // The alias is the wire's affair.
          assertEquals(read(first, hex2(id) + value, "ff"), id === 0x23 ? {} : { [name]: decoded });
          continue;
        }
        const text = hex2(1 + value.length / 2) + hex2(id) + value;
        const isKnown = id in PLACES;
        refused(first, text, isKnown ? section(first) : "MQTT5 section 2.2.2.2", 0x81);
      }
    }
  });

  it("refuses a property twice, but for user properties and subscription identifiers", () => {
    for (const [id, places] of Object.entries(PLACES)) {
      const [name, value, decoded] = VALID[Number(id)]!;
      const twice = (hex2(Number(id)) + value).repeat(2);
      for (const first of places) {
        if (decoded instanceof Array) {
          assertEquals(read(first, twice), { [name]: [...decoded, ...decoded] });
        } else refused(first, hex2(twice.length / 2) + twice, section(first), 0x82);
      }
    }
  });

  it("refuses one that runs over the list, wherever it is cut", () => {
    for (const [id, places] of Object.entries(PLACES)) {
      const whole = hex2(Number(id)) + VALID[Number(id)]![1];
      for (const first of places) {
        for (let length = 1; length < whole.length / 2; length++) {
          const error = assertThrows(
            () => readAll(first, hex2(length) + whole + "00000000"),
            ProtocolError,
          );
          assertEquals(error.reason ?? 0x81, 0x81, error.message);
        }
      }
    }
  });

  it("refuses a list that runs over the packet", () => {
    for (const first of PACKETS) {
      refused(first, "01", section(first), 0x81);
      refused(first, "05" + "26" + "0000" + "00", section(first), 0x81);
      refused(first, "", section(first), 0x81);
      refused(first, "ff", section(first), 0x81);
    }
  });

  it("refuses a length, or an identifier of a subscription, that is not as short as can be [MQTT5-1.5.5-1]", () => {
    for (const length of ["8000", "808000", "80808000", "8080808001", "ffffffff7f", "81808000"]) {
      refused(0x20, length, "MQTT5-1.5.5-1", 0x81);
      refused(0x30, hex2(1 + length.length / 2) + "0b" + length, "MQTT5-1.5.5-1", 0x81);
    }
    const long = "1f" + field("x".repeat(200));
    assertEquals(readAll(0x20, "cb01" + long), { reasonString: "x".repeat(200) });
  });

  it("refuses values that are none: flags above 1, zeros where there is none", () => {
    for (const id of [0x01, 0x24, 0x25, 0x28, 0x29, 0x2a]) {
      const [first = 0] = PLACES[id]!;
      for (const value of [2, 128, 255]) refused(first, `02${hex2(id)}${hex2(value)}`, section(first), 0x82);
    }
    refused(0x20, "03210000", section(0x20), 0x82);
    refused(0x20, "052700000000", section(0x20), 0x82);
    refused(0x30, "020b00", section(0x30), 0x82);
    refused(0x30, "03230000", "MQTT5-3.3.2-8", 0x94);
  });

  it("refuses text that is no UTF-8 [MQTT5-1.5.4-1] or has U+0000 [MQTT5-1.5.4-2], in names and values too [MQTT5-1.5.7-1]", () => {
    for (const id of [0x03, 0x08, 0x12, 0x15, 0x1a, 0x1c, 0x1f]) {
      const [first = 0] = PLACES[id]!;
      for (
        const [bad, statement] of [["c3", "1"], ["eda080", "1"], ["f5808080", "1"], ["6100", "2"]] as const
      ) {
        const body = hex2(id) + field(bytes(bad));
        refused(first, hex2(body.length / 2) + body, `MQTT5-1.5.4-${statement}`, 0x81);
      }
    }
    for (const [name, value] of [["c3", "61"], ["61", "c3"]] as const) {
      const body = "26" + field(bytes(name)) + field(bytes(value));
      for (const first of PACKETS) refused(first, hex2(body.length / 2) + body, "MQTT5-1.5.4-1", 0x81);
    }
  });

  it("refuses a response topic with wildcards, or of no length [MQTT5-3.3.2-14]", () => {
    for (const topic of ["a/+", "#", "é+"]) {
      const body = "08" + field(topic);
      refused(0x30, hex2(body.length / 2) + body, "MQTT5-3.3.2-14", 0x82);
    }
    refused(0x30, "03080000", "MQTT5-3.3.2-14", 0x82);
  });

  it("takes whatever bytes there are for a list, or refuses them, in linear time", () => {
    fc.assert(
      fc.property(fc.constantFrom(...PACKETS), fc.uint8Array({ maxLength: 60 }), (first, array) => {
        try {
          assert(readProperties(array, 0, array.length, first) <= array.length);
        } catch (error) {
          assert(error instanceof ProtocolError, `${error}`);
        }
      }),
      { numRuns: 3000 },
    );
  });
});

describe("encode()", () => {
  const SENT: Readonly<Record<number, readonly string[]>> = {
    0x10: [
      "sessionExpiryInterval",
      "receiveMaximum",
      // Of which the engine knows.
      "maximumPacketSize",
      "topicAliasMaximum",
      "requestResponseInformation",
      "requestProblemInformation",
      "userProperties",
      "authenticationMethod",
      "authenticationData",
    ],
    [WILL_TYPE]: [
      "willDelayInterval",
      "payloadFormatIndicator",
      "messageExpiryInterval",
      "contentType",
      "responseTopic",
      "correlationData",
      "userProperties",
    ],
    0x30: [
      "payloadFormatIndicator",
      "messageExpiryInterval",
      "contentType",
      "responseTopic",
      "correlationData",
      "userProperties",
    ],
    0x82: ["subscriptionIdentifier", "userProperties"],
    0xa2: ["userProperties"],
    0xe0: ["sessionExpiryInterval", "reasonString", "userProperties"],
    0xf0: ["authenticationMethod", "authenticationData", "reasonString", "userProperties"],
  };

  const names = Object.values(VALID).map(([name]) => name);
  const value = (name: string): unknown => Object.values(VALID).find((row) => row[0] === name)?.[2];

  it("writes what a client may send in each packet [MQTT5-3.3.4-6], and refuses to write anything else", () => {
    for (const [first, sent] of Object.entries(SENT)) {
      for (const name of [...names, "subscriptionIdentifier", "nonsense"]) {
        const one = { [name]: name === "subscriptionIdentifier" ? 300 : value(name) ?? 1 };
        if (!sent.includes(name)) {
          const error = assertThrows(() => encode(Number(first), one), UsageError);
          assertEquals(error.code, "invalid-argument");
          continue;
        }
        const [id, [, expected]] = name === "subscriptionIdentifier"
          ? [0x0b, ["", "ac02"]]
          : Object.entries(VALID).find(([, row]) => row[0] === name)!;
        assertEquals(hex(encode(Number(first), one)), hex2(Number(id)) + expected, name);
      }
      assertEquals(encode(Number(first), { userProperties: undefined, nonsense: undefined }).length, 0);
    }
  });

  it("keeps the order of user properties, and names that come twice", () => {
    const pairs = [["b", "1"], ["a", "2"], ["b", "1"]];
    assertEquals(
      hex(encode(0x30, { userProperties: pairs })),
      pairs.map(([name = "", text = ""]) => "26" + field(name) + field(text)).join(""),
    );
  });

  it("refuses values of the wrong type or size, before anything is written", () => {
    const long = "x".repeat(65_536);
    for (
      const [first, bad] of [
        [0x30, { payloadFormatIndicator: 1 }],
        [0x30, { messageExpiryInterval: -1 }],
        [0x30, { messageExpiryInterval: 4_294_967_296 }],
        [0x30, { messageExpiryInterval: 1.5 }],
        [0x30, { messageExpiryInterval: "1" }],
        [0x30, { contentType: 1 }],
        [0x30, { contentType: long }],
        [0x30, { contentType: "\0" }],
        [0x30, { contentType: "\ud800" }],
        [0x30, { correlationData: "x" }],
        [0x30, { correlationData: utf8(long) }],
        [0x30, { userProperties: [["a", 1]] }],
        [0x30, { userProperties: [[1, "a"]] }],
        [0x30, { userProperties: [["a"]] }],
        [0x30, { userProperties: [null] }],
        [0x30, { userProperties: { a: "b" } }],
        [0x30, { userProperties: null }],
        [0x30, { userProperties: [["a\0", "b"]] }],
        [0x30, { userProperties: [["a", long]] }],
        [0x82, { subscriptionIdentifier: 0 }],
        [0x82, { subscriptionIdentifier: 268_435_456 }],
        [0x10, { receiveMaximum: 0 }],
        [0x10, { receiveMaximum: 65_536 }],
        [0x10, { maximumPacketSize: 0 }],
        [0x10, { topicAliasMaximum: 65_536 }],
      ] as const
    ) assertThrows(() => encode(first, bad), UsageError, undefined, JSON.stringify(bad).slice(0, 80));
    for (const responseTopic of ["", "a/#", "+", long]) {
      assertEquals(assertThrows(() => encode(0x30, { responseTopic }), UsageError).code, "invalid-topic");
    }
  });
});

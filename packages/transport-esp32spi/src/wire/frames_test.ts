import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import * as commands from "./commands.ts";
import type { Command } from "./commands.ts";
import { decodeReply, encodeCommand, frameSize, isReply, MAX_FRAME, MAX_SEND, NO_LIST } from "./frames.ts";

/** Worked examples: command, parameters, the frame, replies with what they hold (`refused`, or parameters in hex). */
const examples: readonly [name: string, Command, (string | number[])[], string, [string, string[]][]][] = [
  ["a: firmware version", commands.getFirmwareVersion, [], "E0 37 00 EE", [
    ["E0 B7 01 06 33 2E 33 2E 30 00 EE 00", ["33 2E 33 2E 30 00"]],
    ["E0 B7 01 06 31 2E 37 2E 37 00 EE", ["31 2E 37 2E 37 00"]],
  ]],
  [
    "b: passphrase",
    commands.setPassphrase,
    ["home", "secret12"],
    "E0 11 02 04 68 6F 6D 65 08 73 65 63 72 65 74 31 32 EE 00 00",
    [["E0 91 01 01 01 EE 00 00", ["01"]]],
  ],
  ["b: open network", commands.setNet, ["guest"], "E0 10 01 05 67 75 65 73 74 EE 00 00", []],
  ["c: connection status", commands.getConnStatus, [], "E0 20 00 EE", [
    ["E0 A0 01 01 03 EE 00 00", ["03"]],
    ["E0 A0 01 01 FE EE 00 00", ["FE"]],
  ]],
  ["d: get socket", commands.getSocket, [], "E0 3F 00 EE", [
    ["E0 BF 01 01 00 EE 00 00", ["00"]],
    ["E0 BF 01 01 FF EE 00 00", ["FF"]],
  ]],
  [
    "e: start client by address",
    commands.startClient,
    [[192, 168, 1, 10], [0x07, 0x5b], [0], [0]],
    "E0 2D 04 04 C0 A8 01 0A 02 07 5B 01 00 01 00 EE",
    [["E0 AD 01 01 01 EE 00 00", ["01"]], ["E0 AD 00 EE", []]],
  ],
  [
    "f: start client by name",
    commands.startClient,
    ["broker", [0, 0, 0, 0], [0x07, 0x5b], [0], [0]],
    "E0 2D 05 06 62 72 6F 6B 65 72 04 00 00 00 00 02 07 5B 01 00 01 00 EE 00",
    [],
  ],
  [
    "f: start TLS client by name",
    commands.startClient,
    ["test.mosquitto.org", [0, 0, 0, 0], [0x22, 0xb3], [2], [2]],
    "E0 2D 05 12 74 65 73 74 2E 6D 6F 73 71 75 69 74 74 6F 2E 6F 72 67 04 00 00 00 00 02 22 B3 01 02 01 02 EE 00",
    [],
  ],
  ["g: client state", commands.getClientState, [[0]], "E0 2F 01 01 00 EE 00 00", [
    ["E0 AF 01 01 04 EE 00 00", ["04"]],
  ]],
  [
    "h: send CONNECT",
    commands.sendData,
    [[0], [0x10, 0x0c, 0x00, 0x04, 0x4d, 0x51, 0x54, 0x54, 0x04, 0x02, 0x00, 0x3c, 0x00, 0x00]],
    "E0 44 02 00 01 00 00 0E 10 0C 00 04 4D 51 54 54 04 02 00 3C 00 00 EE 00",
    [["E0 C4 01 02 0E 00 EE 00", ["0E 00"]], ["E0 C4 01 02 6B 01 EE 00", ["6B 01"]]],
  ],
  [
    "h: send PINGREQ",
    commands.sendData,
    [[0], [0xc0, 0x00]],
    "E0 44 02 00 01 00 00 02 C0 00 EE 00",
    [],
  ],
  ["j: available", commands.getAvailable, [[0]], "E0 2B 01 01 00 EE 00 00", [
    ["E0 AB 01 02 0E 00 EE 00", ["0E 00"]],
  ]],
  ["k: get data", commands.getData, [[0], [0x9c, 0x05]], "E0 45 02 00 01 00 00 02 9C 05 EE 00", [
    ["E0 C5 01 00 02 C0 00 EE", ["C0 00"]],
    ["E0 C5 01 00 00 EE 00 00", [""]],
  ]],
  ["l: stop client", commands.stopClient, [[0]], "E0 2E 01 01 00 EE 00 00", [
    ["E0 AE 01 01 01 EE 00 00", ["01"]],
  ]],
  ["m: signal strength", commands.getCurrentRssi, [[0xff]], "E0 25 01 01 FF EE 00 00", [
    ["E0 A5 01 04 CA FF FF FF EE 00 00 00", ["CA FF FF FF"]],
  ]],
  ["n: IP configuration", commands.getIpAddress, [[0xff]], "E0 21 01 01 FF EE 00 00", [
    ["E0 A1 03 04 0A 00 00 02 04 FF FF FF 00 04 0A 00 00 01 EE 00", [
      "0A 00 00 02",
      "FF FF FF 00",
      "0A 00 00 01",
    ]],
  ]],
  [
    "o: static address",
    commands.setIpConfig,
    [[0], [10, 0, 0, 5], [10, 0, 0, 1], [255, 255, 255, 0]],
    "E0 14 04 01 00 04 0A 00 00 05 04 0A 00 00 01 04 FF FF FF 00 EE 00 00 00",
    [["E0 94 01 01 00 EE 00 00", ["00"]]],
  ],
  ["p: scan", commands.scanNetworks, [], "E0 27 00 EE", [
    ["E0 A7 02 07 74 65 73 74 6E 65 74 05 6F 74 68 65 72 EE 00 00", [
      "74 65 73 74 6E 65 74",
      "6F 74 68 65 72",
    ]],
  ]],
];

describe("frames", () => {
  for (const [name, command, parameters, frame, replies] of examples) {
    it(`worked example ${name}`, () => {
      const bytes = encodeCommand(
        command,
        parameters.map((one) =>
          typeof one === "string" ? new TextEncoder().encode(one) : Uint8Array.from(one)
        ),
      );
      assertEquals(hex(bytes), frame);
      for (const [text, expected] of replies) {
        const reply = decodeReply(command, unhex(text));
        assert(reply.kind === "reply", reply.kind);
        assertEquals(reply.parameters.map(hex), expected);
      }
    });

    it(`worked example ${name}: the reply may come in pieces of any size`, () => {
      for (const [text] of replies) {
        const bytes = unhex(text);
        for (let length = 0, needed = 0; needed >= 0; length++) {
          assert(length <= bytes.length);
          const reply = decodeReply(command, bytes.subarray(0, length));
          if (reply.kind === "reply") needed = -1;
          else {
            assert(reply.kind === "more");
            // Never more than there will be, always more than there is: else the reader waits, or turns for ever.
            assert(
              reply.needed > length && reply.needed <= bytes.length,
              `${reply.needed} of ${bytes.length}`,
            );
            needed = reply.needed;
          }
        }
      }
    });
  }

  it("the error reply says no, with padding and without", () => {
    for (const text of ["EF 00 EE 00", "EF 00 EE"]) {
      assertEquals(decodeReply(commands.ping, unhex(text)), { kind: "refused" });
    }
    assertEquals(decodeReply(commands.ping, unhex("EF")), { kind: "more", needed: 3 });
  });

  it("a few bytes of filler in front of a reply are skipped, many are not", () => {
    const reply = "E0 A0 01 01 03 EE";
    assertEquals(decodeReply(commands.getConnStatus, unhex(`FF 00 ${reply}`)).kind, "reply");
    assertEquals(decodeReply(commands.getConnStatus, unhex("FF 00")), { kind: "more", needed: 5 });
    assertEquals(decodeReply(commands.getConnStatus, unhex(`00 00 00 00 00 ${reply}`)).kind, "garbled");
  });

  for (
    const [what, command, bytes] of [
      ["the answer to another command", commands.getConnStatus, "E0 B7 01 01 03 EE"],
      ["a command instead of a reply", commands.getConnStatus, "E0 20 01 01 03 EE"],
      ["too few parameters", commands.getConnStatus, "E0 A0 00 EE 00 00"],
      ["too many parameters", commands.getConnStatus, "E0 A0 02 01 03 01 03 EE"],
      ["another byte in the place of END", commands.getConnStatus, "E0 A0 01 01 03 EF 00 00"],
      ["another byte in the place of END, after nothing", commands.startClient, "E0 AD 00 00 00"],
      ["a length that no frame can hold", commands.getData, "E0 C5 01 FF FF 00 00 00"],
      ["an error that is none", commands.getConnStatus, "EF 01 EE"],
    ] as const
  ) {
    it(`refuses ${what}`, () => {
      assertEquals(decodeReply(command, unhex(bytes)).kind, "garbled");
    });
  }

  it("trap 2: a connection that failed is a reply without parameters, and no fault of the frame", () => {
    assertEquals(decodeReply(commands.startClient, unhex("E0 AD 00 EE")), { kind: "reply", parameters: [] });
  });

  it("trap 5: every frame is padded to a multiple of four", () => {
    for (let length = 0; length < 40; length++) {
      const bytes = encodeCommand(commands.setNet, [new Uint8Array(length).fill(1)]);
      assertEquals(bytes.length % 4, 0);
      assertEquals(bytes.length, frameSize(commands.setNet, [new Uint8Array(length)]));
      assert(bytes.length - (5 + length) < 4);
    }
  });

  it("traps 5 and 45: the padding is zero, whatever the buffer held before", () => {
    const buffer = new Uint8Array(MAX_FRAME);
    const secret = new TextEncoder().encode("correct horse");
    encodeCommand(commands.setPassphrase, [secret, secret], buffer);
    const bytes = encodeCommand(commands.getClientState, [Uint8Array.of(3)], buffer);
    assertEquals(hex(bytes), "E0 2F 01 01 03 EE 00 00");
  });

  it("trap 6: a full SEND_DATA is exactly as long as the module's buffer, and one byte more does not fit", () => {
    const buffer = new Uint8Array(MAX_FRAME);
    const socket = Uint8Array.of(0);
    assertEquals(
      encodeCommand(commands.sendData, [socket, new Uint8Array(MAX_SEND)], buffer).length,
      MAX_FRAME,
    );
    const over = [socket, new Uint8Array(MAX_SEND + 1)];
    assertThrows(() => encodeCommand(commands.sendData, over, buffer), RangeError);
  });

  it("trap 20: a scan that failed has a count and no parameters", () => {
    for (const count of ["FE", "FF"]) {
      const reply = decodeReply(commands.scanNetworks, unhex(`E0 A7 ${count} EE 00 00 00 00`));
      assert(reply.kind === "reply" && reply.parameters === NO_LIST);
    }
    const empty = decodeReply(commands.scanNetworks, unhex("E0 A7 00 EE"));
    assert(empty.kind === "reply" && empty.parameters !== NO_LIST && empty.parameters.length === 0);
  });

  it("trap 26: a certificate is longer than its one-byte length can say; its end is where it would be without", () => {
    const bytes = encodeCommand(commands.setClientCertificate, [new Uint8Array(1200).fill(7)]);
    assertEquals([bytes[2], bytes[3], bytes[4], bytes[1203], bytes[1204]], [1, 1200 & 0xff, 7, 7, 0xee]);
  });

  it("resynchronising tells a reply from the echo of zeros", () => {
    assert(isReply(unhex("E0 B7 01 06")));
    assert(isReply(unhex("EF 00 EE 00")));
    for (const bytes of ["00 00 00", "FF FF FF", "E0 20 00", "EF FF", ""]) {
      assert(!isReply(unhex(bytes)), bytes);
    }
  });
});

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0").toUpperCase()).join(" ");
}

function unhex(text: string): Uint8Array {
  return Uint8Array.from(text.split(" ").filter(Boolean), (byte) => parseInt(byte, 16));
}

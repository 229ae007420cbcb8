import { assert, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ConnectionError, UsageError } from "@minimqtt/core";
import { ERROR, FakeModule, reply } from "../../tests/fake_module.ts";
import { VirtualClock } from "../../tests/virtual_clock.ts";
import { EspSpiControl } from "./control.ts";
import { MAX_SEND } from "../wire/frames.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);
const [GET_SOCKET, START, STOP, STATE, SEND, READ, AVAILABLE] = [
  0x3f,
  0x2d,
  0x2e,
  0x2f,
  0x44,
  0x45,
  0x2b,
] as const;

describe("opening a socket", () => {
  it("trap 2: a reply without parameters is a connection that failed, and the slot is free again", async () => {
    const { module, esp } = setUp();
    module.answers.set(START, (_, count) => count === 1 ? reply(START) : reply(START, bytes(1)));
    const error = await fails(esp.socketOpen("broker", 1883));
    assertEquals(error.code, "dial-failed");
    assert(error.message.includes("broker:1883"));
    assertEquals((await esp.socketOpen("broker", 1883)).number, 0);
    assertEquals(module.resets, 1);
  });

  it("trap 3: GET_SOCKET reserves nothing: two at the same time get two slots", async () => {
    const { module, esp } = setUp();
    const sockets = await Promise.all([1, 2, 3].map((port) => esp.socketOpen("10.0.0.1", port)));
    assertEquals(sockets.map((socket) => socket.number), [0, 1, 2]);
    assertEquals(module.opcodes.slice(1), [GET_SOCKET, START, GET_SOCKET, START, GET_SOCKET, START]);
  });

  it("trap 4: a number that no slot has is never sent", async () => {
    for (const [version, number] of [["3.3.0", 6], ["1.7.7", 10], ["3.3.0", 254]] as const) {
      const { module, esp } = setUp(version);
      module.answers.set(GET_SOCKET, () => reply(GET_SOCKET, bytes(number)));
      assertEquals((await fails(esp.socketOpen("10.0.0.1", 1))).code, "radio-garbled");
      assertEquals(module.opcodes.includes(START), false);
    }
  });

  it("trap 4: a closed socket's number is not sent either, and 255 never", async () => {
    const { module, esp } = setUp();
    const socket = await esp.socketOpen("10.0.0.1", 1);
    await esp.socketClose(socket);
    await esp.socketClose(socket);
    module.frames.length = 0;
    for (const stray of [socket, { number: 255, mode: "tcp" } as const]) {
      for (
        const call of [
          esp.socketRead(stray),
          esp.socketWrite(stray, bytes(1)),
          esp.socketAvailable(stray),
          esp.getRemoteData(stray),
        ]
      ) assertEquals((await fails(call)).code, "closed");
      assertEquals(await esp.socketConnected(stray), false);
      await esp.socketClose(stray);
    }
    assertEquals(module.frames, []);
  });

  it("slots that nobody here holds are freed when none is left", async () => {
    const { module, esp } = setUp();
    const mine = await esp.socketOpen("10.0.0.1", 1);
    // What a program before has left: the module says 255 until they are stopped.
    for (let slot = 1; slot < 6; slot++) module.slots.add(slot);
    assertEquals((await esp.socketOpen("10.0.0.1", 2)).number, 1);
    assertEquals([...module.slots].sort(), [0, 1]);
    assertEquals(await esp.socketAvailable(mine), 0);
  });

  it("rejects with no-socket when all are held, and works again when one is closed", async () => {
    const { esp } = setUp();
    const sockets = await Promise.all([1, 2, 3, 4, 5, 6].map((port) => esp.socketOpen("10.0.0.1", port)));
    assertEquals((await fails(esp.socketOpen("10.0.0.1", 7))).code, "no-socket");
    await esp.socketClose(sockets[3]!);
    assertEquals((await esp.socketOpen("10.0.0.1", 7)).number, 3);
  });

  it("trap 43: a slot that is in use is not started again, though GET_SOCKET names it", async () => {
    const { module, esp } = setUp();
    await esp.socketOpen("10.0.0.1", 1);
    let lies = 2;
    const honest = module.answers.get(GET_SOCKET)!;
    module.answers.set(GET_SOCKET, (...call) => lies-- > 0 ? reply(GET_SOCKET, bytes(0)) : honest(...call));
    assertEquals((await esp.socketOpen("10.0.0.1", 2)).number, 1);
    lies = 100;
    assertEquals((await fails(esp.socketOpen("10.0.0.1", 3))).code, "no-socket");
  });

  it("a slot that the module has freed by itself ends the socket that had it", async () => {
    const { module, esp } = setUp();
    const before = await esp.socketOpen("10.0.0.1", 1);
    module.slots.clear();
    const after = await esp.socketOpen("10.0.0.1", 2);
    assertEquals([before.number, after.number], [0, 0]);
    assertEquals((await fails(esp.socketRead(before))).code, "closed");
    assertEquals((await esp.socketRead(after)).length, 0);
  });

  it("trap 31: before 3.0.0 a failed handshake counts as success; the state tells, and the slot is freed", async () => {
    for (const mode of ["tls", "tcp"] as const) {
      const { module, esp } = setUp("1.7.7");
      module.answers.set(STATE, () => reply(STATE, bytes(0)));
      assertEquals((await fails(esp.socketOpen("broker", 8883, mode))).code, "dial-failed");
      assertEquals([module.opcodes.at(-1), module.slots.size], [STOP, 0]);
    }
  });

  it("trap 47: before 2.0.0 a name is looked up first, for START_CLIENT takes its address for the name", async () => {
    for (
      const [version, frame] of [["1.7.7", "e02d04040a00000702075b01000100ee"], ["3.3.0", undefined]] as const
    ) {
      const { module, esp } = setUp(version);
      await esp.socketOpen("broker", 1883);
      const byName = "e02d050662726f6b6572040000000002075b01000100ee00";
      assertEquals(module.frames.filter((one) => one.startsWith("e02d")), [frame ?? byName]);
    }
    const { module, esp } = setUp("1.7.7");
    module.answers.set(0x34, () => reply(0x34, bytes(0)));
    assertEquals((await fails(esp.socketOpen("broker", 1883))).code, "name-not-found");
    assertEquals([module.slots.size, module.opcodes.includes(START)], [0, false]);
  });

  it("a slot that hangs costs what a connection may take: 6 s by address since 3.0.0, else far more", async () => {
    for (
      const [version, host, least, most] of [
        ["3.3.0", "10.0.0.1", 6000, 9000],
        ["3.3.0", "broker", 35_000, 38_000],
        ["1.7.7", "10.0.0.1", 60_000, 63_000],
      ] as const
    ) {
      const { module, esp, clock } = setUp(version);
      module.answers.set(START, () => undefined);
      await esp.firmwareVersion();
      const start = clock.now();
      assertEquals((await fails(esp.socketOpen(host, 1883))).code, "radio-reset");
      const time = clock.now() - start;
      assert(time >= least && time < most, `${time} ms`);
    }
  });

  it("trap 39: a handshake that fails with a certificate set says what to think of, from 3.0.0 on", async () => {
    const pem = (label: string) => `-----BEGIN ${label}-----\nAAAA\n-----END ${label}-----\n`;
    for (const [version, named] of [["3.3.0", true], ["1.7.7", false]] as const) {
      const { module, esp } = setUp(version);
      module.answers.set(START, () => reply(START));
      const before = await fails(esp.socketOpen("broker", 8883, "tls"));
      await esp.setCertificate(pem("CERTIFICATE"));
      await esp.setPrivateKey(pem("RSA PRIVATE KEY"));
      const after = await fails(esp.socketOpen("broker", 8883, "tls"));
      assertEquals([before, after].map(({ message }) => message.includes("trap 39")), [false, named]);
      await esp.reset();
      assertEquals((await fails(esp.socketOpen("broker", 8883, "tls"))).message.includes("trap 39"), false);
    }
  });

  it("TLS goes by name, one at a time", async () => {
    const { module, esp } = setUp();
    const socket = await esp.socketOpen("10.0.0.1", 8883, "tls");
    assert(
      module.frames.includes("e02d050831302e302e302e3104000000000222b301000102ee000000"),
      `${module.frames}`,
    );
    assertEquals((await fails(esp.socketOpen("broker", 8883, "tls"))).code, "no-socket");
    await esp.socketOpen("10.0.0.1", 1883);
    await esp.socketClose(socket);
    await esp.socketOpen("broker", 8883, "tls");
  });

  it("trap 9: a handshake has more time than other commands", async () => {
    const { module, esp, clock } = setUp();
    const { read } = module.pins.ready;
    let until = 0;
    module.pins.ready.read = () => clock.now() < until ? true : read();
    const answer = module.answers.get(START)!;
    module.answers.set(START, (...call) => {
      until = clock.now() + 40_000;
      return answer(...call);
    });
    await esp.socketOpen("broker", 8883, "tls");
    assertEquals(module.resets, 1);
  });

  it("an aborted signal rejects while others have the bus, and nothing is sent", async () => {
    const { module, esp } = setUp();
    await esp.firmwareVersion();
    const busy = esp.status();
    const opening = esp.socketOpen("10.0.0.1", 1, "tcp", AbortSignal.abort("enough"));
    assertEquals(await opening.then(() => "open", (reason) => reason), "enough");
    await busy;
    assertEquals(module.opcodes.includes(START), false);
  });
});

describe("writing", () => {
  it("trap 6: the count that was taken has 16 bits, and writes are as large as the module's buffer", async () => {
    const { module, esp } = setUp();
    const socket = await esp.socketOpen("10.0.0.1", 1);
    for (const size of [1, 64, 255, 256, 363, MAX_SEND]) {
      assertEquals(await esp.socketWrite(socket, new Uint8Array(size)), size);
    }
    assertEquals(module.opcodes.filter((opcode) => opcode === SEND).length, 6);
    assertEquals(module.violations, []);
  });

  it("trap 30: nothing is never sent", async () => {
    const { module, esp } = setUp();
    const socket = await esp.socketOpen("10.0.0.1", 1);
    await assertRejects(() => esp.socketWrite(socket, bytes()), UsageError);
    await assertRejects(() => esp.socketWrite(socket, new Uint8Array(MAX_SEND + 1)), UsageError);
    assertEquals(module.opcodes.includes(SEND), false);
  });

  for (
    const [what, answer, code] of [
      ["more than was sent", reply(SEND, bytes(2, 0)), "radio-garbled"],
      ["no number", reply(SEND, bytes()), "radio-garbled"],
      ["an error", ERROR, "radio-refused"],
      ["garbage", new Uint8Array(12).fill(0x55), "radio-garbled"],
    ] as const
  ) {
    it(`an answer that is ${what} ends the socket: it is not known what was sent`, async () => {
      const { module, esp } = setUp();
      const socket = await esp.socketOpen("10.0.0.1", 1);
      module.answers.set(SEND, () => answer);
      assertEquals((await fails(esp.socketWrite(socket, bytes(1)))).code, code);
      assertEquals(module.opcodes.filter((opcode) => opcode === SEND).length, 1);
      assertEquals([module.opcodes.at(-1), module.slots.size], [STOP, 0]);
      assertEquals((await fails(esp.socketWrite(socket, bytes(1)))).code, "closed");
    });
  }

  it("is given up when its turn has not come: nothing is sent, the socket stays open", async () => {
    const { module, esp } = setUp();
    const socket = await esp.socketOpen("10.0.0.1", 1);
    const writing = esp.socketWrite(socket, bytes(1), AbortSignal.abort("enough"));
    assertEquals(await writing.then(() => "sent", (reason) => reason), "enough");
    assertEquals(module.opcodes.includes(SEND), false);
    assertEquals(await esp.socketWrite(socket, bytes(1)), 1);
  });

  it("UDP collects, then sends", async () => {
    const { module, esp } = setUp();
    const socket = await esp.socketOpen("10.0.0.1", 53, "udp");
    // The socket is made by START_SERVER; where a datagram goes is said before each: that empties the last one.
    assertEquals(module.frames.slice(-1), ["e0280302000001000101ee00"]);
    assertEquals(await esp.socketWrite(socket, bytes(1, 2, 3)), 3);
    assertEquals(await esp.socketWrite(socket, bytes(4)), 1);
    assertEquals(module.opcodes.slice(-6), [START, 0x46, 0x39, START, 0x46, 0x39]);
    assertEquals(module.frames.at(-3), "e02d04040a0000010200350100" + "0101ee");
    module.answers.set(0x39, () => reply(0x39, bytes(0)));
    assertEquals(await esp.socketWrite(socket, bytes(1, 2, 3)), 0);
  });

  it("trap 52: a datagram has 1460 bytes at most: the firmware would make two of more", async () => {
    const { module, esp } = setUp();
    const socket = await esp.socketOpen("10.0.0.1", 53, "udp");
    module.frames.length = 0;
    for (const size of [0, 1461]) {
      await assertRejects(() => esp.socketWrite(socket, new Uint8Array(size)), UsageError);
      await assertRejects(() => esp.socketSendTo(socket, new Uint8Array(size), "10.0.0.1", 1), UsageError);
    }
    assertEquals(module.frames, []);
    assertEquals(await esp.socketWrite(socket, new Uint8Array(1460)), 1460);
  });
});

describe("reading", () => {
  it("trap 7: the size goes out little-endian, its length big-endian, and so comes the reply's", async () => {
    const { module, esp } = setUp();
    const socket = await esp.socketOpen("10.0.0.1", 1);
    const data = Uint8Array.from({ length: 1436 }, (_, index) => index);
    module.answers.set(READ, () => reply(READ, data));
    assertEquals(await esp.socketRead(socket, 1436), data);
    assertEquals(module.frames.at(-1), "e045020001000002" + "9c05ee00");
  });

  it("trap 8: never more than 4000 bytes are asked for", async () => {
    const { module, esp } = setUp();
    const socket = await esp.socketOpen("10.0.0.1", 1);
    for (const size of [undefined, 4086, 65535, Infinity]) {
      await esp.socketRead(socket, size);
      assertEquals(module.frames.at(-1), "e045020001000002a00fee00");
    }
  });

  it("what was read is the caller's: the next reply does not change it", async () => {
    const { module, esp } = setUp();
    const socket = await esp.socketOpen("10.0.0.1", 1);
    module.answers.set(READ, (_, count) => reply(READ, bytes(count, count, count)));
    const first = await esp.socketRead(socket);
    await esp.socketRead(socket);
    assertEquals(first, bytes(1, 1, 1));
  });

  it("more than was asked for is garbled, and ends the socket", async () => {
    const { module, esp } = setUp();
    const socket = await esp.socketOpen("10.0.0.1", 1);
    module.answers.set(READ, () => reply(READ, bytes(1, 2, 3)));
    assertEquals((await fails(esp.socketRead(socket, 2))).code, "radio-garbled");
    assertEquals(module.slots.size, 0);
  });

  it("trap 11: the state is asked for only when nothing is left to read", async () => {
    const { module, esp } = setUp();
    const socket = await esp.socketOpen("10.0.0.1", 1);
    let left = 3;
    module.answers.set(READ, () => reply(READ, new Uint8Array(left > 0 ? left-- : 0)));
    module.answers.set(AVAILABLE, () => reply(AVAILABLE, bytes(left, 0)));
    module.answers.set(STATE, () => {
      if (left > 0) module.violations.push(`asked for the state with ${left} bytes unread`);
      return reply(STATE, bytes(0));
    });
    assertEquals(await esp.socketConnected(socket), true);
    const sizes: number[] = [];
    for (let chunk; (chunk = await esp.socketReceive(socket)) !== null;) sizes.push(chunk.length);
    assertEquals(sizes, [3, 2, 1]);
    assertEquals(module.violations, []);
  });

  it("trap 12: a connection that has ended is stopped at once, whatever the version does by itself", async () => {
    const { module, esp } = setUp("3.1.0");
    const socket = await esp.socketOpen("10.0.0.1", 1);
    module.answers.set(STATE, () => reply(STATE, bytes(0)));
    assertEquals(await esp.socketReceive(socket), null);
    assertEquals([module.opcodes.slice(-2), module.slots.size], [[STATE, STOP], 0]);
    const another = await esp.socketOpen("10.0.0.1", 1);
    assertEquals(await esp.socketConnected(another), false);
    assertEquals([module.opcodes.slice(-2), module.slots.size], [[STATE, STOP], 0]);
  });

  it("trap 12: closing does not ask for the state first", async () => {
    const { module, esp } = setUp();
    await esp.socketClose(await esp.socketOpen("10.0.0.1", 1));
    assertEquals(module.opcodes.includes(STATE), false);
  });

  it("trap 28: the peer's port is big-endian", async () => {
    const { module, esp } = setUp();
    module.answers.set(0x3a, () => reply(0x3a, bytes(10, 0, 0, 9), bytes(0x07, 0x5b)));
    assertEquals(await esp.getRemoteData(await esp.socketOpen("10.0.0.1", 1)), {
      address: "10.0.0.9",
      port: 1883,
    });
  });
});

/** A fake that hands out slots as the firmware does: the lowest free one, taken only by START_CLIENT. */
function setUp(version?: string) {
  const module = Object.assign(new FakeModule(version), { slots: new Set<number>() });
  const { slots, answers } = module;
  const free = () => Array.from({ length: 6 }, (_, index) => index).find((slot) => !slots.has(slot));
  answers.set(GET_SOCKET, () => reply(GET_SOCKET, bytes(free() ?? 255)));
  answers.set(START, (parameters) => {
    slots.add(parameters.at(-2)![0]!);
    return reply(START, bytes(1));
  });
  answers.set(STOP, ([slot]) => {
    slots.delete(slot![0]!);
    return reply(STOP, bytes(1));
  });
  answers.set(STATE, ([slot]) => reply(STATE, bytes(slots.has(slot![0]!) ? 4 : 0)));
  answers.set(0x28, ([, slot]) => {
    slots.add(slot![0]!);
    return reply(0x28, bytes(1));
  });
  answers.set(0x29, () => reply(0x29, bytes(0)));
  answers.set(0x35, () => reply(0x35, bytes(10, 0, 0, 7)));
  answers.set(SEND, ([, data]) => reply(SEND, bytes(data!.length & 0xff, data!.length >> 8)));
  answers.set(READ, () => reply(READ, bytes()));
  answers.set(AVAILABLE, () => reply(AVAILABLE, bytes(0, 0)));
  const clock = new VirtualClock();
  return { module, clock, esp: new EspSpiControl(module.bus, module.pins, { clock }) };
}

function fails(promise: Promise<unknown>): Promise<ConnectionError> {
  return assertRejects(() => promise, ConnectionError);
}

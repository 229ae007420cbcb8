import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ConnectionError, UsageError } from "@minimqtt/core";
import { FakeModule, reply } from "../../tests/fake_module.ts";
import { VirtualClock } from "../../tests/virtual_clock.ts";
import { EspSpiControl } from "./control.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);
const [GET_SOCKET, START_SERVER, SERVER_STATE, AVAILABLE, START, STOP] = [
  0x3f,
  0x28,
  0x29,
  0x2b,
  0x2d,
  0x2e,
] as const;

describe("a server", () => {
  it("takes the lowest free socket, and its port goes out big-endian", async () => {
    const { module, esp } = setUp();
    await esp.socketOpen("10.0.0.1", 1);
    assertEquals(await esp.startServer(1883), { number: 1, port: 1883 });
    assertEquals(module.frames.slice(-2), ["e0280302075b01010100ee00", "e029010101ee0000"]);
  });

  it("has a port from 1 to 65535, or nothing is sent", async () => {
    const { module, esp } = setUp();
    for (const port of [0, -1, 65536, 1.5, NaN]) await assertRejects(() => esp.startServer(port), UsageError);
    assertEquals(module.frames, []);
  });

  it("that the module refuses leaves the slot to others", async () => {
    const { module, esp } = setUp();
    module.answers.set(START_SERVER, () => reply(START_SERVER, bytes(0)));
    assertEquals((await fails(esp.startServer(80))).code, "radio-refused");
    assertEquals((await esp.socketOpen("10.0.0.1", 1)).number, 0);
  });

  it("listens or not by the module's word, and not at all once it was stopped or the module restarted", async () => {
    const { module, esp } = setUp();
    const server = await esp.startServer(80);
    assertEquals(await esp.serverState(server), true);
    module.servers.clear();
    assertEquals(await esp.serverState(server), false);
    await esp.reset();
    module.frames.length = 0;
    assertEquals(await esp.serverState(server), false);
    assertEquals((await fails(esp.acceptClient(server))).code, "closed");
    const other = await esp.startServer(80);
    esp.stopServer(server);
    assertEquals(await esp.serverState(other), true);
    esp.stopServer(other);
    module.frames.length = 0;
    assertEquals(await esp.serverState(other), false);
    assertEquals((await fails(esp.acceptClient(other))).code, "closed");
    assertEquals(module.frames, []);
  });

  it("trap 33: one that was given up keeps its slot, for the next server and for nobody else", async () => {
    const { module, esp } = setUp();
    const before = await esp.startServer(80);
    esp.stopServer(before);
    const sockets = await Promise.all([1, 2, 3, 4, 5].map((port) => esp.socketOpen("10.0.0.1", port)));
    assertEquals(sockets.map(({ number }) => number), [1, 2, 3, 4, 5]);
    // None is free: what nobody holds is freed, and the server's slot is not among it.
    assertEquals((await fails(esp.socketOpen("10.0.0.1", 6))).code, "no-socket");
    assertEquals(module.opcodes.includes(STOP), false);

    module.frames.length = 0;
    assertEquals(await esp.startServer(80), { number: 0, port: 80 });
    assertEquals(module.frames, ["e029010100ee0000"]);
    assertEquals(await esp.serverState(before), false);
  });

  it("trap 33: another port goes to the slot that was given up", async () => {
    const { module, esp } = setUp("1.7.7");
    esp.stopServer(await esp.startServer(80));
    assertEquals(await esp.startServer(81), { number: 0, port: 81 });
    assertEquals(module.frames.at(-2), "e0280302005101000100ee00");
    assertEquals(await esp.startServer(82), { number: 1, port: 82 });
  });

  it("traps 33 and 50: from 3.0.0 on another port goes to another slot, and is refused where none is left", async () => {
    const { module, esp } = setUp();
    for (let port = 80; port < 86; port++) {
      const server = await esp.startServer(port);
      assertEquals(server, { number: port - 80, port });
      esp.stopServer(server);
    }
    const error = await fails(esp.startServer(86));
    assertEquals([error.code, error.message.includes("cannot be moved without a reset")], [
      "radio-refused",
      true,
    ]);
    assertEquals(module.opcodes.filter((opcode) => opcode === START_SERVER).length, 6);
    assertEquals(await esp.startServer(83), { number: 3, port: 83 });
  });

  it("trap 51: before 2.0.0 the answer is yes though the port is taken: the state tells, and the slot is freed", async () => {
    const { module, esp } = setUp("1.7.7");
    module.answers.set(SERVER_STATE, () => reply(SERVER_STATE, bytes(0)));
    assertEquals((await fails(esp.startServer(80))).code, "radio-refused");
    assertEquals([module.opcodes.at(-1), module.slots.size], [STOP, 0]);
  });

  it("trap 33: a server that a program before has left is not taken for a client's slot", async () => {
    const { module, esp } = setUp();
    await esp.firmwareVersion();
    for (let slot = 0; slot < 6; slot++) module.slots.add(slot);
    module.servers.add(0);
    assertEquals((await esp.socketOpen("10.0.0.1", 1)).number, 1);
    for (let port = 2; port < 6; port++) await esp.socketOpen("10.0.0.1", port);
    // Where it listens nobody knows, and it cannot be moved.
    assertEquals((await fails(esp.startServer(80))).code, "radio-refused");
    assertEquals(module.opcodes.includes(START_SERVER), false);
  });

  it("is not started twice when the answer got lost, and its slot is no client's unless it is free", async () => {
    const { module, esp } = setUp();
    const answer = module.answers.get(START_SERVER)!;
    module.answers.set(START_SERVER, (...call) => (answer(...call), bytes(0xe0, 0xa8, 1, 1, 1, 0)));
    assertEquals((await fails(esp.startServer(80))).code, "radio-garbled");
    assertEquals(module.opcodes.filter((opcode) => opcode === START_SERVER).length, 1);
    assertEquals((await esp.socketOpen("10.0.0.1", 1)).number, 1);
    module.slots.delete(0);
    assertEquals((await esp.socketOpen("10.0.0.1", 1)).number, 0);
  });
});

describe("accepting", () => {
  it("asks with `accept` from 2.0.0 on, without before", async () => {
    for (const [version, frame] of [["3.3.0", "e02b0201000101ee"], ["1.7.7", "e02b010100ee0000"]] as const) {
      const { module, esp } = setUp(version);
      const server = await esp.startServer(80);
      assertEquals(await esp.acceptClient(server), null);
      assertEquals(module.frames.at(-1), frame);
      module.arrive(1);
      const client = await esp.acceptClient(server);
      assertEquals(client, { number: 1, mode: "tcp" });
      module.answers.set(0x45, () => reply(0x45, bytes(1, 2)));
      assertEquals(await esp.socketRead(client!), bytes(1, 2));
      await esp.socketClose(client!);
      assertEquals([module.opcodes.at(-1), [...module.slots]], [STOP, [0]]);
    }
  });

  it("before 2.0.0 the module names a client again, who is not given again", async () => {
    const { module, esp } = setUp("1.7.7");
    const server = await esp.startServer(80);
    module.arrive(1, 1, 1);
    const client = await esp.acceptClient(server);
    assertEquals(await esp.acceptClient(server), null);
    await esp.socketClose(client!);
    assertEquals((await esp.acceptClient(server))?.number, 1);
  });

  it("from 2.0.0 on a client in a slot means that whoever had it is gone", async () => {
    const { module, esp } = setUp();
    const server = await esp.startServer(80);
    module.arrive(1, 1);
    const before = await esp.acceptClient(server);
    const after = await esp.acceptClient(server);
    assertEquals((await fails(esp.socketRead(before!))).code, "closed");
    assertEquals((await esp.socketAvailable(after!)) >= 0, true);
  });

  for (const [what, number] of [["a number that no slot has", 6], ["the server's own", 0]] as const) {
    it(`trap 4: ${what} is no client, and the server goes on`, async () => {
      const { module, esp } = setUp();
      const server = await esp.startServer(80);
      module.arrive(number, 1);
      assertEquals((await fails(esp.acceptClient(server))).code, "radio-garbled");
      assertEquals((await esp.acceptClient(server))?.number, 1);
    });
  }

  it("is not asked twice: the client would be lost", async () => {
    const { module, esp } = setUp();
    const server = await esp.startServer(80);
    module.answers.set(AVAILABLE, () => bytes(0xe0, 0xab, 1, 2, 1, 0, 0, 0));
    assertEquals((await fails(esp.acceptClient(server))).code, "radio-garbled");
    assertEquals(module.opcodes.filter((opcode) => opcode === AVAILABLE).length, 1);
  });

  it("a server is no socket to read from", async () => {
    const { module, esp } = setUp();
    const server = await esp.startServer(80);
    module.frames.length = 0;
    const stray = { ...server, mode: "tcp" } as const;
    assertEquals((await fails(esp.socketRead(stray))).code, "closed");
    await esp.socketClose(stray);
    assertEquals(module.frames, []);
  });
});

/** A fake whose slots are taken by START_CLIENT, START_SERVER and clients that `arrive`. */
function setUp(version?: string) {
  const module = Object.assign(new FakeModule(version), {
    slots: new Set<number>(),
    servers: new Set<number>(),
    arrive: (...numbers: number[]) => void arrived.push(...numbers),
  });
  const arrived: number[] = [];
  const { slots, servers, answers } = module;
  module.onReset = () =>
    [slots, servers, arrived].forEach((one) => one instanceof Set ? one.clear() : one.splice(0));
  const free = () => [0, 1, 2, 3, 4, 5].find((slot) => !slots.has(slot));
  answers.set(GET_SOCKET, () => reply(GET_SOCKET, bytes(free() ?? 255)));
  answers.set(START, (parameters) => {
    slots.add(parameters.at(-2)![0]!);
    return reply(START, bytes(1));
  });
  answers.set(START_SERVER, ([, slot]) => {
    slots.add(slot![0]!);
    servers.add(slot![0]!);
    return reply(START_SERVER, bytes(1));
  });
  answers.set(SERVER_STATE, ([slot]) => reply(SERVER_STATE, bytes(servers.has(slot![0]!) ? 1 : 0)));
  answers.set(0x2f, () => reply(0x2f, bytes(4)));
  answers.set(STOP, ([slot]) => {
    slots.delete(slot![0]!);
    return reply(STOP, bytes(1));
  });
  answers.set(AVAILABLE, () => {
    const slot = arrived.shift() ?? 255;
    if (slot < 6) slots.add(slot);
    return reply(AVAILABLE, bytes(slot, 0));
  });
  const clock = new VirtualClock();
  return { module, clock, esp: new EspSpiControl(module.bus, module.pins, { clock }) };
}

function fails(promise: Promise<unknown>): Promise<ConnectionError> {
  return assertRejects(() => promise, ConnectionError);
}

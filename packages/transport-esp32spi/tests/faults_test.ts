import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { ConnectionError } from "@minimqtt/core";
import type { Connection, Transport } from "@minimqtt/core";
import type { EspPins } from "../src/bus.ts";
import { EspSpiControl } from "../src/driver/control.ts";
import { EspEmulator, replyEdits } from "../src/emulator/mod.ts";
import type { EmulatorOptions, Fault } from "../src/emulator/mod.ts";
import { esp32spi } from "../src/transport/transport.ts";
import { WiFiManager } from "../src/driver/wifi_manager.ts";
import { fastClock } from "./fast_clock.ts";

const GET_SOCKET = 0x3f;
const START = 0x2d;
const STATE = 0x2f;
const SEND = 0x44;
const READ = 0x45;
const STOP = 0x2e;
const STATUS = 0x20;

/** Milliseconds of the module's clock within which whatever goes wrong must have come to an end. */
const LIMIT = 90_000;

// The bytes of one exchange: connect, write, read the echo, close.
const OPCODES = [STATUS, GET_SOCKET, START, SEND, READ, STATE, STOP];

/** What happens to one command, and with which codes a connection may end for it; none: it must not be noticed. */
const faults: readonly (readonly [string, Record<string, unknown>, readonly string[]])[] = [
  ["READY HIGH for a while", { kind: "busy", time: 50 }, []],
  ["READY HIGH for ever", { kind: "busy" }, ["radio-reset"]],
  ["the error reply, once", { kind: "error" }, ["radio-refused"]],
  ["the error reply, twice", { kind: "error", times: 2 }, ["radio-refused"]],
  ["a reply with a wrong opcode", { kind: "reply", edit: replyEdits.wrongOpcode }, ["radio-garbled"]],
  ["a reply with a wrong count", { kind: "reply", edit: replyEdits.wrongCount }, ["radio-garbled"]],
  ["a reply without END", { kind: "reply", edit: replyEdits.wrongEnd }, ["radio-garbled"]],
  ["a reply with an absurd length", { kind: "reply", edit: replyEdits.absurdLength }, ["radio-garbled"]],
  ["a reply that stops after one byte", { kind: "reply", edit: replyEdits.truncated(1) }, ["radio-garbled"]],
  ["a reply that stops after three bytes", { kind: "reply", edit: replyEdits.truncated(3, 0xff) }, [
    "radio-garbled",
  ]],
  ["filler of two bytes in front", { kind: "reply", edit: replyEdits.late(2) }, []],
  ["filler of forty bytes in front", { kind: "reply", edit: replyEdits.late(40, 0) }, ["radio-garbled"]],
  ["nothing but filler", { kind: "reply", edit: replyEdits.truncated(0, 0xff) }, ["radio-garbled"]],
  ["a bit flipped in START", { kind: "reply", edit: replyEdits.flipped(0, 3) }, ["radio-garbled"]],
  ["a bit flipped in the count", { kind: "reply", edit: replyEdits.flipped(2, 1) }, ["radio-garbled"]],
  ["a command whose START has a bit flipped", { kind: "command", edit: replyEdits.flipped(0, 6) }, [
    "radio-refused",
  ]],
  ["a command whose opcode has a bit flipped", { kind: "command", edit: replyEdits.flipped(1, 7) }, [
    "radio-refused",
  ]],
  ["a command that got lost", { kind: "swallow" }, ["radio-garbled"]],
  ["a reply that is armed twice", { kind: "repeat" }, ["radio-garbled"]],
  ["a restart before the command", { kind: "restart", when: "before" }, ["radio-garbled", "radio-reset"]],
  ["a restart after the command", { kind: "restart", when: "after" }, ["radio-garbled", "radio-reset"]],
  ["a restart in the reply", { kind: "restart", when: "mid-reply" }, ["radio-garbled", "radio-reset"]],
];

describe("a connection, and the next one", () => {
  for (const [name, fault, codes] of faults) {
    it(`with ${name}`, async () => {
      await using world = await World.make();
      for (const opcode of OPCODES) {
        world.module.faults.inject({ ...fault, opcode } as Fault);
        const failure = await world.exchange().then(() => undefined, (error) => error);
        world.module.faults.clear();
        if (failure) {
          assert(codes.length > 0, `at ${opcode.toString(16)}: ${failure}`);
          world.judge(failure, codes);
        }
        await world.exchange();
        assertEquals(world.module.socketsInUse, [], `after ${opcode.toString(16)}`);
      }
      assertEquals(world.module.violations.list, []);
    });
  }

  it("with READY stuck at either level for a while", async () => {
    await using world = await World.make();
    for (const level of [true, false]) {
      await world.exchange();
      world.module.readyStuck = level;
      const failure = await world.exchange().then(() => undefined, (error) => error);
      world.judge(failure, ["radio-silent"]);
      world.module.readyStuck = undefined;
      await world.exchange();
    }
    // A level that is wrong all the time makes the host select when it must not: that is the line's doing.
    const names = new Set(world.module.violations.list.map((violation) => violation.name));
    assertEquals([...names].filter((name) => name !== "selected-while-busy"), []);
  });

  it("with a module that restarts by itself while a connection is idle", async () => {
    await using world = await World.make();
    const connection = await world.connect();
    const reading = connection.read().then((bytes) => bytes, (error) => error);
    world.module.restart();
    // To the driver the slot is closed; it says so, or that the module has restarted.
    const end = await reading;
    assert(end === null || end instanceof ConnectionError, `${end}`);
    await connection.close();
    await world.exchange();
    assertEquals([world.module.socketsInUse, world.module.violations.list], [[], []]);
  });

  it("with a slow first start, and a slow network", async () => {
    await using world = await World.make({
      timing: { float: 50, start: 500, associate: 100, address: 300 },
    });
    await world.exchange();
    assertEquals(world.module.violations.list, []);
  });

  for (const firmware of ["1.7.7", "3.3.0"]) {
    it(`with a network that was lost (firmware ${firmware})`, async () => {
      await using world = await World.make({ firmware });
      const connection = await world.connect();
      world.module.dropWifi();
      const connecting = world.exchange();
      await world.clock.sleep(3000);
      world.module.restoreWifi();
      await connecting;
      assertEquals(await connection.read().catch(() => null), null);
      await connection.close();
      assertEquals([world.module.socketsInUse, world.module.violations.list], [[], []]);
    });
  }

  it("with a name that is not known, or known late", async () => {
    await using world = await World.make();
    world.module.faults.inject({ kind: "dns", opcode: 0x34, time: 500 });
    const failure = await world.exchange("broker.test").catch((error) => error);
    assertEquals(failure.code, "name-not-found");
    await world.exchange("broker.test");
  });

  it("with an address that refuses, is silent or slow", async () => {
    await using world = await World.make();
    for (const how of ["refuse", "silence"] as const) {
      world.module.faults.inject({ kind: "connect", how });
      const failure = await world.exchange().catch((error) => error);
      assertEquals([failure.code, failure.cause.code], ["dial-failed", "dial-failed"]);
      await world.exchange();
    }
    world.module.faults.inject({ kind: "connect", how: "slow", time: 500 });
    await world.exchange();
    assertEquals(world.module.violations.list, []);
  });

  it("with writes that are taken in part, or not at all for a while", async () => {
    await using world = await World.make();
    world.module.faults.inject({ kind: "write", accept: 1, times: 2 });
    world.module.faults.inject({ kind: "write", accept: 0, times: 3 });
    await world.exchange();
    assertEquals([world.module.faults.pending, world.module.violations.list], [0, []]);
  });

  it("with a write that is not taken because the connection is dead", async () => {
    await using world = await World.make();
    world.module.faults.inject({ kind: "write", accept: 0, close: true });
    const failure = await world.exchange().catch((error) => error);
    assertInstanceOf(failure, ConnectionError);
    assertEquals(failure.code, "write-failed");
    await world.exchange();
    assertEquals([world.module.socketsInUse, world.module.violations.list], [[], []]);
  });

  it("with reads of one byte each, and a pin that never rises", async () => {
    await using world = await World.make();
    world.module.gpio0Stuck = false;
    world.module.faults.inject({ kind: "read", most: 1, times: 1000 });
    await world.exchange();
    assertEquals(world.module.violations.list, []);
  });

  it("with a pin that is always HIGH", async () => {
    await using world = await World.make();
    world.module.gpio0Stuck = true;
    await world.exchange();
  });

  it("without the pin", async () => {
    await using world = await World.make();
    const { gpio0: _, ...pins } = world.pins;
    const control = new EspSpiControl(world.module.bus, pins, { clock: world.clock });
    await control.connectAP("home");
    await world.exchange("127.0.0.1", esp32spi(control));
  });

  it("with no socket left for once", async () => {
    await using world = await World.make();
    world.module.faults.inject({ kind: "no-socket" });
    await world.exchange();
    world.module.faults.inject({ kind: "no-socket", times: 10 });
    const failure = await world.exchange().catch((error) => error);
    assertEquals([failure.code, failure.cause.code], ["dial-failed", "no-socket"]);
    world.module.faults.clear();
    await world.exchange();
  });

  it("trap 43: with a slot that is given out twice", async () => {
    await using world = await World.make();
    const first = await world.connect();
    // The reply names slot 0, which the first has.
    const edit = (bytes: Uint8Array) => bytes.map((byte, index) => index === 4 ? 0 : byte);
    world.module.faults.inject({ kind: "reply", opcode: GET_SOCKET, edit });
    const second = await world.connect();
    await world.echo(first);
    await world.echo(second);
    assertEquals(world.module.violations.list, []);
  });

  it("with a peer that ends with bytes unread, or breaks the connection", async () => {
    await using world = await World.make();
    for (const end of [(socket: Socket) => socket.end(), (socket: Socket) => socket.resetAndDestroy()]) {
      const connection = await world.connect();
      await world.echo(connection);
      const peer = world.peers.at(-1)!;
      await new Promise((resolve) => peer.write(new Uint8Array(3000), resolve));
      end(peer);
      let count = 0;
      for (let bytes; (bytes = await connection.read()) !== null;) count += bytes.length;
      if (end.toString().includes("end()")) assertEquals(count, 3000);
      await connection.close();
    }
    assertEquals([world.module.socketsInUse, world.module.violations.list], [[], []]);
  });

  it("with a cable that is cut: nothing is noticed, and close comes to an end", async () => {
    await using world = await World.make();
    const connection = await world.connect();
    await world.echo(connection);
    world.module.silence(world.module.socketsInUse[0]!);
    const reading = connection.read();
    await connection.write(new Uint8Array(10));
    const late = await Promise.race([
      reading.then(() => "settled"),
      world.clock.sleep(5000).then(() => "silence"),
    ]);
    assertEquals(late, "silence");
    await connection.close();
    assertEquals(await reading, null);
    await world.exchange();
  });
});

/** A module in a network, an echo server, and a transport through the one to the other. */
class World implements AsyncDisposable {
  /** The driver's. The module's own is slower: its limit for connecting, 3 s, must be enough for real sockets. */
  readonly clock = fastClock(40);
  readonly peers: Socket[] = [];
  readonly module: EspEmulator;
  readonly transport: Transport;
  readonly #server: Server;

  private constructor(server: Server, options: EmulatorOptions) {
    this.#server = server;
    const { port } = server.address() as AddressInfo;
    server.on("connection", (socket) => {
      this.peers.push(socket);
      socket.on("error", () => undefined).pipe(socket);
    });
    this.module = new EspEmulator({
      networks: [{ ssid: "home" }],
      clock: fastClock(4),
      hosts: { "broker.test": "10.0.0.9" },
      route: () => ({ host: "127.0.0.1", port }),
      ...options,
    });
    const control = new EspSpiControl(this.module.bus, this.pins, {
      clock: this.clock,
      timeLimits: { dial: 40_000 },
    });
    this.transport = esp32spi(control, { wifi: new WiFiManager(control, { ssid: "home" }) });
  }

  /** Waits for READY by the driver's clock, of which ten milliseconds are one of the module's. */
  get pins(): Required<EspPins> {
    const { ready, ...pins } = this.module.pins;
    return {
      ...pins,
      ready: { read: () => ready.read(), wait: (level, timeout) => ready.wait!(level, timeout / 10) },
    };
  }

  static async make(options: EmulatorOptions = {}): Promise<World> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new World(server, options);
  }

  connect(host = "127.0.0.1", transport = this.transport): Promise<Connection> {
    return transport.connect({ host, port: 1883 });
  }

  /** Sends some bytes and waits for their echo. */
  async echo(connection: Connection): Promise<void> {
    const sent = Uint8Array.from({ length: 300 }, (_, index) => index);
    await connection.write(sent);
    const came: number[] = [];
    while (came.length < sent.length) {
      const bytes = await connection.read();
      if (bytes === null) throw new ConnectionError("closed", "the connection has ended");
      came.push(...bytes);
    }
    assertEquals(came, [...sent]);
  }

  /** Connects, sends, gets the echo, closes; within the limit, whatever comes of it. */
  async exchange(host?: string, transport?: Transport): Promise<void> {
    const start = this.clock.now();
    try {
      const connection = await this.connect(host, transport);
      try {
        await this.echo(connection);
        // Long enough on the line for the question whether the peer is there.
        const reading = connection.read().catch(() => null);
        await this.clock.sleep(100);
        await connection.close();
        await reading;
      } finally {
        await connection.close();
      }
    } finally {
      const time = this.clock.now() - start;
      assert(time < LIMIT, `it took ${Math.round(time)} ms`);
    }
  }

  /** What a connection may fail with: the contract's codes, and the module's behind them. */
  judge(failure: unknown, codes: readonly string[]): void {
    assertInstanceOf(failure, ConnectionError);
    assert(
      ["dial-failed", "read-failed", "write-failed", "closed", "wifi-down", ...codes].includes(failure.code),
      `${failure}`,
    );
    for (let error: unknown = failure; error instanceof ConnectionError; error = error.cause) {
      if (error.code.startsWith("radio-")) assert(codes.includes(error.code), `${error}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.module.close();
    for (const peer of this.peers) peer.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

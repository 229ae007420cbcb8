import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ConnectionError, UsageError } from "@minimqtt/core";
import type { Connection } from "@minimqtt/core";
import { FakeModule, reply } from "../../tests/fake_module.ts";
import { VirtualClock } from "../../tests/virtual_clock.ts";
import { EspSpiControl } from "../driver/control.ts";
import { esp32spi } from "./transport.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);
const [GET_SOCKET, START, STOP, STATE, SEND, READ] = [0x3f, 0x2d, 0x2e, 0x2f, 0x44, 0x45] as const;

describe("esp32spi", () => {
  it("serves mqtt and mqtts, the one that is asked for first", () => {
    const { esp } = setUp();
    assertEquals(esp32spi(esp).schemes.map(({ name, port }) => [name, port]), [["mqtt", 1883], [
      "mqtts",
      8883,
    ]]);
    assertEquals(esp32spi(esp, { secure: true }).schemes[0], { name: "mqtts", port: 8883, secure: true });
    assertEquals(esp32spi(esp).name, "esp32spi");
  });

  it("refuses what is no driver, and a pace that is none", () => {
    const { esp } = setUp();
    assertThrows(() => esp32spi(undefined as unknown as EspSpiControl), UsageError);
    for (const idle of [0, -1, NaN, 1e6, "1" as unknown as number]) {
      assertThrows(() => esp32spi(esp, { idle }), UsageError);
    }
  });

  it("an IPv6 address is one that the module does not know", async () => {
    const { connect } = setUp();
    const error = await fails(connect("::1"));
    assertEquals(error.code, "dial-failed");
    assert(error.message.includes("IPv4"), error.message);
  });

  it("trap 9: an attempt that is given up does not wait for the module, and leaves no socket", async () => {
    const { module, esp, clock } = setUp();
    const { read } = module.pins.ready;
    let until = 0;
    module.pins.ready.read = () => clock.now() < until ? true : read();
    const answer = module.answers.get(START)!;
    const controller = new AbortController();
    module.answers.set(START, (...call) => {
      until = clock.now() + 3000;
      controller.abort("enough");
      return answer(...call);
    });
    const attempt = esp32spi(esp).connect({ host: "10.0.0.1", port: 1 }, { signal: controller.signal });
    assertEquals(await attempt.then(() => "open", (reason) => reason), "enough");
    assert(clock.now() < until);
    await clock.sleep(5000);
    assertEquals([module.slots.size, module.opcodes.at(-1), module.violations], [0, STOP, []]);
  });
});

describe("a connection of esp32spi", () => {
  it("costs 42 windows a second when idle, and fewer when told so", async () => {
    for (const [idle, most] of [[undefined, 42], [200, 12], [1000, 4]] as const) {
      const { module, esp, clock } = setUp({ gpio0: false });
      const options = idle === undefined ? {} : { idle };
      const connection = await esp32spi(esp, options).connect({ host: "10.0.0.1", port: 1 });
      const reading = connection.read();
      await clock.sleep(10_000);
      const before = windows(module);
      await clock.sleep(10_000);
      const count = (windows(module) - before) / 10;
      assert(count <= most && count > most / 2, `${count} windows, expected ${most}`);
      await connection.close();
      assertEquals(await reading, null);
    }
  });

  it("costs 4 windows a second when the pin says that nothing is there", async () => {
    const { module, connect, clock } = setUp();
    const connection = await connect();
    const reading = connection.read();
    await clock.sleep(10_000);
    const before = windows(module);
    await clock.sleep(10_000);
    assert(windows(module) - before <= 40, `${windows(module) - before} windows in ten seconds`);
    await connection.close();
    await reading;
  });

  it("asks nothing while nobody reads", async () => {
    const { module, connect, clock } = setUp({ gpio0: false });
    const connection = await connect();
    const before = windows(module);
    await clock.sleep(60_000);
    assertEquals(windows(module), before);
    await connection.close();
  });

  it("looks at once again after a byte, either way", async () => {
    const { module, connect, clock } = setUp({ gpio0: false });
    const connection = await connect();
    const reading = connection.read();
    await clock.sleep(10_000);
    module.answers.set(READ, (_, count) => reply(READ, count ? bytes(1) : bytes()));
    const start = clock.now();
    await connection.write(bytes(1));
    assertEquals(await reading, bytes(1));
    assert(clock.now() - start <= 1, `${clock.now() - start} ms`);
    await connection.close();
  });

  it("several that write share the bus by turns", async () => {
    const { module, connect } = setUp();
    const connections = await Promise.all([connect(), connect(), connect()]);
    module.opcodes.length = 0;
    const turns: number[] = [];
    module.answers.set(SEND, ([slot, data]) => {
      turns.push(slot![0]!);
      return reply(SEND, bytes(data!.length & 0xff, data!.length >> 8));
    });
    await Promise.all(connections.map((connection) => connection.write(new Uint8Array(40_000))));
    for (let at = 3; at < turns.length; at++) assertEquals(turns[at], turns[at - 3], `${turns}`);
    await Promise.all(connections.map((connection) => connection.close()));
  });

  it("trap 6: writes whole buffers: 4083 bytes a command, and the rest", async () => {
    const { module, connect } = setUp();
    const sizes = sizesOf(module);
    const connection = await connect();
    await connection.write(new Uint8Array(10_000));
    assertEquals(sizes, [4083, 4083, 1834]);
  });

  it("trap 14: before 3.0.0 writes small pieces, with time between them", async () => {
    const { module, connect, clock } = setUp({ version: "1.7.7" });
    const sizes = sizesOf(module);
    const connection = await connect();
    const start = clock.now();
    await connection.write(new Uint8Array(10_240));
    assertEquals(sizes, Array(10).fill(1024));
    assert(clock.now() - start >= 9 * 5, `${clock.now() - start} ms`);
  });

  it("trap 14: before 3.0.0 many small writes have time between them too", async () => {
    const { connect, clock } = setUp({ version: "1.7.7" });
    const connection = await connect();
    const start = clock.now();
    for (let count = 0; count < 320; count++) await connection.write(new Uint8Array(32));
    assert(clock.now() - start >= 9 * 5, `${clock.now() - start} ms`);
    await connection.close();
  });

  it("trap 30: a write of nothing, or of whole buffers, sends no empty one", async () => {
    const { module, connect } = setUp();
    const sizes = sizesOf(module);
    const connection = await connect();
    await connection.write(bytes());
    await connection.write(new Uint8Array(2 * 4083));
    assertEquals(sizes, [4083, 4083]);
  });

  it("trap 42: a write of which nothing is taken finds the end, and what came before it is read", async () => {
    const { module, connect } = setUp();
    const connection = await connect();
    const words = [bytes(1, 2, 3), bytes(4)];
    module.answers.set(SEND, () => reply(SEND, bytes(0, 0)));
    module.answers.set(READ, () => reply(READ, words.shift() ?? bytes()));
    module.answers.set(STATE, () => {
      if (words.length > 0) module.violations.push("asked for the state with bytes unread");
      return reply(STATE, bytes(0));
    });
    const error = await fails(connection.write(bytes(9)));
    assertEquals(error.code, "write-failed");
    assertInstanceOf(error.cause, Error);
    assertEquals([await connection.read(), await connection.read()], [bytes(1, 2, 3), bytes(4)]);
    assertEquals([await connection.read(), await connection.read()], [null, null]);
    assertEquals([module.slots.size, module.violations], [0, []]);
    await connection.close();
  });

  it("trap 13: firmware that does not notice an end is asked again and again, in vain; close ends the read", async () => {
    const { connect, clock } = setUp({ version: "1.7.7" });
    const connection = await connect();
    const reading = connection.read();
    await clock.sleep(60_000);
    await connection.close();
    assertEquals(await reading, null);
  });

  it("a write of which nothing is taken for a while goes on when it is", async () => {
    const { module, connect, clock } = setUp();
    const connection = await connect();
    module.answers.set(
      SEND,
      ([, data], count) =>
        reply(SEND, count < 6 ? bytes(0, 0) : bytes(data!.length & 0xff, data!.length >> 8)),
    );
    const start = clock.now();
    await connection.write(new Uint8Array(100));
    assert(clock.now() - start > 100, "it did not hurry");
    await connection.close();
  });

  it("trap 32: the answer of DATA_SENT is not asked for", async () => {
    const { module, connect } = setUp();
    const connection = await connect();
    await connection.write(new Uint8Array(5000));
    await connection.close();
    assertEquals(module.frames.some((frame) => frame.startsWith("e02a")), false);
  });

  it("bytes that a write and a read find at the same time keep their order", async () => {
    const { module, connect } = setUp();
    const connection = await connect();
    let next = 0;
    module.answers.set(READ, () => reply(READ, next < 20 ? bytes(next++) : bytes()));
    module.answers.set(
      SEND,
      ([, data], count) => reply(SEND, count % 3 ? bytes(0, 0) : bytes(data!.length, 0)),
    );
    const read: number[] = [];
    const reading = (async () => {
      while (read.length < 20) read.push(...(await connection.read())!);
    })();
    for (let count = 0; count < 5; count++) await connection.write(bytes(1));
    await reading;
    assertEquals(read, Array.from({ length: 20 }, (_, index) => index));
    await connection.close();
  });

  it("a read that fails says so every time, with the module's error behind it", async () => {
    const { module, connect } = setUp();
    const connection = await connect();
    module.answers.set(READ, () => new Uint8Array(8));
    for (let count = 0; count < 2; count++) {
      const error = await fails(connection.read());
      assertEquals([error.code, (error.cause as ConnectionError).code], ["read-failed", "radio-garbled"]);
    }
    assertEquals((await fails(connection.write(bytes(1)))).code, "write-failed");
    await connection.close();
    assertEquals(await connection.read(), null);
  });
});

/** A fake in a network that takes everything and has nothing to say. */
function setUp({ version = "3.3.0", gpio0 = true } = {}) {
  const module = Object.assign(new FakeModule(version), { slots: new Set<number>() });
  const { slots, answers } = module;
  const free = () => Array.from({ length: 6 }, (_, index) => index).find((slot) => !slots.has(slot));
  answers.set(0x20, () => reply(0x20, bytes(3)));
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
  answers.set(SEND, ([, data]) => reply(SEND, bytes(data!.length & 0xff, data!.length >> 8)));
  answers.set(READ, () => reply(READ, bytes()));
  const clock = new VirtualClock();
  const { gpio0: pin, ...pins } = module.pins;
  const esp = new EspSpiControl(module.bus, gpio0 ? { ...pins, gpio0: pin! } : pins, { clock });
  const connect = (host = "10.0.0.1"): Promise<Connection> => esp32spi(esp).connect({ host, port: 1 });
  return { module, clock, esp, connect };
}

function windows(module: FakeModule): number {
  return module.events.filter((event) => event === "select").length;
}

function sizesOf(module: FakeModule): number[] {
  const sizes: number[] = [];
  module.answers.set(SEND, ([, data]) => {
    sizes.push(data!.length);
    return reply(SEND, bytes(data!.length & 0xff, data!.length >> 8));
  });
  return sizes;
}

function fails(promise: Promise<unknown>): Promise<ConnectionError> {
  return assertRejects(() => promise, ConnectionError);
}

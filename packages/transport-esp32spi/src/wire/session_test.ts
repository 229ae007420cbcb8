import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ConnectionError } from "@minimqtt/core";
import { ERROR, FakeModule, reply } from "../../tests/fake_module.ts";
import { VirtualClock } from "../../tests/virtual_clock.ts";
import { EspSpiControl } from "../driver/control.ts";

const STATUS = 0x20;
const OPEN = { number: 0, mode: "tcp" } as const;

describe("starting", () => {
  it("trap 21: chip select rests HIGH before RESET rises, and until the module is to be believed", async () => {
    const { module, esp } = setUp();
    await esp.status();
    const start = module.events.slice(0, module.events.indexOf("select"));
    assertEquals(start, ["deselect", "gpio0 HIGH", "reset LOW", "reset HIGH", "gpio0 released"]);
  });

  it("trap 22: GPIO0 is the module's after the start, and never driven again", async () => {
    const { module, esp } = setUp();
    await esp.status();
    await esp.status();
    assertEquals(module.gpio0, undefined);
    assertEquals(module.events.filter((event) => event.startsWith("gpio0")), [
      "gpio0 HIGH",
      "gpio0 released",
    ]);
  });

  it("trap 23: READY is not believed before 750 ms have gone by", async () => {
    const { module, esp, clock } = setUp();
    let start = 0;
    let asked: number | undefined;
    const { read } = module.pins.ready;
    module.onReset = () => start = clock.now();
    module.pins.ready.read = () => {
      if (module.resets > 0) asked ??= clock.now() - start;
      return read();
    };
    await esp.status();
    assert(asked! >= 750, `${asked}`);
  });

  it("resets once, at the first command, and asks for the version once", async () => {
    const { module, esp } = setUp();
    assertEquals(module.resets, 0);
    assertEquals(`${await esp.firmwareVersion()}`, "3.3.0");
    await esp.firmwareVersion();
    await esp.status();
    assertEquals(module.resets, 1);
    assertEquals(module.opcodes, [0x37, STATUS]);
  });

  it("without a RESET pin gets into step with a module that is in the middle of something", async () => {
    const { module, clock } = setUp();
    module.slip();
    const { reset: _, ...pins } = module.pins;
    const esp = new EspSpiControl(module.bus, pins, { clock });
    assertEquals(`${await esp.firmwareVersion()}`, "3.3.0");
    assertEquals([module.resets, module.violations], [0, []]);
  });

  it("a module that is not there is silent, and found when it has come", async () => {
    const { module, esp } = setUp();
    module.stuck = true;
    assertEquals((await fails(esp.status())).code, "radio-silent");
    module.stuck = undefined;
    assertEquals(await esp.status(), 3);
    assertEquals(module.violations, []);
  });

  it("a module that does not see its selection is silent", async () => {
    const { module, esp } = setUp();
    module.acknowledges = false;
    assertEquals((await fails(esp.status())).code, "radio-silent");
    module.acknowledges = true;
    assertEquals(await esp.status(), 3);
  });
});

describe("a command that goes wrong", () => {
  it("trap 1: a slip is noticed and made up for, without a reset", async () => {
    const { module, esp } = setUp();
    await esp.status();
    for (const _ of [1, 2, 3]) {
      module.slip();
      assertEquals(await esp.status(), 3);
    }
    assertEquals([module.resets, module.violations], [1, []]);
  });

  it("trap 1: a reply that was never read is not taken for the next one", async () => {
    const { module, esp } = setUp();
    await esp.status();
    // It would even be of the right form.
    module.slip(reply(0x37, new TextEncoder().encode("9.9.9\0")));
    assertEquals(await esp.rssi(), 1);
    assertEquals(`${await esp.firmwareVersion()}`, "3.3.0");
    assertEquals(module.resets, 1);
  });

  it("trap 24: nothing is clocked before READY has gone HIGH", async () => {
    const { module, esp } = setUp();
    const { read } = module.pins.ready;
    let slow = 0;
    // READY follows the selection late.
    module.pins.ready.read = async () => {
      const level = await read();
      return level && slow++ % 3 !== 2 ? false : level;
    };
    module.answers.set(STATUS, () => reply(STATUS, Uint8Array.of(6)));
    assertEquals(await esp.status(), 6);
    assertEquals(module.violations, []);
  });

  it("trap 36: an error reply is doubted once, then believed", async () => {
    const { module, esp } = setUp();
    module.answers.set(STATUS, (_, count) => count === 1 ? ERROR : reply(STATUS, Uint8Array.of(3)));
    assertEquals(await esp.status(), 3);
    module.answers.set(STATUS, () => ERROR);
    const error = await fails(esp.status());
    assertEquals(error.code, "radio-refused");
    assert(error.message.includes("GET_CONN_STATUS"), error.message);
    assertEquals(module.resets, 1);
  });

  for (
    const [what, answer] of [
      ["another opcode", reply(0x21, Uint8Array.of(3))],
      ["too many parameters", reply(STATUS, Uint8Array.of(3), Uint8Array.of(3))],
      ["no END", Uint8Array.of(0xe0, 0xa0, 1, 1, 3, 0, 0, 0)],
      ["a length beyond all bounds", Uint8Array.of(0xe0, 0xa0, 1, 255, 3, 0, 0, 0)],
      ["filler only", new Uint8Array(16).fill(0xff)],
      ["nothing", new Uint8Array(0)],
      ["half a frame", Uint8Array.of(0xe0, 0xa0)],
    ] as const
  ) {
    it(`asks again when the reply has ${what}, and gives up when it has it again`, async () => {
      const { module, esp } = setUp();
      module.answers.set(STATUS, (_, count) => count === 1 ? answer : reply(STATUS, Uint8Array.of(3)));
      assertEquals(await esp.status(), 3);
      module.answers.set(STATUS, () => answer);
      assertEquals((await fails(esp.status())).code, "radio-garbled");
      module.answers.delete(STATUS);
      assertEquals(await esp.status(), 1);
      assertEquals([module.resets, module.violations], [1, []]);
    });
  }

  it("a command that the module does not come to an end with is given up in time, with a reset", async () => {
    const { module, esp, clock } = setUp({ timeLimits: { plain: 300 } });
    await esp.firmwareVersion();
    module.answers.set(STATUS, () => undefined);
    const start = clock.now();
    const error = await fails(esp.status());
    assertEquals(error.code, "radio-reset");
    assertInstanceOf(error.cause, Error);
    assert(clock.now() - start < 4000, `${clock.now() - start}`);
    module.answers.delete(STATUS);
    assertEquals(await esp.status(), 1);
    assertEquals([module.resets, module.violations], [2, []]);
  });

  it("what must not happen twice is not sent twice", async () => {
    const { module, esp } = setUp();
    module.answers.set(0x3f, () => reply(0x3f, Uint8Array.of(0)));
    module.answers.set(0x44, () => ERROR);
    const socket = await esp.socketOpen("10.0.0.1", 1883);
    assertEquals((await fails(esp.socketWrite(socket, Uint8Array.of(1)))).code, "radio-refused");
    assertEquals(module.opcodes.filter((opcode) => opcode === 0x44).length, 1);
  });

  it("trap 37: commands of several tasks do not mix", async () => {
    const { module, esp } = setUp();
    module.answers.set(STATUS, () => reply(STATUS, Uint8Array.of(3)));
    module.answers.set(0x25, () => reply(0x25, Uint8Array.of(0xca, 0xff, 0xff, 0xff)));
    const tasks = Array.from({ length: 20 }, async (_, index) => {
      for (let count = 0; count < 10; count++) {
        if (index % 2) assertEquals(await esp.status(), 3);
        else assertEquals(await esp.rssi(), -54);
      }
    });
    await Promise.all(tasks);
    assertEquals(module.violations, []);
  });

  it("trap 38: a module that restarted by itself is noticed at its status", async () => {
    const { module, esp } = setUp();
    module.answers.set(STATUS, () => reply(STATUS, Uint8Array.of(3)));
    module.answers.set(0x3f, () => reply(0x3f, Uint8Array.of(0)));
    assert(await esp.isConnected());
    const socket = await esp.socketOpen("10.0.0.1", 1883);
    module.answers.set(STATUS, () => reply(STATUS, Uint8Array.of(254)));
    assertEquals(await esp.status(), 254);
    assertEquals((await fails(esp.socketRead(socket))).code, "closed");
  });

  it("trap 38: a module that restarted in the middle of a command is told from one that slipped", async () => {
    const { module, esp } = setUp();
    module.answers.set(STATUS, () => reply(STATUS, Uint8Array.of(3)));
    assert(await esp.isConnected());
    module.answers.set(0x25, () => {
      module.answers.set(STATUS, () => reply(STATUS, Uint8Array.of(254)));
      return new Uint8Array(8);
    });
    assertEquals((await fails(esp.rssi())).code, "radio-reset");
    assertEquals(module.resets, 1);
  });

  it("trap 44: a socket from before a reset does not touch the one that has its number now", async () => {
    const { module, esp } = setUp();
    module.answers.set(0x3f, () => reply(0x3f, Uint8Array.of(0)));
    const before = await esp.socketOpen("10.0.0.1", 1883);
    await esp.reset();
    const after = await esp.socketOpen("10.0.0.1", 1883);
    assertEquals(before.number, after.number);
    module.opcodes.length = 0;
    await esp.socketClose(before);
    assertEquals((await fails(esp.socketWrite(before, Uint8Array.of(1)))).code, "closed");
    assertEquals((await fails(esp.socketRead(OPEN))).code, "closed");
    assertEquals(await esp.socketConnected(before), false);
    assertEquals(module.opcodes, []);
    await esp.socketClose(after);
    assertEquals(module.opcodes, [0x2e]);
  });

  it("a bus that fails is a silent module with the bus's error behind it; the next command starts anew", async () => {
    const { module, clock } = setUp();
    let broken = true;
    const failure = new Error("no such device");
    const bus = {
      ...module.bus,
      transfer: (bytes: Uint8Array) => {
        if (broken) throw failure;
        return module.bus.transfer(bytes);
      },
    };
    const esp = new EspSpiControl(bus, module.pins, { clock });
    const error = await fails(esp.status());
    assertEquals([error.code, error.cause], ["radio-silent", failure]);
    broken = false;
    assertEquals(await esp.status(), 3);
  });
});

function setUp(options: { timeLimits?: { plain?: number } } = {}) {
  const module = new FakeModule();
  module.answers.set(STATUS, () => reply(STATUS, Uint8Array.of(3)));
  const clock = new VirtualClock();
  return { module, clock, esp: new EspSpiControl(module.bus, module.pins, { clock, ...options }) };
}

function fails(promise: Promise<unknown>): Promise<ConnectionError> {
  return assertRejects(() => promise, ConnectionError);
}

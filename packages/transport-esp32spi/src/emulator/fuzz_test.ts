import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import { dump, exchange, hex } from "../../tests/raw_host.ts";
import { VirtualClock } from "../../tests/virtual_clock.ts";
import { EspEmulator } from "./mod.ts";

const networks = [{ ssid: "home", passphrase: "secret12" }];

/** Mostly small numbers, such as sockets, modes and sizes are. */
const parameter = fc.oneof(
  fc.constantFrom([0], [1], [2], [54], [0, 1], [4, 0], [127, 0, 0, 1], [0, 0, 0, 0], [4, 0, 0, 0]),
  fc.array(fc.nat(255), { maxLength: 12 }),
);

/** A command whose frame is right, with lengths of 8 or 16 bits. */
function wellFormed([opcode, parameters, wide]: [number, (readonly number[])[], boolean]): Uint8Array {
  const parts = parameters.flatMap((bytes) => [...(wide ? [0] : []), bytes.length, ...bytes]);
  const frame = [0xe0, opcode, parameters.length, ...parts, 0xee];
  while (frame.length % 4 !== 0) frame.push(0);
  return new Uint8Array(frame);
}

/** A window: what is clocked, in how many pieces; sometimes it begins like a command. */
const window = fc.record({
  bytes: fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    fc.tuple(fc.nat(0x7f), fc.uint8Array({ maxLength: 60 })).map(([opcode, rest]) =>
      new Uint8Array([0xe0, opcode, ...rest])
    ),
    fc.tuple(fc.nat(0x7f), fc.array(parameter, { maxLength: 5 }), fc.boolean()).map(wellFormed),
  ),
  pieces: fc.integer({ min: 1, max: 4 }),
});

describe("the emulated module", () => {
  it("survives whatever a host clocks, and a reset makes it well", async () => {
    const property = fc.asyncProperty(
      fc.array(window, { maxLength: 30 }),
      fc.constantFrom("1.7.7", "2.0.0", "3.1.0", "3.3.0"),
      async (windows, firmware) => {
        const clock = new VirtualClock();
        const esp = new EspEmulator({
          firmware,
          networks,
          hosts: {},
          route: () => "refuse",
          clock,
          listenAt: nowhere,
        });
        for (const { bytes, pieces } of windows) {
          esp.bus.select();
          const size = Math.ceil(bytes.length / pieces) || 1;
          for (let at = 0; at < bytes.length; at += size) {
            const part = bytes.subarray(at, at + size);
            assertEquals((await esp.bus.transfer(part)).length, part.length);
          }
          esp.bus.deselect();
          assert(["command", "busy", "response"].includes(esp.phase), esp.phase);
          if (esp.phase === "busy") await clock.sleep(200);
        }
        assert(esp.violations.list.length <= 100 && esp.restarts.length <= windows.length);
        esp.pins.reset.write(false);
        esp.pins.reset.write(true);
        await exchange(esp, hex("E0 20 00 EE"));
        assertEquals(dump(await exchange(esp, new Uint8Array(4))), "e0 a0 01 01");
        assertEquals(esp.socketsInUse, []);
        esp.close();
      },
    );
    await fc.assert(property, { numRuns: 300 });
  });
});

/** Any free port of loopback, so that a random one disturbs nobody. */
function nowhere() {
  return { host: "127.0.0.1", port: 0 };
}

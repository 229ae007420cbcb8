import { ConnectionError } from "@minimqtt/core";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import { command, dump, hex, join } from "../../tests/raw_host.ts";
import { EspEmulator } from "../emulator/mod.ts";
import { connectBus, formatPlace, parsePlace, serveBus } from "./mod.ts";

const networks = [{ ssid: "home", passphrase: "secret12" }];

describe("serveBus(), to a client that knows bytes only", () => {
  it("opcode 1 is a whole window, READY LOW before it", async () => {
    const { raw, esp, end } = await served();
    assertEquals(await raw.ask("05 00 00 00 01 E0 37 00 EE"), "05 00 00 00 01 00 00 00 00");
    assertEquals(
      await raw.ask("0d 00 00 00 01 00 00 00 00 00 00 00 00 00 00 00 00"),
      "0d 00 00 00 01 e0 b7 01 06 33 2e 33 2e 30 00 ee 00",
    );
    assertEquals(esp.violations.list, []);
    await end();
  });

  it("opcode 1 with READY HIGH is answered by 81, and counted", async () => {
    const { raw, esp, end } = await served();
    esp.faults.inject({ kind: "busy" });
    await raw.ask("05 00 00 00 01 E0 37 00 EE");
    assertEquals(await raw.ask("05 00 00 00 01 00 00 00 00"), "05 00 00 00 81 00 00 00 00");
    assertEquals(esp.violations.names, ["selected-while-busy"]);
    assertEquals(await raw.ask("01 00 00 00 02"), "06 00 00 00 02 01 00 00 01 fe");
    await end();
  });

  it("opcode 2 tells READY, GPIO0, phase, violations and Wi-Fi status", async () => {
    const { raw, esp, end } = await served();
    assertEquals(await raw.ask("01 00 00 00 02"), "06 00 00 00 02 00 00 01 00 fe");
    await raw.ask("05 00 00 00 01 E0 37 00 EE");
    assertEquals(await raw.ask("01 00 00 00 02"), "06 00 00 00 02 00 00 02 00 fe");
    await raw.ask("0d 00 00 00 01 00 00 00 00 00 00 00 00 00 00 00 00");
    await join(esp);
    assertEquals(await raw.ask("01 00 00 00 02"), "06 00 00 00 02 00 00 01 00 03");
    esp.gpio0Stuck = true;
    for (let count = 0; count < 300; count++) esp.violations.add("empty-write", "a test's");
    assertEquals(await raw.ask("01 00 00 00 02"), "06 00 00 00 02 00 01 01 ff 03");
    await end();
  });

  it("opcode 3 resets the module, and the connection ends", async () => {
    const { raw, esp, end, place } = await served();
    await join(esp);
    assertEquals(esp.wifiStatus, 3);
    raw.send("01 00 00 00 03");
    assertEquals(await raw.rest(), "01 00 00 00 03");
    assertEquals(esp.wifiStatus, 254);
    const again = await rawClient(place);
    assertEquals(await again.ask("01 00 00 00 02"), "06 00 00 00 02 00 00 01 00 fe");
    again.end();
    await end();
  });

  it("opcode 4 drops the Wi-Fi, and brings it back", async () => {
    const { raw, esp, end } = await served();
    await join(esp);
    assertEquals(await raw.ask("02 00 00 00 04 00"), "01 00 00 00 04");
    assertEquals(esp.wifiStatus, 5);
    assertEquals(await raw.ask("02 00 00 00 04 01"), "01 00 00 00 04");
    assertEquals(esp.wifiStatus, 3);
    await end();
  });

  it("opcodes 6, 7 and 8 are a window in steps", async () => {
    const { raw, esp, end } = await served();
    assertEquals(await raw.ask("01 00 00 00 06"), "01 00 00 00 06");
    assertEquals(await raw.ask("01 00 00 00 02"), "06 00 00 00 02 01 00 01 00 fe");
    assertEquals(await raw.ask("03 00 00 00 07 E0 37"), "03 00 00 00 07 00 00");
    assertEquals(await raw.ask("03 00 00 00 07 00 EE"), "03 00 00 00 07 00 00");
    assertEquals(await raw.ask("01 00 00 00 08"), "01 00 00 00 08");
    await raw.ask("01 00 00 00 06");
    assertEquals(await raw.ask("05 00 00 00 07 00 00 00 00"), "05 00 00 00 07 e0 b7 01 06");
    assertEquals(await raw.ask("05 00 00 00 07 00 00 00 00"), "05 00 00 00 07 33 2e 33 2e");
    await raw.ask("01 00 00 00 08");
    assertEquals(esp.violations.list, []);
    await end();
  });

  it("answers what it does not know, or what has the wrong size, with bit 7, and goes on", async () => {
    const { raw, end } = await served();
    assertEquals(await raw.ask("01 00 00 00 05"), "01 00 00 00 85");
    assertEquals(await raw.ask("02 00 00 00 63 01"), "01 00 00 00 e3");
    assertEquals(await raw.ask("02 00 00 00 02 00"), "01 00 00 00 82");
    assertEquals(await raw.ask("02 00 00 00 04 02"), "01 00 00 00 84");
    assertEquals(await raw.ask("01 00 00 00 04"), "01 00 00 00 84");
    assertEquals(await raw.ask("01 00 00 00 02"), "06 00 00 00 02 00 00 01 00 fe");
    await end();
  });

  it("puts requests together that come byte by byte, and takes many at once", async () => {
    const { raw, end } = await served();
    for (const byte of hex("05 00 00 00 01 E0 37 00 EE")) {
      raw.send(byte.toString(16).padStart(2, "0"));
      await new Promise((resolve) => setImmediate(resolve));
    }
    assertEquals(await raw.take(9), "05 00 00 00 01 00 00 00 00");
    assertEquals(
      await raw.ask("01 00 00 00 02 03 00 00 00 01 00 00 01 00 00 00 02", 27),
      "06 00 00 00 02 00 00 02 00 fe 03 00 00 00 01 e0 b7 06 00 00 00 02 00 00 01 00 fe",
    );
    await end();
  });

  for (const [what, bytes] of [["an empty message", "00 00 00 00"], ["an oversized one", "01 00 01 00 01"]]) {
    it(`ends the connection after ${what}, and serves others on`, async () => {
      const { raw, place, end } = await served();
      raw.send(bytes!);
      assertEquals(await raw.rest(), "");
      const other = await rawClient(place);
      assertEquals(await other.ask("01 00 00 00 02"), "06 00 00 00 02 00 00 01 00 fe");
      other.end();
      await end();
    });
  }

  it("lets go of chip select when the client that holds it is gone, half a request or not", async () => {
    const { raw, esp, place, end } = await served();
    await raw.ask("01 00 00 00 06");
    const other = await rawClient(place);
    assertEquals(await other.ask("01 00 00 00 06"), "01 00 00 00 86");
    assertEquals(await other.ask("05 00 00 00 01 00 00 00 00"), "05 00 00 00 81 00 00 00 00");
    assertEquals(esp.violations.names, ["selected-while-busy"]);
    raw.send("05 00 00 00 07 E0");
    raw.end();
    while (esp.phase !== "command" || esp.ready) await new Promise((resolve) => setImmediate(resolve));
    assertEquals(await other.ask("05 00 00 00 01 E0 37 00 EE"), "05 00 00 00 01 00 00 00 00");
    other.end();
    await end();
  });

  it("survives whatever a client sends", async () => {
    const esp = new EspEmulator({ networks });
    const server = await serveBus(esp, { port: 0 });
    const chunk = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 40 }),
      fc.tuple(fc.nat(9), fc.uint8Array({ maxLength: 20 })).map(([opcode, payload]) =>
        new Uint8Array([payload.length + 1, 0, 0, 0, opcode, ...payload])
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(chunk, { maxLength: 12 }), async (chunks) => {
        const socket = connect({ host: "127.0.0.1", ...server.place as { port: number } });
        socket.on("error", () => undefined);
        socket.resume();
        for (const bytes of chunks) if (!socket.destroyed) socket.write(bytes);
        await new Promise<void>((resolve) => socket.once("close", () => resolve()).end());
      }),
      { numRuns: 60 },
    );
    const module = await connectBus(server.place);
    await module.reset();
    assertEquals((await module.status()).phase, "command");
    module.close();
    await server.close();
    esp.close();
  });

  it("waits inside a window until READY is HIGH", async () => {
    const { raw, esp, end } = await served(new EspEmulator({ timing: { select: 2 } }));
    assertEquals(await raw.ask("05 00 00 00 01 E0 37 00 EE"), "05 00 00 00 01 00 00 00 00");
    assertEquals(await raw.ask("05 00 00 00 01 00 00 00 00"), "05 00 00 00 01 e0 b7 01 06");
    assertEquals(esp.violations.list, []);
    await end();
  });
});

describe("connectBus()", () => {
  for (const kind of ["tcp", "unix"]) {
    it(`gives bus and pins over ${kind}`, async () => {
      const folder = mkdtempSync(joinPath(tmpdir(), "esp32spi-"));
      const esp = new EspEmulator({ networks });
      const server = await serveBus(esp, kind === "tcp" ? { port: 0 } : { path: joinPath(folder, "bus") });
      const module = await connectBus(server.address);
      assertEquals(await command(module, "E0 37 00 EE", 12), "e0 b7 01 06 33 2e 33 2e 30 00 ee 00");
      assertEquals(dump(await module.bus.window!(hex("E0 20 00 EE"))), "00 00 00 00");
      assertEquals(dump(await module.bus.window!(new Uint8Array(8))), "e0 a0 01 01 fe ee 00 00");
      await join(module);
      assertEquals(await module.status(), {
        ready: false,
        gpio0: false,
        phase: "command",
        violations: 0,
        wifiStatus: 3,
      });
      await module.setWifi(false);
      assertEquals((await module.status()).wifiStatus, 5);
      await module.pins.reset.write(false);
      await module.pins.reset.write(true);
      assertEquals((await module.status()).wifiStatus, 254);
      module.close();
      await assertRejects(() => module.status(), ConnectionError, "the bus was closed");
      await server.close();
      esp.close();
      rmSync(folder, { recursive: true });
    });
  }

  it("waits for READY, and says when it does not come", async () => {
    const esp = new EspEmulator();
    const server = await serveBus(esp, { port: 0 });
    const module = await connectBus(server.place);
    assertEquals(await module.pins.ready.wait!(false, 1000), true);
    assertEquals(await module.pins.ready.wait!(true, 20), false);
    const waiting = module.pins.ready.wait!(true, 20_000);
    esp.readyStuck = true;
    assertEquals(await waiting, true);
    module.close();
    await server.close();
    esp.close();
  });

  it("rejects with dial-failed where nobody serves", async () => {
    const server = await serveBus(new EspEmulator(), { port: 0 });
    await server.close();
    const error = await assertRejects(
      () => connectBus(server.address),
      ConnectionError,
      `no bus at ${server.address}`,
    );
    assertEquals(error.code, "dial-failed");
  });

  it("rejects with read-failed when the server speaks something else, or falls silent", async () => {
    const greeting = createServer((socket) => void socket.resume().end("220 mail\r\n"));
    await new Promise<void>((resolve) => greeting.listen(0, "127.0.0.1", resolve));
    const { port } = greeting.address() as AddressInfo;
    const error = await assertRejects(
      () => connectBus({ port }),
      ConnectionError,
      "does not speak this protocol",
    );
    assertEquals(error.code, "read-failed");
    greeting.close();
    const silent = createServer((socket) => void socket.resume().on("error", () => undefined));
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const place = { port: (silent.address() as AddressInfo).port };
    await assertRejects(
      () => connectBus(place, { timeout: 20 }),
      ConnectionError,
      "has not answered for 20 ms",
    );
    silent.close();
  });

  it("connects anew after the server was away", async () => {
    const esp = new EspEmulator();
    const first = await serveBus(esp, { port: 0 });
    const module = await connectBus(first.place);
    await first.close();
    await assertRejects(() => module.status(), ConnectionError);
    const second = await serveBus(esp, first.place);
    assertEquals((await module.status()).ready, false);
    module.close();
    await second.close();
    esp.close();
  });

  it("rejects a reset on a connection that the server has closed, and resets on the next one", async () => {
    const esp = new EspEmulator({ networks });
    await join(esp);
    const first = await serveBus(esp, { port: 0 });
    const module = await connectBus(first.place);
    await first.close();
    const second = await serveBus(esp, first.place);
    const error = await assertRejects(() => module.reset(), ConnectionError);
    assertEquals([error.code, esp.wifiStatus], ["read-failed", 3]);
    await module.reset();
    assertEquals(esp.wifiStatus, 254);
    module.close();
    await second.close();
    esp.close();
  });

  it("gives zeros for a window that was refused", async () => {
    const { esp, place, raw, end } = await served();
    const module = await connectBus(place);
    await raw.ask("01 00 00 00 06");
    assertEquals(dump(await module.bus.window!(hex("E0 37 00 EE"))), "00 00 00 00");
    module.close();
    assertEquals(esp.violations.names, ["selected-while-busy"]);
    await end();
  });
});

describe("parsePlace()", () => {
  it("reads what formatPlace() writes", () => {
    for (const text of ["unix:/tmp/bus", "tcp:7000", "tcp:localhost:7000", "tcp:[::1]:7000"]) {
      assertEquals(formatPlace(parsePlace(text)), text);
    }
    for (const text of ["", "unix:", "tcp:", "tcp:70000", "7000", "udp:7000"]) {
      assertThrows(() => parsePlace(text), RangeError, "expected unix:PATH");
    }
  });
});

/** An emulator, served, and a client of bytes. */
async function served(esp = new EspEmulator({ networks })) {
  const server = await serveBus(esp, { port: 0 });
  const { place } = server;
  const raw = await rawClient(place);
  const end = async () => {
    raw.end();
    await server.close();
    esp.close();
  };
  return { esp, place, raw, end };
}

async function rawClient(place: unknown) {
  const socket: Socket = connect({ host: "127.0.0.1", ...place as { port: number } });
  await new Promise<void>((resolve) => socket.once("connect", resolve));
  let bytes = new Uint8Array(0);
  let ended = false;
  let wake = () => {};
  socket.on("data", (chunk: Uint8Array) => {
    bytes = new Uint8Array([...bytes, ...chunk]);
    wake();
  });
  socket.on("error", () => undefined);
  socket.on("close", () => {
    ended = true;
    wake();
  });
  const until = async (there: () => boolean) => {
    while (!there()) await new Promise<void>((resolve) => wake = resolve);
  };
  const take = async (count: number) => {
    await until(() => bytes.length >= count || ended);
    const taken = bytes.slice(0, count);
    bytes = bytes.slice(count);
    return dump(taken);
  };
  return {
    send: (text: string) => void socket.write(hex(text)),
    /** So many bytes, or the message that comes next. */
    take,
    async ask(text: string, count?: number) {
      socket.write(hex(text));
      if (count !== undefined) return await take(count);
      await until(() => bytes.length >= 4 || ended);
      return await take(4 + new DataView(bytes.buffer).getUint32(0, true));
    },
    /** All until the end. */
    async rest() {
      await until(() => ended);
      return await take(bytes.length);
    },
    end: () => void socket.destroy(),
  };
}

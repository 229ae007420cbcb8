import { ConnectionError, UsageError } from "@minimqtt/core";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { type FakeBoard, fakeBoard, unable } from "../../tests/linux/fake_board.ts";
import { BUSY_LINE, lines } from "../../tests/linux/lines.ts";
import { notDeno, runOnDeno } from "../../tests/on_deno.ts";
import { command } from "../../tests/raw_host.ts";
import { EspSpiControl } from "../driver/control.ts";
import { connectBus } from "../remote/mod.ts";
import { koffiLibc } from "./libc/koffi.ts";
import { loadLibc, ownFfi } from "./libc/load.ts";
import { type BoardOptions, openBoard } from "./mod.ts";

const reason = unable === undefined ? "" : ` (skipped: ${unable})`;
const test = unable === undefined ? it : it.skip;
const denoReason = unable ?? notDeno;
const denoTest = denoReason === undefined ? it : it.skip;

describe("openBoard()", () => {
  let fake: FakeBoard;
  let options: BoardOptions;
  beforeAll(async () => {
    if (unable !== undefined) return;
    fake = await fakeBoard();
    options = {
      spi: "/dev/spidev7.3",
      chip: "/dev/gpiochip9",
      speed: 1_000_000,
      library: fake.library,
      ...lines,
    };
  });
  afterAll(async () => {
    if (unable === undefined) await fake.close();
  });

  test(`hands the kernel what its headers say, and speaks to the module${reason}`, async () => {
    const board = await openBoard(options);
    assertEquals(await command(board, "E0 37 00 EE", 12), "e0 b7 01 06 33 2e 33 2e 30 00 ee 00");
    assertEquals(await board.pins.ready.read(), false);
    board.close();
  });

  test(`carries the driver: reset, Wi-Fi, and a socket both ways${reason}`, async () => {
    const echo = createServer((socket) => void socket.pipe(socket));
    await new Promise<void>((resolve) => echo.listen(0, "127.0.0.1", resolve));
    const { port } = echo.address() as AddressInfo;
    const board = await openBoard(options);
    const control = new EspSpiControl(board.bus, board.pins);
    await control.reset();
    assertEquals((await control.firmwareVersion()).toString(), "3.3.0");
    await control.connectAP("home", "secret12");
    assertEquals(await control.rssi(), -54);
    const socket = await control.socketOpen("localhost", port);
    const sent = new Uint8Array(3000).map((_, index) => index);
    for (let at = 0; at < sent.length;) at += await control.socketWrite(socket, sent.subarray(at));
    const came: number[] = [];
    while (came.length < sent.length) {
      came.push(...await control.socketRead(socket));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    assertEquals(new Uint8Array(came), sent);
    await control.socketClose(socket);
    await control.close();
    board.close();
    echo.close();
    const module = await connectBus({ path: fake.path });
    assertEquals((await module.status()).violations, 0);
    module.close();
  });

  test(`waits for READY by its edges, without holding up the program${reason}`, async () => {
    const board = await openBoard(options);
    const started = performance.now();
    assertEquals(await board.pins.ready.wait!(true, 30), false);
    assert(performance.now() - started >= 25, "gave up too early");
    let turns = 0;
    const turning = setInterval(() => turns++, 1);
    const module = await connectBus({ path: fake.path });
    const waiting = Promise.resolve(board.pins.ready.wait!(true, 20_000));
    while (turns < 5) await new Promise((resolve) => setTimeout(resolve, 1));
    await module.bus.select();
    assertEquals(await waiting, true);
    await module.bus.deselect();
    assertEquals(await board.pins.ready.wait!(false, 20_000), true);
    clearInterval(turning);
    module.close();
    board.close();
  });

  test(`gives lines back when it is closed, and tells it to those who go on${reason}`, async () => {
    const board = await openBoard(options);
    const waiting = Promise.resolve(board.pins.ready.wait!(true, 20_000));
    board.close();
    const error = await assertRejects(() => waiting, ConnectionError, "line 25 (READY) was given back");
    assertEquals(error.code, "closed");
    assertThrows(() => board.bus.transfer(new Uint8Array(4)), ConnectionError, "/dev/spidev7.3 was closed");
    board.close();
    (await openBoard(options)).close();
  });

  test(`says what is wrong with devices and lines, and gives back what it had${reason}`, async () => {
    for (
      const [change, code, text] of [
        [{ spi: "/dev/spidev0.9" }, "dial-failed", "/dev/spidev0.9: does not exist; is SPI enabled"],
        [{ chip: "/dev/gpiochip8" }, "dial-failed", "/dev/gpiochip8: does not exist"],
        [
          { spi: "/dev/forbidden" },
          "not-permitted",
          "/dev/forbidden: not permitted; is the user in the groups",
        ],
        [{ reset: BUSY_LINE }, "dial-failed", "line 7 of /dev/gpiochip9 (RESET): in use by somebody else"],
        [{ speed: 2_000_000 }, "dial-failed", "/dev/spidev7.3: the driver refuses this setting"],
      ] as const
    ) {
      const error = await assertRejects(() => openBoard({ ...options, ...change }), ConnectionError, text);
      assertEquals(error.code, code);
    }
    (await openBoard(options)).close();
  });

  for (
    const [change, text] of [
      [{ ready: lines.select }, "needs a line of its own"],
      [{ ready: -1 }, "ready must be the number of a line, got -1"],
      [{ speed: 9_000_000 }, "speed must be 1 to 8000000 Hz, got 9000000"],
      [{ library: "/nowhere/libc.so" }, "cannot load /nowhere/libc.so"],
    ] as const
  ) {
    test(`refuses ${JSON.stringify(change)}${reason}`, async () => {
      await assertRejects(() => openBoard({ ...options, ...change }), UsageError, text);
    });
  }

  denoTest(
    `needs --allow-ffi on Deno and nothing else${
      denoReason === undefined ? "" : ` (skipped: ${denoReason})`
    }`,
    async () => {
      assertEquals(await runOnDeno(["--allow-ffi"], "linux/firmware.ts", fake.library), "3.3.0");
      const denied = await runOnDeno([], "linux/firmware.ts", fake.library);
      assertEquals(denied, `not-permitted not allowed to load ${fake.library}: run with --allow-ffi`);
    },
  );
});

describe("loadLibc()", () => {
  for (const ffi of ["deno", "bun", "koffi"] as const) {
    const own = ffi === ownFfi();
    const why = process.platform !== "linux"
      ? "only Linux has spidev"
      : own
      ? undefined
      : "another runtime's";
    (why === undefined ? it : it.skip)(
      `calls the real libc by ${ffi}${why === undefined ? "" : ` (skipped: ${why})`}`,
      async () => {
        const libc = await loadLibc("libc.so.6");
        assertEquals(libc.open("/nowhere/at/all", 0), -1);
        assertEquals(libc.errno(), 2);
        const fd = libc.open("/dev/zero", 0);
        const bytes = new Uint8Array(8).fill(7);
        assertEquals(libc.read(fd, bytes), 8);
        assertEquals(bytes, new Uint8Array(8));
        assertEquals(libc.ioctl(fd, 0x4020_6b00, bytes), -1);
        assertEquals(libc.errno(), 25);
        assertEquals(libc.close(fd), 0);
        const memory = libc.allocate(16);
        assert(memory.address > 0n && memory.bytes.length === 16);
        memory.free?.();
      },
    );
  }
});

describe("koffiLibc()", () => {
  it("says what to install where koffi is missing", async () => {
    const error = await assertRejects(() => koffiLibc("libc.so.6", "koffi-is-not-here"), UsageError);
    assertEquals(error.message, "Node needs the package koffi to reach SPI and GPIO: npm install koffi");
  });
});

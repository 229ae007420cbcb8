import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { afterEach, describe, it } from "@std/testing/bdd";
import { connect } from "node:net";
import { createSocket } from "node:dgram";
import { Duplex } from "node:stream";
import { freePort, Peer, until } from "../../../tests/peer.ts";
import {
  byte,
  command,
  dump,
  exchange,
  hex,
  join,
  padded,
  start,
  value,
  type Wires,
} from "../../../tests/raw_host.ts";
import { streamPair } from "../../../tests/stream_pair.ts";
import { VirtualClock } from "../../../tests/virtual_clock.ts";
import { type Clock, systemClock } from "../../clock.ts";
import { type EmulatorOptions, EspEmulator } from "../mod.ts";

const networks = [{ ssid: "home", passphrase: "secret12" }];

const yes = "01 01 01 ee 00 00";
const free = "E0 3F 00 EE";
const state = (slot: number) => `E0 2F 01 01 ${byte(slot)} EE`;
const stop = (slot: number) => `E0 2E 01 01 ${byte(slot)} EE`;
const write = (slot: number, data: string) =>
  `E0 44 02 | 00 01 ${byte(slot)} | ${byte(hex(data).length >> 8)} ${byte(hex(data).length)} ${data} | EE`;

describe("the emulated sockets", () => {
  const open: { close?(): void; stop?(): void }[] = [];
  afterEach(() => {
    for (const one of open.splice(0)) (one.close ?? one.stop)?.call(one);
  });

  async function connected(options: EmulatorOptions = {}): Promise<EspEmulator> {
    const esp = new EspEmulator({ networks, ...options });
    open.push(esp);
    await join(esp);
    return esp;
  }

  async function peer(options?: { reads: boolean }): Promise<Peer> {
    const one = await Peer.start(options);
    open.push(one);
    return one;
  }

  it("trap 2: a connection that fails is zero parameters", async () => {
    const esp = await connected({ hosts: {} });
    assertEquals(await command(esp, start(await freePort(), 0), 4), "e0 ad 00 ee");
    const byName = `E0 2D 05 | 05 "other" | 04 00 00 00 00 | 02 07 5B | 01 00 | 01 00 | EE`;
    assertEquals(await command(esp, byName, 4), "e0 ad 00 ee");
    assertEquals(esp.socketsInUse, []);
    assertEquals(await value(esp, free), [0]);
  });

  it("fails without Wi-Fi", async () => {
    const there = await peer();
    const esp = await connected();
    await command(esp, "E0 30 00 EE");
    assertEquals(await command(esp, start(there.port, 0), 4), "e0 ad 00 ee");
    assertEquals(await value(esp, 'E0 34 01 09 "localhost" EE'), [0]);
  });

  it("connects by name, and goes where the test says an address is", async () => {
    const there = await peer();
    const esp = await connected({
      hosts: { broker: "192.168.1.10" },
      route: (address, port) => ({
        host: address === "192.168.1.10" && port === 1883 ? "127.0.0.1" : "",
        port: there.port,
      }),
    });
    const byName = `E0 2D 05 | 06 "broker" | 04 00 00 00 00 | 02 07 5B | 01 00 | 01 00 | EE`;
    assertEquals(await command(esp, byName, 8), `e0 ad ${yes}`);
    const byAddress = "E0 2D 04 | 04 C0 A8 01 0A | 02 07 5B | 01 01 | 01 00 | EE";
    assertEquals(await command(esp, byAddress, 8), `e0 ad ${yes}`);
    assertEquals(esp.socketsInUse, [0, 1]);
    assertEquals(esp.violations.list, []);
  });

  it("gives up after three seconds on a host that does not answer", async () => {
    const clock = new VirtualClock();
    const esp = await connected({ clock, route: (_, port) => port === 1 ? "silence" : "refuse" });
    const before = clock.now();
    assertEquals(await command(esp, start(1, 0), 4), "e0 ad 00 ee");
    assertEquals(clock.now() - before, 3000);
    assertEquals(await command(esp, start(2, 0), 4), "e0 ad 00 ee");
    assertEquals(clock.now() - before, 3000);
  });

  it("trap 3: GET_SOCKET reserves nothing", async () => {
    const there = await peer();
    const esp = await connected();
    assertEquals([await value(esp, free), await value(esp, free)], [[0], [0]]);
    await command(esp, start(there.port, 0));
    assertEquals(await value(esp, free), [1]);
    for (let slot = 1; slot < 6; slot++) await command(esp, start(there.port, slot));
    assertEquals(await value(esp, free), [255]);
    await command(esp, stop(3));
    assertEquals(await value(esp, free), [3]);
    const legacy = await connected({ firmware: "1.7.7" });
    for (let slot = 0; slot < 10; slot++) await command(legacy, start(there.port, slot));
    assertEquals(await value(legacy, free), [255]);
  });

  it("trap 4: a socket number that does not exist crashes the chip", async () => {
    const there = await peer();
    for (
      const frame of [state(255), stop(6), "E0 2B 01 01 FF EE", write(255, "C0 00"), start(there.port, 6)]
    ) {
      const esp = await connected();
      await exchange(esp, padded(hex(frame)));
      assertEquals([esp.violations.names, esp.restarts.length, esp.wifiStatus], [
        ["slot-out-of-range"],
        1,
        254,
      ]);
    }
  });

  it("trap 5: a command that is not padded reaches the peer with zeros at its end", async () => {
    const there = await peer();
    const esp = await connected();
    await command(esp, start(there.port, 0));
    await exchange(esp, hex(write(0, '"hello"')));
    assertEquals(dump(await exchange(esp, new Uint8Array(8))), "e0 c4 01 02 05 00 ee 00");
    assertEquals(dump(await there.received(5)), "68 65 6c 6c 00");
    assertEquals(esp.violations.names, ["unpadded-frame", "truncated-frame"]);
  });

  it("trap 6: SEND_DATA answers 16 bits, low byte first, under an 8-bit length", async () => {
    const there = await peer();
    const esp = await connected();
    await command(esp, start(there.port, 0));
    assertEquals(await command(esp, write(0, "61 ".repeat(363)), 8), "e0 c4 01 02 6b 01 ee 00");
    assertEquals(await command(esp, write(0, "C0 00"), 8), "e0 c4 01 02 02 00 ee 00");
    // The largest frame.
    await exchange(esp, hex(write(0, "62 ".repeat(4083))));
    assertEquals(dump(await exchange(esp, new Uint8Array(8))), "e0 c4 01 02 f3 0f ee 00");
    const received = await there.received(363 + 2 + 4083);
    assertEquals([received.length, received.at(-1)], [4448, 0x62]);
    assertEquals(esp.violations.list, []);
  });

  it("trap 7: GET_DATABUF takes its size low byte first, and gives its length high byte first", async () => {
    const there = await peer();
    const esp = await connected();
    await command(esp, start(there.port, 0));
    (await there.connection()).write(new Uint8Array(1000).fill(7));
    await until(async () => (await value(esp, "E0 2B 01 01 00 EE"))[1] === 3);
    assertEquals(await command(esp, "E0 45 02 | 00 01 00 | 00 02 00 01 | EE", 8), "e0 c5 01 01 00 07 07 07");
    assertEquals(await value(esp, "E0 2B 01 01 00 EE"), [0xe8, 0x02]);
    assertEquals(await command(esp, "E0 45 02 | 00 01 01 | 00 02 00 01 | EE", 8), "e0 c5 01 00 00 ee 00 00");
  });

  it("trap 8: a read of more than fits is counted, and kills the chip when there is as much", async () => {
    const there = await peer();
    const esp = await connected();
    await command(esp, start(there.port, 0));
    const all = "E0 45 02 | 00 01 00 | 00 02 FF FF | EE";
    assertEquals(await command(esp, all, 8), "e0 c5 01 00 00 ee 00 00");
    assertEquals([esp.violations.names, esp.restarts.length], [["oversized-read"], 0]);
    (await there.connection()).write(new Uint8Array(5000));
    await until(async () => (await value(esp, "E0 2B 01 01 00 EE"))[1]! >= 0x10);
    await exchange(esp, padded(hex(all)));
    assertEquals(esp.restarts.length, 1);
  });

  it("trap 9: START_CLIENT is busy until it has an answer, with TLS for minutes", async () => {
    for (const [mode, time] of [[0, 3000], [2, 150_000]] as const) {
      const clock = new VirtualClock();
      const esp = await connected({ clock, route: () => "silence" });
      await exchange(esp, padded(hex(start(1, 0, mode))));
      await clock.sleep(time - 1);
      assertEquals([esp.phase, esp.ready], ["busy", true]);
      await clock.sleep(1);
      assertEquals(dump(await exchange(esp, new Uint8Array(4))), "e0 ad 00 ee");
    }
  });

  it("trap 11: asking the state before all was read loses what is in the read buffer", async () => {
    for (const [firmware, lost] of [["3.3.0", 1], ["3.0.0", 1], ["3.1.0", 0]] as const) {
      const there = await peer();
      const esp = await connected({ firmware });
      await command(esp, start(there.port, 0));
      (await there.connection()).end("abc");
      await until(async () => (await value(esp, "E0 2B 01 01 00 EE"))[0] === 3);
      assertEquals(
        await command(esp, "E0 45 02 | 00 01 00 | 00 02 01 00 | EE", 8),
        "e0 c5 01 00 01 61 ee 00",
      );
      await until(async () => (await value(esp, state(0)))[0] === 0);
      assertEquals(esp.violations.names, lost ? ["unread-data-lost"] : []);
      assertEquals(await value(esp, "E0 2B 01 01 00 EE"), lost ? [0, 0] : [2, 0]);
      esp.close();
    }
  });

  it("keeps the state at 4 while bytes wait in the stack, whole messages read first", async () => {
    const there = await peer();
    const esp = await connected();
    await command(esp, start(there.port, 0));
    (await there.connection()).end("abc");
    await until(async () => (await value(esp, "E0 2B 01 01 00 EE"))[0] === 3);
    assertEquals(await value(esp, state(0)), [4]);
    await command(esp, "E0 45 02 | 00 01 00 | 00 02 A0 0F | EE");
    await until(async () => (await value(esp, state(0)))[0] === 0);
    assertEquals(esp.violations.list, []);
  });

  it("trap 12: which versions free a dead slot when its state is asked", async () => {
    const freed = {
      "1.7.7": false,
      "2.0.0": true,
      "3.0.0": true,
      "3.1.0": false,
      "3.2.0": false,
      "3.3.0": true,
    };
    for (const [firmware, frees] of Object.entries(freed)) {
      const there = await peer();
      const esp = await connected({ firmware });
      await command(esp, start(there.port, 0));
      const other = await there.connection();
      other.end();
      await until(() => other.writableFinished);
      if (firmware !== "1.7.7") await until(async () => (await value(esp, state(0)))[0] === 0);
      assertEquals([firmware, esp.socketsInUse], [firmware, frees ? [] : [0]]);
      await command(esp, stop(0));
      assertEquals(esp.socketsInUse, []);
      esp.close();
    }
  });

  it("trap 13: before 2.0.0 a plain connection's end is not noticed until a write fails", async () => {
    const there = await peer();
    const esp = await connected({ firmware: "1.7.7" });
    await command(esp, start(there.port, 0));
    const other = await there.connection();
    other.end();
    await until(() => other.writableFinished);
    for (let count = 0; count < 20; count++) assertEquals(await value(esp, state(0)), [4]);
    other.destroy();
    await until(async () => dump(new Uint8Array(await value(esp, write(0, "C0 00")))) === "00 00");
    assertEquals(await value(esp, state(0)), [0]);
  });

  it("trap 14: legacy takes what fits, and kills the connection when nothing does", async () => {
    const there = await peer({ reads: false });
    const esp = await connected({ firmware: "1.7.7" });
    await command(esp, start(there.port, 0));
    const chunk = hex(write(0, "61 ".repeat(4000)));
    const taken: number[] = [];
    // Within one turn of the event loop nothing is acknowledged.
    for (let count = 0; count < 3; count++) {
      esp.bus.select();
      esp.bus.transfer(padded(chunk));
      esp.bus.deselect();
      esp.bus.select();
      const reply = esp.bus.transfer(new Uint8Array(8)) as Uint8Array;
      taken.push(reply[4]! | reply[5]! << 8);
      esp.bus.deselect();
    }
    assertEquals(taken, [4000, 1744, 0]);
    assertEquals(await value(esp, state(0)), [0]);
  });

  it("takes all since 3.0.0, and less only after ten seconds without progress", async () => {
    const there = await peer({ reads: false });
    const clock = new LateFastClock();
    const esp = await connected({ clock });
    await command(esp, start(there.port, 0));
    clock.speed = 100;
    let written = 4083;
    let before = 0;
    while (written === 4083) {
      before = clock.now();
      await exchange(esp, hex(write(0, "61 ".repeat(4083))));
      const reply = await exchange(esp, new Uint8Array(8));
      written = reply[4]! | reply[5]! << 8;
    }
    assert(clock.now() - before >= 10_000, `gave up after ${clock.now() - before} ms`);
    assertEquals(await value(esp, state(0)), [4]);
  });

  it("trap 26: certificates are copied whole, whatever their length byte says", async () => {
    const esp = await connected();
    const pem = "-----BEGIN CERTIFICATE-----" + "x".repeat(900);
    assertEquals(await value(esp, `E0 40 01 ${byte(pem.length)} "${pem}" EE`), [1]);
    assertEquals(await value(esp, `E0 41 01 ${byte(pem.length)} "${pem}" EE`), [1]);
    assertEquals(esp.violations.list, []);
  });

  it("trap 28: the peer's port comes high byte first", async () => {
    const there = await peer();
    const esp = await connected();
    assertEquals(await command(esp, "E0 3A 01 01 00 EE", 12), "e0 ba 02 04 00 00 00 00 02 00 00 ee");
    await command(esp, start(there.port, 0));
    const port = `${byte(there.port >> 8)} ${byte(there.port)}`;
    assertEquals(await command(esp, "E0 3A 01 01 00 EE", 12), `e0 ba 02 04 7f 00 00 01 02 ${port} ee`);
  });

  it("trap 30: an empty write stalls ten seconds since 3.0.0", async () => {
    // Where the socket cannot be written; where it can, the answer comes at once.
    for (
      const [firmware, full, stalls] of [["3.3.0", true, true], ["3.3.0", false, false], [
        "1.7.7",
        true,
        false,
      ]] as const
    ) {
      const clock = new VirtualClock();
      const deaf = new Duplex({ read: () => undefined, write: () => undefined });
      const esp = await connected({ firmware, clock, route: () => deaf });
      await command(esp, start(1883, 0));
      if (full) {
        for (const _ of [1, 2]) await command(esp, write(0, "61 ".repeat(4000)), 8);
        esp.violations.clear();
      }
      const before = clock.now();
      await exchange(esp, padded(hex(write(0, ""))));
      assertEquals(esp.phase, stalls ? "busy" : "response");
      assertStringIncludes(dump(await exchange(esp, new Uint8Array(8))), "e0 c4 01 02 00 00 ee");
      assertEquals(clock.now() - before, stalls ? 10_000 : 0);
      assertEquals(esp.violations.names, ["empty-write"]);
    }
  });

  it("trap 30: an empty write goes on as soon as something was acknowledged", async () => {
    const clock = new VirtualClock();
    const [near, far] = streamPair();
    far.resume();
    const esp = await connected({ clock, route: () => near, path: { roundTrip: 2000 } });
    await command(esp, start(1883, 0));
    await command(esp, write(0, "61 ".repeat(4083)), 8);
    await exchange(esp, padded(hex(write(0, "61 ".repeat(1661)))));
    await exchange(esp, new Uint8Array(8));
    const before = clock.now();
    await command(esp, write(0, ""), 8);
    assertEquals(clock.now() - before, 2000);
  });

  it("trap 32: DATA_SENT says 1 of anything", async () => {
    const esp = await connected();
    assertEquals(await value(esp, "E0 2A 01 01 63 EE"), [1]);
  });

  it("trap 33: a slot that was a server stays one after STOP", async () => {
    const port = await freePort();
    const there = await peer();
    const esp = await connected();
    assertEquals(await value(esp, `E0 28 03 | 02 ${byte(port >> 8)} ${byte(port)} | 01 00 | 01 00 | EE`), [
      1,
    ]);
    assertEquals(await value(esp, "E0 29 01 01 00 EE"), [1]);
    assertEquals(await value(esp, "E0 2B 01 01 00 EE"), [255, 0]);
    await command(esp, stop(0));
    assertEquals(await value(esp, "E0 29 01 01 00 EE"), [1]);
    await command(esp, start(there.port, 0));
    (await there.connection()).write("hello");
    assertEquals(await value(esp, "E0 2B 01 01 00 EE"), [255, 0]);
    const visitor = connect(port, "127.0.0.1");
    await new Promise<void>((resolve) => visitor.once("connect", resolve));
    visitor.destroy();
  });

  it("serves: a client of the server's gets a slot of its own", async () => {
    const port = await freePort();
    const esp = await connected({ firmware: "2.0.0" });
    await command(esp, `E0 28 03 | 02 ${byte(port >> 8)} ${byte(port)} | 01 02 | 01 00 | EE`);
    const visitor = connect(port, "127.0.0.1");
    visitor.on("error", () => undefined);
    open.push({ close: () => visitor.destroy() });
    // Before 3.0.0, without "accept", a client counts when it has sent something.
    await until(() => esp.gpio0);
    assertEquals(await value(esp, "E0 2B 01 01 02 EE"), [255, 0]);
    visitor.write("hello");
    await until(async () => (await value(esp, "E0 2B 01 01 02 EE"))[0] !== 255);
    assertEquals(await value(esp, "E0 2B 01 01 02 EE"), [0, 0]);
    assertEquals(
      await command(esp, "E0 45 02 | 00 01 00 | 00 02 A0 0F | EE", 12),
      "e0 c5 01 00 05 68 65 6c 6c 6f ee 00",
    );
    await command(esp, write(0, '"hi"'));
    const [came] = await new Promise<[Uint8Array]>((resolve) =>
      visitor.once("data", (chunk) => resolve([chunk]))
    );
    assertEquals(new TextDecoder().decode(came), "hi");
    // With it at once; the number of its slot is the answer.
    const second = connect(port, "127.0.0.1");
    second.on("error", () => undefined);
    open.push({ close: () => second.destroy() });
    await until(async () => (await value(esp, "E0 2B 02 01 02 01 01 EE"))[0] === 1);
    assertEquals(esp.socketsInUse, [0, 1, 2]);
  });

  it("serves: since 3.0.0 a client that there is no slot for is lost without accept, and waits with it", async () => {
    for (const [accept, kept] of [[false, false], [true, true]]) {
      const port = await freePort();
      const there = await peer();
      const esp = await connected();
      await command(esp, `E0 28 03 | 02 ${byte(port >> 8)} ${byte(port)} | 01 00 | 01 00 | EE`);
      for (let slot = 1; slot < 6; slot++) await command(esp, start(there.port, slot));
      const visitor = connect(port, "127.0.0.1");
      let ended = false;
      visitor.on("error", () => undefined).on("close", () => ended = true).resume();
      open.push({ close: () => visitor.destroy() });
      await until(() => esp.gpio0);
      assertEquals(await value(esp, accept ? "E0 2B 02 01 00 01 01 EE" : "E0 2B 01 01 00 EE"), [255, 0]);
      if (!kept) await until(() => ended);
      await command(esp, stop(4));
      assertEquals(await value(esp, "E0 2B 02 01 00 01 01 EE"), [kept ? 4 : 255, 0]);
      assertEquals(ended, !kept);
    }
  });

  it("trap 52: more than 1460 bytes of a datagram begin another one, silently, since 3.0.0", async () => {
    const esp = await connected();
    const other = createSocket("udp4");
    open.push({ close: () => other.close() });
    const sizes: number[] = [];
    other.on("message", (bytes) => sizes.push(bytes.length));
    await new Promise<void>((resolve) => other.bind(0, "127.0.0.1", resolve));
    await command(esp, start(other.address().port, 0, 1));
    await command(esp, `E0 46 02 | 00 01 00 | 05 B5 ${"61 ".repeat(1461)} | EE`);
    await command(esp, "E0 39 01 01 00 EE");
    await until(() => sizes.length === 2);
    assertEquals(sizes.sort(), [1, 1460]);
  });

  it("trap 34: a Wi-Fi drop kills the connections, not the slots", async () => {
    for (const firmware of ["3.3.0", "1.7.7"]) {
      const there = await peer();
      const esp = await connected({ firmware });
      await command(esp, start(there.port, 0));
      esp.dropWifi();
      assertEquals(esp.socketsInUse, [0]);
      esp.restoreWifi();
      await join(esp);
      (await there.connection()).write("too late");
      await new Promise((resolve) => setTimeout(resolve, 5));
      assertEquals(await value(esp, "E0 2B 01 01 00 EE"), [0, 0]);
      await command(esp, stop(0));
      assertEquals(esp.socketsInUse, []);
    }
  });

  it("trap 41: an unknown mode takes the slot's mutex for ever, until a reset; other slots go on", async () => {
    const there = await peer();
    const esp = await connected();
    assertEquals(await command(esp, start(there.port, 0, 3), 4), "e0 ad 00 ee");
    assertEquals(esp.violations.names, ["unknown-mode"]);
    assertEquals(await command(esp, start(there.port, 1), 8), `e0 ad ${yes}`);
    await exchange(esp, padded(hex(state(0))));
    await new Promise((resolve) => setTimeout(resolve, 5));
    assertEquals([esp.phase, esp.ready], ["busy", true]);
    esp.pins.reset.write(false);
    esp.pins.reset.write(true);
    assertEquals(await value(esp, state(0)), [0]);
    const older = await connected({ firmware: "3.0.0" });
    await command(older, start(there.port, 0, 3));
    assertEquals(await value(older, state(0)), [0]);
  });

  it("trap 42: after the peer's end even the first write answers 0, since 3.0.0", async () => {
    const there = await peer();
    const esp = await connected();
    await command(esp, start(there.port, 0));
    (await there.connection()).end("abc");
    await until(async () => (await value(esp, "E0 2B 01 01 00 EE"))[0] === 3);
    assertEquals(await value(esp, write(0, "C0 00")), [2, 0]);
    await command(esp, "E0 45 02 | 00 01 00 | 00 02 A0 0F | EE");
    await until(async () => (await value(esp, write(0, "C0 00")))[0] === 0);
  });

  it("trap 43: a client started on a slot in use closes the older connection, and says yes", async () => {
    const there = await peer();
    const esp = await connected();
    await command(esp, start(there.port, 0));
    assertEquals(await command(esp, start(there.port, 0), 8), `e0 ad ${yes}`);
    await there.ended(0);
    assertEquals(esp.violations.names, ["slot-in-use"]);
  });

  it("trap 44: after a reset socket numbers start again", async () => {
    const there = await peer();
    const esp = await connected();
    await command(esp, start(there.port, 0));
    esp.pins.reset.write(false);
    await there.ended(0);
    esp.pins.reset.write(true);
    assertEquals(esp.socketsInUse, []);
    await join(esp);
    assertEquals(await value(esp, free), [0]);
  });

  it("trap 46: never more is at hand than the chip's window holds, and the peer has to wait", async () => {
    const there = await peer();
    const esp = await connected();
    await command(esp, start(there.port, 0));
    const sender = await there.connection();
    const whole = 4_000_000;
    sender.write(new Uint8Array(whole).fill(9));
    await until(async () => (await value(esp, "E0 2B 01 01 00 EE"))[1] === 0x16);
    assertEquals(await value(esp, "E0 2B 01 01 00 EE"), [0x70, 0x16]);
    let most = 0;
    let read = 0;
    while (read < whole) {
      const [low, high] = await value(esp, "E0 2B 01 01 00 EE");
      most = Math.max(most, low! | high! << 8);
      await exchange(esp, padded(hex("E0 45 02 | 00 01 00 | 00 02 A0 0F | EE")));
      const reply = await exchange(esp, new Uint8Array(4008));
      const count = reply[3]! << 8 | reply[4]!;
      read += count;
      if (count === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    assertEquals(read, whole);
    assert(most <= 5744 + 1436, `${most} bytes at once`);
  });

  it("has something to read or not, as GPIO0 says", async () => {
    const there = await peer();
    const esp = await connected();
    await command(esp, start(there.port, 0));
    assertEquals(esp.gpio0, false);
    (await there.connection()).write("abc");
    assertEquals(await esp.pins.gpio0.wait!(true, 20_000), true);
    await command(esp, "E0 45 02 | 00 01 00 | 00 02 A0 0F | EE");
    assertEquals(esp.gpio0, false);
    esp.gpio0Stuck = true;
    assertEquals(esp.pins.gpio0.read(), true);
  });

  it("reads byte by byte, and looks without taking", async () => {
    const there = await peer();
    const esp = await connected();
    await command(esp, start(there.port, 0));
    assertEquals(await value(esp, "E0 2C 02 01 00 01 00 EE"), [0xff]);
    (await there.connection()).write("ab");
    await until(() => esp.gpio0);
    assertEquals(await value(esp, "E0 2C 02 01 00 01 01 EE"), [0x61]);
    assertEquals(await value(esp, "E0 2C 02 01 00 01 00 EE"), [0x61]);
    assertEquals(await value(esp, "E0 2C 02 01 00 01 00 EE"), [0x62]);
  });

  it("half-dead: what was silenced takes bytes and gives none", async () => {
    const there = await peer();
    const esp = await connected();
    await command(esp, start(there.port, 0));
    const other = await there.connection();
    esp.silence(0);
    other.end("abc");
    assertEquals(await value(esp, write(0, "C0 00")), [2, 0]);
    await until(() => other.writableFinished);
    assertEquals([await value(esp, "E0 2B 01 01 00 EE"), await value(esp, state(0))], [[0, 0], [4]]);
  });

  it("sends and receives datagrams", async () => {
    const esp = await connected();
    const other = createSocket("udp4");
    open.push({ close: () => other.close() });
    await new Promise<void>((resolve) => other.bind(0, "127.0.0.1", resolve));
    const { port } = other.address();
    other.on("message", (bytes, { port: back }) => other.send(`got ${bytes}`, back, "127.0.0.1"));
    assertEquals(await command(esp, start(port, 0, 1), 8), `e0 ad ${yes}`);
    assertEquals(await value(esp, 'E0 46 02 | 00 01 00 | 00 02 "he" | EE'), [1]);
    assertEquals(await value(esp, 'E0 46 02 | 00 01 00 | 00 03 "llo" | EE'), [1]);
    assertEquals(await value(esp, "E0 39 01 01 00 EE"), [1]);
    await until(() => esp.gpio0);
    assertEquals(await value(esp, "E0 2B 01 01 00 EE"), [9, 0]);
    assertStringIncludes(await reads(esp), "67 6f 74 20 68 65 6c 6c 6f ee");
    const from = `${byte(port >> 8)} ${byte(port)}`;
    assertEquals(await command(esp, "E0 3A 01 01 00 EE", 12), `e0 ba 02 04 7f 00 00 01 02 ${from} ee`);
    assertEquals(await value(esp, state(0)), [0]);
    await command(esp, stop(0));
    assertEquals(await value(esp, 'E0 46 02 | 00 01 00 | 00 02 "he" | EE'), [0]);
  });
});

/** Real time for what the network does; afterwards as fast as told. */
class LateFastClock implements Clock {
  #speed = 1;
  #start = performance.now();
  #passed = 0;

  set speed(speed: number) {
    this.#passed = this.now();
    this.#start = performance.now();
    this.#speed = speed;
  }

  now(): number {
    return this.#passed + (performance.now() - this.#start) * this.#speed;
  }

  sleep(time: number, signal?: AbortSignal): Promise<void> {
    return systemClock.sleep(Math.ceil(time / this.#speed), signal);
  }
}

function reads(esp: Wires): Promise<string> {
  return command(esp, "E0 45 02 | 00 01 00 | 00 02 A0 0F | EE", 24);
}

import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Peer } from "../../tests/peer.ts";
import { command, dump, exchange, hex, join, padded, start, value } from "../../tests/raw_host.ts";
import { VirtualClock } from "../../tests/virtual_clock.ts";
import { EspEmulator, type Fault, replyEdits } from "./mod.ts";

const networks = [{ ssid: "home", passphrase: "secret12" }];
const version = "E0 37 00 EE";

/** What a host reads of GET_FW_VERSION's reply while a fault is at work, and of the next one. */
async function twoVersions(fault: Fault): Promise<[string, string]> {
  const esp = new EspEmulator({ filler: 0xff });
  esp.faults.inject(fault);
  const replies: [string, string] = [await command(esp, version, 12), await command(esp, version, 12)];
  assertEquals([esp.faults.pending, esp.violations.count], [0, 0]);
  esp.close();
  return replies;
}

const good = "e0 b7 01 06 33 2e 33 2e 30 00 ee 00";

describe("faults", () => {
  for (
    const [what, fault, reply] of [
      ["ERR", { kind: "error" }, "ef 00 ee 00 ff ff ff ff ff ff ff ff"],
      [
        "a wrong opcode",
        { kind: "reply", edit: replyEdits.wrongOpcode },
        "e0 b6 01 06 33 2e 33 2e 30 00 ee 00",
      ],
      [
        "a wrong count",
        { kind: "reply", edit: replyEdits.wrongCount },
        "e0 b7 02 06 33 2e 33 2e 30 00 ee 00",
      ],
      ["a wrong END", { kind: "reply", edit: replyEdits.wrongEnd }, "e0 b7 01 06 33 2e 33 2e 30 00 00 00"],
      [
        "an absurd length",
        { kind: "reply", edit: replyEdits.absurdLength },
        "e0 b7 01 ff ff 2e 33 2e 30 00 ee 00",
      ],
      [
        "a truncated reply",
        { kind: "reply", edit: replyEdits.truncated(3) },
        "e0 b7 01 00 00 00 00 00 00 00 00 00",
      ],
      ["filler in front", { kind: "reply", edit: replyEdits.late(2) }, "ff ff e0 b7 01 06 33 2e 33 2e 30 00"],
      [
        "a flipped bit",
        { kind: "reply", edit: replyEdits.flipped(4, 0) },
        "e0 b7 01 06 32 2e 33 2e 30 00 ee 00",
      ],
      [
        "a damaged command",
        { kind: "command", edit: replyEdits.flipped(0, 7) },
        "ef 00 ee 00 ff ff ff ff ff ff ff ff",
      ],
    ] as const
  ) {
    it(`reply: ${what}, once`, async () => {
      assertEquals(await twoVersions(fault), [reply, good]);
    });
  }

  it("wait for their command, and for their turn", async () => {
    const esp = new EspEmulator();
    esp.faults.inject({ kind: "error", opcode: 0x37, after: 1, times: 2 });
    const seen = [];
    for (let count = 0; count < 5; count++) {
      seen.push(
        (await command(esp, "E0 20 00 EE", 2)).slice(0, 2),
        (await command(esp, version, 2)).slice(0, 2),
      );
    }
    assertEquals(seen, ["e0", "e0", "e0", "ef", "e0", "ef", "e0", "e0", "e0", "e0"]);
    esp.faults.inject({ kind: "error" });
    esp.faults.clear();
    assertEquals(await command(esp, version, 12), good);
    esp.close();
  });

  it("busy: for a time, or until the reset", async () => {
    const clock = new VirtualClock();
    const esp = new EspEmulator({ clock });
    esp.faults.inject({ kind: "busy", time: 500 });
    await exchange(esp, hex(version));
    assertEquals(esp.phase, "busy");
    assertEquals(dump(await exchange(esp, new Uint8Array(12))), good);
    assertEquals(clock.now(), 500);
    esp.faults.inject({ kind: "busy" });
    await exchange(esp, hex(version));
    await clock.sleep(1_000_000);
    assertEquals([esp.phase, esp.ready], ["busy", true]);
    esp.pins.reset.write(false);
    esp.pins.reset.write(true);
    assertEquals(await command(esp, version, 12), good);
    esp.close();
  });

  it("READY stuck at a level, as long as it is", async () => {
    const esp = new EspEmulator();
    esp.readyStuck = true;
    assertEquals(await esp.pins.ready.wait!(false, 1), false);
    esp.readyStuck = false;
    esp.bus.select();
    assertEquals(await esp.pins.ready.wait!(true, 1), false);
    esp.bus.deselect();
    esp.readyStuck = undefined;
    assertEquals(await command(esp, version, 12), good);
    esp.close();
  });

  it("swallow: the command is lost, and a step with it; what follows is not the host's fault", async () => {
    const esp = new EspEmulator();
    esp.faults.inject({ kind: "swallow" });
    assertEquals(await command(esp, version, 12), "00 00 00 00 00 00 00 00 00 00 00 00");
    assertEquals(dump(await exchange(esp, hex(version))), "ef 00 ee 00");
    assertEquals(await command(esp, version, 12), good);
    assertEquals(esp.violations.list, []);
    esp.close();
  });

  it("repeat: the reply comes twice, and a step with it", async () => {
    const esp = new EspEmulator();
    esp.faults.inject({ kind: "repeat" });
    assertEquals(await command(esp, version, 12), good);
    assertEquals(dump(await exchange(esp, hex("E0 20 00 EE"))), "e0 b7 01 06");
    assertEquals(await command(esp, version, 12), good);
    assertEquals(esp.violations.list, []);
    esp.close();
  });

  for (const when of ["before", "after", "mid-reply"] as const) {
    it(`restart ${when} a command: everything is forgotten`, async () => {
      const esp = new EspEmulator({ networks });
      await join(esp);
      esp.faults.inject({ kind: "restart", when, opcode: 0x37 });
      await exchange(esp, hex(version));
      const expected = { before: "00 00 00 00", after: "00 00 00 00", "mid-reply": "e0 b7 01 06" }[when];
      assertEquals(dump(await exchange(esp, new Uint8Array(4))), expected);
      if (when !== "mid-reply") assertEquals(dump(await exchange(esp, new Uint8Array(4))), "ef 00 ee 00");
      assertEquals([esp.wifiStatus, esp.restarts.length, esp.violations.count], [254, 1, 0]);
      assertEquals(await command(esp, version, 12), good);
      esp.close();
    });
  }

  it("write: less is taken, or nothing with the connection alive or dead", async () => {
    const there = await Peer.start();
    const esp = new EspEmulator({ networks });
    await join(esp);
    await command(esp, start(there.port, 0));
    const write = 'E0 44 02 | 00 01 00 | 00 05 "hello" | EE';
    esp.faults.inject({ kind: "write", accept: 2 });
    esp.faults.inject({ kind: "write", accept: 0 });
    // The version's query is none of their business.
    await command(esp, version);
    assertEquals([await value(esp, write), await value(esp, write)], [[2, 0], [0, 0]]);
    assertEquals(await value(esp, "E0 2F 01 01 00 EE"), [4]);
    assertEquals(new TextDecoder().decode(await there.received(2)), "he");
    esp.faults.inject({ kind: "write", accept: 0, close: true });
    assertEquals(await value(esp, write), [0, 0]);
    await there.ended();
    esp.close();
    there.stop();
  });

  it("read: bytes come one by one", async () => {
    const there = await Peer.start();
    const esp = new EspEmulator({ networks });
    await join(esp);
    await command(esp, start(there.port, 0));
    (await there.connection()).write("abc");
    await esp.pins.gpio0.wait!(true, 20_000);
    esp.faults.inject({ kind: "read", most: 1, times: 2 });
    const read = "E0 45 02 | 00 01 00 | 00 02 A0 0F | EE";
    assertEquals(await command(esp, read, 8), "e0 c5 01 00 01 61 ee 00");
    assertEquals(await command(esp, read, 8), "e0 c5 01 00 01 62 ee 00");
    esp.close();
    there.stop();
  });

  it("no-socket, dns and connect", async () => {
    const there = await Peer.start();
    const clock = new VirtualClock();
    const esp = new EspEmulator({ networks, clock, hosts: { broker: "10.1.1.1" } });
    await join(esp);
    esp.faults.inject({ kind: "no-socket" });
    assertEquals([await value(esp, "E0 3F 00 EE"), await value(esp, "E0 3F 00 EE")], [[255], [0]]);
    esp.faults.inject({ kind: "dns", time: 4000 });
    assertEquals(await value(esp, 'E0 34 01 06 "broker" EE'), [0]);
    assertEquals([clock.now(), await value(esp, 'E0 34 01 06 "broker" EE')], [4000, [1]]);
    esp.faults.inject({ kind: "dns", time: 1000, found: true });
    assertEquals([await value(esp, 'E0 34 01 06 "broker" EE'), clock.now()], [[1], 5000]);
    for (const [how, time] of [["refuse", 5000], ["silence", 8000]] as const) {
      esp.faults.inject({ kind: "connect", how });
      assertEquals(await command(esp, start(there.port, 0), 4), "e0 ad 00 ee");
      assertEquals(clock.now(), time);
    }
    esp.close();
    there.stop();
  });

  it("connect: slow, but it succeeds", async () => {
    const there = await Peer.start();
    const esp = new EspEmulator({ networks });
    await join(esp);
    esp.faults.inject({ kind: "connect", how: "slow", time: 20 });
    const before = performance.now();
    await exchange(esp, padded(hex(start(there.port, 0))));
    assertEquals(dump(await exchange(esp, new Uint8Array(8))), "e0 ad 01 01 01 ee 00 00");
    assertEquals(performance.now() - before >= 15, true);
    esp.close();
    there.stop();
  });
});

describe("EspEmulator's options", () => {
  it("a firmware must be a version", () => {
    for (const firmware of ["", "3", "new", "3.3.x"]) {
      assertThrows(
        () => new EspEmulator({ firmware }),
        RangeError,
        "expected a firmware version such as 3.3.0",
      );
    }
    const esp = new EspEmulator({ firmware: "3.1" });
    assertEquals(esp.firmware, "3.1.0");
    esp.close();
  });
});

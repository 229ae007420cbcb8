import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { command, dump, exchange, hex, join } from "../../../tests/raw_host.ts";
import { VirtualClock } from "../../../tests/virtual_clock.ts";
import { EspEmulator, realTiming } from "../mod.ts";

const networks = [{ ssid: "home", passphrase: "secret12" }];

describe("the emulated bus", () => {
  it("goes through the phases, and READY with them", () => {
    const esp = new EspEmulator();
    const seen: string[] = [];
    const look = () => seen.push(`${esp.phase} ${esp.ready ? "HIGH" : "LOW"}`);
    look();
    esp.bus.select();
    look();
    esp.bus.transfer(hex("E0 37 00 EE"));
    look();
    esp.bus.deselect();
    look();
    esp.bus.select();
    look();
    esp.bus.transfer(new Uint8Array(12));
    esp.bus.deselect();
    look();
    const expected = [
      "command LOW",
      "command HIGH",
      "command HIGH",
      "response LOW",
      "response HIGH",
      "command LOW",
    ];
    assertEquals(seen, expected);
    assertEquals([esp.windows, esp.bytesClocked, esp.violations.count], [2, 16, 0]);
    esp.close();
  });

  it("is busy, READY HIGH, while a command takes its time", async () => {
    const clock = new VirtualClock();
    const esp = new EspEmulator({ clock });
    await exchange(esp, hex("E0 3E 02 04 7F 00 00 01 01 FF EE 00"));
    assertEquals([esp.phase, esp.ready], ["busy", true]);
    assertEquals(dump(await exchange(esp, new Uint8Array(8))), "e0 be 01 02 ff ff ee 00");
    assertEquals(clock.now(), 5000);
    esp.close();
  });

  it("loses a window for which no transaction is armed", async () => {
    const esp = new EspEmulator({ filler: 0xff });
    esp.faults.inject({ kind: "busy" });
    await exchange(esp, hex("E0 37 00 EE"));
    esp.bus.select();
    assertEquals(dump(await esp.bus.transfer(hex("E0 37 00 EE"))), "ff ff ff ff");
    esp.bus.deselect();
    assertEquals(esp.violations.names, ["selected-while-busy"]);
    assertEquals(esp.phase, "busy");
    esp.close();
  });

  it("counts bytes outside of a window", async () => {
    const esp = new EspEmulator();
    assertEquals(dump(await esp.bus.transfer(hex("E0 37 00 EE"))), "00 00 00 00");
    assertEquals(esp.violations.names, ["clocked-without-select"]);
    esp.close();
  });

  it("re-arms after a window without a clock, and loses a reply by one", () => {
    const esp = new EspEmulator();
    esp.bus.select();
    esp.bus.deselect();
    assertEquals([esp.phase, esp.violations.count], ["command", 0]);
    esp.bus.select();
    esp.bus.transfer(hex("E0 37 00 EE"));
    esp.bus.deselect();
    esp.bus.select();
    esp.bus.deselect();
    assertEquals([esp.phase, esp.violations.names], ["command", ["reply-discarded"]]);
    esp.close();
  });

  it("cuts a frame at 4092 bytes", async () => {
    const esp = new EspEmulator();
    const frame = new Uint8Array(4096);
    frame.set(hex("E0 37 00 EE"));
    await exchange(esp, frame);
    assertEquals(esp.violations.names, ["oversized-frame"]);
    esp.close();
  });

  it("answers ERR to what it does not know", async () => {
    const esp = new EspEmulator();
    for (const opcode of ["00", "13", "31", "38", "47", "55", "68"]) {
      assertEquals(await command(esp, `E0 ${opcode} 00 EE`, 4), "ef 00 ee 00");
    }
    assertEquals(esp.violations.list, []);
    assertEquals(await command(esp, "E0 B7 00 EE", 4), "ef 00 ee 00");
    assertEquals(await command(esp, "E1 37 00 EE", 4), "ef 00 ee 00");
    assertEquals(esp.violations.names, ["not-a-command", "not-a-command"]);
    esp.close();
  });

  it("pads replies since 3.0.0, and fills with what the line carries behind them", async () => {
    const modern = new EspEmulator({ filler: 0xff });
    assertEquals(await command(modern, "E0 20 00 EE", 12), "e0 a0 01 01 fe ee 00 00 ff ff ff ff");
    modern.close();
    const legacy = new EspEmulator({ firmware: "1.7.7", filler: 0xff });
    assertEquals(await command(legacy, "E0 20 00 EE", 12), "e0 a0 01 01 00 ee ff ff ff ff ff ff");
    assertEquals(await command(legacy, "E0 37 00 EE", 12), "e0 b7 01 06 31 2e 37 2e 37 00 ee ff");
    legacy.close();
  });

  it("repeats the last byte, where the line does so", async () => {
    const esp = new EspEmulator({ filler: "last" });
    assertEquals(await command(esp, "E0 20 00 EE", 6), "e0 a0 01 01 fe ee");
    assertEquals(dump(await exchange(esp, hex("E0 20 00 EE"))), "ee ee ee ee");
    esp.close();
  });

  it("transfers take their real time at a given rate", async () => {
    const esp = new EspEmulator({ busHz: 100_000 });
    const start = performance.now();
    esp.bus.select();
    await esp.bus.transfer(new Uint8Array(250));
    const time = performance.now() - start;
    assertEquals(time >= 20, true, `${time} ms for 250 bytes at 100 kHz`);
    esp.close();
  });

  it("trap 1: a reply that is not read puts host and firmware a step apart, until a window more is read", async () => {
    const esp = new EspEmulator({ filler: 0xff });
    await exchange(esp, hex("E0 37 00 EE"));
    assertEquals(dump(await exchange(esp, hex("E0 20 00 EE"))), "e0 b7 01 06");
    assertEquals(dump(await exchange(esp, new Uint8Array(8))), "ff ff ff ff ff ff ff ff");
    assertEquals(await exchange(esp, new Uint8Array(4)).then(dump), "ef 00 ee 00");
    assertEquals(esp.violations.names, ["reply-not-read"]);
    assertEquals(await command(esp, "E0 20 00 EE", 8), "e0 a0 01 01 fe ee 00 00");
    esp.close();
  });

  it("trap 5: a frame that is not padded loses its tail, padding must be zero", async () => {
    const esp = new EspEmulator({ networks });
    await exchange(esp, hex('E0 11 02 04 "home" 08 "secret12" EE'));
    await exchange(esp, new Uint8Array(8));
    // 18 bytes, of which 16 arrive: the passphrase ends in zeros.
    assertEquals([esp.violations.names, esp.wifiStatus], [["unpadded-frame", "truncated-frame"], 4]);
    esp.violations.clear();
    // Byte 6 means "accept" whether it was sent as a parameter or not.
    await command(esp, "E0 2B 01 01 00 EE FF FF", 8);
    assertEquals(esp.violations.names, ["stale-padding"]);
    esp.close();
  });

  it("trap 21: chip select LOW when RESET rises is Bluetooth mode", () => {
    const esp = new EspEmulator();
    esp.pins.reset.write(false);
    assertEquals(esp.phase, "off");
    esp.bus.select();
    esp.pins.reset.write(true);
    esp.bus.deselect();
    assertEquals([esp.phase, esp.violations.names], ["bluetooth", ["select-low-at-boot"]]);
    esp.pins.reset.write(false);
    esp.pins.reset.write(true);
    assertEquals(esp.phase, "command");
    esp.close();
  });

  it("trap 22: GPIO0 LOW when RESET rises is the boot loader, and driven later it fights the module", async () => {
    const esp = new EspEmulator();
    esp.pins.gpio0.write(false);
    esp.pins.reset.write(false);
    esp.pins.reset.write(true);
    assertEquals([esp.phase, esp.violations.names], ["bootloader", ["gpio0-low-at-boot"]]);
    esp.violations.clear();
    esp.pins.gpio0.write(true);
    esp.pins.reset.write(false);
    esp.pins.reset.write(true);
    await command(esp, "E0 37 00 EE");
    assertEquals(esp.violations.names, ["gpio0-driven"]);
    esp.pins.gpio0.release();
    await command(esp, "E0 37 00 EE");
    assertEquals(esp.violations.count, 1);
    esp.close();
  });

  it("trap 23: READY floats while the module starts", async () => {
    const clock = new VirtualClock();
    const esp = new EspEmulator({ clock, timing: realTiming, floatingReady: false });
    assertEquals([esp.phase, esp.ready], ["starting", false]);
    esp.bus.select();
    esp.bus.transfer(hex("E0 37 00 EE"));
    esp.bus.deselect();
    assertEquals(esp.violations.names, ["selected-while-busy"]);
    await clock.sleep(250);
    assertEquals([esp.phase, esp.ready], ["starting", true]);
    await clock.sleep(500);
    assertEquals([esp.phase, esp.ready], ["command", false]);
    esp.close();
  });

  it("trap 24: what is clocked before READY is HIGH is lost in part", async () => {
    const clock = new VirtualClock();
    const esp = new EspEmulator({ clock, timing: { select: 0.05 } });
    esp.bus.select();
    await esp.bus.transfer(hex("E0 37 00 EE 00 00 00 00"));
    esp.bus.deselect();
    assertEquals(esp.violations.names, ["clocked-too-early"]);
    assertEquals(dump(await exchange(esp, new Uint8Array(4))), "ef 00 ee 00");
    assertEquals(await command(esp, "E0 20 00 EE", 8), "e0 a0 01 01 fe ee 00 00");
    esp.close();
  });

  it("trap 36: ERR is also the answer to the garbage of a host out of step", async () => {
    const esp = new EspEmulator();
    assertEquals(dump(await exchange(esp, new Uint8Array(12))), "00 00 00 00 00 00 00 00 00 00 00 00");
    assertEquals(dump(await exchange(esp, new Uint8Array(4))), "ef 00 ee 00");
    assertEquals(esp.violations.count, 0);
    esp.close();
  });

  it("trap 37: of two masters whose windows mix, both get what is not theirs", async () => {
    const esp = new EspEmulator({ filler: 0xff });
    await exchange(esp, hex("E0 37 00 EE"));
    await exchange(esp, hex("E0 20 00 EE"));
    assertEquals(esp.violations.names, ["reply-not-read"]);
    assertEquals(dump(await exchange(esp, new Uint8Array(4))), "ff ff ff ff");
    assertEquals(dump(await exchange(esp, new Uint8Array(4))), "ef 00 ee 00");
    esp.close();
  });

  it("trap 38: a restart in mid-session looks like a normal READY LOW, and only the status tells", async () => {
    for (const [firmware, status] of [["3.3.0", "fe"], ["1.7.7", "00"]] as const) {
      const esp = new EspEmulator({ networks, firmware });
      await join(esp);
      assertEquals(esp.wifiStatus, 3);
      esp.restart("a brown-out");
      assertEquals(esp.ready, false);
      assertEquals((await command(esp, "E0 20 00 EE", 6)).slice(12, 14), status);
      assertEquals(esp.restarts, [{ reason: "a brown-out" }]);
      esp.close();
    }
  });

  it("trap 45: leftovers behind END are noticed", async () => {
    const esp = new EspEmulator();
    await command(esp, 'E0 20 00 EE "cret12" EE 00', 8);
    assertEquals(esp.violations.names, ["stale-padding"]);
    // The detail never shows what it was.
    assertEquals(JSON.stringify(esp.violations.list).includes("cret"), false);
    esp.close();
  });
});

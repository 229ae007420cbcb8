import { assert, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ConnectionError, UsageError } from "@minimqtt/core";
import { ERROR, FakeModule, reply } from "../../tests/fake_module.ts";
import { VirtualClock } from "../../tests/virtual_clock.ts";
import { EspSpiControl } from "./control.ts";
import { AnalogIn, DigitalInOut, PWMOut } from "./pin_objects.ts";
import { WL } from "./wifi.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);
const text = (value: string) => new TextEncoder().encode(value);

describe("EspSpiControl reads", () => {
  it("trap 18: MAC and BSSID in natural order, whatever order the firmware has", async () => {
    for (const [version, mac] of [["1.7.7", "5a:12:c4:0a:24:00"], ["3.3.0", "00:24:0a:c4:12:5a"]] as const) {
      const { module, esp } = setUp(version);
      for (const opcode of [0x22, 0x24]) {
        module.answers.set(opcode, () => reply(opcode, bytes(0x00, 0x24, 0x0a, 0xc4, 0x12, 0x5a)));
      }
      assertEquals([await esp.macAddress(), await esp.bssid()], [mac, mac]);
    }
  });

  it("trap 16: the time from 4 bytes and from 8, and no time from 0", async () => {
    const { module, esp } = setUp();
    const seconds = 1_750_000_000;
    for (const size of [4, 8]) {
      const value = new Uint8Array(size);
      new DataView(value.buffer).setUint32(0, seconds, true);
      module.answers.set(0x3b, () => reply(0x3b, value));
      assertEquals((await esp.getTime())?.getTime(), seconds * 1000);
    }
    module.answers.set(0x3b, () => reply(0x3b, new Uint8Array(8)));
    assertEquals(await esp.getTime(), null);
  });

  it("signal strength, address, names, temperature, name servers", async () => {
    const { module, esp } = setUp();
    module.answers.set(0x25, () => reply(0x25, bytes(0xca, 0xff, 0xff, 0xff)));
    module.answers.set(
      0x21,
      () => reply(0x21, bytes(10, 0, 0, 2), bytes(255, 255, 255, 0), bytes(10, 0, 0, 1)),
    );
    module.answers.set(0x23, () => reply(0x23, text("Café")));
    module.answers.set(0x1b, () => reply(0x1b, bytes(0, 0, 0x2a, 0x42)));
    module.answers.set(0x1e, () => reply(0x1e, bytes(1, 1, 1, 1), bytes(8, 8, 8, 8)));
    module.answers.set(0x26, () => reply(0x26, bytes(4)));
    assertEquals(await esp.rssi(), -54);
    assertEquals(await esp.ipAddress(), "10.0.0.2");
    assertEquals(await esp.networkData(), {
      ipAddress: "10.0.0.2",
      netmask: "255.255.255.0",
      gateway: "10.0.0.1",
    });
    assertEquals(await esp.ssid(), "Café");
    assertEquals(await esp.temperature(), 42.5);
    assertEquals(await esp.dnsConfig(), ["1.1.1.1", "8.8.8.8"]);
    assertEquals(await esp.encryption(), "wpa2");
  });

  it("trap 19: how networks are protected, by the firmware's own numbers; the strongest first", async () => {
    for (
      const [version, kinds] of [
        ["1.7.7", ["open", "wep", "wpa", "wpa2", "other"]],
        ["3.3.0", ["wpa3", "enterprise", "wpa", "wpa2", "other"]],
      ] as const
    ) {
      const { module, esp } = setUp(version);
      const codes = [7, 5, 2, 4, 255];
      module.answers.set(0x27, () => reply(0x27, ...codes.map((code) => text(`net ${code}`))));
      module.answers.set(0x32, ([index]) => reply(0x32, bytes(200 - index![0]! * 10, 0xff, 0xff, 0xff)));
      module.answers.set(0x33, ([index]) => reply(0x33, bytes(codes[index![0]!]!)));
      module.answers.set(0x3c, () => reply(0x3c, bytes(0, 1, 2, 3, 4, 5)));
      module.answers.set(0x3d, () => reply(0x3d, bytes(11)));
      const networks = await esp.scanNetworks();
      assertEquals(networks.map((network) => network.encryption), [...kinds]);
      assertEquals(networks.map((network) => network.rssi), [-56, -66, -76, -86, -96]);
      assertEquals([networks[0]!.ssid, networks[0]!.channel], ["net 7", 11]);
    }
  });

  it("trap 20: a scan that is busy or failed is tried again, a few times", async () => {
    const { module, esp } = setUp();
    module.answers.set(
      0x27,
      (_, count) => count < 3 ? bytes(0xe0, 0xa7, 0xff, 0xee) : reply(0x27, text("net")),
    );
    module.answers.set(0x3c, () => reply(0x3c, new Uint8Array(6)));
    assertEquals((await esp.scanNetworks()).map((network) => network.ssid), ["net"]);
    module.answers.set(0x27, () => bytes(0xe0, 0xa7, 0xfe, 0xee));
    const error = await assertRejects(() => esp.scanNetworks(), ConnectionError);
    assertEquals(error.code, "radio-refused");
    module.answers.set(0x27, () => reply(0x27));
    assertEquals(await esp.scanNetworks(), []);
  });

  it("a scan gives the bus up while it sleeps, and can be given up itself", async () => {
    const { module, esp, clock } = setUp();
    module.answers.set(0x27, () => reply(0x27));
    const controller = new AbortController();
    const scanning = esp.scanNetworks({ signal: controller.signal });
    const start = clock.now();
    await esp.firmwareVersion();
    await esp.rssi();
    assert(clock.now() - start < 1500, `${clock.now() - start} ms`);
    controller.abort("enough");
    assertEquals(await scanning.then(() => "done", (reason) => reason), "enough");
    assertEquals(module.opcodes.filter((opcode) => opcode === 0x27).length, 1);
  });

  it("a scan of which one answer is refused loses that network, and not the others", async () => {
    const { module, esp } = setUp();
    module.answers.set(0x27, () => reply(0x27, text("one"), text("two"), text("three")));
    module.answers.set(
      0x32,
      ([index]) => index![0] === 1 ? ERROR : reply(0x32, bytes(200, 0xff, 0xff, 0xff)),
    );
    module.answers.set(0x3c, () => reply(0x3c, new Uint8Array(6)));
    assertEquals((await esp.scanNetworks()).map(({ ssid }) => ssid), ["one", "three"]);
  });

  it("a scan in two steps", async () => {
    const { module, esp } = setUp();
    module.answers.set(0x27, () => reply(0x27, text("net")));
    module.answers.set(0x3c, () => reply(0x3c, new Uint8Array(6)));
    await esp.startScanNetworks();
    assertEquals((await esp.getScanNetworks()).map(({ ssid }) => ssid), ["net"]);
    assertEquals(module.opcodes.slice(1, 3), [0x36, 0x27]);
    module.answers.set(0x27, () => reply(0x27));
    assertEquals(await esp.getScanNetworks(), []);
  });

  it("the network it is connected to, as a whole", async () => {
    const { module, esp } = setUp();
    module.answers.set(0x20, () => reply(0x20, bytes(3)));
    module.answers.set(0x23, () => reply(0x23, text("home")));
    module.answers.set(0x24, () => reply(0x24, bytes(0, 1, 2, 3, 4, 5)));
    module.answers.set(0x25, () => reply(0x25, bytes(0xca, 0xff, 0xff, 0xff)));
    module.answers.set(0x26, () => reply(0x26, bytes(4)));
    assertEquals(await esp.apInfo(), {
      ssid: "home",
      bssid: "00:01:02:03:04:05",
      rssi: -54,
      encryption: "wpa2",
    });
    module.answers.set(0x20, () => reply(0x20, bytes(6)));
    assertEquals(await esp.apInfo(), null);
  });

  it("trap 27: an address is asked for only when the name was found", async () => {
    const { module, esp } = setUp();
    module.answers.set(
      0x34,
      ([name]) => reply(0x34, bytes(new TextDecoder().decode(name) === "here" ? 1 : 0)),
    );
    module.answers.set(0x35, () => reply(0x35, bytes(10, 0, 0, 7)));
    assertEquals(await esp.getHostByName("here"), "10.0.0.7");
    assertEquals(
      (await assertRejects(() => esp.getHostByName("gone"), ConnectionError)).code,
      "name-not-found",
    );
    assertEquals(module.opcodes.filter((opcode) => opcode === 0x35).length, 1);
    assertEquals(await esp.getHostByName("10.1.2.3"), "10.1.2.3");
  });

  it("trap 29: no answer to a ping is null, not 65535", async () => {
    const { module, esp } = setUp();
    module.answers.set(0x3e, () => reply(0x3e, bytes(0xff, 0xff)));
    assertEquals(await esp.ping("10.0.0.1"), null);
    module.answers.set(0x3e, () => reply(0x3e, bytes(0x2c, 0x01)));
    assertEquals(await esp.ping("10.0.0.1"), 300);
  });

  it("a value of the wrong size is garbled, not read", async () => {
    const { module, esp } = setUp();
    module.answers.set(0x21, () => reply(0x21, bytes(1), bytes(2), bytes(3)));
    module.answers.set(0x22, () => reply(0x22, bytes(1, 2, 3, 4, 5)));
    module.answers.set(0x25, () => reply(0x25, bytes()));
    for (const ask of [() => esp.ipAddress(), () => esp.macAddress(), () => esp.rssi()]) {
      assertEquals((await assertRejects(ask, ConnectionError)).code, "radio-garbled");
    }
  });
});

describe("EspSpiControl joins a network", () => {
  it("trap 10: no status is a failure before the time is over", async () => {
    for (const [version, way] of [["1.7.7", [0, 1, 1, 3]], ["3.3.0", [254, 6, 4, 1, 0, 3]]] as const) {
      const { module, esp } = setUp(version);
      module.answers.set(0x20, (_, count) => reply(0x20, bytes(way[count - 1]!)));
      module.answers.set(
        0x21,
        () => reply(0x21, bytes(10, 0, 0, 2), bytes(255, 255, 255, 0), bytes(10, 0, 0, 1)),
      );
      await esp.connectAP("home", "secret12");
      assertEquals(module.frames[1], "e0110204686f6d6508736563726574313" + "2ee0000");
    }
  });

  it("waits for an address, which may come later than the status", async () => {
    const { module, esp } = setUp();
    module.answers.set(0x20, () => reply(0x20, bytes(3)));
    module.answers.set(
      0x21,
      (_, count) => reply(0x21, bytes(count < 4 ? 0 : 10, 0, 0, 0), new Uint8Array(4), new Uint8Array(4)),
    );
    await esp.connectAP("home");
    assertEquals(module.opcodes.filter((opcode) => opcode === 0x21).length, 4);
    assertEquals(module.opcodes[1], 0x10);
  });

  for (
    const [version, status, reason, code] of [
      ["3.3.0", WL.NO_SSID_AVAIL, 201, "wifi-not-found"],
      ["3.3.0", WL.DISCONNECTED, 201, "wifi-not-found"],
      ["3.3.0", WL.DISCONNECTED, 15, "wifi-refused"],
      ["3.3.0", WL.CONNECT_FAILED, 202, "wifi-refused"],
      ["3.3.0", WL.IDLE, 1, "wifi-down"],
      ["1.7.7", WL.CONNECT_FAILED, 0, "wifi-refused"],
      ["1.7.7", WL.IDLE, 0, "wifi-down"],
      // Still connecting, by the version's own way to say it: neither unknown nor locked out.
      ["1.7.7", WL.NO_SSID_AVAIL, 0, "wifi-down"],
      ["3.3.0", WL.DISCONNECTED, 8, "wifi-down"],
      ["3.3.0", WL.CONNECTION_LOST, 200, "wifi-down"],
      ["3.3.0", WL.DISCONNECTED, 204, "wifi-refused"],
      ["3.3.0", WL.DISCONNECTED, 211, "wifi-not-found"],
    ] as const
  ) {
    it(`${code} when firmware ${version} ends with status ${status}, reason ${reason}`, async () => {
      const { module, esp, clock } = setUp(version);
      module.answers.set(0x20, () => reply(0x20, bytes(status)));
      module.answers.set(0x1f, () => reply(0x1f, bytes(reason)));
      await esp.firmwareVersion();
      const start = clock.now();
      const error = await assertRejects(
        () => esp.connectAP("home", "secret12", { timeLimit: 5000 }),
        ConnectionError,
      );
      assertEquals(error.code, code);
      assert(error.message.includes('"home"') && !error.message.includes("secret12"), error.message);
      assert(clock.now() - start >= 5000 && clock.now() - start < 6000);
      assertEquals(module.opcodes.includes(0x1f), version === "3.3.0");
    });
  }

  it("gives up waiting when the signal says so", async () => {
    const { module, esp } = setUp();
    const controller = new AbortController();
    module.answers.set(0x20, (_, count) => {
      if (count === 3) controller.abort("enough");
      return reply(0x20, bytes(6));
    });
    const joining = esp.connectAP("home", null, { signal: controller.signal });
    assertEquals(await joining.then(() => "joined", (reason) => reason), "enough");
  });

  it("an enterprise network gets its settings in one go", async () => {
    const { module, esp } = setUp();
    module.answers.set(0x20, () => reply(0x20, bytes(3)));
    module.answers.set(0x21, () => reply(0x21, bytes(10, 0, 0, 2), bytes(), bytes()));
    const joining = esp.connectEnterprise("work", { identity: "id", user: "me", password: "pass" });
    await assertRejects(() => joining, ConnectionError);
    assertEquals(module.opcodes.slice(1, 6), [0x10, 0x4a, 0x4b, 0x4c, 0x4f]);
  });

  it("a WEP network gets its key and the key's number", async () => {
    const { module, esp } = setUp("1.7.7");
    module.answers.set(0x20, () => reply(0x20, bytes(3)));
    module.answers.set(0x21, () => reply(0x21, bytes(10, 0, 0, 2), new Uint8Array(4), new Uint8Array(4)));
    await esp.connectWEP("old", "abcde", 1);
    assertEquals(module.frames[1], "e01203036f6c64010105" + "6162636465ee");
    for (const key of ["abc", "abcdef", "x".repeat(27)]) {
      await assertRejects(() => esp.connectWEP("old", key), UsageError);
    }
    await assertRejects(() => esp.connectWEP("old", "abcde", 4), UsageError);
  });

  it("trap 40: whether an access point is open, only firmware before 3.0.0 tells", async () => {
    for (const [version, told] of [["1.7.7", true], ["3.3.0", undefined]] as const) {
      const { module, esp } = setUp(version);
      module.answers.set(0x20, () => reply(0x20, bytes(WL.AP_LISTENING)));
      assertEquals(await esp.apListening(), told);
    }
  });

  it("trap 40: an access point is there when the module says so, without waiting for a status", async () => {
    const { module, esp } = setUp();
    await esp.createAP("mine", "correct horse", 6);
    assertEquals(module.opcodes, [0x37, 0x19]);
    assert(module.frames.at(-1)!.includes("0106ee"), "the channel is one byte");
    module.answers.set(0x18, () => reply(0x18, bytes(0)));
    assertEquals((await assertRejects(() => esp.createAP("mine"), ConnectionError)).code, "radio-refused");
  });

  it("trap 15: a fixed address is accepted with 0", async () => {
    const { module, esp } = setUp();
    module.answers.set(0x14, () => reply(0x14, bytes(0)));
    await esp.setIpConfig("10.0.0.5", "10.0.0.1");
    assertEquals(module.frames.at(-1), "e014040100040a000005040a00000104ffffff00ee000000");
    await esp.setDnsConfig("1.1.1.1");
    await esp.setHostname("board");
    await esp.disconnect();
    assertEquals(module.opcodes.slice(-3), [0x15, 0x16, 0x30]);
  });
});

describe("EspSpiControl checks arguments", () => {
  it("trap 25: names and secrets by their bytes, and never tells the secret", async () => {
    const { module, esp } = setUp();
    const secret = "p".repeat(65);
    for (
      const call of [
        () => esp.connectAP(""),
        () => esp.connectAP("é".repeat(17)),
        () => esp.connectAP("home", "short"),
        () => esp.connectAP("home", secret),
        () => esp.connectAP("home", "é".repeat(32)),
        () => esp.createAP("mine", secret),
        () => esp.createAP("mine", "correct horse", 14),
        () => esp.createAP("mine", "correct horse", 0),
        () => esp.connectEnterprise("work", { user: "u".repeat(33), password: "pass" }),
        () => esp.connectEnterprise("work", { user: "me", password: secret }),
        () => esp.connectEnterprise("work", { identity: secret, user: "me", password: "pass" }),
        () => esp.setHostname("n".repeat(32)),
        () => esp.setIpConfig("10.0.0.256", "10.0.0.1"),
        () => esp.setDnsConfig("dns.example"),
        () => esp.getHostByName("n".repeat(256)),
        () => esp.setPinMode(256, "input"),
        () => esp.setPinMode(1, "sideways" as "input"),
        () => esp.setAnalogWrite(1, 1.1),
        () => esp.analogRead(1, 4),
        () => esp.ping("10.0.0.1", -1),
      ]
    ) {
      const error = await assertRejects(async () => await call(), UsageError, undefined, `${call}`);
      assertEquals(error.code, "invalid-argument");
      assert(!error.message.includes(secret));
    }
    assertEquals(module.frames, []);
    await esp.setHostname("n".repeat(31));
    module.answers.set(0x20, () => reply(0x20, bytes(6)));
    // The longest of each: 32 bytes, and the key itself.
    await assertRejects(() => esp.connectAP("é".repeat(16), "0123456789abcdef".repeat(4), { timeLimit: 0 }));
    assert(module.opcodes.includes(0x11));
  });

  it("trap 26: certificates as text that is compared as text, and shorter than what the module copies", async () => {
    const { module, esp } = setUp();
    const pem = (label: string, size: number) =>
      `-----BEGIN ${label}-----\n${"A".repeat(size)}\n-----END ${label}-----\n`;
    await esp.setCertificate(pem("CERTIFICATE", 1200));
    await esp.setPrivateKey(pem("RSA PRIVATE KEY", 1600));
    assertEquals(module.opcodes, [0x37, 0x40, 0x41]);
    for (
      const call of [
        () => esp.setCertificate(pem("CERTIFICATE", 1300)),
        () => esp.setCertificate(pem("RSA PRIVATE KEY", 100)),
        () => esp.setPrivateKey(pem("RSA PRIVATE KEY", 1700)),
        () => esp.setPrivateKey(pem("PRIVATE KEY", 100)),
      ]
    ) await assertRejects(call, UsageError);
  });

  it("trap 41: a socket's port, host and mode, for the module would never use the slot again", async () => {
    const { module, esp } = setUp();
    for (
      const call of [
        ...[0, 65536, 1.5, NaN].map((port) => () => esp.socketOpen("host", port)),
        ...["server", "3", "toString"].map((mode) => () => esp.socketOpen("host", 1, mode as "tcp")),
        () => esp.socketOpen("", 1),
        () => esp.socketOpen("h".repeat(256), 1),
      ]
    ) await assertRejects(call, UsageError, undefined, `${call}`);
    assertEquals(module.frames, []);
  });
});

describe("EspSpiControl drives the module's pins", () => {
  it("digital and analog, in and out", async () => {
    const { module, esp } = setUp();
    module.answers.set(0x54, () => reply(0x54, bytes(0xff, 0x0f, 0, 0)));
    await esp.setPinMode(26, "input-pullup");
    await esp.setDigitalWrite(25, true);
    await esp.setAnalogWrite(27, 0.5);
    assertEquals(await esp.digitalRead(26), true);
    assertEquals(await esp.analogRead(36), 4095);
    assertEquals(module.frames.slice(1), [
      "e05002011a0102ee",
      "e0510201190101ee",
      "e05202011b0180ee",
      "e05301011aee0000",
      "e0540201240103ee",
    ]);
  });
});

describe("pins of the module as objects", () => {
  it("DigitalInOut switches, drives, reads and lets go", async () => {
    const { module, esp } = setUp();
    const pin = new DigitalInOut(esp, 26);
    await pin.switchToOutput(true);
    await pin.setValue(false);
    await pin.switchToInput("up");
    assertEquals(await pin.value(), true);
    await pin.switchToInput();
    await pin.deinit();
    assertEquals(module.frames.slice(1), [
      "e05002011a0101ee",
      "e05102011a0101ee",
      "e05102011a0100ee",
      "e05002011a0102ee",
      "e05301011aee0000",
      "e05002011a0100ee",
      "e05002011a0100ee",
    ]);
  });

  it("PWMOut takes CircuitPython's duty cycle, AnalogIn gives its scale", async () => {
    const { module, esp } = setUp();
    module.answers.set(0x54, () => reply(0x54, bytes(0xff, 0x0f, 0, 0)));
    const light = new PWMOut(esp, 27);
    await light.setDutyCycle(0x7fff);
    assertEquals(module.frames.at(-1), "e05202011b017fee");
    for (const wrong of [-1, 0x10000, 0.5]) await assertRejects(() => light.setDutyCycle(wrong), UsageError);
    await light.deinit();
    assertEquals(module.opcodes.slice(-2), [0x52, 0x50]);
    assertEquals(await new AnalogIn(esp, 36).value(), 0xfff0);
  });
});

function setUp(version?: string) {
  const module = new FakeModule(version);
  const clock = new VirtualClock();
  return { module, clock, esp: new EspSpiControl(module.bus, module.pins, { clock }) };
}

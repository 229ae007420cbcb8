import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { byte, command, exchange, hex, join, padded, value } from "../../../tests/raw_host.ts";
import { VirtualClock } from "../../../tests/virtual_clock.ts";
import { type EmulatorOptions, EspEmulator, realTiming } from "../mod.ts";

const home = { ssid: "home", passphrase: "secret12", rssi: -54, channel: 11 };
const networks = [
  { ssid: "far", rssi: -80 },
  home,
  { ssid: "office", enterprise: { identity: "me", username: "me", password: "it is me" } },
  { ssid: "old", passphrase: "secret12", auth: 2, rssi: -90 },
  { ssid: "unseen", passphrase: "secret12", hidden: true },
];

/** The course of GET_CONN_STATUS after a command, one entry for each change, over so many seconds. */
async function course(frame: string, options: EmulatorOptions, seconds = 5): Promise<number[]> {
  const clock = new VirtualClock();
  const esp = new EspEmulator({ networks, clock, timing: { ...realTiming, float: 0, start: 0 }, ...options });
  const seen = [esp.wifiStatus];
  await command(esp, frame);
  for (let now = 0; now < seconds * 1000; now += 50) {
    if (esp.wifiStatus !== seen.at(-1)) seen.push(esp.wifiStatus);
    await clock.sleep(50);
  }
  esp.close();
  return seen;
}

describe("the emulated Wi-Fi", () => {
  const right = 'E0 11 02 04 "home" 08 "secret12" EE';
  const wrong = 'E0 11 02 04 "home" 08 "password" EE';
  const unknown = 'E0 11 02 04 "away" 08 "secret12" EE';

  it("trap 10: the values on the way to a connection differ by version", async () => {
    assertEquals(await course(right, { firmware: "3.3.0" }), [254, 6, 0, 3]);
    assertEquals(await course(right, { firmware: "1.7.7" }), [0, 1, 3]);
    assertEquals(await course(wrong, { firmware: "3.3.0" }), [254, 6, 4]);
    assertEquals(await course(wrong, { firmware: "1.7.7" }), [0, 1, 4]);
    assertEquals(await course(unknown, { firmware: "3.3.0" }), [254, 6, 1]);
    assertEquals(await course(unknown, { firmware: "1.7.7" }), [0, 1, 4]);
  });

  it("gives the reason of a failure since 2.0.0", async () => {
    for (const [frame, reason] of [[right, 1], [wrong, 15], [unknown, 201]] as const) {
      const esp = new EspEmulator({ networks });
      await command(esp, frame);
      assertEquals(await value(esp, "E0 1F 00 EE"), [reason]);
      esp.close();
    }
    const legacy = new EspEmulator({ firmware: "1.7.7" });
    assertEquals(await command(legacy, "E0 1F 00 EE", 4), "ef 00 ee 00");
    legacy.close();
  });

  it("does not hear networks below WPA2 when there is a passphrase, since 3.0.0", async () => {
    const old = 'E0 11 02 03 "old" 08 "secret12" EE';
    assertEquals((await course(old, { firmware: "3.3.0" })).at(-1), 1);
    assertEquals((await course(old, { firmware: "1.7.7" })).at(-1), 3);
  });

  it("connects again by itself when the network is back, since 3.0.0", async () => {
    for (const [firmware, down, back] of [["3.3.0", 5, 3], ["1.7.7", 6, 6]] as const) {
      const esp = new EspEmulator({ networks, firmware });
      await join(esp);
      esp.dropWifi();
      assertEquals(esp.wifiStatus, down);
      assertEquals(await value(esp, "E0 21 01 01 FF EE"), [0, 0, 0, 0]);
      esp.restoreWifi();
      assertEquals(esp.wifiStatus, back);
      await join(esp);
      assertEquals(esp.wifiStatus, 3);
      esp.close();
    }
  });

  it("stays away after DISCONNECT", async () => {
    const esp = new EspEmulator({ networks });
    await join(esp);
    await command(esp, "E0 30 00 EE");
    assertEquals([esp.wifiStatus, await value(esp, "E0 1F 00 EE")], [6, [8]]);
    esp.dropWifi();
    esp.restoreWifi();
    assertEquals(esp.wifiStatus, 6);
    esp.close();
  });

  it("waits for an address when DHCP is slow", async () => {
    const slow = { timing: { associate: 100, address: 3000 } };
    assertEquals(await course(right, slow, 2), [254, 6, 0]);
    assertEquals(await course(right, slow, 4), [254, 6, 0, 3]);
  });

  it("lets into an enterprise network by identity, user and password", async () => {
    const esp = new EspEmulator({ networks });
    await command(esp, 'E0 10 01 06 "office" EE');
    assertEquals(esp.wifiStatus, 4);
    await command(esp, 'E0 4A 01 02 "me" EE');
    await command(esp, 'E0 4B 01 02 "me" EE');
    await command(esp, 'E0 4C 01 08 "it is me" EE');
    await command(esp, "E0 4F 00 EE");
    assertEquals(esp.wifiStatus, 3);
    assertEquals(await command(esp, "E0 4D 00 EE", 4), "ef 00 ee 00");
    assertEquals(await command(esp, "E0 4E 00 EE", 4), "ef 00 ee 00");
    esp.close();
  });

  it("scans: names strongest first, the hidden one left out, 10 at most before 3.0.0", async () => {
    const esp = new EspEmulator({ networks });
    assertEquals(
      await command(esp, "E0 27 00 EE", 32),
      "e0 a7 04 06 6f 66 66 69 63 65 04 68 6f 6d 65 03 66 61 72 03 6f 6c 64 ee 00 00 00 00 00 00 00 00".slice(
        0,
        95,
      ),
    );
    assertEquals(await value(esp, "E0 32 01 01 01 EE"), [0xca, 0xff, 0xff, 0xff]);
    assertEquals(await value(esp, "E0 3D 01 01 01 EE"), [11]);
    assertEquals(await value(esp, "E0 32 01 01 63 EE"), [0, 0, 0, 0]);
    esp.close();
    const many = Array.from({ length: 20 }, (_, index) => ({ ssid: `network ${index}` }));
    for (const [firmware, count] of [["3.3.0", 20], ["1.7.7", 10]] as const) {
      const crowd = new EspEmulator({ networks: many, firmware });
      assertEquals((await command(crowd, "E0 27 00 EE", 4)).slice(6, 8), byte(count));
      crowd.close();
    }
  });

  it("trap 15: SET_IP_CONFIG answers 0 although it works", async () => {
    const esp = new EspEmulator({ networks });
    const frame = "E0 14 04 | 01 00 | 04 0A 00 00 05 | 04 0A 00 00 01 | 04 FF FF FF 00 | EE 00 00 00";
    assertEquals(await command(esp, frame, 8), "e0 94 01 01 00 ee 00 00");
    assertEquals(
      await command(esp, "E0 15 03 | 01 00 | 04 08 08 08 08 | 04 01 01 01 01 | EE", 8),
      "e0 95 01 01 01 ee 00 00",
    );
    await join(esp);
    assertEquals(
      await command(esp, "E0 21 01 01 FF EE", 20),
      "e0 a1 03 04 0a 00 00 05 04 ff ff ff 00 04 0a 00 00 01 ee 00",
    );
    assertEquals(await command(esp, "E0 1E 00 EE", 16), "e0 9e 02 04 08 08 08 08 04 01 01 01 01 ee 00 00");
    esp.close();
  });

  it("trap 16: GET_TIME is 4 or 8 bytes, and 0 without a network", async () => {
    for (const [firmware, bytes] of [["1.7.7", 4], ["2.0.0", 4], ["3.3.0", 8]] as const) {
      const esp = new EspEmulator({ networks, firmware, time: () => 0x1_2345_6789 });
      assertEquals(await value(esp, "E0 3B 00 EE"), new Array(bytes).fill(0));
      await join(esp);
      assertEquals(await value(esp, "E0 3B 00 EE"), [0x89, 0x67, 0x45, 0x23, 1, 0, 0, 0].slice(0, bytes));
      esp.close();
    }
  });

  it("trap 17: versions come as they are, with suffix and NUL", async () => {
    const esp = new EspEmulator({ firmware: "2.0.0-rc.0+adafruit" });
    const text = new TextDecoder().decode(new Uint8Array(await value(esp, "E0 37 00 EE")));
    assertEquals(text, "2.0.0-rc.0+adafruit\0");
    esp.close();
  });

  it("trap 18: MAC and BSSID are last octet first before 3.0.0", async () => {
    const bssid = new Uint8Array([2, 3, 4, 5, 6, 7]);
    const mac = new Uint8Array([0x24, 0x0a, 0xc4, 1, 2, 3]);
    for (const [firmware, reversed] of [["1.7.7", true], ["2.0.0", true], ["3.3.0", false]] as const) {
      const order = (bytes: Uint8Array) => reversed ? [...bytes].reverse() : [...bytes];
      const esp = new EspEmulator({ networks: [{ ...home, bssid }], firmware, mac });
      await join(esp);
      await command(esp, "E0 27 00 EE", 32);
      assertEquals(await value(esp, "E0 22 01 01 FF EE"), order(mac));
      assertEquals(await value(esp, "E0 24 01 01 FF EE"), order(bssid));
      assertEquals(await value(esp, "E0 3C 01 01 00 EE"), order(bssid));
      esp.close();
    }
  });

  it("trap 19: a scan's encryption codes are ESP-IDF's since 3.0.0", async () => {
    const auths = [0, 1, 2, 3, 4, 5, 6, 7];
    const crowd = auths.map((auth) => ({ ssid: `auth${auth}`, auth, rssi: -auth }));
    for (const [firmware, codes] of [["3.3.0", auths], ["1.7.7", [7, 5, 2, 4, 4, 255, 255, 255]]] as const) {
      const esp = new EspEmulator({ networks: crowd, firmware });
      await command(esp, "E0 27 00 EE");
      const seen = [];
      for (const index of auths) seen.push(...await value(esp, `E0 33 01 01 ${byte(index)} EE`));
      assertEquals(seen, codes);
      esp.close();
    }
  });

  it("trap 20: a scan without a list has a count of FF or FE, and no parameters", async () => {
    const esp = new EspEmulator({ networks });
    for (const [how, count] of [["running", "ff"], ["failed", "fe"]] as const) {
      esp.faults.inject({ kind: "scan", how });
      assertEquals(await command(esp, "E0 27 00 EE", 4), `e0 a7 ${count} ee`);
    }
    assertEquals((await command(esp, "E0 27 00 EE", 4)).slice(6, 8), "04");
    esp.close();
  });

  it("trap 25: names that are too long overrun the stack: the chip crashes", async () => {
    const long = "x".repeat(33);
    for (
      const frame of [
        `E0 10 01 21 "${long}" EE`,
        `E0 11 02 21 "${long}" 08 "secret12" EE`,
        `E0 11 02 04 "home" 41 "${"x".repeat(65)}" EE`,
        `E0 4A 01 21 "${long}" EE`,
        `E0 4C 01 21 "${long}" EE`,
      ]
    ) {
      const esp = new EspEmulator({ networks });
      await exchange(esp, padded(hex(frame)));
      assertEquals([esp.violations.names, esp.restarts.length], [["overlong-parameter"], 1]);
      assertEquals(esp.phase, "command");
      esp.close();
    }
    const esp = new EspEmulator({ networks: [{ ssid: "x".repeat(32), passphrase: "y".repeat(64) }] });
    await command(esp, `E0 11 02 20 "${"x".repeat(32)}" 40 "${"y".repeat(64)}" EE`);
    assertEquals([esp.wifiStatus, esp.violations.count], [3, 0]);
    esp.close();
  });

  it("trap 27: after a name that is not found the last address comes, or 255.255.255.255", async () => {
    const hosts = { "broker.example": "127.0.0.1" };
    for (const [firmware, address] of [["3.3.0", [127, 0, 0, 1]], ["1.7.7", [255, 255, 255, 255]]] as const) {
      const esp = new EspEmulator({ networks, hosts, firmware });
      await join(esp);
      assertEquals(await value(esp, 'E0 34 01 0E "broker.example" EE'), [1]);
      assertEquals(await value(esp, "E0 35 00 EE"), [127, 0, 0, 1]);
      assertEquals(await value(esp, 'E0 34 01 05 "other" EE'), [0]);
      assertEquals(await value(esp, "E0 35 00 EE"), [...address]);
      esp.close();
    }
  });

  it("trap 29: a ping without an answer is -1, after five seconds", async () => {
    const clock = new VirtualClock();
    const esp = new EspEmulator({ networks, clock, ping: (address) => address === "10.0.0.1" ? 12 : -1 });
    await join(esp);
    const start = clock.now();
    assertEquals(await value(esp, "E0 3E 02 04 0A 00 00 01 01 FF EE"), [12, 0]);
    assertEquals(await value(esp, "E0 3E 02 04 0A 00 00 09 01 FF EE"), [0xff, 0xff]);
    assertEquals(clock.now() - start, 5012);
    esp.close();
  });

  it("trap 40: the status of an access point comes before 3.0.0 only", async () => {
    for (const [firmware, status] of [["1.7.7", 7], ["3.3.0", 254]] as const) {
      const esp = new EspEmulator({ firmware });
      assertEquals(await value(esp, 'E0 18 02 04 "mine" 01 01 EE'), [1]);
      assertEquals(esp.wifiStatus, status);
      assertEquals(await value(esp, 'E0 19 03 04 "mine" 08 "secret12" 01 01 EE'), [1]);
      assertEquals(await value(esp, 'E0 19 03 04 "mine" 03 "abc" 01 01 EE'), [0]);
      esp.close();
    }
  });

  it("has pins, a temperature and a name", async () => {
    const esp = new EspEmulator();
    assertEquals(await value(esp, "E0 50 02 01 05 01 02 EE"), [1]);
    assertEquals(await value(esp, "E0 53 01 01 05 EE"), [1]);
    await command(esp, "E0 51 02 01 05 01 00 EE");
    assertEquals([esp.ownPins.get(5)?.mode, await value(esp, "E0 53 01 01 05 EE")], [2, [0]]);
    await command(esp, "E0 52 02 01 06 01 80 EE");
    assertEquals(esp.ownPins.get(6)?.value, 128);
    esp.ownPins.set(34, { mode: 0, level: true, value: 4095 });
    assertEquals(await value(esp, "E0 54 02 01 22 01 03 EE"), [0xff, 0x0f, 0, 0]);
    const celsius = new DataView(new Uint8Array(await value(esp, "E0 1B 00 EE")).buffer).getFloat32(0, true);
    assertEquals(celsius, 42.5);
    for (const frame of ['E0 16 01 04 "name" EE', "E0 17 01 01 00 EE", "E0 1A 01 01 01 EE", "E0 36 00 EE"]) {
      assertEquals(await value(esp, frame), [1]);
    }
    esp.close();
    const old = new EspEmulator({ firmware: "1.4.0" });
    assertEquals(await command(old, "E0 53 01 01 05 EE", 4), "ef 00 ee 00");
    old.close();
  });
});

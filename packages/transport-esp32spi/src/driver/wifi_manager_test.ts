import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ConnectionError, UsageError } from "@minimqtt/core";
import { fastClock } from "../../tests/fast_clock.ts";
import { VirtualClock } from "../../tests/virtual_clock.ts";
import { EspSpiControl } from "./control.ts";
import { EspEmulator, realTiming } from "../emulator/mod.ts";
import type { EmulatorOptions } from "../emulator/mod.ts";
import { esp32spi } from "../transport/transport.ts";
import { WiFiManager } from "./wifi_manager.ts";
import type { WiFiNetwork } from "./networks.ts";
import type { WiFiManagerOptions } from "./wifi_manager.ts";

const HOME = { ssid: "home", passphrase: "correct horse" };
const home = { ssid: "home", password: "correct horse" };

describe("WiFiManager", () => {
  for (const firmware of ["1.7.7", "2.0.0", "3.3.0"]) {
    it(`connects, and does nothing when connected (firmware ${firmware})`, async () => {
      const { module, wifi, esp } = setUp({ firmware }, home);
      await wifi.connect();
      assertEquals([await esp.ssid(), await esp.isConnected()], ["home", true]);
      const { length } = module.commands;
      await wifi.connect();
      assertEquals(module.commands.slice(length), [0x20]);
      assertEquals(module.violations.list, []);
    });

    it(`tries again after a failure, then resets (firmware ${firmware})`, async () => {
      const { module, wifi, failures } = setUp({ firmware }, home, { attempts: 2, timeLimit: 3000 });
      module.dropWifi();
      const connecting = wifi.connect();
      while (failures.length < 5) await new Promise((resolve) => setTimeout(resolve, 1));
      module.restoreWifi();
      await connecting;
      const codes = new Set(failures.map((failure) => failure.code));
      assertEquals([...codes], [firmware === "1.7.7" ? "wifi-refused" : "wifi-not-found"]);
      assertEquals(module.violations.list, []);
    });
  }

  it("without RESET takes no network for its own but those it knows", async () => {
    const module = new EspEmulator({ networks: [HOME, { ssid: "neighbour" }] });
    const clock = fastClock(20);
    const { reset: _, ...pins } = module.pins;
    await new EspSpiControl(module.bus, pins, { clock }).connectAP("neighbour");
    const esp = new EspSpiControl(module.bus, pins, { clock });
    const wifi = new WiFiManager(esp, home);
    assertEquals([esp.canReset, await esp.ssid()], [false, "neighbour"]);
    await wifi.connect();
    assertEquals(await esp.ssid(), "home");
    const { length } = module.commands;
    await wifi.connect();
    assertEquals(module.commands.slice(length), [0x20, 0x23]);
    module.close();
  });

  it("joins at once after the network was left on purpose", async () => {
    const { wifi, esp, clock, module } = setUp({}, home);
    await wifi.connect();
    await esp.disconnect();
    const start = clock.now();
    await wifi.connect();
    assert(clock.now() - start < 1000, `${clock.now() - start} ms`);
    assertEquals([await esp.ssid(), module.violations.list], ["home", []]);
  });

  it("resets the module, and opens an access point", async () => {
    const { module, wifi, esp, failures } = setUp({ firmware: "1.7.7" }, home);
    await wifi.connect();
    await wifi.reset();
    assertEquals(module.wifiStatus, 0);
    await wifi.createAP({ channel: 6 });
    assertEquals([await esp.apListening(), module.commands.at(-2)], [true, 0x19]);
    module.faults.inject({ kind: "error", opcode: 0x19, times: 5 });
    await wifi.createAP();
    assertEquals(failures.map(({ code }) => code), ["radio-refused", "radio-refused"]);
    assertEquals(module.violations.list, []);
  });

  it("takes the strongest of the networks it knows", async () => {
    const { wifi, esp } = setUp(
      { networks: [{ ...HOME, rssi: -80 }, { ssid: "garden", rssi: -40 }, { ssid: "neighbour", rssi: -30 }] },
      [home, { ssid: "garden" }, { ssid: "nowhere" }],
    );
    await wifi.connect();
    assertEquals(await esp.ssid(), "garden");
  });

  it("takes the next network when the strongest does not let it in, and resets in between", async () => {
    const { wifi, esp, failures, module } = setUp(
      { networks: [{ ...HOME, rssi: -80 }, { ssid: "garden", passphrase: "something else", rssi: -40 }] },
      [home, { ssid: "garden", password: "wrong passphrase" }],
      { attempts: 3, timeLimit: 2000 },
    );
    await wifi.connect();
    assertEquals(await esp.ssid(), "home");
    assertEquals(failures.map((failure) => failure.code), Array(3).fill("wifi-refused"));
    assert(!failures.some((failure) => failure.message.includes("wrong passphrase")));
    assertEquals(module.violations.list, []);
  });

  it("gives up after so many rounds, with the last failure", async () => {
    const { wifi, failures } = setUp({}, { ssid: "nowhere" }, { attempts: 1, timeLimit: 1000 });
    const error = await assertRejects(() => wifi.connect({ rounds: 3 }), ConnectionError);
    assertEquals([error.code, failures.length], ["wifi-not-found", 3]);
  });

  it("connects to an enterprise network, again after a reset", async () => {
    const enterprise = { identity: "anonymous", username: "me", password: "secret" };
    const { wifi, esp } = setUp({ networks: [{ ssid: "work", enterprise }] }, {
      ssid: "work",
      user: "me",
      password: "secret",
      identity: "anonymous",
    });
    await wifi.connect();
    await esp.reset();
    assertEquals(await wifi.isConnected(), false);
    await wifi.connect();
    assertEquals(await esp.ssid(), "work");
  });

  it("trap 34: connects again after a drop, and no slot stays behind", async () => {
    for (const firmware of ["1.7.7", "3.3.0"]) {
      const server = await listen();
      const { module, wifi, esp } = setUp({
        firmware,
        route: () => ({ host: "127.0.0.1", port: server.port }),
        clock: fastClock(20),
      }, home);
      try {
        await wifi.connect();
        await esp.socketOpen("10.0.0.9", 1883);
        await esp.socketOpen("10.0.0.9", 1883);
        assertEquals(module.socketsInUse.length, 2);
        module.dropWifi();
        assertEquals(await wifi.isConnected(), false);
        assertEquals(module.socketsInUse, []);
        const connecting = wifi.connect();
        module.restoreWifi();
        await connecting;
        assertEquals(await esp.isConnected(), true);
        const transport = esp32spi(esp, { wifi });
        const connection = await transport.connect({ host: "10.0.0.9", port: 1883 });
        await connection.close();
        assertEquals([module.socketsInUse, module.violations.list], [[], []]);
      } finally {
        module.close();
        await server.close();
      }
    }
  });

  it("leaves a module that comes back by itself in peace", async () => {
    const { module, wifi } = setUp({ timing: realTiming }, home);
    await wifi.connect();
    module.dropWifi();
    const { length } = module.commands;
    const connecting = wifi.connect();
    module.restoreWifi();
    await connecting;
    assert(!module.commands.slice(length).includes(0x11), "SET_PASSPHRASE was sent again");
  });

  it("resets a module that does not answer, and connects", async () => {
    const { module, wifi } = setUp({}, home);
    await wifi.connect();
    module.faults.inject({ kind: "busy" });
    assertEquals(await wifi.isConnected(), false);
    await wifi.connect();
    assertEquals([module.wifiStatus, module.violations.list], [3, []]);
  });

  it("stops when the signal says so", async () => {
    const controller = new AbortController();
    const { wifi } = setUp({}, { ssid: "nowhere" }, {
      timeLimit: 1000,
      onFailure: () => controller.abort("enough"),
    });
    const connecting = wifi.connect({ signal: controller.signal });
    assertEquals(await connecting.then(() => "connected", (reason) => reason), "enough");
  });

  it("several that want to connect at the same time connect once", async () => {
    const { module, wifi } = setUp({}, home);
    await Promise.all([wifi.connect(), wifi.connect(), wifi.signalStrength(), wifi.ipAddress()]);
    assertEquals(module.commands.filter((opcode) => opcode === 0x11).length, 1);
  });

  it("shows what goes on, and does what needs a network when it has one", async () => {
    const lights: number[][] = [];
    const { wifi } = setUp({ hosts: { "host.test": "10.0.0.9" } }, home, {
      light: (...colour) => lights.push(colour),
    });
    assertEquals(await wifi.ipAddress(), "10.0.0.2");
    assertEquals(await wifi.signalStrength(), -50);
    assertEquals(await wifi.ping("host.test"), 1);
    assertEquals(lights.slice(0, 2), [[100, 0, 0], [0, 100, 0]]);
  });

  it("reads CircuitPython's settings, and the older secrets", async () => {
    const { esp } = setUp({}, home);
    const joined: string[] = [];
    for (
      const settings of [
        { CIRCUITPY_WIFI_SSID: "home", CIRCUITPY_WIFI_PASSWORD: "correct horse", broker: "localhost" },
        { ssid: "home", password: "correct horse" },
        { ssid: ["nowhere", "home"], password: ["some password", "correct horse"] },
      ]
    ) {
      await esp.reset();
      await WiFiManager.fromSettings(esp, settings, { timeLimit: 1000 }).connect();
      joined.push(await esp.ssid());
    }
    assertEquals(joined, ["home", "home", "home"]);
    for (
      const settings of [
        {},
        { ssid: ["one", "two"], password: ["only one"] },
        { CIRCUITPY_WIFI_SSID: "work", CIRCUITPY_WIFI_ENT_USER: "me" },
      ]
    ) assertThrows(() => WiFiManager.fromSettings(esp, settings), UsageError);
    assertThrows(() => new WiFiManager(esp, []), UsageError);
    const wrong = new WiFiManager(esp, { ssid: "home", password: "short" });
    await esp.disconnect();
    await assertRejects(() => wrong.connect(), UsageError);
  });
});

function setUp(
  emulator: EmulatorOptions,
  networks: WiFiNetwork | readonly WiFiNetwork[],
  options: WiFiManagerOptions = {},
) {
  const clock = emulator.clock ?? new VirtualClock();
  const module = new EspEmulator({ networks: [HOME], ...emulator, clock });
  const esp = new EspSpiControl(module.bus, module.pins, { clock });
  const failures: ConnectionError[] = [];
  const onFailure = (error: ConnectionError) => failures.push(error);
  const wifi = new WiFiManager(esp, networks, { onFailure, ...options });
  return { clock, module, esp, wifi, failures };
}

async function listen() {
  const { createServer } = await import("node:net");
  const server = createServer((socket) => socket.on("error", () => undefined));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return { port, close: () => new Promise<void>((resolve) => server.close(() => resolve())) };
}

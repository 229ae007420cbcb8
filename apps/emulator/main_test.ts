import { MMQTTException, MQTT } from "@minimqtt/client";
import { esp32spi, EspSpiControl } from "@minimqtt/transport-esp32spi";
import { connectBus, type RemoteModule } from "@minimqtt/transport-esp32spi/remote";
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes, fail } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Aedes } from "aedes";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { createServer as createTlsServer } from "node:tls";
import { fileURLToPath } from "node:url";
import { makeCertificates } from "../../packages/transport-esp32spi/tests/certificates.ts";
import { has } from "../../tools/system.ts";

const secureReason = has("openssl") ? "" : " (skipped: needs openssl)";
const secureTest = secureReason === "" ? it : it.skip;

const main = fileURLToPath(new URL("main.ts", import.meta.url));

describe("npm run emulator", () => {
  it("serves a module whose networks, names and sockets a driver in this process can use", async () => {
    const folder = mkdtempSync(join(tmpdir(), "esp32spi-"));
    const path = join(folder, "bus");
    const echo = createServer((socket) => void socket.pipe(socket));
    await new Promise<void>((resolve) => echo.listen(0, "127.0.0.1", resolve));
    const { port } = echo.address() as AddressInfo;
    const program = start(["--listen", `unix:${path}`, "--network", "guests", "--network", "home:secret:12"]);
    assertEquals(await line(program), `nina-fw 3.3.0 is ready at unix:${path}\n`);

    const module = await connectBus(`unix:${path}`);
    assertEquals(await ask(module, [0x37]), "e0 b7 01 06 33 2e 33 2e 30 00 ee 00");
    await ask(module, [0x11, "home", "secret:12"]);
    assertEquals((await module.status()).wifiStatus, 3);
    const client = [0x2d, "localhost", [0, 0, 0, 0], [port >> 8, port & 0xff], [0], [0]];
    assertStringIncludes(await ask(module, client), "e0 ad 01 01 01 ee");
    assertStringIncludes(await ask(module, [0x2f, [0]]), "e0 af 01 01 04 ee");
    await ask(module, [0x2e, [0]]);
    await ask(module, [0x10, "guests"]);
    const status = await module.status();
    assertEquals([status.wifiStatus, status.violations], [3, 0]);
    module.close();

    program.kill("SIGTERM");
    await once(program, "exit");
    assert(!existsSync(path), "the Unix socket is still there");
    echo.close();
    rmSync(folder, { recursive: true });
  });

  secureTest(`carries the driver, and TLS by the authorities of --ca${secureReason}`, async () => {
    const { ca, server: { cert, key } } = makeCertificates();
    const folder = mkdtempSync(join(tmpdir(), "esp32spi-"));
    writeFileSync(join(folder, "ca.pem"), ca);
    const echo = createTlsServer(
      { cert, key },
      (socket) => void socket.on("error", () => undefined).pipe(socket),
    );
    await new Promise<void>((resolve) => echo.listen(0, "127.0.0.1", resolve));
    const { port } = echo.address() as AddressInfo;
    const network = ["--network", "home:correct horse"];
    const program = start(["--listen", "tcp:0", ...network, "--ca", join(folder, "ca.pem")]);
    const module = await connectBus((await line(program)).trim().split(" ").at(-1)!);

    const esp = new EspSpiControl(module.bus, module.pins);
    await esp.reset();
    await esp.connectAP("home", "correct horse");
    const connection = await esp32spi(esp).connect({ host: "localhost", port, secure: true });
    const sent = new Uint8Array(10_000).map((_, index) => index);
    await connection.write(sent);
    const came: number[] = [];
    while (came.length < sent.length) {
      came.push(...await connection.read() ?? fail("the connection has ended"));
    }
    assertEquals(new Uint8Array(came), sent);
    await connection.close();
    await module.setWifi(false);
    await assertRejects(() => esp32spi(esp).connect({ host: "localhost", port, secure: true }));
    assertEquals((await module.status()).violations, 0);
    await esp.close();
    module.close();
    program.kill();
    await once(program, "exit");
    echo.close();
    rmSync(folder, { recursive: true });
  });

  it("carries MQTT, and its session over a drop of the Wi-Fi", async () => {
    const aedes = await Aedes.createBroker();
    const broker = createServer(aedes.handle);
    await new Promise<void>((resolve) => broker.listen(0, "127.0.0.1", resolve));
    const { port } = broker.address() as AddressInfo;
    const program = start(["--listen", "tcp:0", "--network", "home:correct horse"]);
    const module = await connectBus((await line(program)).trim().split(" ").at(-1)!);
    const esp = new EspSpiControl(module.bus, module.pins);
    await esp.connectAP("home", "correct horse");

    const client = new MQTT({ broker: "localhost", port, transport: esp32spi(esp) });
    const messages: string[] = [];
    client.onMessage = (_client, topic, message) => void messages.push(`${topic}: ${message}`);
    await client.connect();
    await client.subscribe("attic/#", 1);
    await client.publish("attic/light", "on", false, 1);
    while (messages.length < 1) await client.loop();
    await module.setWifi(false);
    await assertRejects(async () => {
      for (;;) await client.ping();
    }, MMQTTException);
    await module.setWifi(true);
    await client.reconnect();
    await client.publish("attic/light", "off", false, 1);
    while (messages.length < 2) await client.loop();
    assertEquals(messages, ["attic/light: on", "attic/light: off"]);
    await client.disconnect();
    assertEquals((await module.status()).violations, 0);

    await esp.close();
    module.close();
    program.kill();
    await once(program, "exit");
    aedes.close();
    broker.close();
  });

  it("takes the place of one that was killed, not of one that is there, nor of another file", async () => {
    const folder = mkdtempSync(join(tmpdir(), "esp32spi-"));
    const path = join(folder, "bus");
    const first = start(["--listen", `unix:${path}`]);
    await line(first);
    first.kill("SIGKILL");
    await once(first, "exit");
    assert(existsSync(path));
    const second = start(["--listen", `unix:${path}`]);
    assertEquals(await line(second), `nina-fw 3.3.0 is ready at unix:${path}\n`);
    const third = start(["--listen", `unix:${path}`]);
    assertEquals((await once(third, "exit"))[0], 1);
    second.kill();
    await once(second, "exit");
    writeFileSync(path, "mine");
    const fourth = start(["--listen", `unix:${path}`]);
    assertEquals((await once(fourth, "exit"))[0], 1);
    assertEquals(readFileSync(path, "utf8"), "mine");
    rmSync(folder, { recursive: true });
  });

  it("takes a TCP port and another firmware", async () => {
    const program = start(["--listen", "tcp:0", "--firmware", "1.7.7"]);
    const ready = await line(program);
    assertMatch(ready, /^nina-fw 1\.7\.7 is ready at tcp:\d+\n$/);
    const module = await connectBus(ready.trim().split(" ").at(-1)!);
    assertEquals((await module.status()).wifiStatus, 0);
    assertStringIncludes(await ask(module, [0x37]), "e0 b7 01 06 31 2e 37 2e 37 00 ee");
    module.close();
    program.kill();
    await once(program, "exit");
  });

  it("names what a host does wrong, for people and as JSON lines", async () => {
    for (
      const [flags, expected] of [
        [[], ["violation: unpadded-frame: 5 bytes are no multiple of 4: the last 1 are lost"]],
        [["--json", "--round-trip", "20", "--rate", "30000"], [{
          violation: "unpadded-frame",
          detail: "5 bytes are no multiple of 4: the last 1 are lost",
        }]],
      ] as const
    ) {
      const program = start(["--listen", "tcp:0", ...flags]);
      const lines = createInterface(program.stdout!)[Symbol.asyncIterator]();
      const first = (await lines.next()).value as string;
      const place = flags.length > 0 ? JSON.parse(first).ready : first.split(" ").at(-1);
      const module = await connectBus(place);
      await module.bus.window!(new Uint8Array([0xe0, 0x37, 0x00, 0xee, 0x00]));
      const second = (await lines.next()).value as string;
      assertEquals([flags.length > 0 ? JSON.parse(second) : second], [...expected]);
      module.close();
      program.kill();
      await once(program, "exit");
    }
  });

  for (
    const [what, args, expected] of [
      ["a place", ["--listen", "udp:7"], "expected unix:PATH"],
      [
        "a firmware",
        ["--listen", "tcp:0", "--firmware", "new"],
        "expected a firmware version such as 3.3.0, got new",
      ],
      [
        "a network",
        ["--listen", "tcp:0", "--network", ":secret12"],
        "expected SSID or SSID:PASSPHRASE",
      ],
      ["a file", ["--listen", "tcp:0", "--ca", "nowhere.pem"], "nowhere.pem"],
      ["a rate", ["--listen", "tcp:0", "--rate", "fast"], "expected a number above 0, got fast"],
      ["nothing", [], "required option '--listen <place>' not specified"],
    ] as const
  ) {
    it(`says what is wrong with ${what}`, async () => {
      const program = start(args);
      let errors = "";
      program.stderr!.on("data", (chunk) => errors += chunk);
      const [status] = await once(program, "close");
      assertEquals(status, 1);
      assertStringIncludes(errors, expected);
    });
  }
});

function start(args: readonly string[]): ChildProcess {
  const run = "Deno" in globalThis ? ["run", "-A", "--no-check"] : [];
  return spawn(process.execPath, [...run, main, ...args], { stdio: ["ignore", "pipe", "pipe"] });
}

/** The first line on standard output. */
async function line(program: ChildProcess): Promise<string> {
  let text = "";
  for await (const chunk of program.stdout!) {
    text += chunk;
    if (text.includes("\n")) return text;
  }
  throw new Error("the program has ended without a line");
}

/** Sends a command, whose parameters are texts or bytes, and gives the reply. */
async function ask(
  { bus, pins }: RemoteModule,
  [opcode, ...parameters]: readonly (number | string | readonly number[])[],
): Promise<string> {
  const encoder = new TextEncoder();
  const bytes = parameters.map((one) => typeof one === "string" ? [...encoder.encode(one)] : one as number[]);
  const frame = [0xe0, opcode as number, bytes.length, ...bytes.flatMap((one) => [one.length, ...one]), 0xee];
  while (frame.length % 4) frame.push(0);
  assert(await pins.ready.wait!(false, 20_000));
  await bus.window!(new Uint8Array(frame));
  assert(await pins.ready.wait!(false, 20_000));
  const reply = await bus.window!(new Uint8Array(12));
  return [...reply].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

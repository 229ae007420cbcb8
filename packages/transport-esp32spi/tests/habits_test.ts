/**
 * A host with the habits of CircuitPython's driver: a send buffer that is never cleared, writes in pieces of 64 bytes
 * with an empty one behind every multiple of them, AVAIL before each read, the state after each dial. It must get along
 * with the emulated module as it does with the firmware: no stall, and no violation but those two.
 */

import { assert, assertEquals } from "@std/assert";
import { afterEach, describe, it } from "@std/testing/bdd";
import { createSocket } from "node:dgram";
import { connect } from "node:net";
import { createServer } from "node:tls";
import type { AddressInfo } from "node:net";
import { EspEmulator } from "../src/emulator/mod.ts";
import { has } from "../../../tools/system.ts";
import { makeCertificates } from "./certificates.ts";
import { freePort, Peer, until } from "./peer.ts";
import { exchange } from "./raw_host.ts";

const open: (() => void)[] = [];
afterEach(() => {
  for (const close of open.splice(0).reverse()) close();
});

const noTls = has("openssl") ? "" : " (skipped: needs openssl)";

for (const firmware of ["3.3.0", "1.7.7"]) {
  describe(`a host with the habits of CircuitPython's driver, firmware ${firmware}`, () => {
    it("writes multiples of 64 bytes and reads, without a stall", async () => {
      const { host, esp } = await setUp(firmware);
      const peer = await Peer.start();
      open.push(() => peer.stop());
      const slot = await host.connect([127, 0, 0, 1], peer.port, 0);
      const message = "x".repeat(640);
      const start = performance.now();
      await host.write(slot, message);
      // Each empty write would have cost ten seconds.
      assert(performance.now() - start < 5000, `${performance.now() - start} ms`);
      assertEquals((await peer.received(640)).length, 640);
      (await peer.connection()).write("y".repeat(300));
      assertEquals(await host.read(slot, 300), "y".repeat(300));
      await host.close(slot);
      assertEquals(habits(esp), ["empty-write", "stale-padding"]);
    });

    (noTls ? it.skip : it)(`does the same with TLS in the module${noTls}`, async () => {
      const { ca, server: { cert, key } } = makeCertificates();
      const server = createServer(
        { cert, key },
        (socket) => socket.on("error", () => undefined).pipe(socket),
      );
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      open.push(() => server.close());
      const { host, esp } = await setUp(firmware, ca);
      const slot = await host.connect("localhost", (server.address() as AddressInfo).port, 2);
      await host.write(slot, "z".repeat(128));
      assertEquals(await host.read(slot, 128), "z".repeat(128));
      await host.close(slot);
      assertEquals(habits(esp), ["empty-write", "stale-padding"]);
    });

    it("serves a client that speaks first", async () => {
      const { host, esp } = await setUp(firmware);
      const port = await freePort();
      const slot = await host.socket();
      assertEquals(await host.ask(0x28, [[port >> 8, port], [slot], [0]]), [1]);
      assertEquals(await host.ask(0x29, [[slot]]), [1]);
      const visitor = connect(port, "127.0.0.1");
      open.push(() => visitor.destroy());
      visitor.on("error", () => undefined).write("hello");
      let came = "";
      visitor.on("data", (bytes) => came += bytes);
      let client = 255;
      await until(async () => (client = (await host.ask(0x2b, [[slot]]))[0]!) !== 255);
      assertEquals(await host.read(client, 5), "hello");
      await host.write(client, "w".repeat(64));
      await until(() => came.length === 64);
      await host.close(client);
      assertEquals(habits(esp), ["empty-write", "stale-padding"]);
    });

    it("sends a datagram in pieces, and gets the answer", async () => {
      const { host, esp } = await setUp(firmware);
      const echo = createSocket("udp4");
      await new Promise<void>((resolve) => echo.bind(0, "127.0.0.1", resolve));
      open.push(() => echo.close());
      echo.on("message", (bytes, { port }) => echo.send(`got ${bytes.length}`, port, "127.0.0.1"));
      const { port } = echo.address();
      const slot = await host.socket();
      // Before 2.0.0 its socket is made by START_SERVER only, as the driver's own examples do.
      if (firmware === "1.7.7") await host.ask(0x28, [[0, 0], [slot], [1]]);
      assertEquals(await host.ask(0x2d, [[127, 0, 0, 1], [port >> 8, port], [slot], [1]]), [1]);
      for (const size of [64, 36]) {
        assertEquals(await host.ask(0x46, [[slot], Array(size).fill(1)], true), [1]);
      }
      assertEquals(await host.ask(0x39, [[slot]]), [1]);
      assertEquals(await host.read(slot, 7), "got 100");
      await host.close(slot);
      assertEquals(habits(esp), ["stale-padding"]);
    });
  });
}

/** What it did wrong, each once. */
function habits(esp: EspEmulator): string[] {
  return [...new Set(esp.violations.names)].sort();
}

async function setUp(firmware: string, ca?: string) {
  const esp = new EspEmulator({
    firmware,
    networks: [{ ssid: "home", passphrase: "correct horse" }],
    hosts: { localhost: "127.0.0.1" },
    ...(ca !== undefined && { ca }),
  });
  open.push(() => esp.close());
  const host = new Host(esp);
  await host.ask(0x11, ["home", "correct horse"]);
  await until(async () => (await host.ask(0x20, []))[0] === 3);
  return { esp, host };
}

class Host {
  readonly #esp: EspEmulator;
  /** What a command does not fill is left from the ones before. */
  readonly #buffer = new Uint8Array(256);

  constructor(esp: EspEmulator) {
    this.#esp = esp;
  }

  /** Sends a command, and gives the first parameter of the reply. */
  async ask(
    opcode: number,
    parameters: readonly (string | readonly number[])[],
    wide = false,
    wideReply = false,
  ): Promise<number[]> {
    const frame = [0xe0, opcode, parameters.length];
    for (const one of parameters) {
      const bytes = typeof one === "string" ? [...new TextEncoder().encode(one)] : one;
      frame.push(...wide ? [bytes.length >> 8] : [], bytes.length, ...bytes);
    }
    frame.push(0xee);
    this.#buffer.set(frame);
    await exchange(this.#esp, this.#buffer.slice(0, frame.length + 3 & ~3));
    const reply = await exchange(this.#esp, new Uint8Array(4008));
    assertEquals([reply[0], reply[1], reply[2]], [0xe0, opcode | 0x80, 1]);
    const [at, length] = wideReply ? [5, reply[3]! << 8 | reply[4]!] : [4, reply[3]!];
    assertEquals(reply[at + length], 0xee);
    return [...reply.subarray(at, at + length)];
  }

  async socket(): Promise<number> {
    return (await this.ask(0x3f, []))[0]!;
  }

  async connect(to: string | readonly number[], port: number, mode: number): Promise<number> {
    const slot = await this.socket();
    const where = typeof to === "string" ? [to, [0, 0, 0, 0]] : [to];
    assertEquals(await this.ask(0x2d, [...where, [port >> 8, port], [slot], [mode]]), [1]);
    await until(async () => (await this.ask(0x2f, [[slot]]))[0] === 4);
    return slot;
  }

  async write(slot: number, text: string): Promise<void> {
    let sent = 0;
    for (let piece = 0; piece <= Math.floor(text.length / 64); piece++) {
      // Sixteen bits, of which that driver reads eight.
      sent += (await this.ask(0x44, [[slot], text.slice(64 * piece, 64 * piece + 64)], true))[0]!;
    }
    assertEquals(sent, text.length);
    assertEquals(await this.ask(0x2a, [[slot]]), [1]);
  }

  async read(slot: number, size: number): Promise<string> {
    let text = "";
    await until(async () => {
      const [low, high] = await this.ask(0x2b, [[slot]]);
      const count = Math.min(low! | high! << 8, 4000);
      if (count === 0) return false;
      const bytes = await this.ask(0x45, [[slot], [count & 0xff, count >> 8]], true, true);
      text += new TextDecoder().decode(Uint8Array.from(bytes));
      return text.length >= size;
    });
    return text;
  }

  async close(slot: number): Promise<void> {
    assertEquals(await this.ask(0x2e, [[slot]]), [1]);
  }
}

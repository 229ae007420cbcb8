/** The driver's servers and datagrams over the emulated module, with real peers on this machine. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { afterEach, describe, it } from "@std/testing/bdd";
import { createSocket } from "node:dgram";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { ConnectionError } from "@minimqtt/core";
import { EspEmulator } from "../src/emulator/mod.ts";
import { EspSpiControl } from "../src/mod.ts";
import type { EspServer, EspSocket } from "../src/mod.ts";
import { fastClock } from "./fast_clock.ts";
import { freePort, Peer, until } from "./peer.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

const open: (() => void)[] = [];
afterEach(() => {
  for (const close of open.splice(0).reverse()) close();
});

for (const firmware of ["3.3.0", "3.1.0", "2.0.0", "1.7.7"]) {
  describe(`a server in the module, ${firmware}`, () => {
    it("takes real clients, reads and answers, and hears them leave", async () => {
      const { esp, module } = await setUp(firmware);
      const server = await esp.startServer(await freePort());
      assertEquals(await esp.serverState(server), true);
      assertEquals(await esp.acceptClient(server), null);

      const one = await dial(server.port);
      one.socket.write("hello");
      const client = await accepted(esp, server);
      assertEquals(text(await read(esp, client, 5)), "hello");
      assertEquals((await esp.getRemoteData(client)).port, one.socket.localPort);
      assertEquals(await esp.socketWrite(client, bytes("welcome")), 7);
      await until(() => one.received() === "welcome");

      const two = await dial(server.port);
      two.socket.write("me too");
      const other = await accepted(esp, server);
      assert(other.number !== client.number);
      assertEquals(text(await read(esp, other, 6)), "me too");

      two.socket.end();
      if (firmware !== "1.7.7") await until(async () => await esp.socketReceive(other) === null);
      await esp.socketClose(other);
      await esp.socketClose(client);
      await until(() => one.ended());

      // The slots of both are free again, and the server goes on.
      const three = await dial(server.port);
      three.socket.write("!");
      assertEquals((await accepted(esp, server)).number, client.number);
      assertEquals(module.violations.names, []);
    });

    it("trap 33: its slot is nobody else's after it was given up", async () => {
      const { esp, module } = await setUp(firmware);
      const peer = await Peer.start();
      open.push(() => peer.stop());
      const server = await esp.startServer(await freePort());
      esp.stopServer(server);
      const socket = await esp.socketOpen("127.0.0.1", peer.port);
      assert(socket.number !== server.number);
      (await peer.connection()).write("hello");
      assertEquals(text(await read(esp, socket, 5)), "hello");
      const again = await esp.startServer(server.port);
      assertEquals(again, server);
      (await dial(again.port)).socket.write("hello");
      assertEquals(text(await read(esp, await accepted(esp, again), 5)), "hello");
      assertEquals(module.violations.names, []);
    });

    it("sends datagrams, and gets what comes back", async () => {
      const { esp, module } = await setUp(firmware);
      const echo = createSocket("udp4");
      open.push(() => echo.close());
      await new Promise<void>((resolve) => echo.bind(0, "127.0.0.1", resolve));
      echo.on("message", (data, { port }) => echo.send(`got ${data}`, port, "127.0.0.1"));
      const { port } = echo.address();
      const socket = await esp.socketOpen("127.0.0.1", port, "udp");
      for (const word of ["one", "and another"]) {
        assertEquals(await esp.socketWrite(socket, bytes(word)), word.length);
        await until(async () => await esp.socketAvailable(socket) > 0);
        assertEquals(await esp.socketAvailable(socket), 4 + word.length);
        assertEquals(await esp.getRemoteData(socket), { address: "127.0.0.1", port });
        assertEquals(text(await esp.socketRead(socket)), `got ${word}`);
      }
      await esp.socketClose(socket);
      assertEquals(module.violations.names, []);
    });
  });
}

describe("a server in the module", () => {
  it("from 2.0.0 on takes a client that waits to be spoken to", async () => {
    const { esp } = await setUp("2.0.0");
    const server = await esp.startServer(await freePort());
    const one = await dial(server.port);
    await esp.socketWrite(await accepted(esp, server), bytes("you first"));
    await until(() => one.received() === "you first");
  });

  it("is refused where the port is taken", async () => {
    const { esp } = await setUp("3.3.0");
    const server = await esp.startServer(await freePort());
    const error = await assertRejects(() => esp.startServer(server.port), ConnectionError);
    assertEquals(error.code, "radio-refused");
    assertEquals(await esp.serverState(server), true);
  });
});

async function setUp(firmware: string): Promise<{ esp: EspSpiControl; module: EspEmulator }> {
  const module = new EspEmulator({ firmware, networks: [{ ssid: "home", passphrase: "correct horse" }] });
  open.push(() => module.close());
  const esp = new EspSpiControl(module.bus, module.pins, { clock: fastClock(20) });
  await esp.connectAP("home", "correct horse");
  return { esp, module };
}

async function dial(port: number): Promise<{ socket: Socket; received(): string; ended(): boolean }> {
  const socket = connect({ port, host: "127.0.0.1" });
  open.push(() => socket.destroy());
  let received = "";
  let ended = false;
  socket.on("data", (data) => received += data).on("error", () => undefined);
  for (const event of ["end", "close"]) socket.on(event, () => ended = true);
  await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
  return { socket, received: () => received, ended: () => ended };
}

async function accepted(esp: EspSpiControl, server: EspServer): Promise<EspSocket> {
  let client: EspSocket | null = null;
  await until(async () => (client = await esp.acceptClient(server)) !== null);
  return client!;
}

async function read(esp: EspSpiControl, socket: EspSocket, count: number): Promise<Uint8Array> {
  const all: number[] = [];
  await until(async () => all.push(...await esp.socketRead(socket)) >= count);
  return Uint8Array.from(all);
}

import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { createSocket } from "node:dgram";
import { connect } from "node:net";
import { freePort, Peer, until } from "../../../tests/peer.ts";
import { byte, command, exchange, hex, join, padded, value } from "../../../tests/raw_host.ts";
import { EspEmulator } from "../mod.ts";

const networks = [{ ssid: "home", passphrase: "secret12" }];
const nonBlocking = (fd: number) => `E0 7B 03 | 01 ${byte(fd)} | 04 7E 66 04 80 | 04 01 00 00 00 | EE`;
const errno = "E0 72 00 EE";
const ports = (port: number) => `${byte(port >> 8)} ${byte(port)}`;

async function module(): Promise<EspEmulator> {
  const esp = new EspEmulator({ networks });
  await join(esp);
  return esp;
}

describe("the emulated raw sockets", () => {
  it("connect, send, receive, and see the end", async () => {
    const there = await Peer.start();
    const esp = await module();
    assertEquals(await value(esp, "E0 70 02 01 01 01 06 EE"), [54]);
    assertEquals(await value(esp, `E0 76 03 | 01 36 | 04 7F 00 00 01 | 02 ${ports(there.port)} | EE`), [1]);
    assertEquals(
      await command(esp, "E0 7F 01 01 36 EE", 16),
      `e0 ff 03 01 01 04 7f 00 00 01 02 ${ports(there.port)} ee 00 00`,
    );
    assertEquals(await value(esp, 'E0 77 02 | 00 01 36 | 00 05 "hello" | EE'), [0, 5]);
    assertEquals(new TextDecoder().decode(await there.received(5)), "hello");
    assertEquals(await value(esp, "E0 7C 01 01 36 EE"), [2]);
    (await there.connection()).write("abc");
    // Waits inside the command.
    assertEquals(
      await command(esp, "E0 78 02 | 01 36 | 02 02 00 | EE", 12),
      "e0 f8 01 00 02 61 62 ee 00 00 00 00",
    );
    assertEquals(await value(esp, "E0 7C 01 01 36 EE"), [3]);
    assertEquals(await value(esp, "E0 7B 03 | 01 36 | 04 7F 66 04 40 | 04 00 00 00 00 | EE"), [1, 0, 0, 0]);
    await command(esp, "E0 78 02 | 01 36 | 02 FF FF | EE");
    assertEquals(await command(esp, nonBlocking(54), 12), "e0 fb 01 04 01 00 00 00 ee 00 00 00");
    assertEquals(await command(esp, "E0 78 02 | 01 36 | 02 02 00 | EE", 8), "e0 f8 01 00 00 ee 00 00");
    assertEquals(await value(esp, errno), [11]);
    (await there.connection()).end();
    await until(async () => (await value(esp, "E0 7C 01 01 36 EE"))[0] === 3);
    assertEquals(await command(esp, "E0 78 02 | 01 36 | 02 02 00 | EE", 8), "e0 f8 01 00 00 ee 00 00");
    assertEquals(await value(esp, errno), [0]);
    assertEquals(await value(esp, "E0 71 01 01 36 EE"), [1]);
    assertEquals([await value(esp, "E0 71 01 01 36 EE"), await value(esp, errno)], [[0], [9]]);
    assertEquals(esp.violations.list, []);
    esp.close();
    there.stop();
  });

  it("listen and accept; the port comes with its bytes the wrong way round", async () => {
    const esp = await module();
    const port = await freePort();
    await command(esp, "E0 70 02 01 01 01 06 EE");
    assertEquals(await value(esp, `E0 73 02 | 01 36 | 02 ${ports(port)} | EE`), [1]);
    assertEquals(await value(esp, "E0 74 02 | 01 36 | 01 02 | EE"), [1]);
    await command(esp, nonBlocking(54));
    assertEquals(await value(esp, "E0 75 01 01 36 EE"), [255]);
    const visitor = connect(port, "127.0.0.1");
    visitor.on("error", () => undefined);
    await until(async () => (await value(esp, "E0 7C 01 01 36 EE"))[0] === 1);
    const from = visitor.localPort!;
    assertEquals(
      await command(esp, "E0 75 01 01 36 EE", 16),
      `e0 f5 03 01 37 04 7f 00 00 01 02 ${byte(from)} ${byte(from >> 8)} ee 00 00`,
    );
    visitor.write("hi");
    assertEquals(await command(esp, "E0 78 02 | 01 37 | 02 10 00 | EE", 8), "e0 f8 01 00 02 68 69 ee");
    visitor.destroy();
    esp.close();
  });

  it("send and receive datagrams", async () => {
    const esp = await module();
    const other = createSocket("udp4");
    await new Promise<void>((resolve) => other.bind(0, "127.0.0.1", resolve));
    const { port } = other.address();
    other.on("message", (bytes, { port: back }) => other.send(`got ${bytes}`, back, "127.0.0.1"));
    assertEquals(await value(esp, "E0 70 02 01 02 01 11 EE"), [54]);
    const to = `E0 79 04 | 00 01 36 | 00 04 7F 00 00 01 | 00 02 ${ports(port)} | 00 02 "hi" | EE`;
    assertEquals(await value(esp, to), [0, 2]);
    assertEquals(
      await command(esp, "E0 7A 02 | 01 36 | 02 40 00 | EE", 24),
      `e0 fa 03 00 04 7f 00 00 01 00 02 ${ports(port)} 00 06 67 6f 74 20 68 69 ee 00 00`,
    );
    other.close();
    esp.close();
  });

  it("fail with the chip's error numbers", async () => {
    const esp = await module();
    const fails = async (frame: string, value_: number[], number: number) => {
      assertEquals([await value(esp, frame), await value(esp, errno)], [value_, [number]]);
    };
    await fails("E0 70 02 01 09 01 00 EE", [255], 22);
    await fails("E0 7C 01 01 63 EE", [0x80], 9);
    await fails("E0 77 02 | 00 01 63 | 00 01 00 | EE", [0, 0], 9);
    for (let fd = 54; fd < 60; fd++) assertEquals(await value(esp, "E0 70 02 01 01 01 06 EE"), [fd]);
    await fails("E0 70 02 01 01 01 06 EE", [255], 23);
    await fails("E0 77 02 | 00 01 36 | 00 01 00 | EE", [0, 0], 128);
    await fails(`E0 76 03 | 01 36 | 04 7F 00 00 01 | 02 ${ports(await freePort())} | EE`, [0], 111);
    await command(esp, nonBlocking(55));
    const there = await Peer.start();
    await fails(`E0 76 03 | 01 37 | 04 7F 00 00 01 | 02 ${ports(there.port)} | EE`, [0], 119);
    await until(async () => (await value(esp, "E0 7C 01 01 37 EE"))[0] === 2);
    esp.dropWifi();
    await fails(`E0 76 03 | 01 38 | 04 7F 00 00 01 | 02 ${ports(there.port)} | EE`, [0], 118);
    await there.ended();
    there.stop();
    esp.close();
  });

  it("keep options, and close with the module", async () => {
    const there = await Peer.start();
    const esp = await module();
    await command(esp, "E0 70 02 01 01 01 06 EE");
    assertEquals(await value(esp, "E0 7D 03 | 01 36 | 04 08 00 00 00 | 04 01 00 00 00 | EE"), [1]);
    assertEquals(await value(esp, "E0 7E 03 | 01 36 | 04 08 00 00 00 | 01 04 | EE"), [1, 0, 0, 0]);
    await command(esp, `E0 76 03 | 01 36 | 04 7F 00 00 01 | 02 ${ports(there.port)} | EE`);
    // A receive that would wait for ever ends with the power.
    await exchange(esp, padded(hex("E0 78 02 | 01 36 | 02 02 00 | EE")));
    assertEquals(esp.phase, "busy");
    esp.restart();
    await there.ended();
    assertEquals(await value(esp, "E0 70 02 01 01 01 06 EE"), [54]);
    there.stop();
    esp.close();
  });

  it("are not there before 2.0.0", async () => {
    const esp = new EspEmulator({ firmware: "1.7.7" });
    assertEquals(await command(esp, "E0 70 02 01 01 01 06 EE", 4), "ef 00 ee 00");
    esp.close();
  });
});

describe("the emulated files", () => {
  const name = '05 "a.txt"';
  const write = `E0 60 04 | 04 00 00 00 00 | 04 05 00 00 00 | ${name} | 05 "hello" | EE`;

  it("trap 35: replies of file commands are framed in their own ways", async () => {
    const esp = new EspEmulator();
    // As many bytes as were written: E0, E0 and, at the end, EE.
    assertEquals(await command(esp, write, 8), "e0 e0 00 00 ee 00 00 00");
    const exists = `E0 63 03 | 04 00 00 00 00 | 04 00 00 00 00 | ${name} | EE`;
    assertEquals(await command(esp, exists, 12), "e0 e3 01 04 05 00 00 00 00 ee 00 00");
    const read = `E0 61 03 | 04 01 00 00 00 | 04 03 00 00 00 | ${name} | EE`;
    assertEquals(await command(esp, read, 8), "e0 e1 01 03 65 6c 6c ee");
    assertEquals(await command(esp, `E0 66 02 | ${name} | 05 "b.txt" | EE`, 8), "e0 e6 01 01 00 ee 00 00");
    assertEquals(await command(esp, `E0 66 02 | ${name} | 05 "b.txt" | EE`, 8), "e0 e6 01 01 02 ee 00 00");
    assertEquals(await command(esp, exists, 12), "e0 e3 01 04 ff ff ff ff 00 ee 00 00");
    esp.restart();
    await command(esp, `E0 62 03 | 04 00 00 00 00 | 04 00 00 00 00 | 05 "b.txt" | EE`, 4);
    assertEquals(esp.violations.list, []);
    await exchange(esp, padded(hex(read)));
    assertEquals([esp.violations.names, esp.restarts.length], [["unsafe-file-command"], 2]);
    esp.close();
  });

  it("downloads answer ERR", async () => {
    const esp = new EspEmulator();
    for (const frame of ['E0 64 01 03 "url" EE', "E0 65 00 EE", 'E0 67 01 03 "url" EE']) {
      assertEquals(await command(esp, frame, 4), "ef 00 ee 00");
    }
    esp.close();
  });
});

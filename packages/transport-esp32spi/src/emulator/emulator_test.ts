import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { command, join, start } from "../../tests/raw_host.ts";
import { EspEmulator } from "./mod.ts";

const networks = [{ ssid: "home", passphrase: "secret12", rssi: -54 }];

describe("EspEmulator", () => {
  it("answers the reference's examples to the byte", async () => {
    const esp = new EspEmulator({ networks });
    assertEquals(await command(esp, "E0 37 00 EE", 12), "e0 b7 01 06 33 2e 33 2e 30 00 ee 00");
    assertEquals(await command(esp, "E0 20 00 EE", 8), "e0 a0 01 01 fe ee 00 00");
    const joined = await command(esp, "E0 11 02 04 68 6F 6D 65 08 73 65 63 72 65 74 31 32 EE 00 00", 8);
    assertEquals(joined, "e0 91 01 01 01 ee 00 00");
    assertEquals(await command(esp, "E0 20 00 EE", 8), "e0 a0 01 01 03 ee 00 00");
    assertEquals(await command(esp, "E0 3F 00 EE", 8), "e0 bf 01 01 00 ee 00 00");
    assertEquals(
      await command(esp, "E0 25 01 01 FF EE 00 00", 12),
      "e0 a5 01 04 ca ff ff ff ee 00 00 00",
    );
    assertEquals(
      await command(esp, "E0 21 01 01 FF EE 00 00", 20),
      "e0 a1 03 04 0a 00 00 02 04 ff ff ff 00 04 0a 00 00 01 ee 00",
    );
    assertEquals(await command(esp, "E0 2A 01 01 00 EE 00 00", 8), "e0 aa 01 01 01 ee 00 00");
    assertEquals(await command(esp, "E0 2E 01 01 00 EE 00 00", 8), "e0 ae 01 01 01 ee 00 00");
    assertEquals(await command(esp, "E0 2F 01 01 00 EE 00 00", 8), "e0 af 01 01 00 ee 00 00");
    assertEquals(esp.violations.list, []);
    esp.close();
  });

  it("bridges a slot to a real TCP connection", async () => {
    const peer = await echo();
    const esp = new EspEmulator({ networks });
    await join(esp);
    assertEquals(await command(esp, start(peer.port, 0), 8), "e0 ad 01 01 01 ee 00 00");
    assertEquals(await command(esp, "E0 2F 01 01 00 EE 00 00", 8), "e0 af 01 01 04 ee 00 00");
    assertEquals(
      await command(esp, 'E0 44 02 | 00 01 00 | 00 05 "hello" | EE 00 00 00', 8),
      "e0 c4 01 02 05 00 ee 00",
    );
    await esp.pins.gpio0.wait!(true, 20_000);
    assertEquals(await command(esp, "E0 2B 01 01 00 EE 00 00", 8), "e0 ab 01 02 05 00 ee 00");
    assertEquals(
      await command(esp, "E0 45 02 | 00 01 00 | 00 02 9C 05 | EE", 12),
      "e0 c5 01 00 05 68 65 6c 6c 6f ee 00",
    );
    assertEquals(await command(esp, "E0 2E 01 01 00 EE 00 00", 8), "e0 ae 01 01 01 ee 00 00");
    await peer.closed;
    assertEquals(esp.violations.list, []);
    esp.close();
    peer.stop();
  });
});

async function echo(): Promise<{ port: number; closed: Promise<void>; stop(): void }> {
  let ended = () => {};
  const closed = new Promise<void>((resolve) => ended = resolve);
  const server = createServer((socket: Socket) => socket.pipe(socket).on("close", ended));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: (server.address() as AddressInfo).port, closed, stop: () => server.close() };
}

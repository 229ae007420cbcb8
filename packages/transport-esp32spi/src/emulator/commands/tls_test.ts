import { assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { AddressInfo } from "node:net";
import { createServer } from "node:tls";
import type { TLSSocket } from "node:tls";
import { has } from "../../../../../tools/system.ts";
import { type Certificates, makeCertificates } from "../../../tests/certificates.ts";
import { byte, command, join } from "../../../tests/raw_host.ts";
import { EspEmulator } from "../mod.ts";

const networks = [{ ssid: "home", passphrase: "secret12" }];
const openssl = has("openssl");
const test = openssl ? it : it.skip;
const reason = openssl ? "" : " (skipped: needs openssl)";

describe(`TLS in the emulated module${reason}`, () => {
  let made: Certificates | undefined;
  const certificates = () => made ??= makeCertificates();

  test(`connects by name, checks the chain against its authorities, and carries bytes${reason}`, async () => {
    const server = await secureEcho(certificates());
    const esp = new EspEmulator({ networks, ca: certificates().ca });
    await join(esp);
    assertEquals(await command(esp, startByName("localhost", server.port), 8), "e0 ad 01 01 01 ee 00 00");
    assertEquals(await command(esp, "E0 2F 01 01 00 EE 00 00", 8), "e0 af 01 01 04 ee 00 00");
    await command(esp, 'E0 44 02 | 00 01 00 | 00 05 "hello" | EE');
    await esp.pins.gpio0.wait!(true, 20_000);
    assertStringIncludes(await command(esp, "E0 45 02 | 00 01 00 | 00 02 9C 05 | EE"), "68 65 6c 6c 6f ee");
    await command(esp, "E0 2E 01 01 00 EE 00 00");
    assertEquals(esp.violations.list, []);
    esp.close();
    server.stop();
  });

  test(`fails without a word when the chain leads elsewhere, or the name is another one${reason}`, async () => {
    const server = await secureEcho(certificates());
    const trusting = new EspEmulator({
      networks,
      ca: certificates().ca,
      hosts: { "other.example": "127.0.0.1" },
    });
    await join(trusting);
    assertEquals(await command(trusting, startByName("other.example", server.port), 4), "e0 ad 00 ee");
    trusting.close();
    const other = new EspEmulator({ networks, ca: makeCertificates().ca });
    await join(other);
    assertEquals(await command(other, startByName("localhost", server.port), 4), "e0 ad 00 ee");
    other.close();
    server.stop();
  });

  test(`trap 31: legacy says yes to a failed handshake, and only the state tells${reason}`, async () => {
    const server = await secureEcho(certificates());
    const esp = new EspEmulator({ networks, firmware: "1.7.7", ca: makeCertificates().ca });
    await join(esp);
    assertStringIncludes(await command(esp, startByName("localhost", server.port)), "e0 ad 01 01 01 ee");
    assertStringIncludes(await command(esp, "E0 2F 01 01 00 EE 00 00"), "e0 af 01 01 00 ee");
    esp.close();
    server.stop();
  });

  test(`trap 39: a client certificate keeps the authorities from a fresh slot${reason}`, async () => {
    const { client } = certificates();
    const server = await secureEcho(certificates(), true);
    const esp = new EspEmulator({ networks, ca: certificates().ca });
    await join(esp);
    await command(esp, `E0 40 01 00 "${client.cert}\0"`);
    await command(esp, `E0 41 01 00 "${client.key}\0"`);
    assertEquals(await command(esp, startByName("localhost", server.port), 4), "e0 ad 00 ee");
    esp.restart();
    await join(esp);
    // One attempt without the certificate attaches them; the server refuses it.
    await command(esp, startByName("localhost", server.port, 0));
    await command(esp, "E0 2E 01 01 00 EE 00 00");
    await command(esp, `E0 40 01 00 "${client.cert}\0"`);
    await command(esp, `E0 41 01 00 "${client.key}\0"`);
    assertEquals(await command(esp, startByName("localhost", server.port), 8), "e0 ad 01 01 01 ee 00 00");
    await command(esp, 'E0 44 02 | 00 01 00 | 00 05 "hello" | EE');
    await esp.pins.gpio0.wait!(true, 20_000);
    assertStringIncludes(await command(esp, "E0 45 02 | 00 01 00 | 00 02 9C 05 | EE"), "68 65 6c 6c 6f ee");
    esp.close();
    server.stop();
  });
});

function startByName(name: string, port: number, slot: number = 0): string {
  return `E0 2D 05 | ${byte(name.length)} "${name}" | 04 00 00 00 00 | 02 ${byte(port >> 8)} ${
    byte(port)
  } | 01 ${byte(slot)} | 01 02 | EE`;
}

async function secureEcho(
  { server: { cert, key }, ca }: Certificates,
  asks = false,
): Promise<{ port: number; stop(): void }> {
  const options = { cert, key, ca, requestCert: asks, rejectUnauthorized: asks };
  const server = createServer(options, (socket: TLSSocket) => {
    socket.on("error", () => undefined);
    socket.pipe(socket);
  });
  server.on("tlsClientError", () => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: (server.address() as AddressInfo).port, stop: () => server.close() };
}

/**
 * What failed for years in other clients, by the threads that tell of it: the same cases here.
 */
import { assertEquals } from "@std/assert";
import { afterAll, beforeAll, describe } from "@std/testing/bdd";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { type Mosquitto, startMosquitto } from "../../src/peers/brokers.ts";
import { Authority, type Certified } from "../../src/peers/certificates.ts";
import { authority } from "../../src/fixtures/tls.ts";
import { run, runtime } from "../programs/programs.ts";
import { attempts, fails, ready, test, works } from "./stage.ts";

let open: Mosquitto;
let mutual: Mosquitto;
let client: Certified;
beforeAll(async () => {
  if (!ready) return;
  const { certFile: cert, keyFile: key } = authority().issue({ names: ["DNS:localhost"] });
  client = authority().issue({ commonName: "client", names: [], purpose: "client" });
  open = await startMosquitto({ tls: { cert, key } });
  mutual = await startMosquitto({ tls: { cert, key, ca: authority().certFile } });
});
afterAll(async () => {
  await open?.stop();
  await mutual?.stop();
});

describe("denoland/deno #28341: authority, certificate and key as they are read from files", () => {
  test("reach a broker that demands a certificate, as bytes and in a list, verified", async () => {
    const ca = readFileSync(authority().certFile);
    const [cert, key] = [readFileSync(client.certFile), readFileSync(client.keyFile)];
    await works(attempts({ ca: [ca], cert, key }, mutual.tlsPort ?? 0));
  });

  test("reach it where nothing is verified, too", async () => {
    const [cert, key] = [readFileSync(client.certFile), readFileSync(client.keyFile)];
    const options = { cert, key, unsafelyIgnoreCertificateErrors: true };
    await works(attempts(options, mutual.tlsPort ?? 0, "127.0.0.1"));
  });
});

describe("denoland/deno #19978: authority, certificate and key as text", () => {
  test("reach a broker that demands a certificate", async () => {
    const { cert, key } = client;
    const attempt = attempts({ ca: authority().cert, cert, key }, mutual.tlsPort ?? 0);
    await works(attempt);
    await works(attempt);
  });
});

describe("oven-sh/bun #6232: a certificate that is trusted", () => {
  test("is authorized by an authority in ca", () =>
    works(attempts({ ca: authority().cert }, open.tlsPort ?? 0)));

  test("is authorized by an authority that the runtime was told to trust", async () => {
    assertEquals(await connects({}, authority()), "connected");
    assertEquals(await connects({}), "certificate-untrusted");
  });

  test("is not authorized by the runtime's authorities where ca names others", async () => {
    using other = new Authority("another");
    assertEquals(await connects({ ca: other.cert }, authority()), "certificate-untrusted");
  });
});

describe("oven-sh/bun #23556: a certificate that is not there, or not looked at,", () => {
  test("is no exception that nobody can catch when the broker hangs up in the handshake", async () => {
    for (const reset of [false, true]) {
      const server = createServer((socket) => {
        socket.on("error", () => socket.destroy());
        socket.once("data", () => reset ? socket.resetAndDestroy() : socket.end());
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const { port } = server.address() as AddressInfo;
      for (const options of [{ ca: authority().cert }, { unsafelyIgnoreCertificateErrors: true }]) {
        await fails(attempts(options, port), "not-tls", /hung up without a word of TLS/, 3);
      }
      await new Promise((resolve) => server.close(resolve));
    }
  });

  test("is no exception when the name does not fit and nothing is verified", () =>
    works(attempts({ unsafelyIgnoreCertificateErrors: true }, open.tlsPort ?? 0, "127.0.0.1")));
});

/** What becomes of an attempt in a process whose runtime was told to trust one more authority. */
async function connects(options: { readonly ca?: string }, trusted?: Authority): Promise<string> {
  const program = `
    import { tls } from "@minimqtt/transport-tls";
    try {
      const transport = tls(${JSON.stringify(options)});
      const connection = await transport.connect({ host: "localhost", port: ${open.tlsPort} });
      await connection.close();
      console.log("connected");
    } catch (error) {
      console.log(error.code);
    }`;
  const name = runtime === "deno" ? "DENO_CERT" : "NODE_EXTRA_CA_CERTS";
  const env: Record<string, string> = trusted ? { [name]: trusted.certFile } : {};
  return (await run(program, { source: true, env })).stdout.trim();
}

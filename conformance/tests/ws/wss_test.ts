import { MQTT } from "@minimqtt/client";
import { ConnectionError } from "@minimqtt/core";
import { ws } from "@minimqtt/transport-ws";
import type { Open } from "@minimqtt/transport-ws";
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { WebSocket as PackageSocket } from "ws";
import { mosquittoMissing, startMosquitto } from "../../src/peers/brokers.ts";
import { Authority, opensslMissing } from "../../src/peers/certificates.ts";
import { run, runtime } from "../programs/programs.ts";

/** How each runtime trusts an authority, as the README has it. */
const trusting: Record<typeof runtime, (ca: string) => Open> = {
  deno: (ca) => {
    const { Deno } = globalThis as unknown as {
      readonly Deno: { createHttpClient(options: { readonly caCerts: readonly string[] }): object };
    };
    const client = Deno.createHttpClient({ caCerts: [ca] });
    return (url, protocols) => new Platform(url, { protocols, client });
  },
  bun: (ca) => (url, protocols) => new Platform(url, { protocols, tls: { ca } }),
  node: (ca) => (url, protocols) => new PackageSocket(url, protocols, { ca }),
};

/** With the options that only some runtimes know. */
const Platform = globalThis.WebSocket as unknown as new (url: string, options: object) => WebSocket;

const missing = mosquittoMissing() ?? opensslMissing();
const test = missing === null ? it : it.skip;
const reason = missing === null ? "" : ` (skipped: ${missing})`;

describe("wss with mosquitto", () => {
  let authority: Authority;
  let broker: Awaited<ReturnType<typeof startMosquitto>>;
  let url: string;
  beforeAll(async () => {
    if (missing !== null) return;
    authority = new Authority("test authority");
    const { certFile, keyFile } = authority.issue();
    broker = await startMosquitto({ websocket: { cert: certFile, key: keyFile } });
    url = `wss://127.0.0.1:${broker.websocketPort}`;
  });
  afterAll(async () => {
    await broker?.stop();
    authority?.[Symbol.dispose]();
  });

  test(`connect() goes to a broker with a certificate of one's own, by open${reason}`, async () => {
    const client = new MQTT({ broker: url, transport: ws({ open: trusting[runtime](authority.cert) }) });
    const got: string[] = [];
    client.onMessage = (_client, _topic, message) => got.push(message);
    await client.connect();
    await client.subscribe("wss/#", 1);
    await client.publish("wss/one", "encrypted", false, 1);
    while (got.length === 0) await client.loop();
    await client.disconnect();
    assertEquals(got, ["encrypted"]);
  });

  test(`connect() does not go to a broker whose authority is unknown${reason}`, async () => {
    const address = { host: "127.0.0.1", port: broker.websocketPort!, secure: true };
    const error = await assertRejects(() => ws().connect(address), ConnectionError);
    assertEquals(error.code, "dial-failed");
    assertStringIncludes(error.message, `cannot connect to 127.0.0.1:${address.port}: `);
  });

  test(`connect() does not go to a broker with a certificate for another name${reason}`, async () => {
    const { certFile, keyFile } = authority.issue({ names: ["DNS:elsewhere.example"] });
    await using other = await startMosquitto({ websocket: { cert: certFile, key: keyFile } });
    const transport = ws({ open: trusting[runtime](authority.cert) });
    const address = { host: "127.0.0.1", port: other.websocketPort!, secure: true };
    assertEquals(
      (await assertRejects(() => transport.connect(address), ConnectionError)).code,
      "dial-failed",
    );
  });

  test(`connect() trusts an authority that the whole program trusts${reason}`, async () => {
    const source = `
      import { MQTT } from "@minimqtt/client";
      import { ws } from "@minimqtt/transport-ws";
      const client = new MQTT({ broker: "${url}", transport: ws() });
      await client.connect();
      await client.disconnect();
      console.log("trusted");
    `;
    const result = await run(source, {
      source: true,
      env: { NODE_EXTRA_CA_CERTS: authority.certFile },
      permissions: [`--allow-net=127.0.0.1:${broker.websocketPort}`, `--cert=${authority.certFile}`],
    });
    assertEquals(result, { stdout: "trusted\n", stderr: "", status: 0 });
  });
});

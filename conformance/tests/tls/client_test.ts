import { Client, ConnectionError } from "@minimqtt/client";
import { tls } from "@minimqtt/transport-tls";
import { assertEquals, assertRejects } from "@std/assert";
import { describe } from "@std/testing/bdd";
import { startMosquitto } from "../../src/peers/brokers.ts";
import { authority } from "../../src/fixtures/tls.ts";
import { test } from "./stage.ts";

describe("Client over TLS", () => {
  test("connect() says what is wrong with TLS at once, and does not go on trying", async () => {
    const { certFile: cert, keyFile: key } = authority().issue();
    await using broker = await startMosquitto({ tls: { cert, key, ca: authority().certFile } });
    const ca = authority().cert;
    const wrong = [
      [{}, broker.tlsPort, "certificate-untrusted"],
      [{ ca, serverName: "elsewhere" }, broker.tlsPort, "certificate-wrong-name"],
      [{ ca }, broker.tlsPort, "certificate-required"],
      [{ ca }, broker.port, "not-tls"],
    ] as const;
    for (const [options, port, code] of wrong) {
      const attempt = Client.connect(`mqtts://localhost:${port}`, { transport: tls(options) });
      assertEquals((await assertRejects(() => attempt, ConnectionError)).code, code);
    }
  });

  test("sends and receives, with a certificate of its own", async () => {
    const { certFile: cert, keyFile: key } = authority().issue();
    await using broker = await startMosquitto({ tls: { cert, key, ca: authority().certFile } });
    const own = authority().issue({ commonName: "client", names: [], purpose: "client" });
    const transport = tls({ ca: authority().cert, cert: own.cert, key: own.key });
    await using client = await Client.connect(`mqtts://localhost:${broker.tlsPort}`, { transport });
    const messages = await client.subscribe("house/#", { qos: 1 });
    await client.publish("house/door", "open", { qos: 1 });
    for await (const message of messages) {
      assertEquals(message.text(), "open");
      break;
    }
  });
});

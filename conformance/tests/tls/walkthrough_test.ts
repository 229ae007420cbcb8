import { assertEquals, assertMatch } from "@std/assert";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { readFileSync } from "node:fs";
import { mosquittoMissing, startMosquitto } from "../../src/peers/brokers.ts";
import { opensslMissing } from "../../src/peers/certificates.ts";
import { authority } from "../../src/fixtures/tls.ts";
import { repository, run, runtime } from "../programs/programs.ts";
import { NAMES, PROGRAM, SETTINGS, walkthroughLines } from "../programs/walkthrough.ts";

const reason = mosquittoMissing() ?? opensslMissing();
const test = reason === null ? it : it.skip;
const why = reason === null ? "" : ` (skipped: ${reason})`;

describe(`walkthrough over TLS on ${runtime}`, () => {
  let broker: Awaited<ReturnType<typeof startMosquitto>>;
  beforeAll(async () => {
    if (reason !== null) return;
    const { certFile, keyFile } = authority().issue();
    broker = await startMosquitto({ tls: { cert: certFile, key: keyFile } });
  });
  afterAll(() => broker?.stop());

  test(`prints the lines of the guide when the broker's URL says mqtts${why}`, async () => {
    const { certFile } = authority();
    const result = await run(PROGRAM, {
      env: { MQTT_BROKER: `mqtts://localhost:${broker.tlsPort}`, MQTT_CA: certFile },
      // On Deno with one more file to read, and nothing else.
      permissions: [
        `--allow-net=localhost:${broker.tlsPort}`,
        `--allow-read=${SETTINGS},${certFile}`,
        `--allow-env=${NAMES}`,
      ],
    });
    const lines = walkthroughLines("localhost");
    assertEquals(result, { stdout: [...lines, ""].join("\n"), stderr: "", status: 0 });
  });

  test(`is what the ten lines of transport-tls do${why}`, async () => {
    const text = readFileSync(repository("packages/transport-tls/README.md"), "utf8");
    const [, source] = /```ts\n(.*?)```/s.exec(text) ?? [];
    const program = source!.replace('broker: "localhost"', `broker: "localhost", port: ${broker.tlsPort}`)
      .replace('"ca.crt"', JSON.stringify(authority().certFile));
    const { status, stderr } = await run(program, { source: true });
    assertEquals(status, 0, stderr);
  });

  test(`says what to do where the authority is not known${why}`, async () => {
    const env = { MQTT_BROKER: `mqtts://localhost:${broker.tlsPort}` };
    const { stdout, stderr } = await run(PROGRAM, { env });
    assertMatch(
      stderr,
      /is not from an authority that is trusted here .* give the certificate of "conformance" as ca/,
    );
    assertEquals(stdout, "Attempting to connect to localhost\n");
  });
});

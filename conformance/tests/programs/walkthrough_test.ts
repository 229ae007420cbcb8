import { assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { readFileSync } from "node:fs";
import { startAedes } from "../../src/peers/brokers.ts";
import { repository, run, runtime } from "./programs.ts";
import { NAMES, PROGRAM, SETTINGS, walkthroughLines } from "./walkthrough.ts";

const LINES = walkthroughLines("127.0.0.1");

describe(`walkthrough on ${runtime}`, () => {
  let broker: Awaited<ReturnType<typeof startAedes>>;
  beforeAll(async () => {
    broker = await startAedes({
      authenticate: (user, password) => !user || (user === "user" && password === "secret"),
    });
  });
  afterAll(() => broker.stop());

  const settings = () => ({ MQTT_BROKER: "127.0.0.1", MQTT_PORT: String(broker.port) });

  it("prints the lines of the guide in order", async () => {
    // On Deno with exactly what it needs: the broker, its settings file, and six names of the environment.
    const result = await run(PROGRAM, {
      env: settings(),
      permissions: [
        `--allow-net=127.0.0.1:${broker.port}`,
        `--allow-read=${SETTINGS}`,
        `--allow-env=${NAMES}`,
      ],
    });
    assertEquals({ ...result, stdout: result.stdout.split("\n") }, {
      stdout: [...LINES, ""],
      stderr: "",
      status: 0,
    });
  });

  it("goes over a WebSocket when the broker's URL says so", async () => {
    const web = await startAedes({ websocket: true });
    const broker = `ws://127.0.0.1:${web.port}`;
    const { MQTT_PORT: _, ...env } = { ...settings(), MQTT_BROKER: broker };
    const result = await run(PROGRAM, {
      env,
      permissions: [`--allow-net=127.0.0.1:${web.port}`, `--allow-read=${SETTINGS}`, `--allow-env=${NAMES}`],
    });
    await web.stop();
    assertEquals(result, { stdout: [...LINES, ""].join("\n"), stderr: "", status: 0 });
  });

  it("takes user name and password from the environment", async () => {
    const env = { ...settings(), MQTT_USERNAME: "user", MQTT_PASSWORD: "secret" };
    assertEquals((await run(PROGRAM, { env })).status, 0);
  });

  it("says that the broker refused a wrong password, and never which one", async () => {
    const env = { ...settings(), MQTT_USERNAME: "user", MQTT_PASSWORD: "wr0ng-one" };
    const { status, stdout, stderr } = await run(PROGRAM, { env });
    assertNotEquals(status, 0);
    assertMatch(stderr, /Connection Refused - Unauthorized/);
    assertEquals((stdout + stderr).includes("wr0ng-one"), false);
    assertEquals(stdout, LINES[0] + "\n");
  });

  if (runtime === "deno") {
    it("names the permission that is missing", async () => {
      const permissions = ["--allow-net=127.0.0.1:1", `--allow-read=${SETTINGS}`, `--allow-env=${NAMES}`];
      const { status, stderr } = await run(PROGRAM, { env: settings(), permissions });
      assertNotEquals(status, 0);
      assertMatch(stderr, new RegExp(`--allow-net=127.0.0.1:${broker.port}`));
    });
  }
});

describe(`examples of the documents on ${runtime}`, () => {
  let broker: Awaited<ReturnType<typeof startAedes>>;
  let webBroker: typeof broker;
  beforeAll(async () => {
    broker = await startAedes();
    webBroker = await startAedes({ websocket: true });
  });
  afterAll(async () => {
    await broker.stop();
    await webBroker.stop();
  });

  const documents = [
    "README.md",
    "packages/core/README.md",
    "packages/client/README.md",
    "packages/logger/README.md",
    "packages/transport-tcp/README.md",
    "packages/transport-ws/README.md",
  ];
  for (const document of documents) {
    const text = readFileSync(repository(document), "utf8");
    [...text.matchAll(/```ts\n(.*?)```/gs)].forEach(([, source], i) => {
      it(`${document}, example ${i + 1} runs`, { timeout: 30_000 }, async () => {
        const program = source!.replaceAll(
          'broker: "localhost"',
          `broker: "127.0.0.1", port: ${broker.port}`,
        ).replaceAll('"mqtt://localhost"', `"mqtt://127.0.0.1:${broker.port}"`).replaceAll(
          "ws://localhost:9001",
          `ws://127.0.0.1:${webBroker.port}`,
        );
        const { status, stderr } = await run(program, { source: true });
        assertEquals(status, 0, stderr);
      });
    });
  }
});

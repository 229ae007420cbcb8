/**
 * The programs in examples/, each as a process of its own against real brokers, started as its head says: under Deno
 * with the permissions that stand there and no others. What they print is looked at, and what they do at the broker.
 */
import { Client, type ReceivedMessage } from "@minimqtt/client";
import { tcp } from "@minimqtt/transport-tcp";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { readdirSync, readFileSync } from "node:fs";
import { type Mosquitto, mosquittoMissing, startMosquitto } from "../../src/peers/brokers.ts";
import { opensslMissing } from "../../src/peers/certificates.ts";
import { authority } from "../../src/fixtures/tls.ts";
import { type Program, repository, type RunOptions, runtime, start } from "./programs.ts";

const LONGEST = 40;
const LIMIT = { timeout: 60_000 };
const files = ["tcp", "tls"].flatMap((folder) =>
  readdirSync(repository(`examples/${folder}`)).sort().map((name) => `${folder}/${name}`)
);
const missing = mosquittoMissing();
const missingForTls = missing ?? opensslMissing();
const withBroker = (name: string, fn: () => Promise<void>) =>
  missing === null ? it(name, LIMIT, fn) : it.skip(`${name} (skipped: ${missing})`, fn);
const withTls = (name: string, fn: () => Promise<void>) =>
  missingForTls === null ? it(name, LIMIT, fn) : it.skip(`${name} (skipped: ${missingForTls})`, fn);

/** The commands in the head of an example, one string each. */
function commands(file: string): string[] {
  const head = source(file).split("*/")[0]!.replaceAll(/\\\n \*/g, "");
  return [...head.matchAll(/^ \* {3}((?:deno run|bun|node) .*)$/gm)].map(([, command]) =>
    command!.replaceAll(/ +/g, " ")
  );
}

function source(file: string): string {
  return readFileSync(repository(`examples/${file}`), "utf8");
}

describe(`examples as texts on ${runtime}`, () => {
  for (const file of files) {
    it(`${file} has at most ${LONGEST} lines, head and all, and imports our packages alone`, () => {
      const text = source(file);
      const lines = text.trimEnd().split("\n").length;
      assert(lines <= LONGEST, `${lines} lines`);
      for (const [, from] of text.matchAll(/ from "(.*)";$/gm)) assertMatch(from!, /^(@minimqtt|node:)/);
    });

    it(`${file} has its commands in its head, and stands in the table`, () => {
      const starts = commands(file).map((command) => command.split(` examples/${file}`)[0]!);
      assertEquals(starts.length, 3);
      assertMatch(starts[0]!, /^deno run( --allow-(net|env)=\S+)+$/);
      assertEquals(starts.slice(1), ["bun", "node"]);
      assert(readFileSync(repository("examples/README.md"), "utf8").includes(`(${file})`));
    });
  }
});

describe(`examples on ${runtime}`, () => {
  let broker: Mosquitto;
  let observer: Client;
  const programs: Program[] = [];

  beforeAll(async () => {
    if (missing !== null) return;
    broker = await startMosquitto();
    observer = await Client.connect(url(broker), { transport: tcp() });
  });
  afterAll(async () => {
    for (const program of programs) program.kill("SIGKILL");
    await Promise.all(programs.map(({ ended }) => ended));
    await observer?.close();
    await broker?.stop();
  });

  /** Starts an example with the permissions of its head, `hosts` in the place of those that stand there. */
  function example(
    file: string,
    hosts: Record<string, string> = { "localhost:1883": host(broker) },
    { args = [], env }: RunOptions = {},
  ): Program {
    const [command = ""] = commands(file);
    const permissions = command.split(" ").filter((word) => word.startsWith("--")).map((flag) =>
      Object.entries(hosts).reduce((text, [from, to]) => text.replace(from, to), flag)
    );
    const program = start(repository(`examples/${file}`), {
      permissions,
      args,
      env: { MQTT_URL: url(broker), ...env },
    });
    programs.push(program);
    return program;
  }

  const succeeds = async (program: Program, stdout: string) =>
    assertEquals(await program.ended, { stdout, stderr: "", status: 0 });

  withBroker("tcp/publish.ts leaves a message at the broker", async () => {
    const args = ["house/cellar/temperature", "11"];
    await succeeds(example("tcp/publish.ts", undefined, { args }), "house/cellar/temperature: 11\n");
    const [kept] = await take(await observer.subscribe("house/cellar/temperature"), 1);
    assertEquals([kept?.text(), kept?.retain], ["11", true]);
  });

  withBroker("tcp/subscribe.ts prints what comes, also after the broker was restarted", async () => {
    await using own = await startMosquitto({ persistence: true });
    const client = await Client.connect(url(own), { transport: tcp() });
    await client.publish("garden/well", "4 m", { qos: 1, retain: true });
    const program = example("tcp/subscribe.ts", { "localhost:1883": host(own) }, {
      args: ["garden/#"],
      env: { MQTT_URL: url(own) },
    });
    await program.printed("garden/well: 4 m\n");
    await own.restart();
    await client.publish("garden/gate", "open", { qos: 1, retain: true });
    await program.printed("garden/gate: open\n");
    await client.close();
    program.kill("SIGTERM");
    assertEquals((await program.ended).stderr, "");
  });

  withBroker("tcp/request_response.ts gets its answer, over two topics", async () => {
    const seen = await observer.subscribe("calculator/#", { qos: 1 });
    const program = example("tcp/request_response.ts", undefined, { args: ["1", "2", "3"] });
    const [request, response] = await take(seen, 2);
    const { id, replyTo } = request!.json<{ id: string; replyTo: string }>();
    assertEquals(request!.topic, "calculator/request");
    assertEquals([response!.topic, response!.json()], [replyTo, { id, sum: 6 }]);
    await succeeds(program, "1 + 2 + 3 = 6\n");
  });

  withBroker(
    "tcp/worker.ts loses no job when it is killed, and does none again that is acknowledged",
    async () => {
      const results = await observer.subscribe("results/#", { qos: 1 });
      const first = example("tcp/worker.ts");
      // Without a session at the broker, a job would be lost: it is there when the worker has taken one.
      await until(async () => {
        await observer.publish("jobs/0", "0", { qos: 1 });
        return first.stdout.includes("jobs/0");
      });
      await observer.publish("jobs/1", "1", { qos: 1 });
      // The acknowledgement leaves when the worker goes to sleep the next time; only that of this job may be too late.
      await observer.publish("jobs/2", "20", { qos: 1 });
      await observer.publish("jobs/3", "600000", { qos: 1 });
      await first.printed("jobs/3: 600000\n");
      first.kill("SIGKILL");
      await first.ended;
      const second = example("tcp/worker.ts");
      await second.printed("jobs/3: 600000, again\n");
      assertMatch(second.stdout, /^(jobs\/2: 20, again\n)?jobs\/3: 600000, again\n$/);
      second.kill("SIGKILL");
      for await (const { topic } of results) {
        if (topic === "results/jobs/0") continue;
        assertEquals(topic, "results/jobs/1");
        break;
      }
    },
  );

  withBroker("tcp/graceful_shutdown.ts ends well on SIGTERM: all arrives, and no will", async () => {
    const messages = await observer.subscribe("sensor/#", { qos: 1 });
    const program = example("tcp/graceful_shutdown.ts");
    const states: string[] = [];
    let count = 0;
    for await (const message of messages) {
      if (message.topic === "sensor/state") states.push(message.text());
      else if ((count = message.json<number>()) === 1) program.kill("SIGTERM");
      if (states.at(-1) === "stopped") break;
    }
    await succeeds(program, `running\nstopped after ${count}\n`);
    assertEquals(states, ["running", "stopped"]);
    const [kept] = await take(await observer.subscribe("sensor/state"), 1);
    assertEquals(kept?.text(), "stopped");
  });

  withBroker("tcp/graceful_shutdown.ts has a will for when it dies", async () => {
    await observer.publish("sensor/state", "", { qos: 1, retain: true });
    const messages = await observer.subscribe("sensor/state", { qos: 1 });
    const program = example("tcp/graceful_shutdown.ts");
    const states: string[] = [];
    for await (const message of messages) {
      states.push(message.text());
      if (states.length === 1) program.kill("SIGKILL");
      else break;
    }
    assertEquals(states, ["running", "died"]);
  });

  withBroker("tcp/home_assistant.ts describes the sensor for later, and gives a value", async () => {
    const values = await observer.subscribe("kitchen/climate", { qos: 1 });
    await succeeds(example("tcp/home_assistant.ts", undefined, { args: ["19.5"] }), "Kitchen: 19.5 °C\n");
    const [config] = await take(await observer.subscribe("homeassistant/+/+/config"), 1);
    assertEquals([config?.topic, config?.retain], ["homeassistant/sensor/kitchen_temperature/config", true]);
    const { state_topic, unique_id, device_class, value_template } = config!.json<Record<string, unknown>>();
    assertEquals(
      [state_topic, unique_id, device_class, value_template],
      ["kitchen/climate", "kitchen_temperature", "temperature", "{{ value_json.temperature }}"],
    );
    const [value] = await take(values, 1);
    assertEquals(value?.json(), { temperature: 19.5 });
  });

  withBroker(
    "tcp/bridge.ts takes messages over, in order, also those that came while it was down",
    async () => {
      await using other = await startMosquitto();
      await using target = await Client.connect(url(other), { transport: tcp() });
      const arrived = await target.subscribe("house/#", { qos: 1 });
      const bridge = () =>
        example("tcp/bridge.ts", { "localhost:1883": host(broker), "localhost:1884": host(other) }, {
          args: ["house/bridged/#"],
          env: { MQTT_URL_TO: url(other) },
        });
      await observer.publish("house/bridged/kept", "old", { qos: 1, retain: true });
      const first = bridge();
      const got = arrived[Symbol.asyncIterator]();
      assertEquals((await got.next()).value?.text(), "old");
      const all = Array.from({ length: 100 }, (_, i) => String(i));
      await send(all.slice(0, 50));
      for (const text of all.slice(0, 50)) assertEquals((await got.next()).value?.text(), text);
      first.kill("SIGKILL");
      assertEquals((await first.ended).stderr, "");
      await send(all.slice(50));
      bridge();
      // What was not yet acknowledged when it was killed comes again, as QoS 1 has it.
      const later: string[] = [];
      while (later.at(-1) !== "99") later.push((await got.next()).value!.text());
      assertEquals(later.filter((text) => Number(text) >= 50), all.slice(50));
      await got.return?.();

      async function send(texts: readonly string[]): Promise<void> {
        const messages = texts.map((payload) => ({ topic: "house/bridged/count", payload, qos: 1 as const }));
        await observer.publishMany(messages);
      }
    },
  );

  withTls(
    "tls/adafruitio.ts gets its value back by user name and key, and keeps the key to itself",
    async () => {
      const { certFile, keyFile } = authority().issue();
      await using service = await startMosquitto({
        passwords: { somebody: "aio_secret" },
        tls: { cert: certFile, key: keyFile },
      });
      const address = `localhost:${service.tlsPort}`;
      const ca = authority().certFile;
      const start = (key: string) =>
        example("tls/adafruitio.ts", { "io.adafruit.com:8883": address }, {
          args: ["lamp", "7"],
          env: {
            ADAFRUIT_AIO_HOST: address,
            ADAFRUIT_AIO_USERNAME: "somebody",
            ADAFRUIT_AIO_KEY: key,
            DENO_CERT: ca,
            NODE_EXTRA_CA_CERTS: ca,
          },
        });
      const right = start("aio_secret");
      const refused = await start("aio_wrong").ended;
      await succeeds(right, "somebody/feeds/lamp: 7\n");
      assert(refused.status !== 0);
      assertMatch(refused.stderr, /refused|authori[sz]ed/i);
      assert(!(refused.stdout + refused.stderr).includes("aio_wrong"));
    },
  );

  const onDeno = "none gets to another broker with the permissions of its head, on deno";
  const other = async () => {
    const { status, stderr } = await example("tcp/publish.ts", { "localhost:1883": "127.0.0.1:1" }).ended;
    assert(status !== 0);
    assertMatch(stderr, new RegExp(`--allow-net=${host(broker)}`));
  };
  if (runtime === "deno") withBroker(onDeno, other);
  else it.skip(`${onDeno} (skipped: this is ${runtime})`, other);
});

function host(broker: Mosquitto): string {
  return `${broker.host}:${broker.port}`;
}

function url(broker: Mosquitto): string {
  return `mqtt://${host(broker)}`;
}

/** The next so many messages. */
async function take(messages: AsyncIterable<ReceivedMessage>, count: number): Promise<ReceivedMessage[]> {
  const taken: ReceivedMessage[] = [];
  for await (const message of messages) if (taken.push(message) === count) break;
  return taken;
}

/** Tries again, twenty times a second, until it is so. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!await holds()) await new Promise((resolve) => setTimeout(resolve, 50));
}

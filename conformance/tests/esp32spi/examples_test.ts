/**
 * The programs in examples/esp32spi, each as a process of its own, started as its head says, with an emulated module of
 * the test's: under Deno with a way to the module, and none to the broker.
 */
import { Client } from "@minimqtt/client";
import { EspEmulator } from "@minimqtt/transport-esp32spi/emulator";
import { serveBus } from "@minimqtt/transport-esp32spi/remote";
import { tcp } from "@minimqtt/transport-tcp";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { createSocket } from "node:dgram";
import { readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { freePorts, type RunningAedes, startAedes } from "../../src/peers/brokers.ts";
import { type Program, repository, runtime, start } from "../programs/programs.ts";

const LONGEST = 40;
const files = readdirSync(repository("examples/esp32spi")).sort();
const source = (file: string) => readFileSync(repository(`examples/esp32spi/${file}`), "utf8");

describe(`examples of esp32spi as texts on ${runtime}`, () => {
  for (const file of files) {
    it(`${file} has at most ${LONGEST} lines, its commands in its head, and stands in the table`, () => {
      const text = source(file);
      const lines = text.trimEnd().split("\n").length;
      assert(lines <= LONGEST, `${lines} lines`);
      for (const [, from] of text.matchAll(/ from "(.*)";$/gm)) assertMatch(from!, /^(@minimqtt|node:)/);
      assertMatch(text, new RegExp(`^ \\* {3}deno run( --allow-\\S+)+ examples/esp32spi/${file} `, "m"));
      for (const runs of ["bun", "node"]) assert(text.includes(` *   ${runs} examples/esp32spi/${file} `));
      assert(readFileSync(repository("examples/README.md"), "utf8").includes(`(esp32spi/${file})`));
    });
  }
});

describe(`examples of esp32spi on ${runtime}`, () => {
  let broker: RunningAedes;
  let observer: Client;
  const closing: (() => unknown)[] = [];

  beforeAll(async () => {
    broker = await startAedes();
    observer = await Client.connect(`mqtt://127.0.0.1:${broker.port}`, { transport: tcp() });
  });
  afterAll(async () => {
    for (const close of closing.reverse()) await close();
    await observer.close();
    await broker.stop();
  });

  /** Starts an example with a module of its own. */
  async function example(
    file: string,
    args: readonly string[] = [],
    firmware = "3.3.0",
  ): Promise<{ program: Program; module: EspEmulator }> {
    const module = new EspEmulator({ firmware, networks: [{ ssid: "home", passphrase: "correct horse" }] });
    const server = await serveBus(module, { port: 0 });
    const place = server.address.replace("tcp:", "127.0.0.1:");
    const command = /^ \* {3}deno run (.*) examples/m.exec(source(file))![1]!;
    const program = start(repository(`examples/esp32spi/${file}`), {
      args,
      permissions: command.replace("127.0.0.1:7000", place).split(" "),
      env: { MQTT_URL: `mqtt://127.0.0.1:${broker.port}`, MQTT_RADIO: server.address },
    });
    closing.push(() => module.close(), () => server.close(), () => program.kill("SIGKILL"));
    return { program, module };
  }

  it("sensor.ts measures, publishes, and is off the air in between", async () => {
    const { program, module } = await example("sensor.ts", ["2", "0.1"]);
    const { stdout, stderr, status } = await program.ended;
    assertEquals([stderr, status], ["", 0]);
    assertEquals(stdout, '{"count":1,"temperature":42.5}\n{"count":2,"temperature":42.5}\n');
    // It has left the network each time.
    assertEquals(module.commands.filter((opcode) => opcode === 0x30).length, 2);
    assertEquals([module.wifiStatus, module.socketsInUse, module.violations.list], [6, [], []]);
    for await (const kept of await observer.subscribe("house/cellar/sensor")) {
      assertEquals(kept.json(), { count: 2, temperature: 42.5 });
      break;
    }
  });

  it("display.ts prints what comes, also after the Wi-Fi was away", async () => {
    const { program, module } = await example("display.ts", ["house/hall/#"]);
    await program.printed("listening\n");
    await observer.publish("house/hall/light", "on", { qos: 1 });
    await program.printed("house/hall/light: on\n");
    module.dropWifi();
    await program.printed("lost, and tried again");
    module.restoreWifi();
    const publish = async () => {
      while (!program.stdout.includes("house/hall/light: off\n")) {
        await observer.publish("house/hall/light", "off", { qos: 1 });
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    };
    await Promise.all([publish(), program.printed("house/hall/light: off\n")]);
    assertEquals(module.violations.list, []);
  });

  for (const firmware of ["3.3.0", "1.7.7"]) {
    it(`server.ts publishes what a visitor asks for, firmware ${firmware}`, async () => {
      const [port] = await freePorts(1);
      const { program, module } = await example("server.ts", [`${port}`], firmware);
      await program.printed(`http://10.0.0.2:${port}/on\n`);
      const light = await observer.subscribe("house/light", { qos: 1 });
      assertEquals(await get(port!, "/on"), "HTTP/1.0 200 OK\r\n\r\non\n");
      assertEquals(await get(port!, "/of"), "HTTP/1.0 404 Not Found\r\n\r\nnothing here\n");
      assertEquals(await get(port!, "/off"), "HTTP/1.0 200 OK\r\n\r\noff\n");
      const states: string[] = [];
      for await (const message of light) if (states.push(message.text()) === 2) break;
      assertEquals([states, module.violations.list], [["on", "off"], []]);
      program.kill("SIGTERM");
    });

    it(`ntp.ts asks again when a datagram got lost, and prints the time, firmware ${firmware}`, async () => {
      const server = createSocket("udp4");
      closing.push(() => server.close());
      let asked = 0;
      server.on("message", (question: Uint8Array, { port }) => {
        if (asked++ === 0 || question.length !== 48) return;
        const answer = new DataView(new ArrayBuffer(48));
        answer.setUint32(40, 2_208_988_800 + 1_750_000_000);
        server.send(new Uint8Array(answer.buffer), port, "127.0.0.1");
      });
      await new Promise<void>((resolve) => server.bind(0, "127.0.0.1", resolve));
      const { program, module } = await example(
        "ntp.ts",
        ["127.0.0.1", `${server.address().port}`],
        firmware,
      );
      const { stdout, stderr, status } = await program.ended;
      assertEquals([stdout, stderr, status], ["2025-06-15T15:06:40.000Z\n", "", 0]);
      assertEquals([asked, module.violations.list], [2, []]);
    });
  }

  it("roaming.ts loses nothing while the Wi-Fi goes away and comes back", async () => {
    const count = 30;
    const seen = new Set<string>();
    const roamer = await observer.subscribe("house/roamer", {
      qos: 1,
      onMessage: ({ payload }) => {
        seen.add(new TextDecoder().decode(payload));
      },
    });
    const { program, module } = await example("roaming.ts", [`${count}`]);
    await program.printed("5 is there\n");
    module.dropWifi();
    await new Promise((resolve) => setTimeout(resolve, 500));
    module.restoreWifi();
    const { stderr, status } = await program.ended;
    assertEquals([stderr, status], ["", 0]);
    assertEquals([seen.size, module.violations.list], [count, []]);
    await roamer.unsubscribe();
  });
});

/** What is answered to a question by HTTP. */
function get(port: number, path: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  let came = "";
  socket.on("data", (bytes) => came += bytes).write(`GET ${path} HTTP/1.0\r\n\r\n`);
  return new Promise((resolve, reject) => {
    socket.once("error", reject).once("end", () => {
      socket.destroy();
      resolve(came);
    });
  });
}

import { assert, assertEquals, assertFalse, assertMatch, assertStrictEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import {
  type ForeignLogger,
  type Logger,
  type LoggerPackage,
  NullLogger,
  UsageError,
} from "@minimqtt/client";
import * as logging from "@minimqtt/logger";
import { throwsWith } from "../assertions.ts";
import { exchange } from "./exchange.ts";
import { online, type Stage, stage } from "./stage.ts";
import { field, packet, publish } from "../../src/wire/wire.ts";

/** A logger of our own five methods that keeps what it gets. */
function keeping(lines: string[], levels: readonly string[] = LEVELS): Logger {
  const method = (level: string) => (text: string, details?: unknown) => {
    if (levels.includes(level)) lines.push(`${level} ${text}${details ? ` ${JSON.stringify(details)}` : ""}`);
  };
  return {
    debug: method("debug"),
    info: method("info"),
    warning: method("warning"),
    error: method("error"),
    critical: method("critical"),
  };
}

const LEVELS = ["debug", "info", "warning", "error", "critical"] as const;

/** Goes through everything that a client logs. */
async function wholeLife(scene: Stage): Promise<void> {
  const { client, broker, clock, network } = scene;
  network.answer = "refuse";
  await clock.run(client.connect().catch(() => {}));
  network.answer = "accept";
  client.willSet("will/t", "WILLSECRET");
  const refused = clock.run(client.connect().catch(() => {}));
  await broker.welcome("20020005");
  await refused;
  await Promise.all([clock.run(client.connect()), broker.welcome()]);
  await exchange(scene, client.subscribe("s", 1), [packet(0x82, "0001" + field("s") + "01"), "9003000101"]);
  await exchange(scene, client.publish("t", "PAYLOAD0"), [publish("t", "PAYLOAD0"), ""]);
  const bytes = new TextEncoder().encode("PAYLOAD1");
  await exchange(scene, client.publish("t", bytes, true, 1), [
    publish("t", "PAYLOAD1", { qos: 1, id: 2, retain: true }),
    "40020002",
  ]);
  await exchange(scene, client.loop(), ["", publish("s", "PAYLOAD2", { qos: 1, id: 3 }) + "40020009"]);
  await broker.expect("40020003");
  await exchange(scene, client.unsubscribe("s"), [packet(0xa2, "0003" + field("s")), "b0020003"]);
  await exchange(scene, client.ping(), ["c000", "d000"]);
  await broker.close();
  await clock.run(client.disconnect());
}

describe("logger: which", () => {
  it("logger does nothing by default, and takes no part in anything (MM-190)", async () => {
    const { client } = stage();
    assert(client.logger instanceof NullLogger);
    for (const level of LEVELS) assertEquals(client.logger[level]("text"), undefined);
    await wholeLife(stage({ connectRetries: 1 }));
  });

  it("enableLogger() asks the package for the logger, sets its level, and gives it (MM-191) (MM-193)", () => {
    const { client } = stage();
    const asked: unknown[] = [];
    const logger = { ...keeping([]), setLevel: (level: number) => asked.push(level) };
    const logPackage: LoggerPackage = {
      getLogger: (name) => {
        asked.push(name);
        return logger;
      },
    };
    assertStrictEquals(client.enableLogger(logPackage), logger);
    assertStrictEquals(client.enableLogger(logPackage, 10), logger);
    assertStrictEquals(client.enableLogger(logPackage, 40, "mine"), logger);
    assertStrictEquals(client.logger, logger);
    assertEquals(asked, ["log", 20, "log", 10, "mine", 40]);
  });

  it("enableLogger() takes @minimqtt/logger, a console, a pino and any five methods (MM-191)", async () => {
    const lines: string[] = [];
    const method = (name: string) => (text: string) => lines.push(`${name} ${text}`);
    const plain = { debug: method("debug"), info: method("info"), error: method("error") };
    const sources: [unknown, string][] = [
      [keeping(lines), "warning"],
      [{ ...plain, warn: method("warn") }, "warn"],
      [{ ...plain, warn: method("warn"), fatal: method("fatal"), child: () => null, level: "info" }, "warn"],
    ];
    for (const [source, name] of sources) {
      const scene = await online();
      lines.length = 0;
      scene.client.enableLogger(source as Logger, 30);
      await exchange(scene, scene.client.loop(), ["", "40020001"]);
      assertEquals(lines.filter((line) => !line.startsWith("debug")), [
        `${name} ignored a packet of type 0x40 that nobody waits for`,
      ]);
    }
    class Kept extends logging.Handler {
      emit(record: logging.LogRecord): void {
        lines.push(`${record.name} ${record.levelName} ${record.message}`);
      }
    }
    const handler = new Kept();
    const scene = await online();
    lines.length = 0;
    const logger = scene.client.enableLogger(logging, logging.WARNING, "logger-test");
    assertStrictEquals(logger as unknown, logging.getLogger("logger-test"));
    logging.getLogger("logger-test").addHandler(handler);
    await exchange(scene, scene.client.loop(), ["", "40020001"]);
    logging.getLogger("logger-test").removeHandler(handler);
    assertEquals(lines, ["logger-test WARNING ignored a packet of type 0x40 that nobody waits for"]);
  });

  it("enableLogger() passes on to a console what reaches the level, under its names (MM-191)", () => {
    const { client } = stage();
    const lines: string[] = [];
    const method = (name: string) => (text: string) => lines.push(`${name} ${text}`);
    const source = {
      debug: method("debug"),
      info: method("info"),
      warn: method("warn"),
      error: method("error"),
    };
    for (
      const [level, expected] of [
        [10, ["debug d", "info i", "warn w", "error e", "error c"]],
        [20, ["info i", "warn w", "error e", "error c"]],
        [30, ["warn w", "error e", "error c"]],
        [40, ["error e", "error c"]],
        [50, ["error c"]],
        [51, []],
      ] as const
    ) {
      lines.length = 0;
      const logger = client.enableLogger(source, level);
      logger.debug("d");
      logger.info("i");
      logger.warning("w");
      logger.error("e");
      logger.critical("c");
      assertEquals<readonly string[]>(lines, expected);
      assertEquals(
        [10, 20, 30, 40, 50].map((own) => logger.isEnabledFor?.(own)),
        [10, 20, 30, 40, 50].map((own) => own >= level),
      );
    }
    const fatal = { ...source, fatal: method("fatal") };
    client.enableLogger(fatal).critical("c");
    assertEquals(lines, ["fatal c"]);
    // The runtime's own console will do.
    client.enableLogger(console, 51).critical("not to be seen");
  });

  it("enableLogger() calls a logger's methods as its own (MM-191)", () => {
    class Own {
      readonly lines: string[] = [];
      debug(text: string) {
        this.lines.push(text);
      }
      info = this.debug;
      warn(text: string) {
        this.debug(text);
      }
      error = this.debug;
    }
    const { client } = stage();
    const own = new Own();
    client.enableLogger(own).warning("w");
    assertEquals(own.lines, ["w"]);
  });

  it("enableLogger() refuses what can be no logger, and keeps the one it had (MM-191)", () => {
    const { client } = stage();
    const before = client.logger;
    const text = "a logger needs debug, info, warning (or warn), error and critical";
    for (
      const source of [null, undefined, 7, "log", {}, { debug() {} }, { warning() {} }, {
        warn() {},
        info: 7,
      }]
    ) {
      throwsWith(() => client.enableLogger(source as unknown as ForeignLogger), UsageError, text);
    }
    assertStrictEquals(client.logger, before);
  });

  it("disableLogger() goes back to the logger that does nothing (MM-192)", async () => {
    const scene = await online();
    const lines: string[] = [];
    scene.client.enableLogger(keeping(lines));
    scene.client.disableLogger();
    assert(scene.client.logger instanceof NullLogger);
    await exchange(scene, scene.client.loop(), ["", "40020001" + publish("a", "x")]);
    assertEquals(lines, []);
  });
});

describe("logger: what", () => {
  it("logger gets debug, info and warning lines for what happens (MM-194)", async () => {
    const scene = stage({ connectRetries: 2, username: "user", password: "SECRET" });
    const lines: string[] = [];
    scene.client.enableLogger(keeping(lines));
    await wholeLife(scene);
    const patterns = [
      /^debug Connecting to broker\.test:1883 over memory$/,
      /^warning Socket error when connecting: .*refused the connection$/,
      /^debug Waiting 2 seconds before the next attempt$/,
      /^info MQTT error while connecting: Connection Refused - Unauthorized$/,
      /^debug SUBSCRIBING to \{"topic":"s","qos":1\} \{"topic":"s","qos":1\}$/,
      /^debug Sending PUBLISH \{"topic":"t","bytes":8,"qos":0,"retain":false,"id":0\} \{.*\}$/,
      /^debug Sending PUBLISH \{"topic":"t","bytes":8,"qos":1,"retain":true,"id":2\} \{.*\}$/,
      /^debug Receiving PUBLISH \{"topic":"s","bytes":8,"qos":1\} \{.*\}$/,
      /^warning ignored a packet of type 0x40 that nobody waits for$/,
      /^debug UNSUBSCRIBING from \{"topic":"s"\} \{.*\}$/,
      /^warning Unable to send DISCONNECT$/,
    ];
    for (const pattern of patterns) {
      assert(lines.some((line) => pattern.test(line)), `${pattern}: ${lines.join("\n")}`);
    }
  });

  it("logger never gets a payload, a will or a password, at any level, in text or details (MM-067) (MM-194)", async () => {
    for (const password of ["SECRET", new TextEncoder().encode("SECRET")]) {
      const scene = stage({ connectRetries: 2, username: "user", password });
      const lines: string[] = [];
      scene.client.enableLogger(keeping(lines));
      await wholeLife(scene);
      assert(lines.length > 10);
      assertFalse(/SECRET|PAYLOAD|53,?45,?43|83,69,67/.test(lines.join("\n")), lines.join("\n"));
    }
  });

  it("logger gets no text put together for levels it does not take (MM-194)", async () => {
    const scene = stage({ connectRetries: 1 });
    const lines: string[] = [];
    const quiet = { ...keeping(lines, ["debug"]), isEnabledFor: (level: number) => level >= 20 };
    scene.client.enableLogger(quiet);
    await wholeLife(scene);
    assertEquals(lines.filter((line) => !line.startsWith("debug Connecting")), []);
  });

  it("logger gets topics from outside in quotes: they forge no line and mean no directive (MM-194)", async () => {
    const scene = await online();
    const lines: string[] = [];
    scene.client.enableLogger(keeping(lines, ["debug"]));
    const topic = 'a\nINFO - forged "%s" %d\u001b[31m';
    await exchange(scene, scene.client.loop(), ["", publish(topic, "x")]);
    await exchange(scene, scene.client.publish(topic, "x"), [publish(topic, "x"), ""]);
    await exchange(scene, scene.client.subscribe(topic), [
      packet(0x82, "0001" + field(topic) + "00"),
      "9003000100",
    ]);
    await exchange(scene, scene.client.unsubscribe(topic), [packet(0xa2, "0002" + field(topic)), "b0020002"]);
    const naming = lines.filter((line) => !/^debug Receiving (SUB|UNSUB)ACK/.test(line));
    assertEquals(naming.length, 4);
    for (const line of naming) {
      // deno-lint-ignore no-control-regex
      assertFalse(/[\n\u001b]/.test(line), line);
      assertMatch(line, /"a\\nINFO - forged \\"\\u0025s\\" \\u0025d\\u001b\[31m"/);
    }
  });

  it("logger tells of connecting, acknowledgements, pings and the end", async () => {
    const lines: string[] = [];
    const scene = stage({ connectRetries: 1 });
    scene.client.enableLogger(keeping(lines));
    await wholeLife(scene);
    const texts = lines.map((line) => line.replace(/ \{.*/, ""));
    for (
      const text of [
        "info Connected to broker.test:1883",
        "debug Receiving SUBACK",
        "debug Receiving PUBACK",
        "debug Acknowledging PUBLISH",
        "debug Receiving UNSUBACK",
        "debug Sending PINGREQ",
        "debug Receiving PINGRESP",
        "debug Sending DISCONNECT",
      ]
    ) {
      assert(texts.includes(text), `${text} is not among ${texts.join("; ")}`);
    }
  });

  it("logger of @minimqtt/logger prints the details of a packet once", async () => {
    const lines: string[] = [];
    class Kept extends logging.Handler {
      emit(record: logging.LogRecord): void {
        lines.push(this.format(record));
      }
    }
    const handler = new Kept();
    const scene = await online();
    scene.client.enableLogger(logging, logging.DEBUG, "logger-once");
    logging.getLogger("logger-once").addHandler(handler);
    await scene.client.publish("50%", "x");
    logging.getLogger("logger-once").removeHandler(handler);
    assertEquals(lines.map((line) => line.replace(/^.*DEBUG/, "DEBUG")), [
      'DEBUG - Sending PUBLISH {"topic":"50\\u0025","bytes":1,"qos":0,"retain":false,"id":0}',
    ]);
  });

  it("logger that throws makes the call reject, and the connection stays", async () => {
    const scene = await online();
    const mine = new Error("mine");
    const failing = () => {
      throw mine;
    };
    const own = { debug() {}, info() {}, warning: failing, error() {}, critical() {} };
    scene.client.enableLogger(own);
    const looping = exchange(scene, scene.client.loop(), ["", "40020001" + publish("a", "x")]);
    assertStrictEquals(await looping.catch((error) => error), mine);
    scene.client.disableLogger();
    assertEquals(await exchange(scene, scene.client.loop()), [48]);
  });
});

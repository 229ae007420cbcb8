import { assertEquals, assertStrictEquals } from "@std/assert";
import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import { configureSync, resetSync } from "@logtape/logtape";
import type { LogRecord } from "@logtape/logtape";
import { fresh, Memory, printed } from "../tests/fixtures.ts";
import { getLogger, INFO } from "./mod.ts";

describe("Logger and LogTape", () => {
  let records: LogRecord[] = [];
  const sinks = { kept: (record: LogRecord) => void records.push(record) };
  beforeEach(() => records = []);
  afterEach(() => resetSync());

  it("gives an application's sinks the words, the values and the properties, and prints nothing", () => {
    configureSync({
      sinks,
      loggers: [{ category: "minimqtt", sinks: ["kept"], lowestLevel: "trace" }, META],
    });
    const logger = fresh();
    assertEquals(printed(() => logger.info("to %s:%d {x}", "host", 1883, { attempt: 2 })), []);
    const [{ category, level, message, properties, rawMessage }] = records as [LogRecord];
    assertEquals(category, ["minimqtt", logger.name]);
    assertEquals(level, "info");
    assertEquals([...message], ["to ", "host", ":", 1883, " {x}"]);
    assertEquals([...rawMessage], ["to ", ":", " {x}"]);
    assertEquals(properties, { attempt: 2 });
  });

  it("maps levels, and the nameless logger", () => {
    configureSync({
      sinks,
      loggers: [{ category: "minimqtt", sinks: ["kept"], lowestLevel: "trace" }, META],
    });
    const logger = fresh();
    for (const level of [1, 10, 20, 30, 40, 50, 55]) logger.log(level, "a");
    assertEquals(records.map((record) => record.level), [
      "trace",
      "debug",
      "info",
      "warning",
      "error",
      "fatal",
      "fatal",
    ]);
    getLogger().error("b");
    assertEquals(records.at(-1)!.category, ["minimqtt"]);
  });

  it("obeys both levels: ours first, then LogTape's", () => {
    configureSync({
      sinks,
      loggers: [{ category: "minimqtt", sinks: ["kept"], lowestLevel: "error" }, META],
    });
    const logger = fresh(INFO);
    const lines = printed(() => {
      logger.debug("a");
      logger.info("b");
      logger.error("c");
    });
    assertEquals(lines, []);
    assertEquals(records.map((record) => record.message[0]), ["c"]);
  });

  it("prints nothing where LogTape is configured without us", () => {
    configureSync({ sinks, loggers: [{ category: "app", sinks: ["kept"] }, META] });
    assertEquals(printed(() => fresh().error("a")), []);
    assertEquals(records, []);
  });

  it("feeds handlers as well", () => {
    configureSync({ sinks, loggers: [{ category: "minimqtt", sinks: ["kept"] }, META] });
    const logger = fresh();
    const memory = new Memory();
    logger.addHandler(memory);
    logger.info("a");
    assertEquals(memory.texts, ["a"]);
    assertEquals(records.length, 1);
  });

  it("has an error as property error", () => {
    configureSync({ sinks, loggers: [{ category: "minimqtt", sinks: ["kept"] }, META] });
    const error = new Error("x");
    fresh().exception(error);
    assertStrictEquals(records[0]!.properties.error, error);
    assertEquals([...records[0]!.message], ["", "Error: x", ""]);
  });

  it("finds a configuration that comes after the logger, and its end", () => {
    const logger = fresh();
    assertEquals(printed(() => logger.info("a")).length, 1);
    configureSync({ sinks, loggers: [{ category: ["minimqtt", logger.name], sinks: ["kept"] }, META] });
    assertEquals(printed(() => logger.info("b")), []);
    assertEquals(records.length, 1);
    resetSync();
    assertEquals(printed(() => logger.info("c")).length, 1);
  });
});

/** Keeps LogTape's own messages off the console. */
const META = { category: ["logtape", "meta"], sinks: [], lowestLevel: null };

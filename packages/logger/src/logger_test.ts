import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertFalse,
  assertMatch,
  assertStrictEquals,
  assertThrows,
  fail,
} from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { fresh, Memory, printed } from "../tests/fixtures.ts";
import * as logging from "./mod.ts";
import {
  CRITICAL,
  DEBUG,
  ERROR,
  getLogger,
  Handler,
  INFO,
  Logger,
  NOTSET,
  NullHandler,
  StreamHandler,
  WARNING,
} from "./mod.ts";

describe("getLogger", () => {
  it("gives the same object for the same name, and has a nameless one", () => {
    assertStrictEquals(getLogger("one"), getLogger("one"));
    assert(getLogger("one") !== getLogger("two"));
    assertStrictEquals(getLogger(), getLogger(""));
    assertEquals(getLogger("one").name, "one");
  });

  it("gives loggers of level WARNING that inherit nothing", () => {
    getLogger("parent").setLevel(DEBUG);
    assertEquals(getLogger("parent.child").getEffectiveLevel(), WARNING);
  });
});

describe("getLevelName", () => {
  it("names the level, or the next below", () => {
    assertEquals([-1, 0, 9, 10, 25, 30, 49, 50, 99].map(logging.getLevelName), [
      "NOTSET",
      "NOTSET",
      "NOTSET",
      "DEBUG",
      "INFO",
      "WARNING",
      "ERROR",
      "CRITICAL",
      "CRITICAL",
    ]);
  });
});

describe("Logger", () => {
  it("hands on what reaches its level, each method with its own", () => {
    const logger = fresh();
    const memory = new Memory();
    logger.addHandler(memory);
    for (const level of [NOTSET, DEBUG, INFO, WARNING, ERROR, CRITICAL, 60]) {
      logger.setLevel(level);
      assertEquals(logger.getEffectiveLevel(), level);
      memory.records.length = 0;
      logger.log(5, "5");
      logger.debug("10");
      logger.info("20");
      logger.warning("30");
      logger.error("40");
      logger.critical("50");
      assertEquals(memory.texts, ["5", "10", "20", "30", "40", "50"].filter((text) => Number(text) >= level));
      for (const record of memory.records) assertEquals(record.level, Number(record.message));
      for (const other of [5, 10, 20, 30, 40, 50]) assertEquals(logger.isEnabledFor(other), other >= level);
    }
  });

  it("does not look at the arguments of a message below its level", () => {
    const logger = fresh(INFO);
    logger.addHandler(new Memory());
    const argument = { toJSON: () => fail("looked at") };
    logger.debug("%s", argument);
    logger.log(19, "%r", argument);
  });

  it("makes records with name, level, text, arguments and seconds since the start", () => {
    const logger = fresh();
    const memory = new Memory();
    logger.addHandler(memory);
    logger.info("%s=%d", "a", 1);
    const [record] = memory.records;
    const { created, ...rest } = record!;
    assertEquals(rest, { name: logger.name, level: INFO, levelName: "INFO", message: "a=1", args: ["a", 1] });
    assertAlmostEquals(created, performance.now() / 1000, 5);
  });

  it("hands records to all handlers whose level they reach, once each", () => {
    const logger = fresh();
    const all = new Memory();
    const grave = new Memory(ERROR);
    assertFalse(logger.hasHandlers());
    logger.addHandler(all);
    logger.addHandler(all);
    logger.addHandler(grave);
    assert(logger.hasHandlers());
    logger.info("a");
    logger.error("b");
    grave.setLevel(INFO);
    logger.info("c");
    logger.removeHandler(all);
    logger.removeHandler(all);
    logger.info("d");
    assertEquals(all.texts, ["a", "b", "c"]);
    assertEquals(grave.texts, ["b", "c", "d"]);
    logger.removeHandler(grave);
    assertFalse(logger.hasHandlers());
  });

  it("lets a handler remove itself while records go out", () => {
    const logger = fresh();
    const memory = new Memory();
    class Once extends Handler {
      emit(): void {
        logger.removeHandler(this);
      }
    }
    logger.addHandler(new Once());
    logger.addHandler(memory);
    logger.info("a");
    logger.info("b");
    assertEquals(memory.texts, ["a", "b"]);
  });

  it("exception shows an error with its causes, whatever is in its message", () => {
    const logger = fresh();
    const memory = new Memory();
    logger.addHandler(memory);
    logger.exception(new Error("50%s off", { cause: new RangeError("deep") }));
    logger.exception("no error");
    const [first, second] = memory.records;
    assertMatch(first!.message, /^Error: 50%s off\n.*logger_test[^]*\nCaused by: RangeError: deep\n/);
    assertEquals(first!.level, ERROR);
    assertEquals(second!.message, "no error");
  });

  it("refuses levels that are no numbers", () => {
    const wrong = "DEBUG" as unknown as number;
    assertThrows(() => fresh().setLevel(wrong), TypeError, "INFO (20), not DEBUG");
    assertThrows(() => fresh().setLevel(NaN), TypeError);
    assertThrows(() => new Logger("x", wrong), TypeError);
    assertThrows(() => new Memory(wrong), TypeError);
    assertThrows(() => new Memory().setLevel(wrong), TypeError);
  });

  it("survives a handler that throws, and tells the console", () => {
    const logger = fresh();
    const memory = new Memory();
    class Broken extends Handler {
      emit(): void {
        throw new Error("broken");
      }
    }
    logger.addHandler(new Broken());
    logger.addHandler(memory);
    const lines = printed(() => logger.info("a"));
    assertEquals(lines, [["error", `Logger "${logger.name}" failed:`, "Error: broken"]]);
    assertEquals(memory.texts, ["a"]);
  });

  it("survives a handler that rejects, and tells the console", async () => {
    const logger = fresh();
    class Broken extends Handler {
      emit(): Promise<void> {
        return Promise.reject(new Error("broken"));
      }
    }
    logger.addHandler(new Broken());
    const kept = console.error;
    const told = new Promise<unknown>((resolve) =>
      console.error = (_text: unknown, error: unknown) => resolve(error)
    );
    logger.info("a");
    assertEquals(String(await told), "Error: broken");
    console.error = kept;
  });

  it("survives arguments that throw, and tells the console", () => {
    const logger = fresh();
    logger.addHandler(new Memory());
    const error = new Error("x");
    Object.defineProperty(error, "stack", {
      get: () => {
        throw new Error("no stack");
      },
    });
    assertEquals(printed(() => logger.error("a", error)), [[
      "error",
      `Logger "${logger.name}" failed:`,
      "Error: no stack",
    ]]);
  });
});

describe("Logger without handlers", () => {
  it("prints lines on the console, by the console's levels", () => {
    const logger = fresh();
    const lines = printed(() => {
      logger.log(1, "a");
      logger.debug("b");
      logger.info("to %s", "c");
      logger.warning("d");
      logger.error("e");
      logger.critical("f");
    });
    assertEquals(lines.map(([method]) => method), ["debug", "debug", "info", "warn", "error", "error"]);
    assertMatch(lines[2]![1]!, /^\d+\.\d{3}: INFO - to c$/);
    assertMatch(lines[5]![1]!, /^\d+\.\d{3}: CRITICAL - f$/);
  });

  it("prints nothing below its level", () => {
    assertEquals(printed(() => fresh(WARNING).info("a")), []);
  });

  it("is silent with a NullHandler", () => {
    const logger = fresh();
    logger.addHandler(new NullHandler());
    assertEquals(printed(() => logger.critical("a")), []);
  });
});

describe("StreamHandler", () => {
  it("writes lines to anything with write", () => {
    const texts: string[] = [];
    const handler = new StreamHandler({ write: (text) => texts.push(text) });
    const target = fresh();
    target.addHandler(handler);
    target.info("a");
    handler.setFormatter((record) => `${record.name}|${record.levelName}|${record.message}`);
    target.error("b");
    assertMatch(texts[0]!, /^\d+\.\d{3}: INFO - a\n$/);
    assertEquals(texts[1], `${target.name}|ERROR|b\n`);
  });

  it("writes to the writer of a stream", async () => {
    const { readable, writable } = new TransformStream<string, string>();
    const target = fresh();
    target.addHandler(new StreamHandler(writable.getWriter()));
    target.info("a");
    const { value } = await readable.getReader().read();
    assertMatch(value!, /INFO - a\n$/);
  });
});

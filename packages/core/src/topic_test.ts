import { assert, assertEquals, assertFalse, assertStringIncludes, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import { UsageError } from "./errors.ts";
import type { UsageCode } from "./errors.ts";
import { checkFilter, checkText, checkTopic, matches, sharedPrefixLength, utf8Length } from "./topic.ts";
import { FILTER, TABLE, TOPIC } from "../tests/topic_cases.ts";

const LONE = "\ud800";

function refused(check: (text: unknown) => void, text: unknown, code: UsageCode): string {
  const error = assertThrows(() => check(text), UsageError);
  assertEquals(error.code, code);
  return error.message;
}

describe("utf8Length", () => {
  it("counts bytes, not characters (MM-066)", () => {
    assertEquals(utf8Length(""), 0);
    assertEquals(utf8Length("abc\0\x7f"), 5);
    assertEquals(utf8Length("é\x80\u07ff"), 6);
    assertEquals(utf8Length("€\u0800\uffff\ufeff"), 12);
    assertEquals(utf8Length("😀\u{10000}\u{10ffff}"), 12);
  });

  it("agrees with TextEncoder on every well-formed string", () => {
    const encoder = new TextEncoder();
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
      assertEquals(utf8Length(text), encoder.encode(text).length);
    }));
  });
});

describe("checkTopic", () => {
  const message = (topic: unknown) => refused(checkTopic, topic, "invalid-topic");

  it("passes valid names", () => {
    for (
      const topic of [
        "a",
        "/",
        "//",
        "a/",
        "/a",
        " ",
        "a b",
        "$SYS/x",
        "é€😀",
        "\ufeff",
        "a".repeat(65535),
        "é".repeat(32767),
      ]
    ) {
      checkTopic(topic);
    }
  });

  it("has the reference's texts (MM-053, MM-071)", () => {
    assertEquals(message(null), "Topic may not be NoneType");
    assertEquals(message(undefined), "Topic may not be NoneType");
    assertEquals(message(""), "Topic may not be empty.");
    assertEquals(message("a".repeat(65536)), "Encoded topic length is larger than 65535");
    for (const topic of ["+", "#", "a/+/b", "a/#", "a+", "é#"]) {
      assertEquals(message(topic), "Publish topic can not contain wildcards.");
    }
  });

  it("names the type of what is no string", () => {
    assertEquals(message(7), "Topic must be a string, not number");
    assertEquals(message(["a"]), "Topic must be a string, not object");
    assertEquals(message(new Uint8Array(1)), "Topic must be a string, not object");
  });

  it("refuses U+0000 and lone surrogates [MQTT-1.5.3-1] [MQTT-1.5.3-2] (MM-078)", () => {
    assertStringIncludes(message("a\0b"), "[MQTT-1.5.3-2]");
    assertStringIncludes(message(`a${LONE}`), "[MQTT-1.5.3-1]");
    assertStringIncludes(message("\udc00é"), "[MQTT-1.5.3-1]");
  });

  it("counts the length in bytes (MM-066)", () => {
    assertEquals(message("é".repeat(32768)), "Encoded topic length is larger than 65535");
    assertEquals(message("😀".repeat(16384)), "Encoded topic length is larger than 65535");
  });

  it("complains of length, then characters, then wildcards", () => {
    assertStringIncludes(message("+".repeat(65536)), "larger");
    assertStringIncludes(message(`${LONE}${"é".repeat(32767)}`), "larger");
    assertStringIncludes(message("\0#"), "U+0000");
    assertStringIncludes(message(`${LONE}+`), "surrogate");
  });
});

describe("checkFilter", () => {
  const message = (filter: unknown) => refused(checkFilter, filter, "invalid-filter");

  it("passes valid filters", () => {
    const filters = [
      "a",
      "/",
      "+",
      "#",
      "/#",
      "+/+",
      "+/a/#",
      "a//+/",
      "$SYS/#",
      "é/😀/+",
      "/".repeat(65535),
      "#".padStart(65535, "+/"),
    ];
    filters.push(
      "$share",
      "$queue",
      "$shared/#",
      "$share/g/a",
      "$share/g/#",
      "$share/g//",
      "$share/$g/+",
      "$queue/a",
      "$queue/#",
    );
    for (const filter of filters) checkFilter(filter);
  });

  it("has the reference's texts for what is no text to send (MM-102)", () => {
    assertEquals(message(undefined), "Topic may not be NoneType");
    assertEquals(message(null), "Topic may not be NoneType");
    assertEquals(message(""), "Topic may not be empty.");
    assertEquals(message("é".repeat(32768)), "Encoded topic length is larger than 65535");
    assertStringIncludes(message({}), "must be a string");
  });

  const refusals: [filter: string, statement: string][] = [
    ["a#", "[MQTT-4.7.1-2]"],
    ["#/a", "[MQTT-4.7.1-2]"],
    ["a/#/b", "[MQTT-4.7.1-2]"],
    ["#x", "[MQTT-4.7.1-2]"],
    ["##", "[MQTT-4.7.1-2]"],
    ["a/b#", "[MQTT-4.7.1-2]"],
    ["+#", "[MQTT-4.7.1-3]"],
    ["a+", "[MQTT-4.7.1-3]"],
    ["+a", "[MQTT-4.7.1-3]"],
    ["a/b+/c", "[MQTT-4.7.1-3]"],
    ["a/+b", "[MQTT-4.7.1-3]"],
    ["++", "[MQTT-4.7.1-3]"],
    ["#+", "[MQTT-4.7.1-2]"],
    ["a\0", "[MQTT-1.5.3-2]"],
    [LONE, "[MQTT-1.5.3-1]"],
    ["$share/", "[MQTT-4.8.2-1]"],
    ["$share//a", "[MQTT-4.8.2-1]"],
    ["$share/+/a", "[MQTT-4.8.2-2]"],
    ["$share/#", "[MQTT-4.8.2-2]"],
    ["$share/g#/a", "[MQTT-4.8.2-2]"],
    ["$share/g", "[MQTT-4.8.2-2]"],
    ["$share/g/", "[MQTT-4.8.2-2]"],
    ["$share/g/a#", "[MQTT-4.7.1-2]"],
    ["$queue/", "$queue/"],
    ["$queue/a+", "[MQTT-4.7.1-3]"],
  ];
  for (const [filter, statement] of refusals) {
    it(`refuses ${JSON.stringify(filter)} by ${statement} (MM-105)`, () => {
      const text = message(filter);
      assert(text.startsWith("Invalid topic filter"), text);
      assertStringIncludes(text, statement);
    });
  }

  it("shows the beginning of a long filter only", () => {
    assert(message("a".repeat(60_000) + "#").length < 200);
  });
});

describe("checkText", () => {
  const message = (text: unknown) =>
    refused((given) => checkText(given, "The user name", "too long"), text, "invalid-argument");

  it("passes text of 0 to 65535 bytes", () => {
    for (const text of ["", "é€😀+#", "a".repeat(65535)]) checkText(text, "The user name", "too long");
  });

  it("refuses other types, long text, U+0000 and lone surrogates, without showing the text (MM-067)", () => {
    assertEquals(message(null), "The user name must be a string, not object");
    assertEquals(message(1), "The user name must be a string, not number");
    assertEquals(message("é".repeat(32768)), "too long");
    assertEquals(message("secret\0"), "The user name contains U+0000 [MQTT-1.5.3-2]");
    assertStringIncludes(message(`secret${LONE}`), "[MQTT-1.5.3-1]");
    assertFalse(message(`secret${LONE}`).includes("secret"));
  });
});

describe("matches", () => {
  for (const [filter, topic, expected] of TABLE) {
    it(`says ${expected ? "yes" : "no"} to ${filter} for ${topic}`, () => {
      assertEquals(matches(filter, topic), expected);
    });
  }

  it("agrees with a comparison level by level", () => {
    fc.assert(fc.property(FILTER, TOPIC, (filter, topic) => {
      assertEquals(matches(filter, topic), byLevels(filter, topic));
    }));
  });

  it("needs no stack for 65535 levels", () => {
    const deep = "/".repeat(65534);
    assert(matches(deep, deep));
    assert(matches("+/".repeat(32767) + "#", deep));
    assertFalse(matches("/".repeat(65533) + "a", deep));
  });
});

describe("sharedPrefixLength", () => {
  it("counts the prefix alone", () => {
    assertEquals(sharedPrefixLength("$share/g/a/b"), 9);
    assertEquals(sharedPrefixLength("$queue/a"), 7);
    for (const filter of ["", "a", "$", "$SYS/a", "$share", "$share/g", "$queue", "a/$share/g/b"]) {
      assertEquals(sharedPrefixLength(filter), 0, filter);
    }
  });
});

/** The rules of 2.I.1 in the most literal form. */
function byLevels(filter: string, topic: string): boolean {
  const wanted = filter.slice(sharedPrefixLength(filter)).split("/");
  const given = topic.split("/");
  if (topic.startsWith("$") && (wanted[0] === "+" || wanted[0] === "#")) return false;
  if (wanted.at(-1) === "#") {
    wanted.pop();
    if (given.length < wanted.length) return false;
    given.length = wanted.length;
  }
  return wanted.length === given.length && wanted.every((level, i) => level === "+" || level === given[i]);
}

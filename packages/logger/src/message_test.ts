import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import { compose, display, explain } from "./message.ts";

const text = (template: unknown, ...args: unknown[]) => compose(template, args).text;

describe("compose", () => {
  it("puts arguments in for %s, %d and %r", () => {
    assertEquals(text("%s is at %d of %d", "kitchen", 21.9, -3.5), "kitchen is at 21 of -3");
    assertEquals(text("topic %r", 'a"b\n'), 'topic "a\\"b\\n"');
    assertEquals(text("%s%s%r", 1, null, undefined), "1nullundefined");
    assertEquals(text("%d %d", 10n, "x"), "10 x");
  });

  it("takes %% for a percent sign where there are arguments, and nothing for a directive where there are none", () => {
    assertEquals(text("%d%% of %s", 5, "all"), "5% of all");
    assertEquals(text("5% of %s, 100%%"), "5% of %s, 100%%");
  });

  it("leaves directives without an argument, and those it does not know", () => {
    assertEquals(text("%s and %s", 1), "1 and %s");
    assertEquals(text("%0.2f", 1.5), "%0.2f 1.5");
    assertEquals(text("%", 1), "% 1");
  });

  it("does not look for directives in arguments", () => {
    assertEquals(text("%s %s", "%s", "%d"), "%s %d");
  });

  it("lets further arguments follow", () => {
    assertEquals(text("got", 1, "two", [3]), "got 1 two [3]");
    assertEquals(text("got %s", 1, "two"), "got 1 two");
  });

  it("keeps words, values and properties apart", () => {
    const host = { name: "x" };
    assertEquals(compose("to %s:%d", [host, 1883, { port: 1 }]), {
      text: 'to {"name":"x"}:1883 {"port":1}',
      strings: ["to ", ":", ""],
      values: [host, 1883],
      properties: { port: 1 },
    });
    assertEquals(compose("50%% %s", ["a"]).strings, ["50% ", ""]);
  });

  it("takes an object for properties only as last argument without a directive, and only a plain one", () => {
    assertEquals(compose("%s", [{ a: 1 }]).properties, {});
    assertEquals(compose("x", [{ a: 1 }, 2]).properties, {});
    assertEquals(compose("x", [new Map()]).properties, {});
    assertEquals(compose("x", [[1]]).properties, {});
    assertEquals(compose("x", [{}]), { text: "x {}", strings: ["x"], values: [], properties: {} });
  });

  it("shows the origin of a last error, and has it as a property", () => {
    const error = new TypeError("no luck");
    const message = compose("while reading", [error]);
    assertMatch(message.text, /^while reading\nTypeError: no luck\n.*message_test/);
    assertEquals(message.strings, ["while reading"]);
    assertEquals(message.properties, { error });
  });

  it("takes what is no string for one", () => {
    assertEquals(text({ a: 1 }), '{"a":1}');
    assertEquals(text(undefined), "undefined");
    assertEquals(text({ toJSON: () => undefined }), "undefined");
  });

  it("has one string more than values, and never throws", () => {
    const template = fc.array(fc.constantFrom("%s", "%d", "%r", "%%", "%", "x", " ")).map((parts) =>
      parts.join("")
    );
    fc.assert(fc.property(template, fc.array(fc.anything()), (given, args) => {
      const { strings, values } = compose(given, args);
      assertEquals(strings.length, values.length + 1);
      assertEquals(values, args.slice(0, values.length));
    }));
  });
});

describe("display", () => {
  it("shows bytes in hexadecimal, up to 32", () => {
    assertEquals(display(new Uint8Array([0, 10, 255])), "<00 0a ff>");
    assertEquals(display(new Uint8Array(0)), "<>");
    assertStringIncludes(display(new Uint8Array(1000)), "00 ... 1000 bytes>");
  });

  it("shows objects as JSON, and what JSON cannot take as well as it can", () => {
    const circle: unknown[] = [];
    circle.push(circle);
    assertEquals(display({ a: [1n], error: new TypeError("x") }), '{"a":["1"],"error":"TypeError: x"}');
    assertEquals(display(Symbol("s")), "Symbol(s)");
    for (
      const value of [circle, {
        get a() {
          throw new Error();
        },
      }]
    ) {
      assertEquals(display(value), "[object that cannot be shown]");
    }
  });
});

describe("explain", () => {
  it("shows causes", () => {
    const error = new Error("above", { cause: new RangeError("below", { cause: "the end" }) });
    assertMatch(
      explain(error),
      /^Error: above\n[^]*\nCaused by: RangeError: below\n[^]*\nCaused by: the end$/,
    );
  });

  it("has the name that a constructor set last", () => {
    class Special extends Error {
      override name = "Special";
    }
    const shown = explain(new Special("x"));
    assertMatch(shown, /^Special: x\n/);
    assertEquals(shown.split("Error").length, 1);
  });

  it("ends where an error is its own cause", () => {
    const error = new Error("round");
    error.cause = error;
    assertEquals(explain(error).split("round").length, 9);
  });
});

import { assertEquals, assertFalse, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { type Scheme, type Transport, UsageError } from "@minimqtt/core";
import { chooseScheme, parseBroker, parsePort, type Target } from "./target.ts";

const MQTT: Scheme = { name: "mqtt", port: 1883, secure: false };
const MQTTS: Scheme = { name: "mqtts", port: 8883, secure: true };
const WS: Scheme = { name: "ws", port: 80, secure: false };
const NOTHING = {
  scheme: undefined,
  port: undefined,
  path: undefined,
  username: undefined,
  password: undefined,
};
const WSS: Scheme = { name: "wss", port: 443, secure: true };

function transport(...schemes: [Scheme, ...Scheme[]]): Transport {
  return { name: "fake", schemes, connect: () => Promise.reject(new Error("not to be called")) };
}

describe("parseBroker()", () => {
  it("parseBroker() takes hosts and addresses as they are, IPv6 with and without brackets (MM-009)", () => {
    const cases: [string, string][] = [
      ["localhost", "localhost"],
      ["broker.example", "broker.example"],
      ["192.168.0.1", "192.168.0.1"],
      ["::1", "::1"],
      ["[::1]", "::1"],
      ["fe80::1%eth0", "fe80::1%eth0"],
      ["2001:db8::7", "2001:db8::7"],
    ];
    for (const [broker, host] of cases) assertEquals(parseBroker(broker), { host });
  });

  it("parseBroker() takes URLs apart (MM-227)", () => {
    const cases: [string, Target][] = [
      ["mqtt://host", { host: "host", scheme: "mqtt" }],
      ["mqtts://host:1234", { host: "host", scheme: "mqtts", port: 1234 }],
      ["mqtt://[::1]:1884", { host: "::1", scheme: "mqtt", port: 1884 }],
      ["wss://host/mqtt?x=1", { host: "host", scheme: "wss", path: "/mqtt?x=1" }],
      ["ws://host/", { host: "host", scheme: "ws" }],
      ["mqtt://u@host", { host: "host", scheme: "mqtt", username: "u" }],
      ["mqtt://u%40x:p%3a%2Fw@host", { host: "host", scheme: "mqtt", username: "u@x", password: "p:/w" }],
      ["mqtt://u:@host", { host: "host", scheme: "mqtt", username: "u", password: "" }],
      ["mqtt://:@host", { host: "host", scheme: "mqtt" }],
      ["mqtt://[fe80::1%eth0]:1884", { host: "fe80::1%eth0", scheme: "mqtt", port: 1884 }],
      ["mqtt://u:p%25@[fe80::1%25eth0]", {
        host: "fe80::1%eth0",
        scheme: "mqtt",
        username: "u",
        password: "p%",
      }],
    ];
    for (const [broker, target] of cases) {
      assertEquals({ ...NOTHING, ...parseBroker(broker) }, { ...NOTHING, ...target });
    }
  });

  it("parseBroker() brings names with other letters than those of ASCII in the form that the name system knows", () => {
    for (
      const broker of ["b\u00fccher.example", "mqtt://b\u00fccher.example:1884", "ws://b\u00fccher.example"]
    ) {
      assertEquals(parseBroker(broker).host, "xn--bcher-kva.example");
    }
  });

  it("parseBroker() tells who names a port without a scheme what to write", () => {
    assertThrows(() => parseBroker("localhost:1884"), UsageError, "write mqtt://localhost:1884");
    assertThrows(() => parseBroker("localhost:1884", "mqtts"), UsageError, "write mqtts://localhost:1884");
  });

  it("parseBroker() refuses a user name or password that would end up elsewhere, and says what to write", () => {
    for (
      const broker of [
        "mqtt://SECRET:12#34@broker",
        "mqtt://user:12#SECRET@broker",
        "mqtt://user:12/SECRET@broker",
        "mqtt://user:12?SECRET@broker",
        "mqtt://user:SECRET@1#2@broker",
        "ws://broker/mqtt#SECRET",
      ]
    ) {
      const error = assertThrows(() => parseBroker(broker), UsageError, "percent-encode");
      assertFalse(error.message.includes("SECRET"), error.message);
    }
  });

  it("parseBroker() refuses what names no host, and does not repeat what may hold a password", () => {
    const refused = [
      "",
      null,
      undefined,
      7,
      {},
      "host:1883",
      "host:",
      "mqtt://",
      "mqtt://u:SECRET@",
      "mqtt://u:SECRET@h:x",
      "mqtt://\u00fc%40x",
      "b\u00fc%zz",
    ];
    for (const broker of [...refused, "mqtt://u:SECRET%zz@host", "u:SECRET@host", "mqtt://:SECRET@host"]) {
      const error = assertThrows(() => parseBroker(broker), UsageError);
      assertEquals(error.code, "invalid-argument");
      assertFalse(error.message.includes("SECRET"), error.message);
    }
  });
});

describe("chooseScheme()", () => {
  it("chooseScheme() takes the URL's scheme, else the first that is as secure as asked (MM-002)", () => {
    const all = transport(WS, WSS, MQTT, MQTTS);
    assertEquals(chooseScheme(all, undefined, undefined), WS);
    assertEquals(chooseScheme(all, undefined, true), WSS);
    assertEquals(chooseScheme(all, "mqtt", undefined), MQTT);
    assertEquals(chooseScheme(all, "mqtts", true), MQTTS);
    assertEquals(chooseScheme(transport(MQTTS), undefined, undefined), MQTTS);
  });

  it("chooseScheme() refuses what the transport cannot do, in words that help (MM-197)", () => {
    assertThrows(
      () => chooseScheme(transport(MQTT), "wss", undefined),
      UsageError,
      "transport fake serves mqtt: not wss:",
    );
    assertThrows(
      () => chooseScheme(transport(MQTT), undefined, true),
      UsageError,
      "ssl_context must be provided if using ssl",
    );
    assertThrows(
      () => chooseScheme(transport(MQTTS), undefined, false),
      UsageError,
      "transport fake serves mqtts: not isSsl: false",
    );
    assertThrows(
      () => chooseScheme(transport(MQTT, MQTTS), "mqtt", true),
      UsageError,
      "ssl_context must be provided",
    );
  });
});

describe("parsePort()", () => {
  it("parsePort() takes 1 to 65535; nothing and 0 mean the default (MM-001)", () => {
    for (const port of [1, 1883, 65_535]) assertEquals(parsePort(port), port);
    for (const port of [undefined, null, 0]) assertEquals(parsePort(port), undefined);
    for (const port of [-1, 65_536, 1.5, NaN, "1883", true, {}]) {
      assertThrows(() => parsePort(port), UsageError, "port must be");
    }
  });
});

import { assert, assertEquals, assertFalse, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import {
  ConnectionError,
  isRetriable,
  MqttError,
  ProtocolError,
  RefusedError,
  UsageError,
} from "./errors.ts";

describe("MqttError", () => {
  it("is the base of the four kinds, each with its name, code and text", () => {
    const cases = [
      [new UsageError("invalid-topic", "text"), UsageError, "UsageError", "invalid-topic"],
      [
        new ProtocolError("malformed-packet", "text", "MQTT-1"),
        ProtocolError,
        "ProtocolError",
        "malformed-packet",
      ],
      [
        new RefusedError("connection-refused", "text", 0x87, 5),
        RefusedError,
        "RefusedError",
        "connection-refused",
      ],
      [new ConnectionError("closed", "text"), ConnectionError, "ConnectionError", "closed"],
    ] as const;
    for (const [error, kind, name, code] of cases) {
      assertInstanceOf(error, kind);
      assertInstanceOf(error, MqttError);
      assertInstanceOf(error, Error);
      assertEquals([error.name, error.code], [name, code]);
      assert(error.message.startsWith("text"));
      assertEquals(`${error}`, `${name}: ${error.message}`);
      for (const [other, otherKind] of cases) {
        if (other !== error) assertFalse(error instanceof otherKind);
      }
    }
  });

  it("carries the runtime's own error as its cause, and has none where none was given", () => {
    const cause = new TypeError("socket");
    assertStrictEquals(new ConnectionError("dial-failed", "text", { cause }).cause, cause);
    assertStrictEquals(new UsageError("invalid-argument", "text", { cause }).cause, cause);
    assertFalse("cause" in new ConnectionError("closed", "text"));
  });
});

describe("ProtocolError", () => {
  it("keeps the summary apart from the statement", () => {
    const error = new ProtocolError("unexpected-packet", "what happened", "MQTT-4.8.0-1", 0xc0);
    assertEquals(error.message, "what happened [MQTT-4.8.0-1]");
    assertEquals(error.summary, "what happened");
    assertEquals(error.statement, "MQTT-4.8.0-1");
    assertEquals(error.firstByte, 0xc0);
  });
});

describe("RefusedError", () => {
  it("tells the code as sent and in MQTT 5's numbers", () => {
    const error = new RefusedError("connection-refused", "text", 0x87, 5);
    assertEquals([error.reason, error.returnCode], [0x87, 5]);
  });
});

describe("isRetriable()", () => {
  it("is true for the network, a broken protocol, and a server that is unavailable or busy (MM-035)", () => {
    for (
      const code of [
        "dial-failed",
        "closed",
        "connack-timeout",
        "pingresp-timeout",
        "name-not-found",
        "not-tls",
        "tls-failed",
      ] as const
    ) {
      assert(isRetriable(new ConnectionError(code, "")));
    }
    assert(isRetriable(new ProtocolError("malformed-packet", "", "")));
    assert(isRetriable(new RefusedError("connection-refused", "", 0x88, 3)));
    assert(isRetriable(new RefusedError("connection-refused", "", 0x89, 0x89)));
  });

  it("is false for usage, refusals that stay, and everything that is not ours (MM-034) (MM-035)", () => {
    for (const [reason, code] of [[0x84, 1], [0x85, 2], [0x86, 4], [0x87, 5], [0x80, 6]] as const) {
      assertFalse(isRetriable(new RefusedError("connection-refused", "", reason, code)));
    }
    // MQTT 5: quota exceeded, connection rate exceeded; and what may end a connection, but for a session taken over.
    for (const reason of [0x97, 0x9f]) {
      assert(isRetriable(new RefusedError("connection-refused", "", reason, reason)));
    }
    for (const reason of [0, 0x89, 0x8b, 0x8d, 0x98]) {
      assert(isRetriable(new RefusedError("disconnected-by-server", "", reason, reason)));
    }
    assertFalse(isRetriable(new RefusedError("disconnected-by-server", "", 0x8e, 0x8e)));
    assertFalse(isRetriable(new RefusedError("subscription-refused", "", 0x88, 0x80)));
    assertFalse(isRetriable(new UsageError("not-connected", "")));
    for (
      const code of [
        "not-permitted",
        "tls-expected",
        "tls-version",
        "certificate-untrusted",
        "certificate-wrong-name",
        "certificate-expired",
        "certificate-not-yet-valid",
        "certificate-required",
        "certificate-rejected",
      ] as const
    ) assertFalse(isRetriable(new ConnectionError(code, "")), code);
    for (const other of [new Error("x"), null, undefined, "closed", { code: "closed" }]) {
      assertFalse(isRetriable(other));
    }
  });
});

import { UsageError } from "@minimqtt/core";
import type { Transport } from "@minimqtt/core";
import { tls } from "@minimqtt/transport-tls";
import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";

describe("tls()", () => {
  it("serves mqtts, tls and ssl at 8883, encrypted (MM-001)", () => {
    const { name, schemes } = tls();
    assertEquals(name, "tls");
    assertEquals(schemes, [
      { name: "mqtts", port: 8883, secure: true },
      { name: "tls", port: 8883, secure: true },
      { name: "ssl", port: 8883, secure: true },
    ]);
  });

  it("throws for wrong options at once, and not when it connects", () => {
    assertThrows(() => tls({ ca: "nothing" }), UsageError, "ca holds no certificate");
    assertThrows(() => tls({ minVersion: "TLSv1" as "TLSv1.2" }), UsageError, "minVersion");
  });

  it("refuses to connect in the clear, and opens nothing for it", async () => {
    let dialled = false;
    const over: Transport = {
      name: "never",
      schemes: [{ name: "mqtt", port: 1883, secure: false }],
      connect() {
        dialled = true;
        return Promise.reject(new Error("never"));
      },
    };
    const attempt = tls({ over }).connect({ host: "broker", port: 1, secure: false });
    const error = await assertRejects(() => attempt, UsageError);
    assertEquals([error.code, dialled], ["invalid-argument", false]);
    assertStringIncludes(error.message, "transport-tcp");
  });

  it("rejects with what the transport below rejects with, untouched", async () => {
    const reason = new Error("no carrier");
    const over: Transport = {
      name: "broken",
      schemes: [{ name: "mqtt", port: 1883, secure: false }],
      connect: () => Promise.reject(reason),
    };
    const error = await assertRejects(() => tls({ over }).connect({ host: "broker", port: 1 }), Error);
    assertEquals(error, reason);
  });
});

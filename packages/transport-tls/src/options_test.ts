import { UsageError } from "@minimqtt/core";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { checkOptions } from "./options.ts";
import type { TlsOptions } from "./options.ts";

const CERTIFICATE = "-----BEGIN CERTIFICATE-----";
const KEY = "-----BEGIN PRIVATE KEY-----";

/** Wrong options, and what the error must say. */
const WRONG: readonly (readonly [options: Record<string, unknown>, text: string])[] = [
  [{ rejectUnauthorized: false }, "unsafelyIgnoreCertificateErrors: true (it is unsafe)"],
  [{ servername: "broker" }, "use serverName"],
  [{ ALPNProtocols: ["mqtt"] }, "use alpn"],
  [{ caCerts: [CERTIFICATE] }, "use ca"],
  [{ pskCallback: () => null }, "no pre-shared keys"],
  [{ colour: "red" }, "there is no option colour"],
  [{ cert: CERTIFICATE }, "cert without its key"],
  [{ key: KEY }, "key without its cert"],
  [{ passphrase: 1 }, "passphrase"],
  [{ serverName: "" }, "serverName"],
  [{ serverName: "mqtts://broker" }, "serverName"],
  [{ serverName: 5 }, "serverName"],
  [{ alpn: "mqtt" }, "alpn"],
  [{ alpn: [""] }, "alpn"],
  [{ alpn: ["x".repeat(256)] }, "alpn"],
  [{ minVersion: "TLSv1.1" }, '"TLSv1.2" or "TLSv1.3", not "TLSv1.1"'],
  [{ minVersion: 1.3 }, "minVersion"],
  [{ unsafelyIgnoreCertificateErrors: "true" }, "true or false"],
  [{ unsafelyIgnoreCertificateErrors: 1 }, "true or false"],
  [{ over: {} }, "over must have connect"],
  [{ over: null }, "over must have connect"],
];

describe("checkOptions()", () => {
  for (const [options, text] of WRONG) {
    it(`refuses ${JSON.stringify(options).slice(0, 60)}: ${text}`, () => {
      const error = assertThrows(() => checkOptions(options as TlsOptions), UsageError);
      assertEquals(error.code, "invalid-argument");
      assertStringIncludes(error.message, text);
    });
  }

  it("never repeats a passphrase or a key", () => {
    for (const options of [{ passphrase: "s3cret", colour: "red" }, { key: "s3cret" }]) {
      const error = assertThrows(() => checkOptions(options as TlsOptions), UsageError);
      assert(!error.message.includes("s3cret"));
    }
  });

  it("takes what is right", () => {
    checkOptions({});
    checkOptions({ serverName: "broker.example", alpn: [], minVersion: "TLSv1.3" });
    checkOptions({
      serverName: "::1",
      alpn: ["mqtt", "x-amzn-mqtt-ca"],
      unsafelyIgnoreCertificateErrors: false,
    });
    checkOptions({ ca: CERTIFICATE, cert: CERTIFICATE, key: KEY, passphrase: "secret" });
  });
});

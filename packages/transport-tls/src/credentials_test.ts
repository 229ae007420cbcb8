import { ConnectionError, UsageError } from "@minimqtt/core";
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { credentialsOf } from "./credentials.ts";
import type { TlsOptions } from "./options.ts";

/** An authority's certificate, valid for a hundred years from 2026 on; its key was thrown away. */
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBdjCCARugAwIBAgIUW5VrU2/5pFuIvlz3/Pw+EL2BtSIwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjUxMTA2MzlaGA8yMTI2MTEwMTExMDYz
OVowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABCmd
vsHTZ24GTuUpkhXiEEzJ/PBnZmZCMooeLTHUPC3VHMRzvqMgnkHd02u+hB+C8RvC
mpXROLJ4twS6WnUY4uyjUzBRMB0GA1UdDgQWBBSWy0B6MFGroyr//FQ4YhE0+t4F
qDAfBgNVHSMEGDAWgBSWy0B6MFGroyr//FQ4YhE0+t4FqDAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0kAMEYCIQCn/RTKojqROTLyFDLL/0WrdRmzCe1bHIQm
xtSJM3BzlgIhAKYxkNvRApIobkgB69WZ+xk5cg/dowGVttt2JfN/33y3
-----END CERTIFICATE-----`;

const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const key = privateKey.export({ type: "pkcs8", format: "pem" }) as string;
const encrypted = privateKey.export({
  type: "pkcs8",
  format: "pem",
  cipher: "aes-256-cbc",
  passphrase: "right",
}) as string;

/** Wrong certificates and keys, and what the error must say. */
const WRONG: readonly (readonly [name: string, options: TlsOptions, text: string])[] = [
  ["a path as ca", { ca: "/etc/ssl/ca.pem" }, "ca holds no certificate: expected PEM"],
  ["an empty ca", { ca: "" }, "ca holds no certificate"],
  ["a key as ca", { ca: key }, "ca holds no certificate"],
  ["one ca of two that is none", { ca: [CERTIFICATE, "nothing"] }, "ca holds no certificate"],
  ["a damaged ca", { ca: CERTIFICATE.replace("MII", "AAA") }, "certificate 1 of 1 in ca is damaged"],
  [
    "a damaged ca behind a good one",
    { ca: `${CERTIFICATE}\n${CERTIFICATE.replace("MII", "AAA")}` },
    "certificate 2 of 2 in ca is damaged",
  ],
  ["a number as ca", { ca: 5 as unknown as string }, "must be PEM text, its bytes, or { file }"],
  ["a key that is none", { cert: CERTIFICATE, key: "nothing" }, "key holds no private key"],
  ["a certificate as key", { cert: CERTIFICATE, key: CERTIFICATE }, "key holds no private key"],
  ["a key of another certificate", { cert: CERTIFICATE, key }, "key does not belong to cert"],
  ["an encrypted key alone", { cert: CERTIFICATE, key: encrypted }, "key is encrypted: give its passphrase"],
  [
    "a wrong passphrase",
    { cert: CERTIFICATE, key: encrypted, passphrase: "s3cret" },
    "passphrase does not open key",
  ],
];

describe("credentialsOf()", () => {
  for (const [name, options, text] of WRONG) {
    it(`refuses ${name}, at once`, () => {
      const error = assertThrows(() => credentialsOf(options), UsageError);
      assertEquals(error.code, "invalid-argument");
      assertStringIncludes(error.message, text);
      assert(!error.message.includes("s3cret"));
    });
  }

  it("takes text, bytes and lists, and what stands between certificates", async () => {
    const bytes = new TextEncoder().encode(CERTIFICATE);
    const both = `Subject: CN = test\n${CERTIFICATE}\r\n# the same again\n${CERTIFICATE}\n`;
    for (const [ca, count] of [[CERTIFICATE, 1], [bytes, 1], [[CERTIFICATE, bytes], 2], [both, 2]] as const) {
      assertEquals((await credentialsOf({ ca })()).ca?.length, count);
    }
    assertEquals(await credentialsOf({})(), {});
  });

  it("reads files by path and URL, anew each time, and says which cannot be read", async () => {
    const folder = mkdtempSync(join(tmpdir(), "credentials-"));
    const file = join(folder, "ca.pem");
    const read = credentialsOf({ ca: [{ file }, { file: pathToFileURL(file) }, CERTIFICATE] });
    const error = await assertRejects(read, UsageError, "ca cannot be read");
    assertEquals(error.code, "invalid-argument");
    assertStringIncludes(error.message, "ca.pem");
    writeFileSync(file, CERTIFICATE);
    assertEquals((await read()).ca?.length, 3);
    writeFileSync(file, "nothing");
    await assertRejects(read, UsageError, "ca holds no certificate");
    rmSync(folder, { recursive: true });
    assert(!(error instanceof ConnectionError));
  });
});

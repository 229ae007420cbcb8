import { UsageError } from "@minimqtt/core";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { createPrivateKey } from "node:crypto";
import { credentialsOf } from "./credentials.ts";
import { openKey } from "./encrypted_key.ts";

/** A certificate signed by itself, of no use to anybody, and its key, encrypted by OpenSSL in many ways. */
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBdDCCARugAwIBAgIUMZ/m0OgW57qX2yDWhUIncxTIeZMwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjcxOTA2NTZaGA8yMTI2MTEwMzE5MDY1
NlowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABGjS
zUxS99EwImDJ7/edrvv6Omdk3RWjE5XYBnVF07LRV4CF/NGw2ichYbzv75tLlVYk
NnbOc9cIeZv20QBXR7ujUzBRMB0GA1UdDgQWBBTF4n8MAtGfFyQ31R6UC8Lc+Rug
nzAfBgNVHSMEGDAWgBTF4n8MAtGfFyQ31R6UC8Lc+RugnzAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0cAMEQCIBgKCXdQ18SKvIselv1C8xKWeIxZkeF3SuWB
GBQIFwPVAiBnBauP+XWTG7gW+URlwFx0M1SPiyLP2UvmrmFYZwVDDg==
-----END CERTIFICATE-----`;

const PASSPHRASE = "right";

const KINDS: Readonly<Record<string, string>> = {
  "DES-EDE3, which openssl req -newkey writes":
    `MIHjME4GCSqGSIb3DQEFDTBBMCkGCSqGSIb3DQEFDDAcBAiPvsLgbL34CAICCAAw
DAYIKoZIhvcNAgkFADAUBggqhkiG9w0DBwQIxfM0kRwvn0kEgZBGaFHhLwJIZlz+
GJfaxMt6VGpN8+nfaQ4BKFpf4EHmlz05lXEDL0Bgt4xwS31rmKUcQMkCEkzgxnnS
yvXDQ7lAwQChbt+n7BWSt1aDXbpRX09Gy3f7sbSYAT7sPqHAQv7+jsgm7nk31zoD
WteKkuUlckplvUMRIGWdIHD0MStcNWn+zSAoC0p4yLqslQpOkkY=`,
  "DES-EDE3 with SHA-1": `MIHVMEAGCSqGSIb3DQEFDTAzMBsGCSqGSIb3DQEFDDAOBAhtUHTihLZSbQICCAAw
FAYIKoZIhvcNAwcECF2lNFQifVIYBIGQZRAegH4OHMkuJjBHVZ/OWhYYqcMn2i9z
h4EU4TpZOfb1LRfLY7Qvbv9UVE0jNa6YKO61Sp9cpq8TrJWeysrr90qtrD8xjMsI
NomwpWeIlXUPXgrWfUxy8bDeuOv63oUuZVO4CeXHyn4zAg0JgmMIsqellXx1/vxQ
rg3+vMHLzsY0uzjyI92YUGRkKHxwIpui`,
  "scrypt": `MIHkME8GCSqGSIb3DQEFDTBCMCEGCSsGAQQB2kcECzAUBAh8YngtLvvcwwICQAAC
AQgCAQEwHQYJYIZIAWUDBAEqBBDQk4+/n0pWka/EVURcXkA0BIGQ+ejpjxGmrutJ
iEYoDr7/YnRNV0p8/mgU9bCgrk+hydSaLveJYLPInoWpNiQoNjvbK5iUi69LqlUf
q7GcRQsUZedTzAifQJiFDkWbenno2VGPxx+Cc0z67nSHYzFe8PwSd/qgsnGBI9mI
genLxCi0hNqEuIUnJBMzQYLG8sNCb4ikZ4h5nMRTFEFjYZDwWQij`,
  "AES-128": `MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgrzLNQ3gQxiAICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEAQIEEDKkzlWkqRfBwxJwhQMRNNoEgZDK
N5jzdaGMw/WAEiujmvVjlDIMKO17dRoJ+JaPdDhYQnixtZHOOTRdubzNcFp2GYFw
N2E4KqBDrvNaceLlJE7Q/kXPcQ1+nxGbDUY1xEIqQbk2766GUAJeB54II2jwsTaB
JyNqQIVVYABgiYkGZn6H/jbC9u/xAyYTV5q3TR5lT8Aff8UL0LEq4HHG8eRpGfI=`,
  "AES-256": `MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjS1TG3+w55VgICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEMZswxWZPF2rHdK9G8zlPS8EgZCl
LZ71Y4hxN+oz6w9bBWKdD1xEDnOK7rSxFiXn+C/of13iG5UmuXefLvcE8KeWPbX4
sjlBp4ZIIEbxpeaSESdVAtoqQEls0PjxOpspIQ+ljS3fhWp+aBLAnUkViYGdwlPq
Z+lMUFqamf3qaNugh0rt248YLL4zXZF7QAr1PnPRuP85yC/b4djXmQAao3yC9dc=`,
  "AES-256 with SHA-1": `MIHeMEkGCSqGSIb3DQEFDTA8MBsGCSqGSIb3DQEFDDAOBAjF5w4eRqNoHQICCAAw
HQYJYIZIAWUDBAEqBBCR7MXiJ4CsG0GC+lAgrROkBIGQHjh99QFy3t7geSkvl3Tz
zI6mSdg47w6GJM1ETDTx144SKvEKjTbNeEvenjvqgLw2owIKpKutZWw+AS3j4Jl4
TfSl7rZQE1u3MpHaUD24pWquiH90w+ggWQ6WtdSHEdF39CyGEu/ZBIgaQCmd5gvw
1wgcIddollvRAk5hiScv+wHfMXaZ4fnH1/x8BURwrp1o`,
  "AES-256 with SHA-512": `MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAiiwwF62WTiagICCAAw
DAYIKoZIhvcNAgsFADAdBglghkgBZQMEASoEEGxDjUOdwOhk+Yth9grNaqUEgZAV
GEJXFmk4JxfvMp1UNKLa/byiLC5/yoMWoBq96YxcN1p6zeuErmk1K6RsXklJtsWi
N0HBqsuHLn6dOHhY+SabdEgYugCpEDKs5SGz4MGPV20KMGfNgyxVSh24JrccPB3R
pYBkYgKFJ6rCNwoqSItrmqmHwTCJyPrQ0wztVaKv0taC9HQ0wv5SqpwWgyOCNoo=`,
};

/** As OpenSSL wrote them before 1.1, and as nobody should any more. */
const OLD = pem(`MIGxMBwGCiqGSIb3DQEMAQMwDgQIUeXGt6pn2S0CAggABIGQ1g0kk7L4MJPunn+4
zK3AageXHYsUgPsipMg6xDAgw5JccsK6opReZzycZ5KRHf0WRxmJQJGcAwulbROC
Jf9ULMmTrhccaAzNB4qWE+o9feegR7JIfjECF2HJDDVkY8ZxuvGcMDIUCqk70u2b
BJf9tRbf9Efu5brfkW97MH4Hc2GW0XE+9wOvNhUDLsENKnmx`);

function pem(base64: string): string {
  return `-----BEGIN ENCRYPTED PRIVATE KEY-----\n${base64}\n-----END ENCRYPTED PRIVATE KEY-----\n`;
}

describe("encrypted keys", () => {
  for (const [kind, base64] of Object.entries(KINDS)) {
    it(`credentialsOf() opens a key encrypted with ${kind}, and tells a wrong passphrase`, async () => {
      const options = { cert: CERTIFICATE, key: pem(base64), passphrase: PASSPHRASE };
      const { key = "" } = await credentialsOf(options)();
      assertEquals(createPrivateKey(key).asymmetricKeyType, "ec");
      for (const passphrase of ["wrong", ""]) {
        const error = assertThrows(() => credentialsOf({ ...options, passphrase }), UsageError);
        assertEquals(error.message, "passphrase does not open key");
      }
    });

    it(`openKey() opens a key encrypted with ${kind} by its own means`, () => {
      assertEquals(openKey(pem(base64), PASSPHRASE)?.asymmetricKeyType, "ec");
    });
  }

  it("credentialsOf() opens a key of an old kind, or says that this runtime cannot and what to do", async () => {
    const open = (passphrase: string) =>
      Promise.resolve().then(() => credentialsOf({ cert: CERTIFICATE, key: OLD, passphrase })());
    const said = await open(PASSPHRASE).then(() => "opened", ({ message }) => message);
    if ("Deno" in globalThis) {
      const text =
        "this runtime cannot open this kind of encrypted key: make one that every runtime opens, by " +
        "openssl pkcs8 -topk8 -v2 aes-256-cbc -in key.pem -out new.pem";
      assertEquals(said, text);
    } else {
      assertEquals(said, "opened");
      await assertRejects(() => open("wrong"), UsageError, "passphrase does not open key");
    }
  });

  it("openKey() leaves what it does not know, and what is no key at all", () => {
    for (const text of ["", OLD, pem(""), pem("AAAA"), pem("MIIBHw=="), CERTIFICATE]) {
      assertEquals(openKey(text, PASSPHRASE), undefined);
    }
  });
});

/**
 * Certificates for tests, made by openssl: an authority, a server's for `localhost` and 127.0.0.1, and a client's.
 *
 * @module
 */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** PEM texts. */
export interface Certificates {
  readonly ca: string;
  readonly server: { readonly cert: string; readonly key: string };
  readonly client: { readonly cert: string; readonly key: string };
}

/** Makes new ones; needs openssl. */
export function makeCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), "esp32spi-"));
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  const read = (name: string) => readFileSync(join(folder, name), "utf8");
  try {
    const authority = ["-x509", "-days", "2", "-subj", "/CN=test authority", "-nodes", "-newkey", "rsa:2048"];
    openssl("req", ...authority, "-keyout", "ca.key", "-out", "ca.pem");
    const sign = (name: string, extensions: string) => {
      openssl(
        "req",
        "-new",
        "-nodes",
        "-newkey",
        "rsa:2048",
        "-subj",
        `/CN=${name}`,
        "-keyout",
        "key",
        "-out",
        "csr",
      );
      openssl("rsa", "-traditional", "-in", "key", "-out", `${name}.key`);
      writeFileSync(join(folder, "extensions"), extensions);
      const by = [
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-days",
        "2",
        "-extfile",
        "extensions",
      ];
      openssl("x509", "-req", "-in", "csr", ...by, "-out", `${name}.pem`);
      return { cert: read(`${name}.pem`), key: read(`${name}.key`) };
    };
    return {
      ca: read("ca.pem"),
      server: sign("localhost", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
      client: sign("client", "extendedKeyUsage=clientAuth"),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

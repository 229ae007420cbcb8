/**
 * Certificates and keys: read, checked and brought into the one form that all runtimes understand. What a runtime
 * would drop in silence (Deno: a key that it cannot decrypt, an authority that is no certificate) is an error here.
 *
 * @module
 */

import { ConnectionError, UsageError } from "@minimqtt/core";
import { isBytes } from "@minimqtt/core/internal";
import { createPrivateKey, X509Certificate } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { readFile } from "node:fs/promises";
import { openKey } from "./encrypted_key.ts";
import type { Pem, TlsOptions } from "./options.ts";

/** What `node:tls` gets of them. */
export interface Credentials {
  /** One certificate each. */
  readonly ca?: string[];
  /** The client's certificate, and those between it and its authority. */
  readonly cert?: string;
  /** PKCS #8, not encrypted any more. */
  readonly key?: string;
}

const CERTIFICATE =
  /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[^-]*-----END (?:X509 |TRUSTED )?CERTIFICATE-----/g;

/**
 * Makes the function that gives the credentials for a connection. Those that are here already are checked at once;
 * where there are files, it reads and checks all of them at every call.
 *
 * @throws {UsageError} `invalid-argument`, here or as a rejection of the function: no PEM, a key that does not belong
 * to the certificate, a wrong passphrase, a file that cannot be read.
 */
export function credentialsOf(options: TlsOptions): () => Promise<Credentials> {
  const { cert, key, passphrase } = options;
  const ca = options.ca === undefined ? undefined : [options.ca].flat() as readonly Pem[];
  const all = [...ca ?? [], cert, key];
  if (!all.some(isFile)) {
    const ready = check(
      {
        ca: ca?.map(textOf),
        cert: cert === undefined ? cert : textOf(cert),
        key: key === undefined ? key : textOf(key),
      },
      passphrase,
    );
    return () => Promise.resolve(ready);
  }
  return async () => {
    const [certText, keyText, ...caTexts] = await Promise.all([
      read(cert, "cert"),
      read(key, "key"),
      ...ca?.map((pem) => read(pem, "ca")) ?? [],
    ]);
    return check({ ca: ca && caTexts as string[], cert: certText, key: keyText }, passphrase);
  };
}

interface Texts {
  readonly ca: readonly string[] | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

function check({ ca, cert, key }: Texts, passphrase: string | undefined): Credentials {
  const roots = ca?.flatMap((text) => certificatesIn(text, "ca"));
  if (cert === undefined || key === undefined) return roots ? { ca: roots } : {};
  const chain = certificatesIn(cert, "cert");
  const secret = privateKey(key, passphrase);
  if (!new X509Certificate(chain[0] as string).checkPrivateKey(secret)) {
    throw wrong("key does not belong to cert: they must be made together");
  }
  const own = { cert: chain.join("\n"), key: secret.export({ type: "pkcs8", format: "pem" }) as string };
  return roots ? { ca: roots, ...own } : own;
}

function certificatesIn(text: string, option: string): string[] {
  const found = text.match(CERTIFICATE) ?? [];
  if (found.length === 0) {
    throw wrong(
      `${option} holds no certificate: expected PEM (-----BEGIN CERTIFICATE-----), or { file } for the name of a file`,
    );
  }
  found.forEach((certificate, index) => {
    try {
      new X509Certificate(certificate);
    } catch (cause) {
      throw wrong(`certificate ${index + 1} of ${found.length} in ${option} is damaged`, cause);
    }
  });
  return found;
}

function privateKey(key: string, passphrase: string | undefined): KeyObject {
  const encrypted = key.includes("ENCRYPTED");
  if (encrypted && passphrase === undefined) throw wrong("key is encrypted: give its passphrase");
  try {
    return createPrivateKey(encrypted ? { key, passphrase: passphrase as string } : key);
  } catch (cause) {
    if (!encrypted) {
      throw wrong("key holds no private key: expected PEM (-----BEGIN PRIVATE KEY-----)", cause);
    }
    return openOtherwise(key, passphrase as string, cause as Error);
  }
}

/** A key that the runtime does not open: the passphrase is wrong, or the runtime does not know how it is encrypted. */
function openOtherwise(key: string, passphrase: string, cause: Error): KeyObject {
  let opened: KeyObject | undefined;
  try {
    opened = openKey(key, passphrase);
  } catch {
    throw wrong("passphrase does not open key", cause);
  }
  if (opened !== undefined) return opened;
  if (/bad.?decrypt/i.test(cause.message)) throw wrong("passphrase does not open key", cause);
  throw wrong(
    "this runtime cannot open this kind of encrypted key: make one that every runtime opens, by " +
      "openssl pkcs8 -topk8 -v2 aes-256-cbc -in key.pem -out new.pem",
    cause,
  );
}

function isFile(pem: Pem | undefined): pem is { readonly file: string | URL } {
  if (typeof pem !== "object" || pem === null || !("file" in pem)) return false;
  if (typeof pem.file === "string" || pem.file instanceof URL) return true;
  throw wrong("file must be the path or the URL of one");
}

function textOf(pem: Pem): string {
  if (typeof pem === "string") return pem;
  if (isBytes(pem)) return new TextDecoder().decode(pem);
  throw wrong("certificates and keys must be PEM text, its bytes, or { file }");
}

async function read(pem: Pem | undefined, option: string): Promise<string | undefined> {
  if (!isFile(pem)) return pem && textOf(pem);
  try {
    return await readFile(pem.file, "utf8");
  } catch (cause) {
    const { name, code, message } = cause as { name?: string; code?: string; message?: string };
    if (name === "NotCapable" || code === "EPERM") {
      const text = `not allowed to read ${pem.file}: run with --allow-read=${pem.file}`;
      throw new ConnectionError("not-permitted", text, { cause });
    }
    throw wrong(`${option} cannot be read: ${message}`, cause);
  }
}

function wrong(text: string, cause?: unknown): UsageError {
  return new UsageError("invalid-argument", text, { cause });
}

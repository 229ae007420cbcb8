/**
 * Opens a private key that is encrypted in a way which the runtime's own parser does not know: Deno's knows no DES-EDE3
 * (which `openssl req -newkey` writes), Bun's no scrypt, and neither all hashes. What these are made of they have.
 *
 * PKCS #8 with PBES2 (RFC 8018; scrypt: RFC 7914), which is what OpenSSL writes.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createDecipheriv, createPrivateKey, pbkdf2Sync, scryptSync } from "node:crypto";
import type { KeyObject } from "node:crypto";

// Object identifiers, as they are encoded.
const PBES2 = "2a864886f70d01050d";
const PBKDF2 = "2a864886f70d01050c";
const SCRYPT = "2b06010401da47040b";
const HASHES: Readonly<Record<string, string>> = {
  "2a864886f70d0207": "sha1",
  "2a864886f70d0208": "sha224",
  "2a864886f70d0209": "sha256",
  "2a864886f70d020a": "sha384",
  "2a864886f70d020b": "sha512",
};
/** With the length of their keys. */
const CIPHERS: Readonly<Record<string, readonly [string, number]>> = {
  "2a864886f70d0307": ["des-ede3-cbc", 24],
  "608648016503040102": ["aes-128-cbc", 16],
  "608648016503040116": ["aes-192-cbc", 24],
  "60864801650304012a": ["aes-256-cbc", 32],
};

/** What scrypt may take; OpenSSL's own parameters need 16 MiB. */
const MEMORY = 256 * 1024 * 1024;

/**
 * The key in a PEM text; undefined when it is encrypted in a way that is not known here either.
 *
 * @throws whatever a wrong passphrase leads to.
 */
export function openKey(pem: string, passphrase: string): KeyObject | undefined {
  const [, base64 = ""] = /-----BEGIN ENCRYPTED PRIVATE KEY-----([^-]*)-----END/.exec(pem) ?? [];
  const [whole] = elements(Buffer.from(base64, "base64"));
  const [algorithm, data] = elements(whole);
  const [scheme, parameters] = elements(algorithm);
  const [derivation, encryption] = elements(parameters);
  const [cipher, iv] = elements(encryption);
  const [name, length] = CIPHERS[hex(cipher)] ?? [];
  if (hex(scheme) !== PBES2 || name === undefined || length === undefined || !data || !iv) return undefined;
  const secret = derive(elements(derivation), passphrase, length);
  if (secret === undefined) return undefined;
  const decipher = createDecipheriv(name, secret, iv);
  const key = Buffer.concat([decipher.update(data), decipher.final()]);
  return createPrivateKey({ key, format: "der", type: "pkcs8" });
}

function derive([method, parameters]: Buffer[], passphrase: string, length: number): Buffer | undefined {
  const [salt, ...rest] = elements(parameters);
  if (salt === undefined) return undefined;
  if (hex(method) === SCRYPT) {
    const [N, r, p] = rest.map(integer);
    return scryptSync(passphrase, salt, length, { N: N ?? 0, r: r ?? 0, p: p ?? 0, maxmem: MEMORY });
  }
  if (hex(method) !== PBKDF2) return undefined;
  // Between the count and the hash there may be the length, a number. SHA-1 is meant where no hash is named.
  const [hash] = elements(rest.slice(1).find((one) => one.length > 4));
  const name = hash === undefined ? "sha1" : HASHES[hex(hash)];
  return name === undefined ? undefined : pbkdf2Sync(passphrase, salt, integer(rest[0]), length, name);
}

/** The contents of the elements that stand one behind the other (DER). */
function elements(bytes: Buffer | undefined): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; bytes !== undefined && at + 1 < bytes.length;) {
    const short = bytes[at + 1] as number;
    const more = short < 128 ? 0 : short - 128;
    const start = at + 2 + more;
    const end = start + (more === 0 ? short : integer(bytes.subarray(at + 2, start)));
    found.push(bytes.subarray(start, end));
    at = end;
  }
  return found;
}

function integer(bytes: Buffer | undefined): number {
  let sum = 0;
  for (const byte of bytes ?? []) sum = sum * 256 + byte;
  return sum;
}

function hex(bytes: Buffer | undefined): string {
  return bytes?.toString("hex") ?? "";
}

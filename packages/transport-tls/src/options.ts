/**
 * What `tls()` takes, and what is checked of it before anything is opened.
 *
 * @module
 */

import { UsageError } from "@minimqtt/core";
import type { Transport } from "@minimqtt/core";
import { checkOptions as check, having, type Kind, type Kinds } from "@minimqtt/core/internal";

/**
 * Certificates or a key in PEM (`-----BEGIN ...`): the text, its bytes, or the file that holds it. A file is read anew
 * for every connection, so that a renewed certificate is used without a restart.
 */
export type Pem = string | Uint8Array | { readonly file: string | URL };

/** Options of `tls()`. The same ones work on Deno, Bun and Node, with the same results. */
export interface TlsOptions {
  /**
   * The authorities to trust *in place of* those that the runtime trusts by itself: the certificate of the broker's own
   * authority, or the broker's own certificate if it signed that itself.
   */
  readonly ca?: Pem | readonly Pem[];
  /** The client's certificate, for brokers that demand one, and behind it those of the authorities between. */
  readonly cert?: Pem;
  /** The key of the client's certificate: PKCS #8, or as OpenSSL used to write it; RSA, elliptic curves or Ed25519. */
  readonly key?: Pem;
  /** What the key is encrypted with, if it is. */
  readonly passphrase?: string;
  /**
   * The name (or address) that the broker's certificate must be for, and that the broker is told (SNI, names only).
   * By default the host that is connected to.
   */
  readonly serverName?: string;
  /**
   * The application protocols to offer (ALPN); `["mqtt"]` by default. A broker that knows nothing of ALPN does not mind;
   * `[]` is for one that refuses what it does not know.
   */
  readonly alpn?: readonly string[];
  /** The lowest version to accept; `"TLSv1.2"` by default. The highest is 1.3. */
  readonly minVersion?: "TLSv1.2" | "TLSv1.3";
  /**
   * True accepts every certificate: expired, for another name, from anybody. Whoever sits between can read and change
   * everything then, passwords too. For tests; a broker with a certificate of its own wants `ca`.
   */
  readonly unsafelyIgnoreCertificateErrors?: boolean;
  /** What carries the encrypted bytes; `tcp()` by default. Any transport will do, such as one over an ESP32. */
  readonly over?: Transport;
}

const KINDS: Kinds = {
  ca: "any",
  cert: "any",
  key: "any",
  passphrase: "string",
  serverName: "string",
  alpn: "any",
  minVersion: "any",
  // Anything that is merely like true must not switch off what keeps the connection safe.
  unsafelyIgnoreCertificateErrors: "boolean",
  over: having("connect"),
};

/** What others call some of the options, and what is to be used instead. */
const OTHER_NAMES: Kinds = {
  rejectUnauthorized: instead("unsafelyIgnoreCertificateErrors: true (it is unsafe)"),
  servername: instead("serverName"),
  ALPNProtocols: instead("alpn"),
  caCerts: instead("ca"),
  pskCallback: instead("a certificate: Deno's and Bun's node:tls have no pre-shared keys"),
};

function instead(text: string): Kind {
  return (_, name) => {
    throw wrong(`tls() knows no option ${name}: use ${text}`);
  };
}

/** Checks all but the certificates. Throws `UsageError` `invalid-argument`. */
export function checkOptions(options: TlsOptions): void {
  check(options, "tls()", { ...KINDS, ...OTHER_NAMES });
  const { cert, key, serverName, alpn, minVersion } = options;
  if ((cert === undefined) !== (key === undefined)) {
    throw wrong(`tls() has a ${cert ? "cert without its key" : "key without its cert"}: give both or none`);
  }
  if (serverName !== undefined && !/^[^\s/]+$/.test(serverName)) {
    throw wrong("serverName must be a host name or an IP address");
  }
  if (alpn !== undefined && !(Array.isArray(alpn) && alpn.every(isProtocol))) {
    throw wrong('alpn must be a list of protocol names of 1 to 255 characters, such as ["mqtt"]');
  }
  if (minVersion !== undefined && minVersion !== "TLSv1.2" && minVersion !== "TLSv1.3") {
    throw wrong(
      `minVersion must be "TLSv1.2" or "TLSv1.3", not ${
        typeof minVersion === "string" ? `"${minVersion}"` : typeof minVersion
      }`,
    );
  }
}

function isProtocol(name: unknown): boolean {
  return typeof name === "string" && /^[\x21-\x7e]{1,255}$/.test(name);
}

function wrong(text: string): UsageError {
  return new UsageError("invalid-argument", text);
}

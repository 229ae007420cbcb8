/**
 * The contract's errors for what goes wrong in TLS: one code for one cause, whatever the runtime calls it, and a text
 * that tells what to do.
 *
 * Node, Bun and Deno carry three implementations of TLS (OpenSSL, BoringSSL, rustls). The names of alerts in the codes
 * of their errors end alike, and only the ends are looked at.
 *
 * @module
 */

import { ConnectionError } from "@minimqtt/core";
import type { ConnectionCode } from "@minimqtt/core";
import type { PeerCertificate } from "node:tls";

/** What is known of an attempt. */
export interface Attempt {
  /** `host:port`, for texts. */
  readonly place: string;
  /** What the certificate must be for. */
  readonly name: string;
  /** The application protocols that were offered. */
  readonly alpn: readonly string[];
  /** Whether the client has a certificate. */
  readonly certified: boolean;
  /** How many bytes the peer has sent. */
  received(): number;
}

/** An alert and nothing before it: the peer did not even say hello. */
const ONE_ALERT = 7;

const onDeno = "Deno" in globalThis;

const HANDSHAKE_FAILURE = /ALERT_HANDSHAKE_FAILURE$/;
const HANDSHAKE_FAILURE_ON_DENO = "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE";
const DEMANDED = /ALERT_CERTIFICATE_REQUIRED$/;
const REJECTED =
  /ALERT_(BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_(REVOKED|EXPIRED|UNKNOWN)|UNKNOWN_CA|ACCESS_DENIED)$/;
const VERSION =
  /(PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|INAPPROPRIATE_FALLBACK|ServerDoesNotSupportTls12Or13)$/;
const OTHER_LANGUAGE = /(WRONG_VERSION_NUMBER|HTTP_REQUEST|HTTPS_PROXY_REQUEST|UNEXPECTED_RECORD)$/;

/** The error for what ended a handshake; `cause` is absent where the peer simply hung up. */
export function handshakeError(cause: Error | undefined, attempt: Attempt): ConnectionError {
  if (cause instanceof ConnectionError && cause.code !== "read-failed") return cause;
  const code = codeOf(cause);
  const { place } = attempt;
  // Before TLS 1.3 there is no alert for it: a handshake that fails behind the broker's certificate fails of ours.
  const ours = HANDSHAKE_FAILURE.test(code) && attempt.received() > ONE_ALERT;
  const known = certificateAlert(cause, attempt, ours);
  if (known) return known;
  // Before the peer has spoken, Deno means by it that it cannot use our certificates.
  if (VERSION.test(code) && attempt.received() > 0) {
    return error("tls-version", `${place} speaks no version of TLS that is allowed here (minVersion)`, cause);
  }
  if (OTHER_LANGUAGE.test(code)) {
    return error("not-tls", `${place} does not speak TLS: is it the broker's port for TLS?`, cause);
  }
  if (/NO_APPLICATION_PROTOCOL$/.test(code)) {
    const text = `${place} knows no application protocol of ${attempt.alpn.join(", ")}: try alpn: []`;
    return error("tls-failed", text, cause);
  }
  if (code.startsWith("ERR_")) {
    return error("tls-failed", `TLS with ${place} failed: ${cause?.message.trim()}`, cause);
  }
  if (attempt.received() === 0) {
    const text =
      `${place} hung up without a word of TLS: is it the broker's port for TLS, and is the broker up?`;
    return error("not-tls", text, cause);
  }
  return error("tls-failed", `${place} hung up in the middle of the TLS handshake`, cause);
}

/** The error for a read that failed later: what a peer thinks of our certificate comes only then in TLS 1.3. */
export function readError(cause: Error, attempt: Attempt): ConnectionError | undefined {
  return cause instanceof ConnectionError ? cause : certificateAlert(cause, attempt, false);
}

/** The reason for a certificate without alternative names: browsers and Go refuse it, the runtimes are of two minds. */
export const COMMON_NAME_ONLY: Error = Object.assign(new Error("the certificate has no alternative names"), {
  code: "ERR_TLS_CERT_ALTNAME_INVALID",
});

/** The error for a certificate that the runtime does not accept, by its reason and the certificate. */
export function certificateError(
  reason: unknown,
  certificate: PeerCertificate | undefined,
  { name, place }: Attempt,
): ConnectionError {
  const cause = reason instanceof Error ? reason : new Error(String(reason));
  const verdict = reason instanceof Error ? codeOf(reason) : String(reason);
  const whose = `the certificate of ${place}`;
  if (verdict === "ERR_TLS_CERT_ALTNAME_INVALID") {
    const names = certificate?.subjectaltname;
    const text = names
      ? `${whose} is for ${names}, not for ${name}: connect by that name, or set serverName`
      : `${whose} names "${certificate?.subject?.CN}" as its common name only, which counts no more: the broker needs ` +
        "one with alternative names (subjectAltName)";
    return error("certificate-wrong-name", text, cause);
  }
  // Deno has one reason for all that is wrong with a certificate but its name.
  const dates = validity(certificate);
  if (verdict === "CERT_HAS_EXPIRED" || dates.ended) {
    return error(
      "certificate-expired",
      `${whose} has expired${dates.ended}: the broker needs a new one`,
      cause,
    );
  }
  if (verdict === "CERT_NOT_YET_VALID" || dates.begins) {
    const text = `${whose} is not yet valid${dates.begins}: is the clock of this machine right?`;
    return error("certificate-not-yet-valid", text, cause);
  }
  const issuer = certificate?.issuer?.CN ?? certificate?.issuer?.O;
  const text =
    `${whose} is not from an authority that is trusted here (${cause.message}): give the certificate of` +
    `${issuer ? ` "${issuer}"` : " its authority"} as ca, if you trust it`;
  return error("certificate-untrusted", text, cause);
}

/** What the peer says of our certificate, if that is what it says; `ours`: it must be that, whatever it says. */
function certificateAlert(
  cause: Error | undefined,
  { place, certified }: Attempt,
  ours: boolean,
): ConnectionError | undefined {
  const code = codeOf(cause);
  if (certified && (ours || REJECTED.test(code))) {
    const text = `${place} does not accept the certificate in cert (${cause?.message.trim()})`;
    return error("certificate-rejected", text, cause);
  }
  // Some servers call a certificate that is not there a bad one.
  if (ours || DEMANDED.test(code) || REJECTED.test(code)) {
    return error("certificate-required", `${place} demands a certificate: give cert and key`, cause);
  }
  return undefined;
}

/** Since when, or until when, a certificate or one of those above it is not valid, as text; empty when it is. */
function validity(
  certificate: PeerCertificate | undefined,
): { readonly ended: string; readonly begins: string } {
  const now = Date.now();
  let ended = "";
  let begins = "";
  const seen = new Set<unknown>();
  let one = certificate as PeerCertificate & { issuerCertificate?: PeerCertificate } | undefined;
  for (; one && !seen.has(one); one = one.issuerCertificate) {
    seen.add(one);
    if (Date.parse(one.valid_to) < now) ended ||= ` (${one.valid_to})`;
    if (Date.parse(one.valid_from) > now) begins ||= ` (${one.valid_from})`;
  }
  return { ended, begins };
}

/** The code of an error of the runtime's. */
function codeOf(cause: Error | undefined): string {
  const { code, message = "" } = (cause ?? {}) as { code?: unknown; message?: string };
  // Deno gives this code to errors of its own as well, and what they are is in the text only.
  return code === HANDSHAKE_FAILURE_ON_DENO && !message.startsWith("received fatal alert") && onDeno
    ? `ERR_SSL_${message}`
    : String(code ?? "");
}

function error(code: ConnectionCode, text: string, cause: Error | undefined): ConnectionError {
  return new ConnectionError(code, text, cause && { cause });
}

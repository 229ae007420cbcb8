/**
 * The handshake, by `node:tls` on every runtime, and the verdict on the broker's certificate.
 *
 * @module
 */

import type { Connection } from "@minimqtt/core";
import { connectionLost, NodeConnection } from "@minimqtt/transport-tcp/node";
import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import { checkServerIdentity, connect } from "node:tls";
import type { PeerCertificate, TLSSocket } from "node:tls";
import { ConnectionStream } from "./connection_stream.ts";
import type { Credentials } from "./credentials.ts";
import { certificateError, COMMON_NAME_ONLY, handshakeError, readError } from "./errors.ts";
import type { Attempt } from "./errors.ts";
import { LayeredConnection } from "./layered_connection.ts";
import type { TlsOptions } from "./options.ts";

/** What a handshake is made with. */
export interface Handshake {
  /** The options of `tls()`. */
  readonly options: TlsOptions;
  /** The certificates and the key. */
  readonly credentials: Credentials;
  /** `host:port`, for texts. */
  readonly place: string;
  /** What the certificate must be for. */
  readonly name: string;
  /** Gives up when it is aborted. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Puts TLS on a connection, which belongs to the result from here on and is closed when the handshake fails. A
 * connection that is a socket of `node:net` is encrypted within the runtime, any other by way of a stream.
 *
 * @throws {ConnectionError} one of the codes that begin with `tls-`, `not-tls` and `certificate-`, as a rejection;
 * the signal's reason when it is aborted.
 */
export async function secure(connection: Connection, handshake: Handshake): Promise<Connection> {
  const socket = connection instanceof NodeConnection ? connection.surrender() : undefined;
  if (socket) return await shake(socket, handshake);
  const stream = new ConnectionStream(connection);
  return new LayeredConnection(await shake(stream, handshake), stream, connection);
}

function shake(stream: Duplex & { readonly bytesRead: number }, handshake: Handshake): Promise<Connection> {
  const { options, credentials, place, name, signal } = handshake;
  const { alpn = ["mqtt"], minVersion = "TLSv1.2", unsafelyIgnoreCertificateErrors: unsafe = false } =
    options;
  const attempt: Attempt = {
    place,
    name,
    alpn,
    certified: credentials.cert !== undefined,
    received: () => stream.bytesRead,
  };
  return new Promise((resolve, reject) => {
    let socket: TLSSocket | undefined;
    const settled = (): void => {
      signal?.removeEventListener("abort", abort);
      socket?.off("error", failed);
      socket?.off("close", failed);
      stream.off("error", failed);
      stream.off("close", failed);
    };
    const giveUp = (reason: unknown): void => {
      settled();
      // What is broken may say so again, and nobody listens any more.
      socket?.on("error", ignore);
      stream.on("error", ignore);
      socket?.destroy();
      stream.destroy();
      reject(reason);
    };
    const abort = (): void => giveUp(signal?.reason);
    const failed = (cause?: unknown): void => {
      giveUp(handshakeError(cause instanceof Error ? cause : undefined, attempt));
    };
    if (signal?.aborted) return abort();
    signal?.addEventListener("abort", abort);
    stream.on("error", failed);
    stream.on("close", failed);
    try {
      socket = connect({
        ...credentials,
        ...LOOSE_ENDS,
        socket: stream,
        host: name,
        // An address is no name to tell the broker [RFC 6066, section 3].
        servername: isIP(name) ? "" : name,
        // Bun has asked about certificates that were not there (oven-sh/bun #23556).
        checkServerIdentity: (_host, certificate: PeerCertificate | null) =>
          certificate ? checkServerIdentity(name, certificate) : new Error("there is no certificate"),
        minVersion,
        ...(alpn.length > 0 && { ALPNProtocols: [...alpn] }),
      });
    } catch (cause) {
      return failed(cause);
    }
    const secured = socket;
    secured.on("error", failed);
    secured.on("close", failed);
    secured.once("secureConnect", () => {
      if (!unsafe) {
        const certificate = secured.getPeerCertificate(true);
        const reason = secured.authorized ? undefined : secured.authorizationError;
        if (reason ?? !certificate?.subjectaltname) {
          return giveUp(certificateError(reason ?? COMMON_NAME_ONLY, certificate, attempt));
        }
      }
      settled();
      // A socket below may break by itself; what is above would then end as if all were well (Node).
      stream.on("error", (error) => secured.destroy(error));
      if (stream instanceof ConnectionStream) stream.heed(secured);
      resolve(new NodeConnection(secured, (cause) => readError(cause, attempt) ?? connectionLost(cause)));
    });
  });
}

/**
 * The runtime is not to hang up by itself when it does not like the certificate, because it would not always say why
 * (Deno): the verdict is passed above, before a byte of ours leaves. All three runtimes verify chain, name and
 * signatures all the same.
 */
const LOOSE_ENDS = { rejectUnauthorized: false, allowHalfOpen: true };

function ignore(): void {}

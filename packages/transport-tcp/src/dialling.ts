/**
 * What dialling has in common on all runtimes: the shape of the transport, abort (rule 10) and errors (rule 9).
 *
 * @module
 */

import { ConnectionError, UsageError } from "@minimqtt/core";
import type { Address, Connection, Scheme, Transport } from "@minimqtt/core";
import { checkDial, checkOptions } from "@minimqtt/core/internal";

/** Options of `tcp()`. */
export interface TcpOptions {
  /**
   * Whether bytes leave at once (`TCP_NODELAY`) instead of waiting until the peer has acknowledged earlier ones.
   * True by default: a client that gathers its packets before it writes has nothing to win by waiting.
   * Bun (seen with 1.4.5) sends at once whatever is said here.
   */
  readonly noDelay?: boolean;
}

/**
 * Opens one socket with a runtime's own means. Takes the signal for giving up early; throws whatever the runtime
 * throws, or the signal's reason.
 */
export type Dial = (address: Address, noDelay: boolean, signal?: AbortSignal) => Promise<Connection>;

const schemes: readonly [Scheme, Scheme] = [
  { name: "mqtt", port: 1883, secure: false },
  { name: "tcp", port: 1883, secure: false },
];

/** Makes the transport from the caller's options and a runtime's way to dial; throws `UsageError` for wrong ones. */
export function transport(options: TcpOptions = {}, dial: Dial): Transport {
  checkOptions(options, "tcp()", { noDelay: "boolean" });
  const { noDelay = true } = options;
  return {
    name: "tcp",
    schemes,
    async connect(address, options) {
      checkDial(address, options);
      const { signal } = options ?? {};
      signal?.throwIfAborted();
      // Without this, a password meant for an encrypted connection would travel in the clear.
      if (address.secure) throw new UsageError("invalid-argument", "tcp cannot encrypt: use transport-tls");
      let connection: Connection;
      try {
        connection = await dial(address, noDelay, signal);
      } catch (error) {
        signal?.throwIfAborted();
        throw dialError(error, address);
      }
      if (signal?.aborted) {
        // Aborted between the socket's last step and this line: nobody else will ever know this connection.
        void connection.close();
        throw signal.reason;
      }
      return connection;
    },
  };
}

/**
 * The contract's error for what a runtime threw while dialling: `name-not-found` where the resolver failed,
 * `not-permitted` where Deno does not let us, else `dial-failed`. The text says what to do.
 */
function dialError(cause: unknown, { host, port }: Address): ConnectionError {
  const { name, code, message } = cause as { name?: string; code?: string; message?: string };
  const place = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  let text = `cannot connect to ${place}: ${message || code}`;
  if (name === "NotCapable" || code === "EPERM") {
    // EPERM is how Deno's node:dns says it.
    text = `not allowed to connect to ${place}: run with --allow-net=${place}`;
    return new ConnectionError("not-permitted", text, { cause });
  } else if (code === "ENOTFOUND" || code?.startsWith("EAI_") || message?.includes("lookup address")) {
    // Deno's own resolver errors have a text only.
    return new ConnectionError("name-not-found", `no address found for host name ${host}`, { cause });
  } else if (code === "ECONNREFUSED") {
    text = `${place} refused the connection: is the broker running, and is this its port?`;
  }
  return new ConnectionError("dial-failed", text, { cause });
}

/**
 * MQTT over TLS, on Deno, Bun and Node: {@link tls}.
 *
 * @example
 * ```ts
 * import { tls } from "@minimqtt/transport-tls";
 *
 * const transport = tls({ minVersion: "TLSv1.3" });
 * console.log(transport.name, transport.schemes[0]); // tls { name: "mqtts", port: 8883, secure: true }
 * ```
 *
 * @module
 */

import { UsageError } from "@minimqtt/core";
import type { Connection, Scheme, Transport } from "@minimqtt/core";
import { checkDial } from "@minimqtt/core/internal";
import { tcp } from "@minimqtt/transport-tcp";
import { credentialsOf } from "./credentials.ts";
import { secure } from "./handshake.ts";
import { checkOptions } from "./options.ts";
import type { TlsOptions } from "./options.ts";

export type { Pem, TlsOptions } from "./options.ts";

const schemes: readonly [Scheme, ...Scheme[]] = [
  { name: "mqtts", port: 8883, secure: true },
  { name: "tls", port: 8883, secure: true },
  { name: "ssl", port: 8883, secure: true },
];

/**
 * Makes the TLS transport, for `mqtts://`, `tls://` and `ssl://` (port 8883). It fulfils the contract in
 * `@minimqtt/core`.
 *
 * TLS 1.2 and 1.3. The broker's certificate must be valid, for the host that is connected to (or `serverName`), and
 * from an authority that the runtime trusts, or else from one in `ca`. On Deno it needs `--allow-net=HOST:PORT`, and
 * `--allow-read` of the files that are named.
 *
 * Beside what dialling rejects with, `connect` rejects with `ConnectionError`: `certificate-untrusted`,
 * `certificate-wrong-name`, `certificate-expired`, `certificate-not-yet-valid`, `certificate-required`,
 * `certificate-rejected`, `tls-version`, `not-tls` or `tls-failed`; with `not-permitted` for a file that Deno does not
 * let it read; and with `UsageError` `invalid-argument` for a file that is wrong. In TLS 1.3 what the broker thinks of
 * the client's certificate arrives after the handshake: `read` then rejects with `certificate-required` or
 * `certificate-rejected`.
 *
 * @throws {UsageError} `invalid-argument`: an unknown option, a wrong value, a key that does not belong to its
 * certificate, a wrong passphrase.
 */
export function tls(options: TlsOptions = {}): Transport {
  checkOptions(options);
  const credentialsNow = credentialsOf(options);
  const over = options.over ?? tcp();
  return {
    name: "tls",
    schemes,
    async connect(address, dialling): Promise<Connection> {
      checkDial(address, dialling);
      const { host, port, path, secure: wanted } = address;
      const { signal } = dialling ?? {};
      signal?.throwIfAborted();
      if (wanted === false) {
        throw new UsageError("invalid-argument", "tls always encrypts: use transport-tcp");
      }
      const credentials = await credentialsNow();
      const below = await over.connect({ host, port, ...(path && { path }) }, signal && { signal });
      const secured = await secure(below, {
        options,
        credentials,
        place: `${host.includes(":") ? `[${host}]` : host}:${port}`,
        name: options.serverName ?? host,
        signal,
      });
      if (signal?.aborted) {
        void secured.close();
        throw signal.reason;
      }
      return secured;
    },
  };
}

/**
 * MQTT over plain TCP, on Deno, Bun and Node: {@link tcp}.
 *
 * @example
 * ```ts
 * import { tcp } from "@minimqtt/transport-tcp";
 *
 * const transport = tcp({ noDelay: true });
 * console.log(transport.name, transport.schemes[0]); // tcp { name: "mqtt", port: 1883, secure: false }
 * ```
 *
 * @module
 */

import type { Transport } from "@minimqtt/core";
import { dial as denoDial } from "./deno.ts";
import { transport } from "./dialling.ts";
import type { TcpOptions } from "./dialling.ts";
import { dial as nodeDial } from "./node.ts";

export type { TcpOptions } from "./dialling.ts";

/**
 * Makes the TCP transport, for `mqtt://` and `tcp://` (port 1883, nothing encrypted). It fulfils the contract in
 * `@minimqtt/core`; what it throws is described there.
 *
 * Deno is served by `Deno.connect`, Bun and Node by `node:net`; `node:net` is loaded only there. Whoever bundles for one
 * runtime imports `@minimqtt/transport-tcp/deno` or `@minimqtt/transport-tcp/node` and leaves the other out. All
 * addresses of a host name are tried, IPv6 and IPv4. On Deno `--allow-net=HOST:PORT` is all it needs.
 */
export function tcp(options?: TcpOptions): Transport {
  return transport(options, "Deno" in globalThis ? denoDial : nodeDial);
}

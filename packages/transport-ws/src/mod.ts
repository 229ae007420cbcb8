/**
 * MQTT over WebSocket, on Deno, Bun, Node 22 or newer, and in browsers: {@link ws}.
 *
 * @example
 * ```ts
 * import { ws } from "@minimqtt/transport-ws";
 *
 * const transport = ws({ path: "/ws" });
 * console.log(transport.schemes[0]); // { name: "ws", port: 80, secure: false }
 * ```
 *
 * @module
 */

import type { Scheme, Transport } from "@minimqtt/core";
import { checkDial, checkOptions, type Kinds } from "@minimqtt/core/internal";
import { connect } from "./dialling.ts";
import { openHere, usage } from "./socket.ts";
import type { Open } from "./socket.ts";

export type { Open, Socket, SocketEvent } from "./socket.ts";

/** Options of {@link ws}. */
export interface WsOptions {
  /**
   * The path, with a query if there is one, where the broker's URL names none; `/mqtt` by default. NATS, EMQX and
   * HiveMQ listen there, RabbitMQ at `/ws`, mosquitto everywhere.
   */
  readonly path?: string;
  /** The subprotocols offered; `["mqtt"]` by default. With none, whatever the server chooses is taken. */
  readonly protocols?: readonly string[];
  /**
   * Headers of the opening request, such as `Authorization`. Deno, Bun and Node take them. Browsers do not, and
   * there `connect` rejects with `UsageError` `invalid-argument`.
   */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * How many bytes may wait for somebody to read them; 16 MiB by default. A WebSocket cannot make the sender wait, so
   * when more comes reading fails with `read-failed`, behind what was held. Small messages count for more than their
   * bytes.
   */
  readonly maxUnread?: number;
  /**
   * The most bytes of MQTT in one WebSocket message; 32 KiB by default. Longer ones are split, which changes nothing of
   * what the broker reads [MQTT-6.0.0-2]; some brokers take 64 KiB at most and close the connection (1009) for more.
   */
  readonly maxMessageSize?: number;
  /**
   * Opens the socket in place of the runtime's `new WebSocket(url, protocols)`: to trust an authority of one's own, or
   * where there is no `WebSocket`. It gets the `headers`, and has to care for them.
   */
  readonly open?: Open;
}

const KINDS: Kinds = {
  path: "string",
  protocols: strings,
  headers: strings,
  maxUnread: "number",
  maxMessageSize: "number",
  open: "function",
};

function strings(value: unknown, name: string): void {
  const list = typeof value === "object" && value !== null && Array.isArray(value) === (name === "protocols");
  if (list && Object.values(value).every((one) => typeof one === "string")) return;
  throw usage(`${name} must be ${name === "protocols" ? "a list" : "an object"} of strings`);
}

const schemes: readonly [Scheme, Scheme] = [
  { name: "ws", port: 80, secure: false },
  { name: "wss", port: 443, secure: true },
];

/**
 * Makes the WebSocket transport, for `ws://` (port 80) and `wss://` (port 443, encrypted). It fulfils the contract in
 * `@minimqtt/core`, what it throws is described there, as far as a WebSocket can: nothing stops the sender (see
 * `maxUnread`). A peer that does not answer the closing handshake is broken off after a second, on Deno, Bun and Node by
 * us, elsewhere when the runtime's own patience has ended.
 *
 * @throws {UsageError} `invalid-argument` for a path without leading slash, a `maxUnread` that is no positive number, or
 * a `maxMessageSize` below 1.
 */
export function ws(options: WsOptions = {}): Transport {
  checkOptions(options, "ws()", KINDS);
  const { path = "/mqtt", protocols = ["mqtt"], headers, open = openHere } = options;
  const { maxUnread = 16_777_216, maxMessageSize = 32_768 } = options;
  if (!path.startsWith("/")) throw usage("path must begin with a slash");
  if (!(maxUnread > 0)) throw usage("maxUnread must be a positive number of bytes");
  if (!(maxMessageSize >= 1)) throw usage("maxMessageSize must be at least one byte");
  return {
    name: "ws",
    schemes,
    async connect(address, options) {
      checkDial(address, options);
      const { host, port, secure } = address;
      const place = `${host.includes(":") ? `[${host}]` : host}:${port}`;
      const url = `${secure ? "wss" : "ws"}://${place}${address.path ?? path}`;
      const dial = () => open(url, [...protocols], headers);
      return connect(dial, place, protocols, { maxUnread, maxMessageSize }, options?.signal);
    },
  };
}

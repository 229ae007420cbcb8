/**
 * The transport of clients that are made without one, as the original's `set_socket` chose it (MM-196).
 *
 * @module
 */
import { type Transport, UsageError } from "@minimqtt/core";

let transport: Transport | undefined;

/**
 * Sets the transport of every `MQTT` made without one from now on: a transport, or a function that makes one from
 * `iface`, as in `setSocket(esp32spi, esp)`.
 *
 * ```ts
 * import { MQTT, setSocket } from "@minimqtt/client";
 * import { tcp } from "@minimqtt/transport-tcp";
 *
 * setSocket(tcp());
 * const client = new MQTT({ broker: "localhost" });
 * ```
 */
export function setSocket(socket: Transport): void;
/** The same with a function and what it takes. */
export function setSocket<Interface>(socket: (iface: Interface) => Transport, iface: Interface): void;
export function setSocket(socket: Transport | ((iface: unknown) => Transport), iface?: unknown): void {
  const chosen = typeof socket === "function" ? socket(iface) : socket;
  if (typeof chosen?.connect !== "function") {
    throw new UsageError("invalid-argument", "setSocket() takes a transport: tcp(), tls() ...");
  }
  transport = chosen;
}

/**
 * The transport that {@link setSocket} set.
 *
 * @throws {UsageError} `no-transport` when it has set none.
 */
export function defaultTransport(): Transport {
  if (transport !== undefined) return transport;
  throw new UsageError(
    "no-transport",
    "no transport: pass `transport: tcp()` of @minimqtt/transport-tcp (others: @minimqtt/transport-tls, " +
      "@minimqtt/transport-ws, @minimqtt/transport-esp32spi), or call setSocket() first",
  );
}

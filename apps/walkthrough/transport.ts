/**
 * How the broker is reached, by the scheme of its URL: a WebSocket for `ws:` and `wss:`, TLS for `mqtts:`, TCP for
 * everything else.
 */
import type { Transport } from "@minimqtt/core";
import { tcp } from "@minimqtt/transport-tcp";
import { tls } from "@minimqtt/transport-tls";
import { ws } from "@minimqtt/transport-ws";

/** The transport for a broker, which is a host or a URL; `ca` names the file of the authority that TLS shall trust. */
export function transportFor(broker: string, ca: string | null = null): Transport {
  if (/^wss?:/.test(broker)) return ws();
  if (/^mqtts:/.test(broker)) return tls(ca === null ? {} : { ca: { file: ca } });
  return tcp();
}

/** Host and port of a broker, as `--allow-net` takes them; the scheme's port where none is given. */
export function placeOf(broker: string, port: number | null): string {
  const { schemes } = transportFor(broker);
  if (!broker.includes("://")) {
    return `${broker.includes(":") ? `[${broker}]` : broker}:${port ?? schemes[0].port}`;
  }
  const url = new URL(broker);
  const scheme = schemes.find(({ name }) => `${name}:` === url.protocol) ?? schemes[0];
  return `${url.hostname}:${port ?? (url.port || scheme.port)}`;
}

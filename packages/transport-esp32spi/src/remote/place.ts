/**
 * Where a bus is served: a Unix socket or a TCP port.
 *
 * @module
 */

/** A Unix socket, or a TCP port at 127.0.0.1 unless a host is given. */
export type BusPlace = { readonly path: string } | { readonly port: number; readonly host?: string };

/**
 * Reads `unix:PATH`, `tcp:PORT` or `tcp:HOST:PORT` (an IPv6 host in brackets).
 *
 * @throws {RangeError} for anything else.
 */
export function parsePlace(text: string): BusPlace {
  const unix = /^unix:(.+)$/.exec(text);
  if (unix) return { path: unix[1]! };
  const tcp = /^tcp:(?:(.+):)?(\d{1,5})$/.exec(text);
  const port = Number(tcp?.[2]);
  if (!tcp || port > 65_535) {
    throw new RangeError(`expected unix:PATH, tcp:PORT or tcp:HOST:PORT, got ${text}`);
  }
  const host = tcp[1]?.replace(/^\[(.+)\]$/, "$1");
  return { port, ...(host !== undefined && { host }) };
}

/** The text of a place, as {@link parsePlace} reads it. */
export function formatPlace(place: BusPlace): string {
  if ("path" in place) return `unix:${place.path}`;
  const { host, port } = place;
  if (host === undefined) return `tcp:${port}`;
  return `tcp:${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** What `node:net` takes. */
export function netPlace(place: BusPlace): { path: string } | { host: string; port: number } {
  return "path" in place ? { path: place.path } : { host: place.host ?? "127.0.0.1", port: place.port };
}

/**
 * Where to connect: what `broker`, `port` and `isSsl` say, held against what the transport can do.
 *
 * @module
 */
import { type Scheme, type Transport, UsageError } from "@minimqtt/core";

/** A broker as the user names it, taken apart. */
export interface Target {
  /** Name or address, IPv6 without brackets. */
  readonly host: string;
  /** The URL's scheme, if there was a URL. */
  readonly scheme?: string;
  /** The URL's port, if it had one. */
  readonly port?: number;
  /** The URL's path and query, if it had one. */
  readonly path?: string;
  /** The URL's user name, if it had one. */
  readonly username?: string;
  /** The URL's password, if it had one. */
  readonly password?: string;
}

/**
 * Takes a host name, an IPv4 or IPv6 address, or a URL apart (MM-009, MM-227).
 *
 * @throws {UsageError} `invalid-argument`
 */
export function parseBroker(broker: unknown): Target {
  const isUrl = typeof broker === "string" && broker.includes("://");
  // The text itself is not repeated, nor taken for a host and logged: it may be a URL without its "//".
  if (typeof broker !== "string" || broker === "" || (!isUrl && /[@/\s]/.test(broker))) {
    throw new UsageError("invalid-argument", "broker must be a host name, an IP address or a URL");
  }
  if (!isUrl) {
    if (/^[^:]*:\d*$/.test(broker)) {
      throw new UsageError(
        "invalid-argument",
        `broker ${broker} has a port in it: give it as port, or use a URL`,
      );
    }
    return { host: withoutBrackets(broker) };
  }
  let url: URL, username: string, password: string;
  try {
    url = new URL(broker);
    username = decodeURIComponent(url.username);
    password = decodeURIComponent(url.password);
  } catch {
    // The text itself is not repeated: it may hold a password.
    throw new UsageError(
      "invalid-argument",
      "broker is no valid URL: expected mqtt://user:password@host:port",
    );
  }
  if (url.hostname === "") throw new UsageError("invalid-argument", "the URL in broker names no host");
  if (username === "" && password !== "") {
    throw new UsageError("invalid-argument", "Password requires a username");
  }
  const path = url.pathname + url.search;
  const port = Number(url.port);
  return {
    host: withoutBrackets(url.hostname),
    scheme: url.protocol.slice(0, -1),
    ...(port === 0 ? {} : { port }),
    ...(path === "" || path === "/" ? {} : { path }),
    ...(username === "" ? {} : { username }),
    ...(password === "" ? {} : { password }),
  };
}

/**
 * Chooses the transport's scheme: the URL's, else the first that is as secure as asked (MM-002, MM-197).
 *
 * @throws {UsageError} `invalid-argument` when the transport cannot do it.
 */
export function chooseScheme(
  transport: Transport,
  name: string | undefined,
  secure: boolean | undefined,
): Scheme {
  const scheme = transport.schemes.find((scheme) =>
    (name === undefined || scheme.name === name) && (secure === undefined || scheme.secure === secure)
  );
  if (scheme !== undefined) return scheme;
  const named = transport.schemes.map((scheme) => `${scheme.name}:`).join(", ");
  if (name !== undefined && !transport.schemes.some((scheme) => scheme.name === name)) {
    throw new UsageError("invalid-argument", `transport ${transport.name} serves ${named} not ${name}:`);
  }
  throw new UsageError(
    "invalid-argument",
    secure
      ? `ssl_context must be provided if using ssl: transport ${transport.name} (${named}) is plain, use a secure ` +
        "one such as tls() of @minimqtt/transport-tls"
      : `isSsl is false, but transport ${transport.name} (${named}) is secure`,
  );
}

/**
 * A port as a user gives it; absent, null and 0 mean the default (MM-001).
 *
 * @throws {UsageError} `invalid-argument`
 */
export function parsePort(port: unknown): number | undefined {
  if (port === undefined || port === null || port === 0) return undefined;
  if (typeof port === "number" && Number.isInteger(port) && port > 0 && port <= 65_535) return port;
  throw new UsageError("invalid-argument", `port must be an integer from 1 to 65535, not ${port}`);
}

function withoutBrackets(host: string): string {
  return host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
}

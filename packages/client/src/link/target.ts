/**
 * Where to connect: what `broker`, `port` and `isSsl` say, held against what the transport can do.
 *
 * @module
 */
import { type Scheme, type Transport, UsageError } from "@minimqtt/core";
import { checkCredentials, checkInteger } from "@minimqtt/core/internal";

/** A broker as the user names it, taken apart. */
export interface Target {
  /** Name or address, IPv6 without brackets. */
  readonly host: string;
  /** The URL's scheme, if there was a URL. */
  readonly scheme?: string | undefined;
  /** The URL's port, if it had one. */
  readonly port?: number | undefined;
  /** The URL's path and query, if it had one. */
  readonly path?: string | undefined;
  /** The URL's user name, if it had one. */
  readonly username?: string | undefined;
  /** The URL's password, if it had one. */
  readonly password?: string | undefined;
}

/**
 * Takes a host name, an IPv4 or IPv6 address, or a URL apart (MM-009, MM-227).
 *
 * @throws {UsageError} `invalid-argument`. What was given is not repeated: it may hold a password.
 */
export function parseBroker(broker: unknown): Target {
  const text = typeof broker === "string" ? broker : "";
  try {
    if (!text.includes("://")) {
      if (text !== "" && !/[@/\s]|^[^:]*:\d*$/.test(text)) return { host: withoutBrackets(text) };
    } else {
      const url = new URL(text);
      const path = url.pathname + url.search;
      const target = {
        host: withoutBrackets(url.hostname),
        scheme: url.protocol.slice(0, -1),
        port: Number(url.port) || undefined,
        path: path === "/" ? undefined : path || undefined,
        username: decodeURIComponent(url.username) || undefined,
        password: decodeURIComponent(url.password) || undefined,
      };
      if (target.host !== "") {
        checkCredentials(target.username, target.password);
        return target;
      }
    }
  } catch (error) {
    if (error instanceof UsageError) throw error;
  }
  throw new UsageError(
    "invalid-argument",
    "broker must be a host name, an IP address or a URL",
  );
}

/**
 * Chooses the transport's scheme: the URL's, else the first that is as secure as asked (MM-002, MM-197).
 *
 * @throws {UsageError} `invalid-argument` when the transport cannot do it.
 */
export function chooseScheme(
  { name, schemes }: Transport,
  wanted: string | undefined,
  secure: boolean | undefined,
): Scheme {
  for (const scheme of schemes) {
    if (scheme.name === (wanted ?? scheme.name) && scheme.secure === (secure ?? scheme.secure)) return scheme;
  }
  const missing = secure ? "ssl_context must be provided if using ssl: " : "";
  const served = schemes.map((scheme) => `${scheme.name}:`).join(", ");
  const asked = secure === undefined ? `${wanted}:` : `isSsl: ${secure}`;
  throw new UsageError("invalid-argument", `${missing}transport ${name} serves ${served} not ${asked}`);
}

/**
 * A port as a user gives it; absent, null and 0 mean the default (MM-001).
 *
 * @throws {UsageError} `invalid-argument`
 */
export function parsePort(port: unknown): number | undefined {
  if (port === undefined || port === null || port === 0) return undefined;
  checkInteger(port, "port", 1, 65_535);
  return port;
}

function withoutBrackets(host: string): string {
  return host.replace(/^\[(.*)\]$/, "$1");
}

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
 * Takes a host name, an IPv4 or IPv6 address, or a URL apart (MM-009, MM-227). `scheme` is for texts.
 *
 * @throws {UsageError} `invalid-argument`. What was given is not repeated: it may hold a password.
 */
export function parseBroker(broker: unknown, scheme = "mqtt"): Target {
  const text = typeof broker === "string" ? broker : "";
  try {
    if (!text.includes("://")) {
      if (/^[^@:/\s]+:\d+$/.test(text)) {
        throw wrong(`a broker with a port is a URL: write ${scheme}://${text}`);
      }
      if (text !== "" && !/[@/\s]|^[^:]*:$/.test(text)) return { host: toHost(text) };
    } else {
      const [, userInfo, , zone = ""] = PARTS.exec(text) ?? [];
      if (/^[^:]*:\/\/[^/?#]*([/?].*@|[^#]*#)/.test(text)) throw wrong(RESERVED);
      // What a URL has no room for is put back behind it.
      const url = new URL(zone ? text.replace(`${zone}]`, "]") : text);
      const path = url.pathname + url.search;
      const username = decodeURIComponent(url.username) || undefined;
      const target = {
        host: toHost(url.hostname) + zone.replace(/^%25(?=.)/, "%"),
        scheme: url.protocol.slice(0, -1),
        port: url.port === "" ? undefined : Number(url.port),
        path: path === "/" ? undefined : path || undefined,
        username,
        // `user:@` says that there is a password, the empty one.
        password: decodeURIComponent(url.password) || (username && userInfo?.includes(":") ? "" : undefined),
      };
      if (target.host !== "") {
        checkCredentials(target.username, target.password);
        return target;
      }
    }
  } catch (error) {
    if (error instanceof UsageError) throw error;
  }
  throw wrong("broker must be a host name, an IP address or a URL");
}

/** User information, and the zone of an address (`%eth0`, or `%25eth0`) in brackets. */
const PARTS = /^[^:]*:\/\/(?:([^/?#]*)@)?(\[[^\]%]*(%[\w.~-]+)\])?/;

const RESERVED =
  "a broker's URL has no # in it, and no @ behind its host: percent-encode them in user name and password, # as " +
  "%23, / as %2F, ? as %3F and @ as %40";

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

/** Without brackets, and in the form that the name system knows where it has other letters than those of ASCII. */
function toHost(name: string): string {
  const host = name.replace(/^\[(.*)\]$/, "$1");
  return /^[^:]*([^\0-\x7f]|%[89a-f])[^:]*$/i.test(host)
    ? new URL(`ws://${encodeURI(decodeURI(host))}`).hostname
    : host;
}

function wrong(text: string): UsageError {
  return new UsageError("invalid-argument", text);
}

/**
 * Where to connect, and with what: a list of brokers that is gone through in order, again and again.
 *
 * @module
 */
import {
  type Codec,
  type Connection,
  type ConnectOptions,
  type Millis,
  type Payload,
  type Transport,
  UsageError,
} from "@minimqtt/core";
import { checkInteger, checkOptions } from "@minimqtt/core/internal";
import { abortable } from "../link/abortable.ts";
import type { Clock } from "../link/clock.ts";
import { dial, suspectTls } from "../link/dial.ts";
import { chooseScheme, parseBroker } from "../link/target.ts";

/** User name and password. */
export interface Credentials {
  /** User name; the empty one is sent and differs from none. */
  readonly username: string;
  /** Password: text, or bytes. */
  readonly password?: Payload;
}

/** What makes credentials anew for every attempt: tokens expire. `signal` is aborted when the attempt is over. */
export type CredentialsSource = (
  attempt: { readonly signal: AbortSignal },
) => Credentials | Promise<Credentials>;

/** A connection that was opened, and the CONNECT to send on it. */
export interface Dialled {
  readonly connection: Connection;
  readonly connect: ConnectOptions;
}

interface Place {
  /** For people: host and port, nothing secret. */
  readonly name: string;
  readonly address: Parameters<Transport["connect"]>[0];
  readonly credentials: Credentials | undefined;
}

/** What a dialler is made from. */
export interface DiallerOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  /** The version of the protocol, which knows what CONNECT can say. */
  readonly codec: Codec;
  /** How long opening a connection may take, getting credentials included. */
  readonly timeout: Millis;
  /** What CONNECT says, but for user name and password. */
  readonly connect: ConnectOptions;
  readonly credentials: Credentials | CredentialsSource | undefined;
}

/** Goes through the brokers. */
export class Dialler {
  readonly #options: DiallerOptions;
  #places: readonly Place[];
  #at = 0;
  /** The brokers that have refused since there was a connection, although credentials were made anew for them. */
  readonly #refused = new Set<Place>();

  /**
   * Takes one broker or several.
   *
   * @throws {UsageError} for what is no broker, or none that the transport can reach, and for what CONNECT cannot say.
   */
  constructor(brokers: string | URL | readonly (string | URL)[], options: DiallerOptions) {
    this.#options = options;
    const list = typeof brokers === "string" || brokers instanceof URL ? [brokers] : brokers;
    if (!Array.isArray(list) || list.length === 0) {
      throw new UsageError("invalid-argument", "connect() takes the URL of a broker, or a list of them");
    }
    this.#places = list.map((broker) => toPlace(broker, options.transport));
    const { codec, connect, credentials } = options;
    codec.checkConnect(typeof credentials === "object" ? { ...connect, ...credentials } : connect);
  }

  /** Host and port of the broker that is next. */
  get broker(): string {
    return this.#places[this.#at]!.name;
  }

  /**
   * Goes on to the next broker, and takes this one off the list with `strike`: it would only say the same again. (Where
   * credentials are made anew for each attempt, it is asked once more.) `round`: back at the first; `none`: no broker
   * is left.
   */
  next(strike: boolean): "more" | "round" | "none" {
    const place = this.#places[this.#at]!;
    const again = typeof this.#options.credentials === "function" && !this.#refused.has(place);
    if (strike) this.#refused.add(place);
    if (strike && !again) this.#places = this.#places.filter((_, i) => i !== this.#at);
    else this.#at++;
    if (this.#places.length === 0) return "none";
    if (this.#at < this.#places.length) return "more";
    this.#at = 0;
    return "round";
  }

  /** There is a connection: what was refused before counts no more. */
  accepted(): void {
    this.#refused.clear();
  }

  /** What is to be said of an attempt that brought no CONNACK. */
  explain(error: unknown): unknown {
    return suspectTls(error, this.#places[this.#at]!.address);
  }

  /**
   * Opens a connection.
   *
   * @throws {MqttError} what goes wrong; the signal's reason when it is aborted.
   */
  dial(signal: AbortSignal): Promise<Dialled> {
    const { transport, clock, timeout, credentials, connect } = this.#options;
    const { name, address, credentials: ofUrl } = this.#places[this.#at]!;
    return dial(
      name,
      async (signal) => {
        let given = credentials;
        if (typeof given === "function") {
          given = await abortable(Promise.resolve(given({ signal })), signal);
          checkCredentials(given, "credentials");
        }
        const { username, password } = given ?? ofUrl ?? {};
        return {
          connection: await transport.connect(address, { signal }),
          connect: {
            ...connect,
            ...(username !== undefined && { username }),
            ...(password !== undefined && { password }),
          },
        };
      },
      clock,
      clock.now() + timeout,
      `no connection to ${name} within ${timeout} milliseconds (connectTimeout)`,
      signal,
      ({ connection }) => void connection.close(),
    );
  }
}

/**
 * User name and password: without the first there is nothing to log in by.
 *
 * @throws {UsageError} `invalid-argument`
 */
export function checkCredentials(credentials: unknown, name: string): void {
  checkOptions(credentials, name, { username: "string", password: "any" });
  const { username, password } = credentials as Partial<Credentials>;
  if (username === undefined && password === undefined) {
    throw new UsageError("invalid-argument", `${name} has no username`);
  }
}

function toPlace(broker: string | URL, transport: Transport): Place {
  const target = parseBroker(broker instanceof URL ? broker.href : broker, transport.schemes[0].name);
  const scheme = chooseScheme(transport, target.scheme, undefined);
  const { host, port = scheme.port, path, username, password } = target;
  checkInteger(port, "port", 1, 65_535);
  return {
    name: `${host.includes(":") ? `[${host}]` : host}:${port}`,
    address: { host, port, secure: scheme.secure, ...(path !== undefined && { path }) },
    credentials: username === undefined
      ? undefined
      : { username, ...(password !== undefined && { password }) },
  };
}

/**
 * The broker that the next attempt to connect goes to: where it is, and what CONNECT tells it.
 *
 * @module
 */
import type { Address, ConnectOptions, Scheme } from "@minimqtt/core";
import { chooseScheme, parseBroker, type Target } from "../link/target.ts";
import type { Settings } from "./options.ts";

/** All that is set before connecting. It stays for every connection after that, until it is set anew. */
export class Broker {
  /** What CONNECT says, but for the client identifier. */
  readonly says: { -readonly [Name in Exclude<keyof ConnectOptions, "clientId">]?: ConnectOptions[Name] } & {
    cleanSession: boolean;
    keepAlive: number;
  } = {
    cleanSession: true,
    keepAlive: 0,
  };
  /** The port; undefined for the one of the scheme. */
  port: number | undefined;
  readonly #settings: Settings;
  #target!: Target;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** Host, port and security; what the broker's name leaves open is the transport's default. */
  get address(): Address & { readonly port: number } {
    const { host, scheme, path } = this.#target;
    const { port, secure } = this.#scheme(scheme);
    return { host, port: this.port ?? port, secure, ...(path && { path }) };
  }

  /** The host. It can be set to a host or a URL, which may bring port and credentials. */
  get host(): string {
    return this.#target.host;
  }
  set host(broker: string) {
    const target = parseBroker(broker, this.#settings.transport.schemes[0].name);
    this.#scheme(target.scheme);
    this.#target = target;
    // 0 is the default, as where the port is an option of its own (MM-001).
    this.port = target.port || this.port;
    if (target.username !== undefined) {
      this.says.username = target.username;
      this.says.password = target.password;
    }
  }

  #scheme(wanted: string | undefined): Scheme {
    const { transport, isSsl } = this.#settings;
    return chooseScheme(transport, wanted, isSsl);
  }
}

/**
 * The module's Wi-Fi: networks in the air, and the way from power-on to an address, as each version tells it.
 *
 * @module
 */

import type { Clock } from "../../clock.ts";
import type { Firmware } from "../firmware.ts";

/** A network in the air. */
export interface Network {
  /** Its name, 1 to 32 bytes. */
  readonly ssid: string;
  /** Without one the network is open. */
  readonly passphrase?: string;
  /** What a WPA2 enterprise network wants instead. */
  readonly enterprise?: { readonly identity: string; readonly username: string; readonly password: string };
  /** Signal strength in dBm; -50 when absent. */
  readonly rssi?: number;
  /** 6 when absent. */
  readonly channel?: number;
  /** The access point's six bytes, in natural order. */
  readonly bssid?: Uint8Array;
  /** ESP-IDF's number of the encryption. From the other properties when absent: 0 open, 3 WPA2, 5 enterprise. */
  readonly auth?: number;
  /** Not in the list that a scan gives. */
  readonly hidden?: boolean;
}

/** Values of GET_CONN_STATUS. */
export const WifiStatus = {
  idle: 0,
  noSsid: 1,
  scanned: 2,
  connected: 3,
  failed: 4,
  lost: 5,
  disconnected: 6,
  accessPoint: 7,
  stopped: 254,
} as const;

/** What the station needs. */
export interface StationOptions {
  readonly clock: Clock;
  readonly firmware: Firmware;
  readonly networks: readonly Network[];
  /** Milliseconds until the access point has taken us, or has not. */
  readonly associate: number;
  /** Milliseconds until there is an address. */
  readonly address: number;
  /** Whether the networks can be heard at the beginning. */
  readonly inReach: boolean;
  /** The link is gone. */
  dropped(): void;
}

/** The module's Wi-Fi since it was started. */
export class Station {
  /** GET_CONN_STATUS. */
  status: number;
  /** GET_REASON_CODE: the last 802.11 reason; 1 at power-on. */
  reason = 1;
  /** SET_HOSTNAME. */
  hostname = "";
  /** Address, mask, gateway, once there is an address. */
  config: readonly [string, string, string] = NO_CONFIG;
  /** The DNS servers. */
  dns: readonly [string, string] = ["0.0.0.0", "0.0.0.0"];
  /** What the last scan found, strongest first. */
  found: readonly Network[] = [];
  readonly #options: StationOptions;
  #static: readonly [string, string, string] | undefined;
  #staticDns = false;
  #wanted: { ssid: string; passphrase: string } | undefined;
  #enterprise: Record<"identity" | "username" | "password", string> = {
    identity: "",
    username: "",
    password: "",
  };
  #enterpriseOn = false;
  #network: Network | undefined;
  #inReach: boolean;
  #attempt = new AbortController();

  /** Makes a station that was just switched on. */
  constructor(options: StationOptions) {
    this.#options = options;
    this.#inReach = options.inReach;
    this.status = options.firmware.modern ? WifiStatus.stopped : WifiStatus.idle;
  }

  /** Whether there is an address. */
  get connected(): boolean {
    return this.status === WifiStatus.connected;
  }

  /** The network that it is connected to. */
  get network(): Network | undefined {
    return this.connected ? this.#network : undefined;
  }

  /** SET_NET and SET_PASSPHRASE: forgets the network it had, and begins to connect. */
  join(ssid: string, passphrase: string): void {
    this.leave();
    this.#wanted = { ssid, passphrase };
    void this.#connect();
  }

  /** DISCONNECT, or the host's change of mind: nothing reconnects. */
  leave(): void {
    const was = this.status;
    this.#attempt.abort();
    this.#wanted = undefined;
    this.config = NO_CONFIG;
    const { modern } = this.#options.firmware;
    if (was === WifiStatus.connected) this.reason = 8;
    if (was !== WifiStatus.stopped && (modern || was !== WifiStatus.idle)) {
      this.status = WifiStatus.disconnected;
    }
    if (was === WifiStatus.connected) this.#options.dropped();
  }

  /** SET_IP_CONFIG. */
  setConfig(address: string, gateway: string, mask: string): void {
    this.#static = [address, mask, gateway];
    if (this.connected) this.config = this.#static;
  }

  /** SET_DNS_CONFIG. */
  setDns(first: string, second: string): void {
    this.#staticDns = true;
    this.dns = [first, second];
  }

  /** WPA2_ENT_SET_*. */
  setEnterprise(field: "identity" | "username" | "password", value: string): void {
    this.#enterprise[field] = value;
  }

  /** WPA2_ENT_ENABLE: an attempt that failed for the lack of it is made again. */
  enableEnterprise(): void {
    this.#enterpriseOn = true;
    if (this.#wanted && !this.connected) void this.#connect();
  }

  /** SCAN_NETWORKS. */
  scan(): readonly Network[] {
    const heard = this.#inReach ? this.#options.networks.filter(({ hidden }) => !hidden) : [];
    const sorted = [...heard].sort((a, b) => rssi(b) - rssi(a));
    const { modern } = this.#options.firmware;
    this.found = modern ? sorted : sorted.slice(0, 10);
    if (!modern && !this.connected) this.status = WifiStatus.scanned;
    return this.found;
  }

  /** The access point is out of reach: the link is lost. */
  drop(): void {
    this.#inReach = false;
    this.#attempt.abort();
    const { modern } = this.#options.firmware;
    if (!this.connected) return;
    this.config = NO_CONFIG;
    this.reason = 200;
    this.status = modern ? WifiStatus.lost : WifiStatus.disconnected;
    this.#options.dropped();
  }

  /** The access point is back: modern firmware connects by itself. */
  up(): void {
    if (this.#inReach) return;
    this.#inReach = true;
    if (this.#options.firmware.modern && this.#wanted && !this.connected) void this.#connect();
  }

  /** Stops whatever is under way. */
  stop(): void {
    this.#attempt.abort();
  }

  async #connect(): Promise<void> {
    this.#attempt.abort();
    const { signal } = this.#attempt = new AbortController();
    const { firmware: { modern }, clock, networks, associate, address } = this.#options;
    const { ssid, passphrase } = this.#wanted!;
    this.status = modern ? WifiStatus.disconnected : WifiStatus.noSsid;
    if (associate > 0) await clock.sleep(associate, signal);
    if (signal.aborted) return;
    const network = this.#inReach ? networks.find((one) => one.ssid === ssid) : undefined;
    if (network === undefined || modern && passphrase !== "" && tooWeak(network)) {
      this.reason = 201;
      this.status = modern ? WifiStatus.noSsid : WifiStatus.failed;
      return;
    }
    if (!this.#admits(network, passphrase)) {
      this.reason = network.passphrase === undefined || passphrase === "" ? 202 : 15;
      this.status = WifiStatus.failed;
      return;
    }
    if (modern) this.status = WifiStatus.idle;
    if (address > 0) await clock.sleep(address, signal);
    if (signal.aborted) return;
    this.#network = network;
    this.config = this.#static ?? DHCP;
    if (!this.#staticDns) this.dns = [DHCP[2], "0.0.0.0"];
    this.status = WifiStatus.connected;
  }

  #admits(network: Network, passphrase: string): boolean {
    const { enterprise } = network;
    if (enterprise === undefined) return (network.passphrase ?? "") === passphrase;
    return this.#enterpriseOn && enterprise.identity === this.#enterprise.identity &&
      enterprise.username === this.#enterprise.username && enterprise.password === this.#enterprise.password;
  }
}

/** A network's signal strength. */
export function rssi(network: Network): number {
  return network.rssi ?? -50;
}

/** ESP-IDF's number of a network's encryption. */
export function auth(network: Network): number {
  return network.auth ?? (network.enterprise ? 5 : network.passphrase === undefined ? 0 : 3);
}

/** The access point's bytes; made from the name where none were given. */
export function bssid(network: Network): Uint8Array {
  if (network.bssid) return network.bssid;
  const bytes = new Uint8Array([0x02, 0, 0, 0, 0, 0]);
  for (const [index, letter] of [...network.ssid].entries()) {
    bytes[1 + index % 5]! ^= letter.codePointAt(0)! + index;
  }
  return bytes;
}

/** With a passphrase, modern firmware does not hear access points below WPA2. */
function tooWeak(network: Network): boolean {
  return auth(network) < 3;
}

const NO_CONFIG = ["0.0.0.0", "0.0.0.0", "0.0.0.0"] as const;

/** What the emulated access point gives out. */
const DHCP = ["10.0.0.2", "255.255.255.0", "10.0.0.1"] as const;

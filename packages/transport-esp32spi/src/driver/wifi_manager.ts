/**
 * Into the network and back into it: {@link WiFiManager}.
 *
 * @module
 */

import { ConnectionError } from "@minimqtt/core";
import { invalid } from "../wire/values.ts";
import { WL } from "./wifi.ts";
import type { EspSpiControl } from "./control.ts";
import { networksFromSettings } from "./networks.ts";
import type { WiFiNetwork } from "./networks.ts";

/** Options of {@link WiFiManager}. */
export interface WiFiManagerOptions {
  /** How often a network is tried before the module is reset and the next one has its turn; 2 by default. */
  readonly attempts?: number;
  /** Milliseconds that one attempt may take; 20000 by default. */
  readonly timeLimit?: number;
  /** Told of every attempt that failed. */
  readonly onFailure?: (error: ConnectionError, network: WiFiNetwork) => void;
  /**
   * A light that shows what goes on, as red, green and blue from 0 to 255: red while it connects, green when it is
   * connected.
   */
  readonly light?: (red: number, green: number, blue: number) => void;
}

/**
 * Connects the module to the best of the networks it knows, tries again, resets what has hung up, and connects again
 * when the link was lost: when it is asked to, as the transport does that has it as an option.
 *
 * @example
 * ```ts
 * import { EspSpiControl, esp32spi, WiFiManager } from "@minimqtt/transport-esp32spi";
 * import { EspEmulator } from "@minimqtt/transport-esp32spi/emulator";
 *
 * const module = new EspEmulator({ networks: [{ ssid: "home", passphrase: "correct horse" }] });
 * const esp = new EspSpiControl(module.bus, module.pins);
 * const wifi = new WiFiManager(esp, [
 *   { ssid: "workshop", password: "battery staple" },
 *   { ssid: "home", password: "correct horse" },
 * ]);
 * const transport = esp32spi(esp, { wifi }); // connects to the network before it connects to a broker
 * await wifi.connect();
 * console.log(transport.name, await esp.ssid()); // esp32spi home
 * module.close();
 * ```
 */
export class WiFiManager {
  readonly #control: EspSpiControl;
  readonly #networks: readonly WiFiNetwork[];
  readonly #options: WiFiManagerOptions;
  #turn: Promise<unknown> = Promise.resolve();
  /** Whether the module was connected, so that it may come back by itself. */
  #wasConnected = false;

  /**
   * Takes the driver and one or more networks.
   *
   * @throws {UsageError} `invalid-argument` without a network, or for an enterprise user without a password.
   */
  constructor(
    control: EspSpiControl,
    networks: WiFiNetwork | readonly WiFiNetwork[],
    options: WiFiManagerOptions = {},
  ) {
    this.#control = control;
    this.#networks = Array.isArray(networks) ? networks : [networks as WiFiNetwork];
    this.#options = options;
    if (this.#networks.length === 0) throw invalid("WiFiManager needs a network");
    for (const { ssid, user, password } of this.#networks) {
      if (!ssid) throw invalid("A network needs its name, ssid");
      if (user && !password) {
        throw invalid(`The user of the network ${JSON.stringify(ssid)} needs a password`);
      }
    }
  }

  /**
   * Takes the networks from CircuitPython's settings, as a parsed `settings.toml` has them: `CIRCUITPY_WIFI_SSID`,
   * `CIRCUITPY_WIFI_PASSWORD`, `CIRCUITPY_WIFI_ENT_USER`, `CIRCUITPY_WIFI_ENT_IDENT`; or as the older `secrets` have
   * them: `ssid`, `password`, `ent_user`, `ent_ident`. Name and password may be lists of the same length.
   *
   * @throws {UsageError} `invalid-argument` when there is no name, or the lists do not fit.
   */
  static fromSettings(
    control: EspSpiControl,
    settings: Readonly<Record<string, unknown>>,
    options: WiFiManagerOptions = {},
  ): WiFiManager {
    return new WiFiManager(control, networksFromSettings(settings), options);
  }

  /**
   * Sees to it that the module is connected to a network; at once when it is. Without a RESET pin it may be connected to
   * one that another program wanted: its name is compared there. Firmware from 3.0.0 on gets some seconds
   * to come back to a lost network by itself. With more than one network a scan finds the strongest. After `attempts`
   * failures the module is reset and the next network has its turn, for ever, or until each has had it `rounds` times.
   * Several calls at the same time wait for one another.
   *
   * @throws {ConnectionError} The last attempt's, when the rounds are over. The signal's reason when it is aborted.
   */
  connect(options: { readonly signal?: AbortSignal; readonly rounds?: number } = {}): Promise<void> {
    const { signal, rounds = Infinity } = options;
    const connecting = this.#turn.then(() => this.#connect(signal, rounds));
    this.#turn = connecting.catch(() => undefined);
    return connecting;
  }

  /** Starts the module anew: it is in no network then, and has forgotten all settings. */
  async reset(): Promise<void> {
    this.#wasConnected = false;
    await this.#control.reset();
  }

  /**
   * Opens an access point with the name and the password of the first network, protected if there is a password. Tries it
   * as often as {@link WiFiManagerOptions.attempts} says, resets the module and tries once more as often.
   *
   * @throws {ConnectionError} The last attempt's. The signal's reason when it is aborted.
   */
  createAP(options: { readonly channel?: number; readonly signal?: AbortSignal } = {}): Promise<void> {
    const opening = this.#turn.then(() => this.#createAP(options.channel ?? 1, options.signal));
    this.#turn = opening.catch(() => undefined);
    return opening;
  }

  /** Whether the module is connected to a network; `false` as well when it does not answer. */
  async isConnected(): Promise<boolean> {
    try {
      return await this.#control.isConnected();
    } catch (error) {
      if (error instanceof ConnectionError) return false;
      throw error;
    }
  }

  /** The module's address; connects first where needed. */
  async ipAddress(): Promise<string> {
    await this.connect();
    return await this.#control.ipAddress();
  }

  /** The signal strength in dBm; connects first where needed. */
  async signalStrength(): Promise<number> {
    await this.connect();
    return await this.#control.rssi();
  }

  /** Milliseconds until an answer came from a host, `null` when none came; connects first where needed. */
  async ping(host: string, timeToLive?: number): Promise<number | null> {
    await this.connect();
    return await this.#control.ping(host, timeToLive);
  }

  async #connect(signal: AbortSignal | undefined, rounds: number): Promise<void> {
    signal?.throwIfAborted();
    if (await this.isConnected() && await this.#isOurs()) return this.#connected();
    this.#options.light?.(100, 0, 0);
    if (this.#wasConnected && await this.#comesBack(signal)) return this.#connected();
    let failure: ConnectionError | undefined;
    for (let round = 0; round < rounds; round++) {
      for (const network of await this.#best(signal)) {
        failure = await this.#try(network, signal);
        if (!failure) return this.#connected();
      }
    }
    throw failure ?? new ConnectionError("wifi-down", "No connection to a Wi-Fi network was tried.");
  }

  async #createAP(channel: number, signal: AbortSignal | undefined): Promise<void> {
    const { attempts = 2 } = this.#options;
    const network = this.#networks[0]!;
    const { ssid, password } = network;
    this.#options.light?.(100, 0, 0);
    let failure: ConnectionError | undefined;
    for (let attempt = 0; attempt < 2 * attempts; attempt++) {
      signal?.throwIfAborted();
      if (attempt === attempts) await this.#guarded(network, () => this.reset());
      failure = await this.#guarded(network, () => this.#control.createAP(ssid, password, channel));
      if (!failure) return this.#options.light?.(0, 100, 0);
    }
    throw failure!;
  }

  /** Whether the network is one of those that are wanted: where the module was reset it can be no other. */
  async #isOurs(): Promise<boolean> {
    if (this.#control.canReset) return true;
    try {
      const name = await this.#control.ssid();
      return this.#networks.some(({ ssid }) => ssid === name);
    } catch (error) {
      if (error instanceof ConnectionError) return false;
      throw error;
    }
  }

  #connected(): void {
    this.#wasConnected = true;
    this.#options.light?.(0, 100, 0);
  }

  /** Whether the module finds its way back by itself. */
  async #comesBack(signal: AbortSignal | undefined): Promise<boolean> {
    this.#wasConnected = false;
    const { clock } = this.#control;
    try {
      if (!(await this.#control.firmwareVersion()).reconnects) return false;
      // Who has left on purpose does not come back.
      if (await this.#control.reasonCode() === HAS_LEFT) return false;
      for (const end = clock.now() + COME_BACK; clock.now() < end;) {
        await clock.sleep(LOOK_EVERY, signal);
        signal?.throwIfAborted();
        const status = await this.#control.status();
        if (status === WL.CONNECTED) return true;
        // It has restarted, and has forgotten the network.
        if (status === WL.STOPPED) return false;
      }
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
    }
    return false;
  }

  /** The networks, those in reach first, the strongest of them first. */
  async #best(signal: AbortSignal | undefined): Promise<readonly WiFiNetwork[]> {
    if (this.#networks.length === 1) return this.#networks;
    const strengths = new Map<string, number>();
    try {
      // The strongest comes first, and a name may come more than once.
      for (const { ssid, rssi } of (await this.#control.scanNetworks()).reverse()) strengths.set(ssid, rssi);
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
    }
    signal?.throwIfAborted();
    const strength = ({ ssid }: WiFiNetwork) => strengths.get(ssid) ?? -Infinity;
    return this.#networks.toSorted((one, other) =>
      strength(one) === strength(other) ? 0 : strength(other) - strength(one)
    );
  }

  /** Tries one network, and resets the module when that was of no use; gives the last failure. */
  async #try(network: WiFiNetwork, signal: AbortSignal | undefined): Promise<ConnectionError | undefined> {
    const { attempts = 2 } = this.#options;
    let failure: ConnectionError | undefined;
    for (let attempt = 0; attempt < attempts; attempt++) {
      failure = await this.#guarded(network, () => this.#join(network, signal));
      if (!failure) return undefined;
      signal?.throwIfAborted();
      // The driver has reset it in vain already.
      if (failure.code === "radio-silent") return failure;
    }
    await this.#guarded(network, () => this.#control.reset());
    signal?.throwIfAborted();
    return failure;
  }

  #join({ ssid, password, user, identity }: WiFiNetwork, signal: AbortSignal | undefined): Promise<void> {
    const { timeLimit } = this.#options;
    const options = { ...(timeLimit !== undefined && { timeLimit }), ...(signal && { signal }) };
    if (!user) return this.#control.connectAP(ssid, password, options);
    // The settings go out anew each time: a reset forgets them.
    const login = { user, password: password!, ...(identity !== undefined && { identity }) };
    return this.#control.connectEnterprise(ssid, login, options);
  }

  /** What goes wrong with module or network is told and given; everything else is thrown. */
  async #guarded(network: WiFiNetwork, work: () => Promise<void>): Promise<ConnectionError | undefined> {
    try {
      await work();
      return undefined;
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      this.#options.onFailure?.(error, network);
      return error;
    }
  }
}

/** IEEE 802.11: this station has left. */
const HAS_LEFT = 8;
/** Milliseconds that a module gets to come back to a lost network by itself, and between two looks at it. */
const COME_BACK = 8000;
const LOOK_EVERY = 250;

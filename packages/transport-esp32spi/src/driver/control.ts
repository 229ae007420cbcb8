/**
 * The driver: {@link EspSpiControl}, a class as long as the firmware has commands. Each method is a line or two over
 * session.ts, sockets.ts and servers.ts, and says which commands it sends.
 *
 * @module
 */
// Longer than 300 lines: one class with a method per command, and more lines say what they do than do it.

import { ConnectionError, UsageError } from "@minimqtt/core";
import type { EspPins, SpiBus } from "../bus.ts";
import { systemClock } from "../clock.ts";
import type { Clock } from "../clock.ts";
import * as commands from "../wire/commands.ts";
import type { Command, Pace } from "../wire/commands.ts";
import { MAX_READ, NO_LIST } from "../wire/frames.ts";
import { SpiLink } from "../wire/link.ts";
import { Servers } from "./servers.ts";
import type { EspServer } from "./servers.ts";
import { Session } from "../wire/session.ts";
import { Sockets } from "./sockets.ts";
import type { EspSocket, SocketMode } from "./sockets.ts";
import {
  byteArgument,
  currentEncryption,
  invalid,
  ipv4Argument,
  networkEncryption,
  parseIPv4,
  readIPv4,
  readMac,
  readNumber,
  readText,
  textArgument,
} from "../wire/values.ts";
import type { Encryption } from "../wire/values.ts";
import type { FirmwareVersion } from "../wire/versions.ts";

/** Options of the driver. */
export interface EspOptions {
  /** Where it takes its time from; the runtime's clock by default. */
  readonly clock?: Clock;
  /**
   * How many milliseconds the module may work on a command, by what the command does, where the usual limits do not fit:
   * a TLS handshake may legally take 160 s, and has 60 s here.
   */
  readonly timeLimits?: Readonly<Partial<Record<Pace, number>>>;
}

/** Status values of GET_CONN_STATUS, by the firmware's names. */
export const WL = {
  /** Power-on value before 3.0.0; since, associated but without an address. */
  IDLE: 0,
  /** Not found; before 3.0.0 also: connecting. */
  NO_SSID_AVAIL: 1,
  /** A scan is over. */
  SCAN_COMPLETED: 2,
  /** Connected, with an address. */
  CONNECTED: 3,
  /** Not let in, so far. */
  CONNECT_FAILED: 4,
  /** The network, or the address, was lost. */
  CONNECTION_LOST: 5,
  /** Not connected; since 3.0.0 also: connecting. */
  DISCONNECTED: 6,
  /** An access point without a station, before 3.0.0. */
  AP_LISTENING: 7,
  /** An access point with a station, before 3.0.0. */
  AP_CONNECTED: 8,
  /** No access point, before 3.0.0. */
  AP_FAILED: 9,
  /** Power-on value since 3.0.0. */
  STOPPED: 254,
  /** The firmware's Wi-Fi did not start. */
  NO_SHIELD: 255,
} as const;

/** A Wi-Fi network in reach. */
export interface Network {
  /** Its name; a network that hides it is not listed. */
  readonly ssid: string;
  /** Signal strength in dBm: -30 is strong, -90 hardly there. */
  readonly rssi: number;
  /** How it is protected. */
  readonly encryption: Encryption;
  /** The access point's address. */
  readonly bssid: string;
  /** The radio channel. */
  readonly channel: number;
}

/** How long connecting may take, and when to give up. */
export interface JoinOptions {
  /** Milliseconds until it counts as failed; 20000 by default. The module goes on trying. */
  readonly timeLimit?: number;
  /** Gives up waiting when aborted: rejects with its reason. */
  readonly signal?: AbortSignal;
}

/**
 * Drives an ESP32 with Adafruit's nina-fw, versions 1.7 to 3.3, over SPI: the API of CircuitPython's
 * `adafruit_esp32spi` in camelCase. Times are milliseconds, addresses text, and what asks the module is a promise.
 *
 * The first command resets the module and waits until it has started. Commands are sent one at a time, in the order in
 * which they were asked for. When one goes wrong the driver gets back into step, and starts the module anew where that
 * fails and RESET is wired. All methods that ask the module reject with `ConnectionError`: `radio-silent` (no answer),
 * `radio-garbled` (no proper answer), `radio-refused` (the module's error reply: it does not know the command),
 * `radio-reset` (the module had to be started anew, or has restarted: its sockets, Wi-Fi settings and certificates are
 * gone). With a wrong argument nothing is sent, and they reject with `UsageError` `invalid-argument`.
 *
 * @example
 * ```ts
 * import { EspSpiControl } from "@minimqtt/transport-esp32spi";
 * import type { EspPins, SpiBus } from "@minimqtt/transport-esp32spi";
 *
 * async function join(bus: SpiBus, pins: EspPins): Promise<string> {
 *   const esp = new EspSpiControl(bus, pins);
 *   await esp.connectAP("home", "correct horse");
 *   return await esp.ipAddress();
 * }
 * console.log(join.name); // join
 * ```
 */
export class EspSpiControl {
  readonly #session: Session;
  readonly #sockets: Sockets;
  readonly #servers: Servers;
  readonly #bus: SpiBus;

  /** Takes the hardware. Nothing is sent before the first command. */
  constructor(bus: SpiBus, pins: EspPins, options: EspOptions = {}) {
    const clock = options.clock ?? systemClock;
    this.#bus = bus;
    this.#session = new Session(new SpiLink(bus, pins, clock), clock, options.timeLimits);
    this.#sockets = new Sockets(this.#session);
    this.#servers = new Servers(this.#session, this.#sockets);
    this.#session.onLost = () => {
      this.#sockets.forget();
      this.#servers.forget();
    };
  }

  /** The clock it goes by. */
  get clock(): Clock {
    return this.#session.clock;
  }

  /**
   * Starts the module anew: RESET LOW for 10 ms, 750 ms of waiting, GET_FW_VERSION. All sockets, Wi-Fi settings and
   * certificates are gone afterwards. Without a RESET pin nothing is reset, the module is only asked.
   */
  reset(): Promise<void> {
    return this.#session.exclusive(() => this.#session.reset());
  }

  /** Releases the bus, where it has something to release. Open sockets stay open in the module. */
  close(): Promise<void> {
    return this.#session.exclusive(async () => await this.#bus.close?.());
  }

  /** The firmware's version. Sends GET_FW_VERSION, once per start. */
  firmwareVersion(): Promise<FirmwareVersion> {
    return this.#session.exclusive(() => this.#session.version());
  }

  /**
   * The status of the Wi-Fi connection, one of {@link WL}. Sends GET_CONN_STATUS, and STOP_CLIENT_TCP for all open sockets
   * when the connection was lost, and with it theirs.
   */
  status(): Promise<number> {
    return this.#session.exclusive(() => this.#status());
  }

  /** Whether the module is connected to a network. Sends what {@link EspSpiControl.status} sends. */
  async isConnected(): Promise<boolean> {
    return await this.status() === WL.CONNECTED;
  }

  /** Why the module was last disconnected, in the numbers of IEEE 802.11. Sends GET_REASON_CODE; since 2.0.0. */
  async reasonCode(): Promise<number> {
    return readNumber(await this.#value(commands.getReasonCode));
  }

  /** The module's own address: `24:0a:c4:12:34:56`, whatever order the firmware sends it in. Sends GET_MACADDR. */
  macAddress(): Promise<string> {
    return this.#mac(commands.getMacAddress, DUMMY);
  }

  /**
   * Looks for networks, the strongest first; an empty list when none is in reach. Sends SCAN_NETWORKS, up to three times,
   * 2 s apart, while it gives none, and four questions for each network. Takes seconds, in which nothing else comes
   * through: not for a running session.
   *
   * @throws {ConnectionError} `radio-refused` when the last of the scans failed, or another one was running.
   */
  scanNetworks(): Promise<Network[]> {
    return this.#session.exclusive(async () => {
      const version = await this.#session.version();
      let names = await this.#session.command(commands.scanNetworks);
      for (let tries = 1; tries < SCANS && names.length === 0; tries++) {
        await this.clock.sleep(SCAN_PAUSE);
        names = await this.#session.command(commands.scanNetworks);
      }
      if (names === NO_LIST) {
        throw new ConnectionError(
          "radio-refused",
          `SCAN_NETWORKS: the co-processor could not scan, in ${SCANS} attempts. Try again in a few seconds.`,
        );
      }
      const networks: Network[] = [];
      for (const [index, name] of names.entries()) {
        // The list is good until the next scan: other tasks wait until it has been read.
        const ask = async (command: Command) =>
          (await this.#session.command(command, [Uint8Array.of(index)]))[0];
        networks.push({
          ssid: readText(name),
          rssi: readNumber(await ask(commands.getNetworkRssi), true),
          encryption: networkEncryption(readNumber(await ask(commands.getNetworkEncryption)), version),
          bssid: readMac(await ask(commands.getNetworkBssid), version),
          channel: readNumber(await ask(commands.getNetworkChannel)),
        });
      }
      return networks.sort((one, other) => other.rssi - one.rssi);
    });
  }

  /**
   * Connects to a network; without a passphrase to an open one. Sends STOP_CLIENT_TCP for all open sockets, which are
   * dead then in any case, SET_PASSPHRASE or SET_NET, GET_CONN_STATUS every 100 ms, and GET_IPADDR until there is an
   * address.
   *
   * `ssid` has 1 to 32 bytes; `passphrase` 8 to 63, or is the key itself, 64 hexadecimal digits.
   *
   * @throws {ConnectionError} `wifi-not-found`, `wifi-refused` or `wifi-down` when the time is over, by what the module
   * said last. The first attempt after a reset fails more often than later ones.
   */
  async connectAP(ssid: string, passphrase?: string | null, options: JoinOptions = {}): Promise<void> {
    const name = textArgument("ssid", ssid, 1, 32);
    const secret = passphrase ? passphraseArgument(passphrase) : undefined;
    options.signal?.throwIfAborted();
    await this.#session.exclusive(async () => {
      await this.#sockets.dropAll();
      if (secret) await this.#session.command(commands.setPassphrase, [name, secret]);
      else await this.#session.command(commands.setNet, [name]);
    });
    await this.#joined(ssid, options);
  }

  /**
   * Connects to a WPA2 enterprise network (PEAP). Sends SET_NET, WPA2_ENT_SET_IDENTITY, _USERNAME, _PASSWORD and
   * _ENABLE, then as {@link EspSpiControl.connectAP}, with the same errors. Each text has 32 bytes at most.
   */
  async connectEnterprise(
    ssid: string,
    login: { readonly identity?: string; readonly user: string; readonly password: string },
    options: JoinOptions = {},
  ): Promise<void> {
    const name = textArgument("ssid", ssid, 1, 32);
    const identity = textArgument("identity", login.identity ?? "", 0, 32);
    const user = textArgument("user", login.user, 1, 32);
    const password = textArgument("password", login.password, 1, 32);
    options.signal?.throwIfAborted();
    await this.#session.exclusive(async () => {
      await this.#sockets.dropAll();
      await this.#session.command(commands.setNet, [name]);
      await this.#session.command(commands.setEnterpriseIdentity, [identity]);
      await this.#session.command(commands.setEnterpriseUser, [user]);
      await this.#session.command(commands.setEnterprisePassword, [password]);
      await this.#session.command(commands.enableEnterprise);
    });
    await this.#joined(ssid, options);
  }

  /** Leaves the network. The module does not come back by itself. Sends DISCONNECT. */
  async disconnect(): Promise<void> {
    this.#session.online = false;
    await this.#session.ask(commands.disconnect);
  }

  /**
   * Opens an access point; with a passphrase a protected one. Sends SET_AP_NET or SET_AP_PASSPHRASE. Channel 1 to 13.
   *
   * @throws {ConnectionError} `radio-refused` when the module says that it could not. It says no more later: from 3.0.0
   * on the status does not tell an access point.
   */
  async createAP(ssid: string, passphrase?: string | null, channel = 1): Promise<void> {
    const name = textArgument("ssid", ssid, 1, 32);
    const where = byteArgument("channel", channel, 13);
    if (channel < 1) throw invalid(`channel must be 1 to 13, not ${channel}`);
    const [done] = passphrase
      ? await this.#session.ask(commands.setApPassphrase, name, passphraseArgument(passphrase), where)
      : await this.#session.ask(commands.setApNet, name, where);
    if (done?.[0] !== 1) {
      throw new ConnectionError("radio-refused", "The co-processor could not open an access point.");
    }
  }

  /** The name of the network it is connected to, empty when it is not. Sends GET_CURR_SSID. */
  async ssid(): Promise<string> {
    return readText(await this.#value(commands.getCurrentSsid, DUMMY));
  }

  /** The access point's address, in natural order. Sends GET_CURR_BSSID. */
  bssid(): Promise<string> {
    return this.#mac(commands.getCurrentBssid, DUMMY);
  }

  /** The signal strength in dBm, 0 when not connected. Sends GET_CURR_RSSI. */
  async rssi(): Promise<number> {
    return readNumber(await this.#value(commands.getCurrentRssi, DUMMY), true);
  }

  /** How the present network is protected; without a meaning when not connected. Sends GET_CURR_ENCT. */
  async encryption(): Promise<Encryption> {
    return currentEncryption(readNumber(await this.#value(commands.getCurrentEncryption, DUMMY)));
  }

  /** The module's IPv4 address, `0.0.0.0` without one. Sends GET_IPADDR. */
  async ipAddress(): Promise<string> {
    return (await this.networkData()).ipAddress;
  }

  /** Address, netmask and gateway. Sends GET_IPADDR. */
  async networkData(): Promise<{
    readonly ipAddress: string;
    readonly netmask: string;
    readonly gateway: string;
  }> {
    const [ip, netmask, gateway] = await this.#session.ask(commands.getIpAddress, DUMMY);
    return { ipAddress: readIPv4(ip), netmask: readIPv4(netmask), gateway: readIPv4(gateway) };
  }

  /** The name that the module gives to the network's router, 1 to 31 bytes. Sends SET_HOSTNAME; before connecting. */
  async setHostname(name: string): Promise<void> {
    await this.#session.ask(commands.setHostname, textArgument("hostname", name, 1, 31));
  }

  /**
   * A fixed address instead of one by DHCP; before connecting. Sends SET_IP_CONFIG. The module's answer says nothing: it
   * is 0 when all is well.
   */
  async setIpConfig(ipAddress: string, gateway: string, netmask = "255.255.255.0"): Promise<void> {
    await this.#session.ask(
      commands.setIpConfig,
      ZERO,
      ipv4Argument("ipAddress", ipAddress),
      ipv4Argument("gateway", gateway),
      ipv4Argument("netmask", netmask),
    );
  }

  /** Name servers other than DHCP's; before connecting. Sends SET_DNS_CONFIG. */
  async setDnsConfig(first: string, second = "8.8.8.8"): Promise<void> {
    await this.#session.ask(
      commands.setDnsConfig,
      ZERO,
      ipv4Argument("first", first),
      ipv4Argument("second", second),
    );
  }

  /** The name servers in use. Sends GET_DNS_CONFIG; since 2.0.0. */
  async dnsConfig(): Promise<readonly [string, string]> {
    const [first, second] = await this.#session.ask(commands.getDnsConfig);
    return [readIPv4(first), readIPv4(second)];
  }

  /**
   * The IPv4 address of a host name; an address is given back as it is. Sends REQ_HOST_BY_NAME, and GET_HOST_BY_NAME only
   * when that has succeeded: it would tell the address asked for before.
   *
   * @throws {ConnectionError} `name-not-found`, also when the module has no network.
   */
  async getHostByName(name: string): Promise<string> {
    if (parseIPv4(name)) return name;
    const bytes = textArgument("name", name, 1, 255);
    return await this.#session.exclusive(async () => {
      const [found] = await this.#session.command(commands.requestHostByName, [bytes]);
      if (found?.[0] !== 1) {
        throw new ConnectionError("name-not-found", `The co-processor finds no address for ${name}.`, {
          cause: new Error("REQ_HOST_BY_NAME was answered with 0"),
        });
      }
      return readIPv4((await this.#session.command(commands.getHostByName))[0]);
    });
  }

  /**
   * Milliseconds until an answer came from `destination`, an address or a name; `null` when none came within 5 s. Sends
   * REQ_HOST_BY_NAME and GET_HOST_BY_NAME for a name, PING.
   */
  async ping(destination: string, timeToLive = 250): Promise<number | null> {
    const hops = byteArgument("timeToLive", timeToLive);
    const address = parseIPv4(await this.getHostByName(destination))!;
    const time = readNumber((await this.#session.ask(commands.ping, address, hops))[0], true);
    return time < 0 ? null : time;
  }

  /** The time by the network's time servers, `null` as long as it is not known. Sends GET_TIME. */
  async getTime(): Promise<Date | null> {
    // 4 bytes before 3.0.0, 8 since.
    const seconds = readNumber(await this.#value(commands.getTime));
    return seconds === 0 ? null : new Date(seconds * 1000);
  }

  /** The chip's temperature in degrees Celsius. Sends GET_TEMPERATURE. */
  async temperature(): Promise<number> {
    const bytes = await this.#value(commands.getTemperature);
    if (bytes.length !== 4) {
      throw new ConnectionError("radio-garbled", `GET_TEMPERATURE: ${bytes.length} bytes.`);
    }
    return new DataView(bytes.buffer, bytes.byteOffset, 4).getFloat32(0, true);
  }

  /** Whether the module may sleep between the access point's beacons: slower, and thriftier. Sends SET_POWER_MODE. */
  async setPowerSave(on: boolean): Promise<void> {
    await this.#session.ask(commands.setPowerMode, Uint8Array.of(on ? 1 : 0));
  }

  /** Whether the firmware logs on the ESP32's serial port. Sends SET_DEBUG. */
  async setEspDebug(on: boolean): Promise<void> {
    await this.#session.ask(commands.setDebug, Uint8Array.of(on ? 1 : 0));
  }

  /**
   * Opens a connection. Sends GET_SOCKET and START_CLIENT_TCP, by address where `host` is one and TLS is not wanted, else
   * by name; GET_CLIENT_STATE_TCP where START_CLIENT's answer cannot be trusted. Frees slots that nobody holds when none
   * is free (STOP_CLIENT_TCP).
   *
   * @throws {ConnectionError} `dial-failed`: refused, unreachable, unknown name, no network, certificate: the module does
   * not tell which. `no-socket`: all are in use, or the one for TLS is. The signal's reason when it was aborted before
   * the module was asked; afterwards it cannot be stopped.
   */
  socketOpen(
    host: string,
    port: number,
    mode: SocketMode = "tcp",
    signal?: AbortSignal,
  ): Promise<EspSocket> {
    return this.#sockets.open(host, port, mode, signal);
  }

  /**
   * Sends 1 to 4083 bytes and gives how many the module took: 0 when the connection is gone, or when the peer has not
   * read for 10 s. Sends SEND_DATA_TCP, for UDP INSERT_DATABUF and SEND_UDP_DATA. A failure closes the socket: nobody
   * knows how much was sent. The array must not change until it settles.
   *
   * @throws {ConnectionError} `closed` when the socket is. The signal's reason when it was aborted before the turn came:
   * nothing was sent then.
   */
  socketWrite(socket: EspSocket, bytes: Uint8Array, signal?: AbortSignal): Promise<number> {
    return this.#sockets.write(socket, bytes, signal);
  }

  /**
   * Takes up to `size` bytes, 4000 at most, that have arrived; an empty array when there are none. The array is the
   * caller's. Sends GET_DATABUF_TCP. A failure closes the socket: nobody knows what was lost.
   *
   * @throws {ConnectionError} `closed` when the socket is.
   */
  socketRead(socket: EspSocket, size: number = MAX_READ): Promise<Uint8Array> {
    return this.#sockets.read(socket, size);
  }

  /**
   * As {@link EspSpiControl.socketRead}; with `ask`, when nothing has arrived, GET_CLIENT_STATE_TCP tells whether the
   * connection has ended: `null` then, and the socket is closed (STOP_CLIENT_TCP). In this order nothing is lost: the
   * state of a connection that the peer has closed throws away what was not read. Before 2.0.0 the module does not
   * notice the end of a plain connection.
   *
   * @throws {ConnectionError} `closed` when the socket is.
   */
  socketReceive(socket: EspSocket, size: number = MAX_READ, ask = true): Promise<Uint8Array | null> {
    return this.#sockets.receive(socket, size, ask);
  }

  /** How many bytes have arrived and were not read. Sends AVAIL_DATA_TCP. Rejects with `closed` when the socket is. */
  socketAvailable(socket: EspSocket): Promise<number> {
    return this.#sockets.available(socket);
  }

  /**
   * Whether the connection lives, or has left something to read. Sends AVAIL_DATA_TCP, GET_CLIENT_STATE_TCP when that is
   * 0, and STOP_CLIENT_TCP when that is 0 too.
   */
  socketConnected(socket: EspSocket): Promise<boolean> {
    return this.#sockets.connected(socket);
  }

  /** Where the other end is. Sends GET_REMOTE_DATA. Rejects with `closed` when the socket is. */
  getRemoteData(socket: EspSocket): Promise<{ readonly address: string; readonly port: number }> {
    return this.#sockets.remote(socket);
  }

  /** Closes the connection and frees its slot; one that is closed already does no harm. Sends STOP_CLIENT_TCP. */
  socketClose(socket: EspSocket): Promise<void> {
    return this.#sockets.close(socket);
  }

  /**
   * Listens for TCP connections at a port of the module's, 1 to 65535, on all its addresses, access point included. Sends
   * GET_SOCKET and START_SERVER_TCP; for a port where a server was stopped, only GET_STATE_TCP: it listens still. A server
   * takes one of the module's sockets, and each client another.
   *
   * @throws {ConnectionError} `radio-refused` when the module says that it could not, as where it listens at this port
   * already. `no-socket` when all are in use.
   */
  startServer(port: number): Promise<EspServer> {
    return this.#servers.start(port);
  }

  /**
   * Whether a server listens: false once it was stopped, or the module has restarted. Sends GET_STATE_TCP, unless that is
   * known.
   */
  serverState(server: EspServer): Promise<boolean> {
    return this.#servers.state(server);
  }

  /**
   * The next client of a server, a socket like those of {@link EspSpiControl.socketOpen}, or `null` when nobody is there:
   * nothing waits in the module, so this is asked again and again. Sends AVAIL_DATA_TCP for the server's socket. A client
   * is the caller's to close.
   *
   * Before 2.0.0 the module names a client only when it has sent something, and the same one as long as not all of it was
   * read: others come after that. Where all sockets are in use, a client waits from 2.0.0 on in vain: the module has
   * taken it out of the queue.
   *
   * @throws {ConnectionError} `closed` when the server was stopped. After another failure the server goes on; a client may
   * be lost.
   */
  acceptClient(server: EspServer): Promise<EspSocket | null> {
    return this.#servers.accept(server);
  }

  /**
   * Gives a server up. Sends nothing, for the firmware cannot stop one: it goes on listening, and keeps its socket, until
   * the module restarts. The next {@link EspSpiControl.startServer} gets that socket. Clients stay open.
   */
  stopServer(server: EspServer): void {
    this.#servers.stop(server);
  }

  /** Whether GPIO0 says that some socket has bytes; `undefined` where it is not wired. Sends nothing. */
  async dataWaiting(): Promise<boolean | undefined> {
    return await this.#session.hint();
  }

  /**
   * The certificate by which the module identifies itself to servers, PEM, less than 1300 bytes; kept until a reset, and
   * used for TLS connections opened afterwards, together with the key. Sends SET_CLIENT_CERT; since 1.4.0.
   *
   * From 3.0.0 on the firmware, when it has both, does not load its authorities into a slot that never had them, and then
   * trusts nobody: a TLS connection through the same slot before they are set helps. TLS on the host has no such limit.
   */
  async setCertificate(pem: string): Promise<void> {
    await this.#session.ask(
      commands.setClientCertificate,
      pemArgument("certificate", pem, "CERTIFICATE", 1300),
    );
  }

  /** The key of the certificate, PEM, RSA (`BEGIN RSA PRIVATE KEY`), less than 1700 bytes. Sends SET_CERT_KEY. */
  async setPrivateKey(pem: string): Promise<void> {
    await this.#session.ask(commands.setCertificateKey, pemArgument("key", pem, "RSA PRIVATE KEY", 1700));
  }

  /** Makes a pin of the module an input or output. Sends SET_PIN_MODE; `input-pullup` since 1.7.3. */
  async setPinMode(pin: number, mode: "input" | "output" | "input-pullup"): Promise<void> {
    const index = ["input", "output", "input-pullup"].indexOf(mode);
    if (index < 0) throw invalid(`mode must be input, output or input-pullup, not ${mode}`);
    await this.#session.ask(commands.setPinMode, byteArgument("pin", pin), Uint8Array.of(index));
  }

  /** Drives a pin HIGH or LOW. Sends SET_DIGITAL_WRITE. */
  async setDigitalWrite(pin: number, level: boolean): Promise<void> {
    await this.#session.ask(commands.setDigitalWrite, byteArgument("pin", pin), Uint8Array.of(level ? 1 : 0));
  }

  /** Pulse width on a pin, 0 to 1. Sends SET_ANALOG_WRITE. */
  async setAnalogWrite(pin: number, value: number): Promise<void> {
    if (!(value >= 0 && value <= 1)) throw invalid(`value must be 0 to 1, not ${value}`);
    const width = Uint8Array.of(Math.round(255 * value));
    await this.#session.ask(commands.setAnalogWrite, byteArgument("pin", pin), width);
  }

  /** The level of a pin. Sends GET_DIGITAL_READ; since 1.5.0. */
  async digitalRead(pin: number): Promise<boolean> {
    return readNumber(await this.#value(commands.getDigitalRead, byteArgument("pin", pin))) === 1;
  }

  /**
   * The voltage at a pin, as the converter's number, 0 to 4095 or so. Sends GET_ANALOG_READ; since 1.5.0. `attenuation`
   * is 0 to 3: 3 reaches furthest.
   */
  async analogRead(pin: number, attenuation = 3): Promise<number> {
    const range = byteArgument("attenuation", attenuation, 3);
    return readNumber(await this.#value(commands.getAnalogRead, byteArgument("pin", pin), range), true);
  }

  async #value(command: Command, ...parameters: Uint8Array[]): Promise<Uint8Array> {
    return (await this.#session.ask(command, ...parameters))[0]!;
  }

  #mac(command: Command, ...parameters: Uint8Array[]): Promise<string> {
    return this.#session.exclusive(async () => {
      const [bytes] = await this.#session.command(command, parameters);
      return readMac(bytes, await this.#session.version());
    });
  }

  async #status(): Promise<number> {
    const status = readNumber((await this.#session.command(commands.getConnStatus))[0]);
    const { online } = this.#session;
    this.#session.noteStatus(status);
    // The module closes what the lost link has broken, or does not; it never frees the slots.
    if (online && status !== WL.CONNECTED) await this.#sockets.dropAll();
    return status;
  }

  /** Waits until the network has let the module in. While it does, no status is a failure: they differ by version. */
  async #joined(ssid: string, { timeLimit = JOIN_LIMIT, signal }: JoinOptions): Promise<void> {
    const end = this.clock.now() + timeLimit;
    for (;;) {
      const status = await this.status();
      if (status === WL.CONNECTED && await this.ipAddress() !== NO_ADDRESS) return;
      signal?.throwIfAborted();
      if (this.clock.now() >= end) throw await this.#joinFailure(ssid, status, timeLimit);
      await this.clock.sleep(JOIN_POLL, signal);
      signal?.throwIfAborted();
    }
  }

  async #joinFailure(ssid: string, status: number, timeLimit: number): Promise<ConnectionError> {
    const known = (await this.firmwareVersion()).atLeast(2);
    const reason = known ? await this.reasonCode() : undefined;
    const code = status === WL.NO_SSID_AVAIL || reason === REASON_NOT_FOUND
      ? "wifi-not-found"
      : status === WL.CONNECT_FAILED || status === WL.DISCONNECTED || status === WL.CONNECTION_LOST
      ? "wifi-refused"
      : "wifi-down";
    const text = {
      "wifi-not-found": "it is not in reach",
      "wifi-refused": "it did not let the co-processor in; check the passphrase",
      "wifi-down": "it has given no address",
    }[code];
    const detail = reason === undefined ? `status ${status}` : `status ${status}, reason ${reason}`;
    return new ConnectionError(
      code,
      `No connection to the Wi-Fi network ${
        JSON.stringify(ssid)
      } within ${timeLimit} ms: ${text} (${detail}).`,
    );
  }
}

/** Bytes and not characters, or the key itself. */
function passphraseArgument(passphrase: string): Uint8Array {
  if (/^[0-9a-f]{64}$/i.test(passphrase)) return new TextEncoder().encode(passphrase);
  return textArgument("passphrase", passphrase, 8, 63);
}

/** The module copies a fixed count of bytes and looks for the end itself. */
function pemArgument(name: string, pem: string, label: string, most: number): Uint8Array {
  const bytes = new TextEncoder().encode(pem);
  if (!pem.startsWith(`-----BEGIN ${label}-----`) || !pem.includes(`-----END ${label}-----`)) {
    throw new UsageError("invalid-argument", `${name} must be PEM, with -----BEGIN ${label}-----.`);
  }
  if (bytes.length >= most) throw invalid(`${name} must have fewer than ${most} bytes, not ${bytes.length}`);
  return bytes;
}

/** A parameter that the module ignores, and that hosts send. */
const DUMMY = Uint8Array.of(0xff);
const ZERO = Uint8Array.of(0);
const NO_ADDRESS = "0.0.0.0";
/** IEEE 802.11: access point not found. */
const REASON_NOT_FOUND = 201;
/** Milliseconds to be let into a network, and between two looks at it. */
const JOIN_LIMIT = 20_000;
const JOIN_POLL = 100;
const SCANS = 3;
const SCAN_PAUSE = 2000;

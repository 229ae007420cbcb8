/**
 * The driver: {@link EspSpiControl}, a class as long as the firmware has commands. A method says what it promises and
 * which commands it sends; the parts beside this file do it.
 *
 * @module
 */
// Longer than 300 lines: a method for each thing that the module can be asked, and more lines say what they promise
// than hand on.

import { ConnectionError } from "@minimqtt/core";
import type { EspPins, SpiBus } from "../bus.ts";
import { systemClock } from "../clock.ts";
import type { Clock } from "../clock.ts";
import * as commands from "../wire/commands.ts";
import type { Pace } from "../wire/commands.ts";
import { MAX_READ } from "../wire/frames.ts";
import { SpiLink } from "../wire/link.ts";
import { Session } from "../wire/session.ts";
import { Turns } from "../wire/turns.ts";
import {
  currentEncryption,
  invalid,
  ipv4Argument,
  readIPv4,
  readMac,
  readNumber,
  readText,
  textArgument,
} from "../wire/values.ts";
import type { Encryption } from "../wire/values.ts";
import type { FirmwareVersion } from "../wire/versions.ts";
import { apListening, createAP } from "./access_point.ts";
import { Certificates } from "./certificates.ts";
import { hostByName, ping } from "./names.ts";
import { analogRead, digitalRead, setAnalogWrite, setDigitalWrite, setPinMode } from "./pins.ts";
import type { PinMode } from "./pins.ts";
import { foundNetworks, scanNetworks } from "./scan.ts";
import type { Network } from "./scan.ts";
import { Servers } from "./servers.ts";
import type { EspServer } from "./servers.ts";
import { Slots } from "./slots.ts";
import type { EspSocket, SocketMode } from "./slots.ts";
import { MODES, Sockets } from "./sockets.ts";
import type { Endpoint } from "./sockets.ts";
import { Udp } from "./udp.ts";
import type { Datagram } from "./udp.ts";
import { networkData, WiFi, WL } from "./wifi.ts";
import type { EnterpriseLogin, JoinOptions, NetworkData } from "./wifi.ts";

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

/** The network that the module is connected to. */
export interface ApInfo {
  /** Its name. */
  readonly ssid: string;
  /** The access point's address. */
  readonly bssid: string;
  /** Signal strength in dBm. */
  readonly rssi: number;
  /** How it is protected. */
  readonly encryption: Encryption;
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
  /** Whether RESET is wired, so that a module that has hung up can be helped. */
  readonly canReset: boolean;
  readonly #turns: Turns;
  readonly #certificates: Certificates;
  readonly #slots: Slots;
  readonly #sockets: Sockets;
  readonly #udp: Udp;
  readonly #servers: Servers;
  readonly #wifi: WiFi;

  /** Takes the hardware. Nothing is sent before the first command. */
  constructor(bus: SpiBus, pins: EspPins, options: EspOptions = {}) {
    const clock = options.clock ?? systemClock;
    const session = new Session(new SpiLink(bus, pins, clock), clock, options.timeLimits);
    this.canReset = pins.reset !== undefined;
    this.#turns = new Turns(session);
    this.#certificates = new Certificates(this.#turns);
    this.#slots = new Slots(this.#turns);
    this.#sockets = new Sockets(this.#slots, this.#turns, this.#certificates);
    this.#udp = new Udp(this.#turns, this.#slots);
    this.#servers = new Servers(this.#turns, this.#slots);
    this.#wifi = new WiFi(this.#turns, this.#slots);
    session.onLost = () => {
      for (const part of [this.#certificates, this.#slots, this.#servers]) part.forget();
    };
  }

  /** The clock it goes by. */
  get clock(): Clock {
    return this.#turns.clock;
  }

  /**
   * Starts the module anew: RESET LOW for 10 ms, 750 ms of waiting, GET_FW_VERSION. All sockets, Wi-Fi settings and
   * certificates are gone afterwards. Without a RESET pin nothing is reset, the module is only asked.
   */
  reset(): Promise<void> {
    return this.#turns.take((turn) => turn.reset());
  }

  /** Releases the bus, where it has something to release. Open sockets stay open in the module. */
  close(): Promise<void> {
    return this.#turns.take((turn) => turn.close());
  }

  /** The firmware's version. Sends GET_FW_VERSION, once per start. */
  firmwareVersion(): Promise<FirmwareVersion> {
    return this.#turns.take((turn) => turn.version());
  }

  /**
   * The status of the Wi-Fi connection, one of {@link WL}. Sends GET_CONN_STATUS, and STOP_CLIENT_TCP for all open sockets
   * when the connection was lost, and with it theirs.
   */
  status(): Promise<number> {
    return this.#wifi.status();
  }

  /** Whether the module is connected to a network. Sends what {@link EspSpiControl.status} sends. */
  async isConnected(): Promise<boolean> {
    return await this.status() === WL.CONNECTED;
  }

  /** Why the module was last disconnected, in the numbers of IEEE 802.11. Sends GET_REASON_CODE; since 2.0.0. */
  async reasonCode(): Promise<number> {
    return readNumber(await this.#turns.value(commands.getReasonCode));
  }

  /** The module's own address: `24:0a:c4:12:34:56`, whatever order the firmware sends it in. Sends GET_MACADDR. */
  macAddress(): Promise<string> {
    return this.#mac(commands.getMacAddress);
  }

  /**
   * Looks for networks, the strongest first; an empty list when none is in reach. Sends SCAN_NETWORKS, up to three times,
   * 2 s apart, while it gives none, and four questions for each network. A network that the module does not tell about is
   * left out. Each scan takes seconds, in which nothing else comes through; between them the bus is free.
   *
   * @throws {ConnectionError} `radio-refused` when the last of the scans failed, or another one was running. The signal's
   * reason when it is aborted between two of them.
   */
  scanNetworks(options: { readonly signal?: AbortSignal } = {}): Promise<Network[]> {
    return scanNetworks(this.#turns, options.signal);
  }

  /** The first half of a scan in two steps. Sends START_SCAN_NETWORKS, at which the firmware does nothing. */
  async startScanNetworks(): Promise<void> {
    await this.#turns.ask(commands.startScan);
  }

  /**
   * The second half of a scan in two steps: one scan, whatever it finds. Sends SCAN_NETWORKS and four questions for each
   * network.
   *
   * @throws {ConnectionError} `radio-refused` when the scan failed, or another one was running.
   */
  getScanNetworks(): Promise<Network[]> {
    return foundNetworks(this.#turns);
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
    await this.#wifi.connect(ssid, passphrase, options);
  }

  /**
   * Connects to a network with a WEP key: 5 or 13 characters, or 10 or 26 hexadecimal digits; `index` is 0 to 3. Sends
   * SET_KEY, then as {@link EspSpiControl.connectAP}, with the same errors. WEP keeps nobody out, and firmware from 3.0.0
   * on joins no network so protected.
   */
  async connectWEP(ssid: string, key: string, index = 0, options: JoinOptions = {}): Promise<void> {
    await this.#wifi.connectWEP(ssid, key, index, options);
  }

  /**
   * Connects to a WPA2 enterprise network (PEAP). Sends SET_NET, WPA2_ENT_SET_IDENTITY, _USERNAME, _PASSWORD and
   * _ENABLE, then as {@link EspSpiControl.connectAP}, with the same errors. Each text has 32 bytes at most. A certificate
   * cannot be given: every version of the firmware refuses the commands for it.
   */
  async connectEnterprise(ssid: string, login: EnterpriseLogin, options: JoinOptions = {}): Promise<void> {
    await this.#wifi.connectEnterprise(ssid, login, options);
  }

  /** Leaves the network. The module does not come back by itself. Sends DISCONNECT. */
  disconnect(): Promise<void> {
    return this.#wifi.disconnect();
  }

  /**
   * Opens an access point; with a passphrase a protected one. Sends SET_AP_NET or SET_AP_PASSPHRASE. Channel 1 to 13.
   *
   * @throws {ConnectionError} `radio-refused` when the module says that it could not. It says no more later: from 3.0.0
   * on the status does not tell of an access point.
   */
  createAP(ssid: string, passphrase?: string | null, channel = 1): Promise<void> {
    return createAP(this.#turns, ssid, passphrase, channel);
  }

  /**
   * Whether the module is an access point. Sends GET_CONN_STATUS; `undefined` from 3.0.0 on, where nothing tells: that
   * {@link EspSpiControl.createAP} has resolved is all there is.
   */
  apListening(): Promise<boolean | undefined> {
    return apListening(this.#turns);
  }

  /**
   * What the module knows of the network that it is connected to, `null` when it is not. Sends GET_CONN_STATUS, and the
   * four questions about the present network. Which channel it is on, only a scan tells.
   */
  async apInfo(): Promise<ApInfo | null> {
    if (!await this.isConnected()) return null;
    return {
      ssid: await this.ssid(),
      bssid: await this.bssid(),
      rssi: await this.rssi(),
      encryption: await this.encryption(),
    };
  }

  /** The name of the network it is connected to, empty when it is not. Sends GET_CURR_SSID. */
  async ssid(): Promise<string> {
    return readText(await this.#turns.value(commands.getCurrentSsid, DUMMY));
  }

  /** The access point's address, in natural order. Sends GET_CURR_BSSID. */
  bssid(): Promise<string> {
    return this.#mac(commands.getCurrentBssid);
  }

  /** The signal strength in dBm, 0 when not connected. Sends GET_CURR_RSSI. */
  async rssi(): Promise<number> {
    return readNumber(await this.#turns.value(commands.getCurrentRssi, DUMMY), true);
  }

  /** How the present network is protected; without a meaning when not connected. Sends GET_CURR_ENCT. */
  async encryption(): Promise<Encryption> {
    return currentEncryption(readNumber(await this.#turns.value(commands.getCurrentEncryption, DUMMY)));
  }

  /** The module's IPv4 address, `0.0.0.0` without one. Sends GET_IPADDR. */
  async ipAddress(): Promise<string> {
    return (await this.networkData()).ipAddress;
  }

  /** Address, netmask and gateway. Sends GET_IPADDR. */
  networkData(): Promise<NetworkData> {
    return this.#turns.take(networkData);
  }

  /** The name that the module gives to the network's router, 1 to 31 bytes. Sends SET_HOSTNAME; before connecting. */
  async setHostname(name: string): Promise<void> {
    await this.#turns.ask(commands.setHostname, textArgument("hostname", name, 1, 31));
  }

  /**
   * A fixed address instead of one by DHCP; before connecting. Sends SET_IP_CONFIG. The module's answer says nothing: it
   * is 0 when all is well.
   */
  async setIpConfig(ipAddress: string, gateway: string, netmask = "255.255.255.0"): Promise<void> {
    await this.#turns.ask(
      commands.setIpConfig,
      ZERO,
      ipv4Argument("ipAddress", ipAddress),
      ipv4Argument("gateway", gateway),
      ipv4Argument("netmask", netmask),
    );
  }

  /** Name servers other than DHCP's; before connecting. Sends SET_DNS_CONFIG. */
  async setDnsConfig(first: string, second = "8.8.8.8"): Promise<void> {
    await this.#turns.ask(
      commands.setDnsConfig,
      ZERO,
      ipv4Argument("first", first),
      ipv4Argument("second", second),
    );
  }

  /** The name servers in use. Sends GET_DNS_CONFIG; since 2.0.0. */
  async dnsConfig(): Promise<readonly [string, string]> {
    const [first, second] = await this.#turns.ask(commands.getDnsConfig);
    return [readIPv4(first), readIPv4(second)];
  }

  /**
   * The IPv4 address of a host name; an address is given back as it is. Sends REQ_HOST_BY_NAME, and GET_HOST_BY_NAME only
   * when that has succeeded: it would tell the address asked for before.
   *
   * @throws {ConnectionError} `name-not-found`, also when the module has no network.
   */
  getHostByName(name: string): Promise<string> {
    return hostByName(this.#turns, name);
  }

  /**
   * Milliseconds until an answer came from `destination`, an address or a name; `null` when none came within 5 s. Sends
   * REQ_HOST_BY_NAME and GET_HOST_BY_NAME for a name, PING.
   */
  ping(destination: string, timeToLive = 250): Promise<number | null> {
    return ping(this.#turns, destination, timeToLive);
  }

  /** The time by the network's time servers, `null` as long as it is not known. Sends GET_TIME. */
  async getTime(): Promise<Date | null> {
    // 4 bytes before 3.0.0, 8 since.
    const seconds = readNumber(await this.#turns.value(commands.getTime));
    return seconds === 0 ? null : new Date(seconds * 1000);
  }

  /** The chip's temperature in degrees Celsius. Sends GET_TEMPERATURE. */
  async temperature(): Promise<number> {
    const bytes = await this.#turns.value(commands.getTemperature);
    if (bytes.length !== 4) {
      throw new ConnectionError("radio-garbled", `GET_TEMPERATURE: ${bytes.length} bytes.`);
    }
    return new DataView(bytes.buffer, bytes.byteOffset, 4).getFloat32(0, true);
  }

  /** Whether the module may sleep between the access point's beacons: slower, and thriftier. Sends SET_POWER_MODE. */
  async setPowerSave(on: boolean): Promise<void> {
    await this.#turns.ask(commands.setPowerMode, Uint8Array.of(on ? 1 : 0));
  }

  /** Whether the firmware logs on the ESP32's serial port. Sends SET_DEBUG. */
  async setEspDebug(on: boolean): Promise<void> {
    await this.#turns.ask(commands.setDebug, Uint8Array.of(on ? 1 : 0));
  }

  /**
   * Opens a connection, or for `udp` a socket that sends datagrams to one place.
   *
   * Sends GET_SOCKET and START_CLIENT_TCP, by address where `host` is one and TLS is not wanted, else by name; before
   * 2.0.0 a name is looked up first (REQ_HOST_BY_NAME), for START_CLIENT_TCP cannot do it there. GET_CLIENT_STATE_TCP
   * where START_CLIENT's answer cannot be trusted. For `udp` REQ_HOST_BY_NAME, GET_SOCKET and START_SERVER_TCP. Frees slots
   * that nobody holds when none is free (STOP_CLIENT_TCP).
   *
   * @throws {ConnectionError} `dial-failed`: refused, unreachable, unknown name, no network, certificate: the module does
   * not tell which. `name-not-found` where the name was looked up. `no-socket`: all are in use, or the one for TLS is. The
   * signal's reason when it was aborted before the module was asked; afterwards it cannot be stopped.
   */
  async socketOpen(
    host: string,
    port: number,
    mode: SocketMode = "tcp",
    signal?: AbortSignal,
  ): Promise<EspSocket> {
    // The module would answer, and never use the slot again.
    if (!Object.hasOwn(MODES, mode)) throw invalid(`mode must be tcp, tls or udp, not ${mode}`);
    if (mode === "udp") return await this.#udp.open(host, port, signal);
    return await this.#sockets.open(host, port, mode, signal);
  }

  /**
   * How many milliseconds the module took to open a connection: by address a round trip, and what the firmware takes.
   * `undefined` for a server's client and for `udp`. Sends nothing.
   */
  connectTime(socket: EspSocket): number | undefined {
    return this.#sockets.connectTime(socket);
  }

  /**
   * Sends 1 to 4083 bytes and gives how many the module took: 0 when the connection is gone, or when the peer has not
   * read for 10 s. Sends SEND_DATA_TCP. A failure closes the socket: nobody knows how much was sent. The array must not
   * change until it settles.
   *
   * For `udp` it is one datagram of 1 to 1460 bytes, to where the socket was opened, sent whole (its length is given) or
   * not at all (0). Sends START_CLIENT_TCP, INSERT_DATABUF and SEND_UDP_DATA.
   *
   * @throws {ConnectionError} `closed` when the socket is. The signal's reason when it was aborted before the turn came:
   * nothing was sent then.
   */
  async socketWrite(socket: EspSocket, bytes: Uint8Array, signal?: AbortSignal): Promise<number> {
    if (socket.mode === "udp") return await this.#udp.send(socket, bytes, signal);
    return await this.#sockets.write(socket, bytes, signal);
  }

  /**
   * Sends a datagram of 1 to 1460 bytes to an address, from a socket for datagrams of either kind; gives its length, or 0
   * when it was not sent. Sends what {@link EspSpiControl.socketWrite} sends for `udp`.
   *
   * @throws {ConnectionError} `closed` when the socket is.
   */
  socketSendTo(socket: EspSocket, bytes: Uint8Array, address: string, port: number): Promise<number> {
    return this.#udp.sendTo(socket, bytes, address, port);
  }

  /**
   * The next datagram and who has sent it, or `null` when none is there: it is asked again and again. Sends AVAIL_DATA_TCP,
   * GET_REMOTE_DATA and GET_DATABUF_TCP.
   *
   * @throws {ConnectionError} `closed` when the socket is.
   */
  socketReceiveFrom(socket: EspSocket): Promise<Datagram | null> {
    return this.#udp.receiveFrom(socket);
  }

  /**
   * Waits for datagrams at a port of the module's, 1 to 65535; with `group`, an address from 224.0.0.0 to
   * 239.255.255.255, for those to that group too. Sends GET_SOCKET and START_SERVER_TCP.
   *
   * @throws {ConnectionError} `radio-refused` when the module says that it could not, `no-socket` when all are in use.
   */
  startUdpServer(port: number, options: { readonly group?: string } = {}): Promise<EspSocket> {
    return this.#udp.listen(port, options.group);
  }

  /**
   * Takes up to `size` bytes, 4000 at most, that have arrived; an empty array when there are none. The array is the
   * caller's. Sends GET_DATABUF_TCP. A failure closes the socket: nobody knows what was lost. For `udp` it is what is left
   * of one datagram, never of two, and AVAIL_DATA_TCP is sent before.
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
   * notice the end of a plain connection. A socket for datagrams has no end, so it never is `null`.
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
   * 0, and STOP_CLIENT_TCP when that is 0 too. Nothing for `udp`: such a socket is open until it is closed.
   */
  socketConnected(socket: EspSocket): Promise<boolean> {
    return this.#sockets.connected(socket);
  }

  /**
   * Where the other end is; for `udp`, who sent the datagram that was read last. Sends GET_REMOTE_DATA. Rejects with
   * `closed` when the socket is.
   */
  getRemoteData(socket: EspSocket): Promise<Endpoint> {
    return this.#sockets.remote(socket);
  }

  /** Closes the connection and frees its slot; one that is closed already does no harm. Sends STOP_CLIENT_TCP. */
  socketClose(socket: EspSocket): Promise<void> {
    return this.#slots.close(socket);
  }

  /**
   * Listens for TCP connections at a port of the module's, 1 to 65535, on all its addresses, access point included. Sends
   * GET_SOCKET, START_SERVER_TCP and GET_STATE_TCP, which tells whether it came to pass; for a port where a server was
   * stopped, only GET_STATE_TCP: it listens still. A server takes one of the module's sockets, and each client another.
   *
   * From 3.0.0 on a server that was stopped cannot be moved to another port until the module restarts, whatever the module
   * says: another socket is taken for it, and none is left after a few.
   *
   * @throws {ConnectionError} `radio-refused` when the module does not listen, as where another of its servers has the
   * port, or no socket is left but those of servers that cannot be moved. `no-socket` when all are in use.
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
    return await this.#turns.session.hint();
  }

  /**
   * The certificate by which the module identifies itself to servers, PEM, less than 1300 bytes; kept until a reset, and
   * used for TLS connections opened afterwards, together with the key. Sends SET_CLIENT_CERT; since 1.4.0.
   *
   * From 3.0.0 on the firmware, when it has both, does not load its authorities into a slot that never had them, and then
   * trusts nobody: a TLS connection through the same slot before they are set helps. TLS on the host has no such limit.
   */
  setCertificate(pem: string): Promise<void> {
    return this.#certificates.setCertificate(pem);
  }

  /** The key of the certificate, PEM, RSA (`BEGIN RSA PRIVATE KEY`), less than 1700 bytes. Sends SET_CERT_KEY. */
  setPrivateKey(pem: string): Promise<void> {
    return this.#certificates.setPrivateKey(pem);
  }

  /** Makes a pin of the module an input or output. Sends SET_PIN_MODE; `input-pullup` since 1.7.3. */
  setPinMode(pin: number, mode: PinMode): Promise<void> {
    return setPinMode(this.#turns, pin, mode);
  }

  /** Drives a pin HIGH or LOW. Sends SET_DIGITAL_WRITE. */
  setDigitalWrite(pin: number, level: boolean): Promise<void> {
    return setDigitalWrite(this.#turns, pin, level);
  }

  /** Pulse width on a pin, 0 to 1. Sends SET_ANALOG_WRITE. */
  setAnalogWrite(pin: number, value: number): Promise<void> {
    return setAnalogWrite(this.#turns, pin, value);
  }

  /** The level of a pin. Sends GET_DIGITAL_READ; since 1.5.0. */
  digitalRead(pin: number): Promise<boolean> {
    return digitalRead(this.#turns, pin);
  }

  /**
   * The voltage at a pin, as the converter's number, 0 to 4095 or so. Sends GET_ANALOG_READ; since 1.5.0. `attenuation`
   * is 0 to 3: 3 reaches furthest.
   */
  analogRead(pin: number, attenuation = 3): Promise<number> {
    return analogRead(this.#turns, pin, attenuation);
  }

  #mac(command: commands.Command): Promise<string> {
    return this.#turns.take(async (turn) => readMac(await turn.value(command, DUMMY), await turn.version()));
  }
}

/** A parameter that the module ignores, and that hosts send. */
const DUMMY = Uint8Array.of(0xff);
const ZERO = Uint8Array.of(0);

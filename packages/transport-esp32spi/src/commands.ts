/**
 * The commands of nina-fw that the driver sends, each with what the driver must know of it: how long its lengths are,
 * how much answers it, whether it may be sent once more, how long it may take.
 *
 * @module
 */

/**
 * How long the module may take for a command. `plain`: what it knows by heart. `wifi`: starting to connect or an access
 * point. `scan`, `name` (asking for an address), `dial` (opening a connection), `handshake` (opening one with TLS),
 * `send`, `sendSecure`, `ping`: what these words say.
 */
export type Pace = "plain" | "wifi" | "scan" | "name" | "dial" | "handshake" | "send" | "sendSecure" | "ping";

/** One command. */
export interface Command {
  /** As the firmware calls it. */
  readonly name: string;
  /** Its number, below 0x80. */
  readonly code: number;
  /** Whether the lengths of the parameters have two bytes. */
  readonly wide: boolean;
  /** Whether the lengths in the reply have two bytes: not the same commands. */
  readonly wideReply: boolean;
  /** The bytes that a reply has at most, without padding. */
  readonly reply: number;
  /** How many parameters a good reply has; `undefined` where that is part of the answer. */
  readonly count: number | undefined;
  /**
   * Whether it may be sent once more when nobody knows whether it was carried out: true for questions and for what
   * makes no difference the second time.
   */
  readonly repeatable: boolean;
  /** How long it may take. */
  readonly pace: Pace;
}

/** Most commands: one byte for lengths, one small value as answer, and no harm in asking twice. */
function command(name: string, code: number, rest: Partial<Command> = {}): Command {
  return {
    name,
    code,
    wide: false,
    wideReply: false,
    reply: ONE_VALUE,
    count: 1,
    repeatable: true,
    pace: "plain",
    ...rest,
  };
}

/** A reply with one parameter of up to four bytes: START, opcode, count, length, value, END. */
const ONE_VALUE = 9;
const WHOLE_FRAME = 4092;

/** The commands by the firmware's names. */
export const commands = {
  setNet: command("SET_NET", 0x10, { pace: "wifi" }),
  setPassphrase: command("SET_PASSPHRASE", 0x11, { pace: "wifi" }),
  setIpConfig: command("SET_IP_CONFIG", 0x14),
  setDnsConfig: command("SET_DNS_CONFIG", 0x15),
  setHostname: command("SET_HOSTNAME", 0x16),
  setPowerMode: command("SET_POWER_MODE", 0x17),
  setApNet: command("SET_AP_NET", 0x18, { pace: "wifi" }),
  setApPassphrase: command("SET_AP_PASSPHRASE", 0x19, { pace: "wifi" }),
  setDebug: command("SET_DEBUG", 0x1a),
  getTemperature: command("GET_TEMPERATURE", 0x1b),
  getDnsConfig: command("GET_DNS_CONFIG", 0x1e, { reply: 14, count: 2 }),
  getReasonCode: command("GET_REASON_CODE", 0x1f),
  getConnStatus: command("GET_CONN_STATUS", 0x20),
  getIpAddress: command("GET_IPADDR", 0x21, { reply: 19, count: 3 }),
  getMacAddress: command("GET_MACADDR", 0x22, { reply: 11 }),
  getCurrentSsid: command("GET_CURR_SSID", 0x23, { reply: 38 }),
  getCurrentBssid: command("GET_CURR_BSSID", 0x24, { reply: 11 }),
  getCurrentRssi: command("GET_CURR_RSSI", 0x25),
  getCurrentEncryption: command("GET_CURR_ENCT", 0x26),
  scanNetworks: command("SCAN_NETWORKS", 0x27, { reply: WHOLE_FRAME, count: undefined, pace: "scan" }),
  startServer: command("START_SERVER_TCP", 0x28, { repeatable: false }),
  getServerState: command("GET_STATE_TCP", 0x29),
  getAvailable: command("AVAIL_DATA_TCP", 0x2b),
  startClient: command("START_CLIENT_TCP", 0x2d, { count: undefined, repeatable: false, pace: "dial" }),
  stopClient: command("STOP_CLIENT_TCP", 0x2e),
  getClientState: command("GET_CLIENT_STATE_TCP", 0x2f),
  disconnect: command("DISCONNECT", 0x30, { pace: "wifi" }),
  getNetworkRssi: command("GET_IDX_RSSI", 0x32),
  getNetworkEncryption: command("GET_IDX_ENCT", 0x33),
  requestHostByName: command("REQ_HOST_BY_NAME", 0x34, { pace: "name" }),
  getHostByName: command("GET_HOST_BY_NAME", 0x35),
  startScan: command("START_SCAN_NETWORKS", 0x36),
  getFirmwareVersion: command("GET_FW_VERSION", 0x37, { reply: 64 }),
  sendUdp: command("SEND_UDP_DATA", 0x39, { repeatable: false }),
  getRemoteData: command("GET_REMOTE_DATA", 0x3a, { reply: 12, count: 2 }),
  getTime: command("GET_TIME", 0x3b, { reply: 13 }),
  getNetworkBssid: command("GET_IDX_BSSID", 0x3c, { reply: 11 }),
  getNetworkChannel: command("GET_IDX_CHANNEL", 0x3d),
  ping: command("PING", 0x3e, { pace: "ping" }),
  getSocket: command("GET_SOCKET", 0x3f),
  setClientCertificate: command("SET_CLIENT_CERT", 0x40),
  setCertificateKey: command("SET_CERT_KEY", 0x41),
  sendData: command("SEND_DATA_TCP", 0x44, { wide: true, repeatable: false, pace: "send" }),
  getData: command("GET_DATABUF_TCP", 0x45, {
    wide: true,
    wideReply: true,
    reply: WHOLE_FRAME,
    repeatable: false,
  }),
  insertData: command("INSERT_DATABUF", 0x46, { wide: true, repeatable: false }),
  setEnterpriseIdentity: command("WPA2_ENT_SET_IDENTITY", 0x4a),
  setEnterpriseUser: command("WPA2_ENT_SET_USERNAME", 0x4b),
  setEnterprisePassword: command("WPA2_ENT_SET_PASSWORD", 0x4c),
  enableEnterprise: command("WPA2_ENT_ENABLE", 0x4f),
  setPinMode: command("SET_PIN_MODE", 0x50),
  setDigitalWrite: command("SET_DIGITAL_WRITE", 0x51),
  setAnalogWrite: command("SET_ANALOG_WRITE", 0x52),
  getDigitalRead: command("GET_DIGITAL_READ", 0x53),
  getAnalogRead: command("GET_ANALOG_READ", 0x54),
} as const satisfies Record<string, Command>;

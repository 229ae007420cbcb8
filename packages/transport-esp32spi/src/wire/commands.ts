/**
 * The commands of nina-fw that the driver sends, each with what the driver must know of it: how long its lengths are,
 * how much answers it, whether it may be sent once more, how long it may take.
 *
 * @module
 */

/**
 * How long the module may take for a command. `plain`: what it knows by heart. `wifi`: starting to connect or an access
 * point. `scan`, `name` (asking for an address), `dial` (opening a connection), `dialName` and `dialAddress` (the same by
 * name and by address since 3.0.0, where it takes less), `handshake` (opening one with TLS), `send`, `sendSecure`, `ping`: what these words say.
 */
export type Pace =
  | "plain"
  | "wifi"
  | "scan"
  | "name"
  | "dial"
  | "dialName"
  | "dialAddress"
  | "handshake"
  | "send"
  | "sendSecure"
  | "ping";

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

export const setNet: Command = command("SET_NET", 0x10, { pace: "wifi" });
export const setPassphrase: Command = command("SET_PASSPHRASE", 0x11, { pace: "wifi" });
export const setKey: Command = command("SET_KEY", 0x12, { pace: "wifi" });
export const setIpConfig: Command = command("SET_IP_CONFIG", 0x14);
export const setDnsConfig: Command = command("SET_DNS_CONFIG", 0x15);
export const setHostname: Command = command("SET_HOSTNAME", 0x16);
export const setPowerMode: Command = command("SET_POWER_MODE", 0x17);
export const setApNet: Command = command("SET_AP_NET", 0x18, { pace: "wifi" });
export const setApPassphrase: Command = command("SET_AP_PASSPHRASE", 0x19, { pace: "wifi" });
export const setDebug: Command = command("SET_DEBUG", 0x1a);
export const getTemperature: Command = command("GET_TEMPERATURE", 0x1b);
export const getDnsConfig: Command = command("GET_DNS_CONFIG", 0x1e, { reply: 14, count: 2 });
export const getReasonCode: Command = command("GET_REASON_CODE", 0x1f);
export const getConnStatus: Command = command("GET_CONN_STATUS", 0x20);
export const getIpAddress: Command = command("GET_IPADDR", 0x21, { reply: 19, count: 3 });
export const getMacAddress: Command = command("GET_MACADDR", 0x22, { reply: 11 });
export const getCurrentSsid: Command = command("GET_CURR_SSID", 0x23, { reply: 38 });
export const getCurrentBssid: Command = command("GET_CURR_BSSID", 0x24, { reply: 11 });
export const getCurrentRssi: Command = command("GET_CURR_RSSI", 0x25);
export const getCurrentEncryption: Command = command("GET_CURR_ENCT", 0x26);
export const scanNetworks: Command = command("SCAN_NETWORKS", 0x27, {
  reply: WHOLE_FRAME,
  count: undefined,
  pace: "scan",
});
export const startServer: Command = command("START_SERVER_TCP", 0x28, { repeatable: false });
export const getServerState: Command = command("GET_STATE_TCP", 0x29);
export const getAvailable: Command = command("AVAIL_DATA_TCP", 0x2b);
/** The same question of a server's socket: its next client, who is not named a second time. */
export const acceptClient: Command = { ...getAvailable, repeatable: false };
export const startClient: Command = command("START_CLIENT_TCP", 0x2d, {
  count: undefined,
  repeatable: false,
  pace: "dial",
});
export const stopClient: Command = command("STOP_CLIENT_TCP", 0x2e);
export const getClientState: Command = command("GET_CLIENT_STATE_TCP", 0x2f);
export const disconnect: Command = command("DISCONNECT", 0x30, { pace: "wifi" });
export const getNetworkRssi: Command = command("GET_IDX_RSSI", 0x32);
export const getNetworkEncryption: Command = command("GET_IDX_ENCT", 0x33);
export const startScan: Command = command("START_SCAN_NETWORKS", 0x36);
export const requestHostByName: Command = command("REQ_HOST_BY_NAME", 0x34, { pace: "name" });
export const getHostByName: Command = command("GET_HOST_BY_NAME", 0x35);
export const getFirmwareVersion: Command = command("GET_FW_VERSION", 0x37, { reply: 64 });
export const sendUdp: Command = command("SEND_UDP_DATA", 0x39, { repeatable: false });
export const getRemoteData: Command = command("GET_REMOTE_DATA", 0x3a, { reply: 12, count: 2 });
export const getTime: Command = command("GET_TIME", 0x3b, { reply: 13 });
export const getNetworkBssid: Command = command("GET_IDX_BSSID", 0x3c, { reply: 11 });
export const getNetworkChannel: Command = command("GET_IDX_CHANNEL", 0x3d);
export const ping: Command = command("PING", 0x3e, { pace: "ping" });
export const getSocket: Command = command("GET_SOCKET", 0x3f);
export const setClientCertificate: Command = command("SET_CLIENT_CERT", 0x40);
export const setCertificateKey: Command = command("SET_CERT_KEY", 0x41);
export const sendData: Command = command("SEND_DATA_TCP", 0x44, {
  wide: true,
  repeatable: false,
  pace: "send",
});
export const getData: Command = command("GET_DATABUF_TCP", 0x45, {
  wide: true,
  wideReply: true,
  reply: WHOLE_FRAME,
  repeatable: false,
});
export const insertData: Command = command("INSERT_DATABUF", 0x46, { wide: true, repeatable: false });
export const setEnterpriseIdentity: Command = command("WPA2_ENT_SET_IDENTITY", 0x4a);
export const setEnterpriseUser: Command = command("WPA2_ENT_SET_USERNAME", 0x4b);
export const setEnterprisePassword: Command = command("WPA2_ENT_SET_PASSWORD", 0x4c);
export const enableEnterprise: Command = command("WPA2_ENT_ENABLE", 0x4f);
export const setPinMode: Command = command("SET_PIN_MODE", 0x50);
export const setDigitalWrite: Command = command("SET_DIGITAL_WRITE", 0x51);
export const setAnalogWrite: Command = command("SET_ANALOG_WRITE", 0x52);
export const getDigitalRead: Command = command("GET_DIGITAL_READ", 0x53);
export const getAnalogRead: Command = command("GET_ANALOG_READ", 0x54);

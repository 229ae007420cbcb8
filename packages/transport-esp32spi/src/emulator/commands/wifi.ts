/**
 * The commands about Wi-Fi, names, and the module itself.
 *
 * @module
 */

import type { Chip, Command } from "../chip/chip.ts";
import type { Body, Frame } from "../bus/frame.ts";
import { addressBytes, little16, little32, params } from "../bus/frame.ts";
import type { Network } from "../chip/station.ts";
import { auth, bssid, rssi, WifiStatus } from "../chip/station.ts";

/** By opcode. */
export const wifiCommands: Readonly<Record<number, Command>> = {
  /** SET_NET */
  0x10: (frame, chip) => {
    const length = frame.byte(3);
    chip.fits(length, 32, "network name");
    chip.station.join(frame.text(4, length), "");
    return yes;
  },
  /** SET_PASSPHRASE */
  0x11: (frame, chip) => {
    const [ssid, pass] = twoTexts(frame);
    chip.fits(ssid.length, 32, "network name");
    chip.fits(pass.length, 64, "passphrase");
    chip.station.join(frame.text(...ssid.place), frame.text(...pass.place));
    return yes;
  },
  /** SET_KEY: a WEP network's key is taken for its passphrase. */
  0x12: (frame, chip) => {
    const length = frame.byte(3);
    chip.fits(length, 32, "network name");
    const at = 4 + length + 2;
    const keyLength = frame.byte(at);
    chip.fits(keyLength, 26, "WEP key");
    chip.station.join(frame.text(4, length), frame.text(at + 1, keyLength));
    return yes;
  },
  /** SET_IP_CONFIG: answers 0 although it works (trap 15). */
  0x14: (frame, chip) => {
    chip.station.setConfig(frame.address(6), frame.address(11), frame.address(16));
    return no;
  },
  /** SET_DNS_CONFIG */
  0x15: (frame, chip) => {
    chip.station.setDns(frame.address(6), frame.address(11));
    return yes;
  },
  /** SET_HOSTNAME */
  0x16: (frame, chip) => {
    const length = frame.byte(3);
    chip.fits(length, 254, "host name");
    const name = frame.text(4, length);
    chip.station.hostname = chip.world.firmware.modern ? name.slice(0, 31) : name;
    return yes;
  },
  /** SET_POWER_MODE */
  0x17: () => yes,
  /** SET_AP_NET */
  0x18: (frame, chip) => startAccessPoint(frame.byte(3), undefined, chip),
  /** SET_AP_PASSPHRASE */
  0x19: (frame, chip) => {
    const [ssid, pass] = twoTexts(frame);
    return startAccessPoint(ssid.length, pass.length, chip);
  },
  /** SET_DEBUG */
  0x1a: () => yes,
  /** GET_TEMPERATURE */
  0x1b: () => {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, 42.5, true);
    return params(bytes);
  },
  /** GET_DNS_CONFIG */
  0x1e: (_frame, { station }) => params(addressBytes(station.dns[0]), addressBytes(station.dns[1])),
  /** GET_REASON_CODE */
  0x1f: (_frame, { station }) => params([station.reason]),
  /** GET_CONN_STATUS */
  0x20: (_frame, { station }) => params([station.status]),
  /** GET_IPADDR */
  0x21: (_frame, { station }) => params(...station.config.map(addressBytes)),
  /** GET_MACADDR */
  0x22: (_frame, chip) => params(hardwareAddress(chip.world.mac, chip)),
  /** GET_CURR_SSID */
  0x23: (_frame, { station }) => params(encoder.encode(station.network?.ssid ?? "")),
  /** GET_CURR_BSSID */
  0x24: (_frame, chip) => {
    const { network } = chip.station;
    return params(hardwareAddress(network ? bssid(network) : new Uint8Array(6), chip));
  },
  /** GET_CURR_RSSI */
  0x25: (_frame, { station: { network } }) => params(little32(network ? rssi(network) : 0)),
  /** GET_CURR_ENCT */
  0x26: (_frame, { station: { network } }) => params([network ? classicAuth(network) : 255]),
  /** SCAN_NETWORKS: a negative count, stored in a byte, says that there is no list (trap 20). */
  0x27: (_frame, { station }, fault) => {
    if (fault?.kind === "scan") return new Uint8Array([fault.how === "running" ? 0xff : 0xfe]);
    return params(...station.scan().map(({ ssid }) => encoder.encode(ssid)));
  },
  /** DISCONNECT */
  0x30: (_frame, { station }) => {
    station.leave();
    return yes;
  },
  /** GET_IDX_RSSI */
  0x32: (frame, chip) => {
    const network = found(frame, chip);
    return params(little32(network ? rssi(network) : 0));
  },
  /** GET_IDX_ENCT: modern firmware gives ESP-IDF's own numbers (trap 19). */
  0x33: (frame, chip) => {
    const network = found(frame, chip);
    if (network === undefined) return params([255]);
    return params([chip.world.firmware.modern ? auth(network) : classicAuth(network)]);
  },
  /** REQ_HOST_BY_NAME */
  0x34: async (frame, chip, fault) => {
    const name = frame.text(4, frame.byte(3));
    if (fault?.kind === "dns" && fault.time) await chip.world.clock.sleep(fault.time, chip.off);
    const there = chip.station.connected && (fault?.kind !== "dns" || fault.found === true);
    const address = there ? await chip.world.outside.resolve(name) : null;
    // Modern firmware keeps the last result, legacy has none now (trap 27).
    if (address !== null) chip.resolved = address;
    else if (!chip.world.firmware.modern) chip.resolved = "255.255.255.255";
    return address === null ? no : yes;
  },
  /** GET_HOST_BY_NAME */
  0x35: (_frame, { resolved }) => params(addressBytes(resolved)),
  /** START_SCAN_NETWORKS: does nothing. */
  0x36: () => yes,
  /** GET_FW_VERSION */
  0x37: (_frame, { world }) => params(encoder.encode(`${world.firmware.version}\0`)),
  /** GET_TIME: 0 until there was a network to ask. */
  0x3b: (_frame, { world, station }) => {
    const time = station.connected ? Math.floor(world.time()) : 0;
    const low = little32(time % 2 ** 32);
    return params(world.firmware.timeBytes === 4 ? low : [...low, ...little32(Math.floor(time / 2 ** 32))]);
  },
  /** GET_IDX_BSSID */
  0x3c: (frame, chip) => {
    const network = found(frame, chip);
    return params(hardwareAddress(network ? bssid(network) : new Uint8Array(6), chip));
  },
  /** GET_IDX_CHANNEL */
  0x3d: (frame, chip) => params([found(frame, chip)?.channel ?? 6]),
  /** PING: blocks for its whole time limit when nobody answers. */
  0x3e: async (frame, chip) => {
    const { outside, clock } = chip.world;
    const time = chip.station.connected ? outside.ping(frame.address(4), frame.byte(9)) : -1;
    await clock.sleep(time < 0 ? PING_PATIENCE : time, chip.off);
    return params(little16(time));
  },
  /** WPA2_ENT_SET_IDENTITY */
  0x4a: (frame, chip) => setEnterprise("identity", frame, chip),
  /** WPA2_ENT_SET_USERNAME */
  0x4b: (frame, chip) => setEnterprise("username", frame, chip),
  /** WPA2_ENT_SET_PASSWORD */
  0x4c: (frame, chip) => setEnterprise("password", frame, chip),
  /** WPA2_ENT_SET_CA_CERT, and _CERT_KEY */
  0x4d: () => null,
  0x4e: () => null,
  /** WPA2_ENT_ENABLE */
  0x4f: (_frame, { station }) => {
    station.enableEnterprise();
    return yes;
  },
};

const yes: Body = params([1]);
const no: Body = params([0]);
const encoder = new TextEncoder();

/** Milliseconds that PING waits for an answer. */
const PING_PATIENCE = 5000;

/** Offsets and lengths of two parameters. */
function twoTexts(frame: Frame): [Text, Text] {
  const first = frame.byte(3);
  const second = frame.byte(4 + first);
  return [{ length: first, place: [4, first] }, { length: second, place: [5 + first, second] }];
}

interface Text {
  readonly length: number;
  readonly place: [offset: number, length: number];
}

/** AP mode: legacy firmware tells by the status, modern never does (trap 40). */
function startAccessPoint(ssid: number, passphrase: number | undefined, chip: Chip): Body {
  chip.fits(ssid, 32, "network name");
  if (passphrase !== undefined) chip.fits(passphrase, 64, "passphrase");
  if (ssid === 0 || passphrase !== undefined && passphrase < 8) return no;
  chip.station.leave();
  if (!chip.world.firmware.modern) chip.station.status = WifiStatus.accessPoint;
  return yes;
}

function setEnterprise(field: "identity" | "username" | "password", frame: Frame, chip: Chip): Body {
  const length = frame.byte(3);
  chip.fits(length, 32, `enterprise ${field}`);
  chip.station.setEnterprise(field, frame.text(4, length));
  return yes;
}

function found(frame: Frame, { station }: Chip): Network | undefined {
  return station.found[frame.byte(4)];
}

/** MAC and BSSID, in the order of the version (trap 18). */
function hardwareAddress(bytes: Uint8Array, { world }: Chip): Uint8Array {
  return world.firmware.reversedMac ? bytes.slice().reverse() : bytes;
}

/** The encryption in the numbers of the classic library: 7 open, 5 WEP, 2 WPA, 4 WPA2, 255 anything else. */
function classicAuth(network: Network): number {
  return [7, 5, 2, 4, 4][auth(network)] ?? 255;
}

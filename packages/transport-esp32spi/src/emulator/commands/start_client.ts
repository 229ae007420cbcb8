/**
 * START_CLIENT, the command that takes longest: the name, the connection and for TLS the handshake, all before its
 * answer. It says no more than yes or no.
 *
 * @module
 */

import type { Chip, Command } from "../chip/chip.ts";
import type { Fault } from "../faults.ts";
import type { Body } from "../bus/frame.ts";
import { params } from "../bus/frame.ts";
import type { TlsIdentity } from "../net/outside.ts";
import type { Slot } from "../chip/slots.ts";
import { SlotType } from "../chip/slots.ts";
import { RECORD, WINDOW } from "../net/wire.ts";

/** What the command asks for. */
interface Target {
  readonly host: string;
  readonly address: string;
  readonly port: number;
  readonly mode: number;
}

/** START_CLIENT_TCP: four parameters, or as five whatever the count says. */
export const startClient: Command = (frame, chip, fault) => {
  const named = frame.count !== 4;
  const at = named ? 5 + frame.byte(3) : 4;
  const target: Target = {
    host: named ? frame.text(4, frame.byte(3)) : "",
    address: frame.address(at),
    port: frame.big16(at + 5),
    mode: frame.byte(at + 10),
  };
  return chip.withSlot(frame.byte(at + 8), async (slot) => {
    const { mode } = target;
    const { firmware } = chip.world;
    if (mode > 2 && !(mode === 4 && firmware.version.startsWith("2.0.0"))) {
      chip.violate("unknown-mode", `mode ${mode}, where 0 is TCP, 1 UDP and 2 TLS`);
      slot.stuck = firmware.slotMutex;
      return failed;
    }
    const again = mode === 1 && slot.type === SlotType.udp;
    if (slot.taken && !again) {
      const older = firmware.leaks ? "stays open for ever" : "is closed";
      chip.violate("slot-in-use", `a client was started on a slot in use, whose connection ${older}`);
    }
    if (mode === 1) return await aim(slot, target, chip) ? params([1]) : failed;
    const started = await start(slot, target, chip, fault);
    if (started) slot.completed = true;
    return started ? params([1]) : failed;
  });
};

/** Zero parameters, not a 0 (trap 2). */
const failed: Body = params();

/** UDP: says where the next datagram goes. */
async function aim(slot: Slot, target: Target, chip: Chip): Promise<boolean> {
  const address = await addressOf(target, chip);
  if (address === null) return false;
  const there = await slot.datagrams.aim([address, target.port], chip.world.outside, chip.arrived);
  if (chip.off.aborted) slot.datagrams.destroy();
  if (there) slot.type = SlotType.udp;
  return there;
}

/** TCP and TLS. */
async function start(slot: Slot, target: Target, chip: Chip, fault: Fault | undefined): Promise<boolean> {
  const { clock, firmware, outside } = chip.world;
  const tls = target.mode !== 0;
  if (!chip.station.connected) return false;
  if (fault?.kind === "dns") {
    await clock.sleep(fault.time ?? 0, chip.off);
    if (!fault.found) return false;
  }
  if (fault?.kind === "connect") {
    if (fault.how === "refuse") return false;
    await clock.sleep(fault.how === "silence" ? timeLimit(chip, tls) : fault.time ?? 0, chip.off);
    if (fault.how === "silence") return false;
  }
  const address = await addressOf(target, chip);
  if (address === null) return false;
  const identity = tls ? tlsIdentity(slot, target, address, chip) : undefined;
  const patience = new AbortController();
  const limit = new AbortController();
  const powerLost = () => patience.abort();
  chip.off.addEventListener("abort", powerLost);
  void clock.sleep(timeLimit(chip, tls), limit.signal).then(() => patience.abort());
  // The peer's part of the handshake is a round trip away.
  await clock.sleep(outside.path?.roundTrip ?? 0, patience.signal);
  const socket = await outside.dial(address, target.port, identity, patience.signal);
  chip.off.removeEventListener("abort", powerLost);
  if (socket === null || chip.off.aborted || !chip.station.connected) {
    limit.abort();
    socket?.destroy();
    if (!tls || firmware.modern || chip.off.aborted) return false;
    // Legacy: the failed handshake's -1 counts as true, and only the state tells (trap 31).
    slot.type = SlotType.tls;
    slot.client = undefined;
    return true;
  }
  const wire = chip.wire(socket, tls ? RECORD : WINDOW);
  limit.abort();
  slot.use(tls ? SlotType.tls : SlotType.tcp, chip.client(wire, tls));
  return true;
}

async function addressOf({ host, address, mode }: Target, chip: Chip): Promise<string | null> {
  if (!chip.station.connected) return null;
  if (host === "") return address;
  const found = await chip.world.outside.resolve(host);
  // TLS goes another way there.
  return mode !== 2 && chip.world.firmware.namesBroken ? null : found;
}

/** What TLS presents and checks: the built-in authorities, unless a client certificate keeps them out (trap 39). */
function tlsIdentity(slot: Slot, { host }: Target, address: string, chip: Chip): TlsIdentity {
  const { firmware } = chip.world;
  const both = chip.certificate !== "" && chip.key !== "";
  if (!both || !firmware.modern) slot.bundled = true;
  // By address, legacy checks against the dotted address with its parts reversed.
  const dotted = firmware.modern ? address : address.split(".").reverse().join(".");
  return {
    name: host || dotted,
    bundle: slot.bundled,
    ...(both && { certificate: { cert: chip.certificate, key: chip.key } }),
  };
}

/** Milliseconds until the firmware gives up. */
function timeLimit({ world: { firmware } }: Chip, tls: boolean): number {
  if (tls) return TLS_LIMIT;
  return firmware.modern ? MODERN_LIMIT : LEGACY_LIMIT;
}

/** Modern: TCP's limit. */
const MODERN_LIMIT = 3000;

/** Legacy: six retransmissions of the first packet. */
const LEGACY_LIMIT = 60_000;

/** 30 s for the connection, and 120 s for the handshake. */
const TLS_LIMIT = 150_000;

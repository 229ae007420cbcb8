/**
 * The commands about socket slots.
 *
 * @module
 */

import type { Awaitable } from "../../bus.ts";
import type { Chip, Command } from "../chip/chip.ts";
import type { Client } from "../net/clients.ts";
import type { Fault } from "../faults.ts";
import type { Body, Frame } from "../bus/frame.ts";
import { addressBytes, big16, FRAME_LIMIT, little16, params, wideParams } from "../bus/frame.ts";
import { Server } from "../net/server.ts";
import type { Slot } from "../chip/slots.ts";
import { SlotType } from "../chip/slots.ts";
import { startClient } from "./start_client.ts";
import { Udp } from "../net/udp.ts";
import { Crash } from "../violations.ts";

/** By opcode. */
export const socketCommands: Readonly<Record<number, Command>> = {
  /** START_SERVER_TCP: with three parameters, or the address in front. */
  0x28: (frame, chip) => {
    const at = frame.count === 3 ? 4 : 9;
    const [port, index, mode] = [frame.big16(at), frame.byte(at + 3), frame.byte(at + 5)];
    return chip.withSlot(index, (slot) => startServer(slot, port, mode, chip));
  },
  /** GET_STATE_TCP */
  0x29: (frame, chip) => chip.withSlot(frame.byte(4), (slot) => slot.taken && slot.server ? yes : no),
  /** DATA_SENT_TCP: always says 1 (trap 32). */
  0x2a: () => yes,
  /** AVAIL_DATA_TCP: byte 6 is read as "accept", whether there is a second parameter or not. */
  0x2b: (frame, chip) =>
    chip.withSlot(frame.byte(4), (slot) => params(little16(available(slot, frame, chip)))),
  /** GET_DATA_TCP: one byte; nothing looks like FF. */
  0x2c: (frame, chip) =>
    chip.withSlot(frame.byte(4), (slot) => {
      const source = reader(slot);
      const byte = frame.byte(6) !== 0 ? source?.peek() : source?.read(1)[0];
      return params([byte ?? 0xff]);
    }),
  /** START_CLIENT_TCP */
  0x2d: startClient,
  /** STOP_CLIENT_TCP: a server goes on listening (trap 33). */
  0x2e: (frame, chip) =>
    chip.withSlot(frame.byte(4), (slot) => {
      if (slot.type === SlotType.udp) {
        slot.udp?.stop();
        slot.udp = undefined;
      } else if (slot.taken) slot.client?.stop();
      slot.type = SlotType.free;
      return yes;
    }),
  /** GET_CLIENT_STATE_TCP */
  0x2f: (frame, chip) => chip.withSlot(frame.byte(4), (slot) => clientState(slot, chip)),
  /** SEND_UDP_DATA */
  0x39: (frame, chip) =>
    chip.withSlot(frame.byte(4), async (slot) => await slot.udp?.flush() === true ? yes : no),
  /** GET_REMOTE_DATA: the port's high byte first. */
  0x3a: (frame, chip) =>
    chip.withSlot(frame.byte(4), (slot) => {
      const [address, port] = (slot.taken ? slot.udp ?? slot.client : undefined)?.remote ?? ["0.0.0.0", 0];
      return params(addressBytes(address), big16(port));
    }),
  /** GET_SOCKET */
  0x3f: (_frame, chip, fault) => params([fault?.kind === "no-socket" ? 255 : chip.slots.free]),
  /** SET_CLIENT_CERT: copies a fixed size, whatever the length says (trap 26). */
  0x40: (frame, chip) => {
    chip.certificate = frame.text(4, 1300);
    return yes;
  },
  /** SET_CERT_KEY */
  0x41: (frame, chip) => {
    chip.key = frame.text(4, 1700);
    return yes;
  },
  /** SEND_DATA_TCP */
  0x44: (frame, chip, fault) => chip.withSlot(frame.byte(5), (slot) => send(slot, frame, chip, fault)),
  /** GET_DATABUF_TCP: the size is low byte first, and not held to the buffer (traps 7, 8). */
  0x45: (frame, chip, fault) =>
    chip.withSlot(frame.byte(5), (slot) => {
      const size = frame.little16(8);
      if (size > FRAME_LIMIT - 6) {
        chip.violate("oversized-read", `${size} bytes asked for, where ${FRAME_LIMIT - 6} fit`);
      }
      const most = fault?.kind === "read" ? Math.min(fault.most, size) : size;
      const bytes = reader(slot)?.read(most) ?? new Uint8Array(0);
      if (bytes.length > FRAME_LIMIT - 6) throw new Crash(`${bytes.length} bytes overran the send buffer`);
      return wideParams(bytes);
    }),
  /** INSERT_DATABUF */
  0x46: (frame, chip) =>
    chip.withSlot(frame.byte(5), (slot) => {
      if (slot.type !== SlotType.udp || slot.udp === undefined) return no;
      slot.udp.collect(frame.slice(8, frame.big16(6)));
      return yes;
    }),
};

const yes: Body = params([1]);
const no: Body = params([0]);

/** What a slot is read from. */
function reader(slot: Slot): Client | Udp | undefined {
  if (slot.type === SlotType.udp) return slot.udp;
  return slot.taken && !slot.server ? slot.client : undefined;
}

async function startServer(slot: Slot, port: number, mode: number, chip: Chip): Promise<Body> {
  const { outside } = chip.world;
  if (mode === 0) {
    slot.server?.stop();
    const wrap = chip.client.bind(chip);
    const server = await Server.listen(port, outside, (wire) => wrap(wire, false), chip.arrived);
    if (server === null) return no;
    if (chip.off.aborted) server.stop();
    slot.server = server;
    slot.type = SlotType.tcp;
    return yes;
  }
  // 1 for UDP, 3 for UDP multicast.
  if (mode !== 1 && mode !== 3) return no;
  slot.udp?.stop();
  const udp = await Udp.open(port, outside, chip.arrived);
  if (udp === null) return no;
  if (chip.off.aborted) udp.stop();
  slot.udp = udp;
  slot.type = SlotType.udp;
  return yes;
}

/** Bytes, or for a server's slot the number of the slot in which its next client is, 255 for none. */
function available(slot: Slot, frame: Frame, chip: Chip): number {
  if (slot.type !== SlotType.tcp || slot.server === undefined) return reader(slot)?.available() ?? 0;
  const client = slot.server.next(chip.world.firmware.has(2, 0, 0) && frame.byte(6) !== 0);
  if (client === undefined) return 255;
  const { all } = chip.slots;
  const known = all.findIndex((other) => other.type === SlotType.tcp && other.client === client);
  if (known >= 0) return known;
  const free = all.findIndex((other) => !other.taken);
  if (free < 0) return 255;
  all[free]!.use(SlotType.tcp, client);
  return free;
}

/** 4, or 0 with the side effect of the version (traps 11, 12). */
function clientState(slot: Slot, chip: Chip): Body {
  const { freeing } = chip.world.firmware;
  const client = slot.type === SlotType.udp || slot.server ? undefined : slot.client;
  if (slot.taken && client?.connected()) return params([4]);
  if (freeing === "always" || freeing === "once connected" && slot.completed) {
    if (slot.taken && client?.unread) {
      chip.violate("unread-data-lost", "the state was asked, and the slot freed, before all bytes were read");
    }
    slot.type = SlotType.free;
    slot.completed = false;
  }
  return params([0]);
}

function send(slot: Slot, frame: Frame, chip: Chip, fault: Fault | undefined): Awaitable<Body> {
  const length = frame.big16(6);
  const client = slot.taken && !slot.server ? slot.client : undefined;
  if (length === 0) {
    chip.violate("empty-write", "SEND_DATA without data");
    // Modern firmware tries ten times to send nothing.
    return client && chip.world.firmware.modern
      ? chip.world.clock.sleep(EMPTY_STALL, chip.off).then(() => written(0))
      : written(0);
  }
  if (client === undefined) return written(0);
  // What was cut off, or never sent, is zeros: the buffer was cleared.
  const whole = 8 + length <= frame.bytes.length;
  let bytes: Uint8Array = whole ? frame.bytes.subarray(8, 8 + length) : frame.slice(8, length);
  if (fault?.kind === "write") {
    bytes = bytes.subarray(0, fault.accept);
    if (fault.close) client.destroy();
    if (fault.close || bytes.length === 0) return written(0);
  }
  const taken = client.write(bytes);
  return typeof taken === "number" ? written(taken) : taken.then(written);
}

/** 16 bits under an 8-bit length (trap 6). */
function written(count: number): Body {
  return params(little16(count));
}

/** Milliseconds that an empty write takes where the socket is not writable; the worst case, so that it is noticed. */
const EMPTY_STALL = 10_000;

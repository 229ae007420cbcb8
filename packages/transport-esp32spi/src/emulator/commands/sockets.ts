/**
 * The commands about socket slots.
 *
 * @module
 */

import type { Awaitable } from "../../bus.ts";
import type { Chip, Command } from "../chip/chip.ts";
import type { Datagrams } from "../chip/datagrams.ts";
import type { Client } from "../net/clients.ts";
import type { Fault } from "../faults.ts";
import type { Body, Frame } from "../bus/frame.ts";
import { addressBytes, big16, FRAME_LIMIT, little16, params, wideParams } from "../bus/frame.ts";
import { Server } from "../net/server.ts";
import type { Peer } from "../net/wire.ts";
import { WINDOW } from "../net/wire.ts";
import type { Slot } from "../chip/slots.ts";
import { SlotType } from "../chip/slots.ts";
import { startClient } from "./start_client.ts";
import { Crash } from "../violations.ts";

/** By opcode. */
export const socketCommands: Readonly<Record<number, Command>> = {
  /** START_SERVER_TCP: with three parameters, or the address in front. */
  0x28: (frame, chip) => {
    const at = frame.count === 3 ? 4 : 9;
    const [port, index, mode] = [frame.big16(at), frame.byte(at + 3), frame.byte(at + 5)];
    return chip.withSlot(index, (slot) => startServer(slot, port, mode, chip));
  },
  /** GET_STATE_TCP: of the server, whatever became of the slot (trap 33). */
  0x29: (frame, chip) => chip.withSlot(frame.byte(4), (slot) => slot.server ? yes : no),
  /** DATA_SENT_TCP: always says 1 (trap 32). */
  0x2a: () => yes,
  /** AVAIL_DATA_TCP: byte 6 is read as "accept", whether there is a second parameter or not. */
  0x2b: (frame, chip) =>
    chip.withSlot(
      frame.byte(4),
      (slot) => params(little16(available(slot, frame.byte(4), frame.byte(6) !== 0, chip))),
    ),
  /** GET_DATA_TCP: one byte; nothing looks like FF, and like 00 where the slot is free. */
  0x2c: (frame, chip) =>
    chip.withSlot(frame.byte(4), (slot) => {
      if (!slot.taken) return params([0]);
      const source = reader(slot);
      const byte = frame.byte(6) !== 0 ? source?.peek() : source?.read(1)[0];
      return params([byte ?? 0xff]);
    }),
  /** START_CLIENT_TCP */
  0x2d: startClient,
  /** STOP_CLIENT_TCP: a server goes on listening (trap 33). */
  0x2e: (frame, chip) =>
    chip.withSlot(frame.byte(4), (slot) => {
      if (slot.type === SlotType.udp) slot.datagrams.stop();
      else if (slot.taken) slot.client?.stop();
      slot.type = SlotType.free;
      return yes;
    }),
  /** GET_CLIENT_STATE_TCP */
  0x2f: (frame, chip) => chip.withSlot(frame.byte(4), (slot) => clientState(slot, chip)),
  /** SEND_UDP_DATA: keeps what was collected. */
  0x39: (frame, chip) => chip.withSlot(frame.byte(4), async (slot) => await slot.datagrams.send() ? yes : no),
  /** GET_REMOTE_DATA: the port's high byte first. */
  0x3a: (frame, chip) =>
    chip.withSlot(frame.byte(4), (slot) => {
      const source = slot.type === SlotType.udp ? slot.datagrams : slot.taken ? slot.client : undefined;
      const [address, port] = source?.remote ?? ["0.0.0.0", 0];
      return params(addressBytes(address), big16(port));
    }),
  /** GET_SOCKET: reserves nothing (trap 3), but forgets that the slot was ever connected. */
  0x3f: (_frame, chip, fault) => {
    const index = fault?.kind === "no-socket" ? 255 : chip.slots.free;
    if (index !== 255) chip.slots.at(index).completed = false;
    return params([index]);
  },
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
      return slot.datagrams.insert(frame.slice(8, frame.big16(6))) ? yes : no;
    }),
};

const yes: Body = params([1]);
const no: Body = params([0]);

/** What a slot is read from. */
function reader(slot: Slot): Client | Datagrams | undefined {
  if (slot.type === SlotType.udp) return slot.datagrams;
  return slot.taken ? slot.client : undefined;
}

async function startServer(slot: Slot, port: number, mode: number, chip: Chip): Promise<Body> {
  const { outside, firmware } = chip.world;
  if (mode === 0) {
    // What listens is not moved since 3.0.0: the answer, and the state, are yes.
    const stays = firmware.modern && slot.server !== undefined;
    const wrap = (peer: Peer) => chip.client(chip.wire(peer, WINDOW), false);
    const server = stays ? slot.server : await Server.listen(port, outside, wrap, chip.arrived) ?? undefined;
    if (chip.off.aborted) server?.stop();
    // Before 2.0.0 the answer is yes where the port is taken too, and only the state tells.
    if (!server && !firmware.leaks) return no;
    if (stays) slot.type = SlotType.tcp;
    else slot.serve(server);
    return yes;
  }
  // 1 for UDP, 3 for UDP multicast: the group is joined in name only.
  if (mode !== 1 && mode !== 3) return no;
  const there = await slot.datagrams.listen(port, outside, chip.arrived);
  if (chip.off.aborted) slot.datagrams.destroy();
  if (there) slot.type = SlotType.udp;
  return there ? yes : no;
}

/** Bytes, or for a server's slot the number of the slot in which its next client is, 255 for none. */
function available(slot: Slot, own: number, accept: boolean, chip: Chip): number {
  if (slot.type !== SlotType.tcp || slot.server === undefined) return reader(slot)?.available() ?? 0;
  const { firmware } = chip.world;
  const { all } = chip.slots;
  const free = all.findIndex((other, index) => index !== own && !other.taken);
  if (accept && firmware.has(2, 0, 0)) {
    // Who came while no slot was free waits until one is.
    const client = free < 0 ? undefined : slot.server.accept();
    if (client) all[free]!.use(SlotType.tcp, client);
    return client ? free : 255;
  }
  const client = firmware.modern ? slot.server.accept() : slot.server.speaking();
  if (client === undefined) return 255;
  const known = all.findIndex((other) => other.type === SlotType.tcp && other.client === client);
  if (known >= 0) return known;
  if (free >= 0) all[free]!.use(SlotType.tcp, client);
  // Modern firmware has taken it out of the queue, and has no place for it.
  else if (firmware.modern) client.stop();
  return free < 0 ? 255 : free;
}

/** 4, or 0 with the side effect of the version (traps 11, 12). */
function clientState(slot: Slot, chip: Chip): Body {
  const { freeing } = chip.world.firmware;
  const client = slot.type === SlotType.udp ? undefined : slot.client;
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
  const client = slot.taken && slot.type !== SlotType.udp ? slot.client : undefined;
  if (length === 0) {
    chip.violate("empty-write", "SEND_DATA without data");
    return client ? after(client.writeNothing(), () => written(0)) : written(0);
  }
  const { server } = slot;
  if (server && slot.type === SlotType.tcp && chip.world.firmware.leaks) {
    return written(server.broadcast(frame.slice(8, length)));
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
  return after(client.write(bytes), written);
}

/** At once where there is nothing to wait for. */
function after<Value>(value: Awaitable<Value>, then: (value: Value) => Body): Awaitable<Body> {
  return value instanceof Promise ? value.then(then) : then(value);
}

/** 16 bits under an 8-bit length (trap 6). */
function written(count: number): Body {
  return params(little16(count));
}

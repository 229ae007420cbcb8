/**
 * The 7x commands: BSD-like sockets, since 2.0.0. They wait inside the command where the socket would.
 *
 * @module
 */

import type { Chip, Command } from "../chip/chip.ts";
import type { Body, Frame } from "../bus/frame.ts";
import { addressBytes, big16, little16, params, wideParams } from "../bus/frame.ts";
import { Errno, RawSocket, SocketKind } from "../net/raw_sockets.ts";

/** By opcode. */
export const rawCommands: Readonly<Record<number, Command>> = {
  /** SOCKET_SOCKET */
  0x70: (frame, chip) => {
    const kind = frame.byte(4);
    if (kind !== SocketKind.stream && kind !== SocketKind.datagram) return failed(chip, Errno.invalid, NO_FD);
    const fd = add(chip, new RawSocket(kind, chip.world.outside, chip.arrived));
    return fd === NO_FD ? failed(chip, Errno.tooMany, NO_FD) : done(chip, [fd]);
  },
  /** SOCKET_CLOSE */
  0x71: (frame, chip) => {
    const socket = socketOf(frame.byte(4), chip);
    if (socket === undefined) return failed(chip, Errno.badDescriptor, 0);
    chip.descriptors.delete(frame.byte(4));
    socket.close();
    return done(chip, [1]);
  },
  /** SOCKET_ERRNO */
  0x72: (_frame, chip) => params([chip.errno]),
  /** SOCKET_BIND */
  0x73: (frame, chip) => judged(frame, chip, (socket) => socket.bind(frame.big16(6))),
  /** SOCKET_LISTEN */
  0x74: (frame, chip) => judged(frame, chip, (socket) => socket.listen()),
  /** SOCKET_ACCEPT: the port's bytes are the wrong way round. */
  0x75: async (frame, chip) => {
    const accepted = await socketOf(frame.byte(4), chip)?.accept() ?? Errno.badDescriptor;
    const fd = accepted instanceof RawSocket ? add(chip, accepted) : NO_FD;
    if (!(accepted instanceof RawSocket) || fd === NO_FD) {
      chip.errno = accepted instanceof RawSocket ? Errno.tooMany : accepted;
      if (accepted instanceof RawSocket) accepted.destroy();
      return params([NO_FD], [0, 0, 0, 0], [0, 0]);
    }
    chip.errno = Errno.none;
    const [address, port] = accepted.remote!;
    return params([fd], addressBytes(address), little16(port));
  },
  /** SOCKET_CONNECT */
  0x76: (frame, chip) =>
    judged(frame, chip, (socket) => {
      if (!chip.station.connected) return Errno.unreachable;
      return socket.connect(frame.address(6), frame.big16(11), chip.off);
    }),
  /** SOCKET_SEND: the count's high byte first. */
  0x77: async (frame, chip) =>
    sent(chip, await socketOf(frame.byte(5), chip)?.send(frame.slice(8, frame.big16(6)))),
  /** SOCKET_RECV */
  0x78: async (frame, chip) => {
    const bytes = await received(frame, chip, Math.min(frame.little16(6), MOST_RECEIVED));
    return wideParams(bytes);
  },
  /** SOCKET_SENDTO */
  0x79: async (frame, chip) => {
    const data = frame.slice(18, frame.big16(16));
    return sent(chip, await socketOf(frame.byte(5), chip)?.sendTo(data, frame.address(8), frame.big16(14)));
  },
  /** SOCKET_RECVFROM */
  0x7a: async (frame, chip) => {
    const bytes = await received(frame, chip, frame.little16(6));
    const [address, port] = socketOf(frame.byte(4), chip)?.remote ?? ["0.0.0.0", 0];
    return wideParams(addressBytes(address), big16(port), bytes);
  },
  /** SOCKET_IOCTL */
  0x7b: (frame, chip) => {
    const socket = socketOf(frame.byte(4), chip);
    const argument = frame.slice(11, frame.byte(10));
    const request = frame.little32(6);
    if (socket === undefined) chip.errno = Errno.badDescriptor;
    else if (request === FIONBIO) socket.nonBlocking = argument.some((byte) => byte !== 0);
    else if (request === FIONREAD) argument.set(little16(socket.available));
    else chip.errno = Errno.invalid;
    if (socket === undefined || request !== FIONBIO && request !== FIONREAD) return params([]);
    return done(chip, argument);
  },
  /** SOCKET_POLL */
  0x7c: (frame, chip) => {
    const socket = socketOf(frame.byte(4), chip);
    if (socket === undefined) return failed(chip, Errno.badDescriptor, 0x80);
    return done(chip, [Number(socket.readable) | Number(socket.writable) << 1 | Number(socket.failed) << 2]);
  },
  /** SOCKET_SETSOCKOPT */
  0x7d: (frame, chip) =>
    judged(frame, chip, (socket) => {
      socket.options.set(frame.little32(6), frame.slice(11, frame.byte(10)));
      return Errno.none;
    }),
  /** SOCKET_GETSOCKOPT */
  0x7e: (frame, chip) => {
    const size = frame.byte(11);
    const value = socketOf(frame.byte(4), chip)?.options.get(frame.little32(6)) ?? new Uint8Array(0);
    const whole = new Uint8Array(size);
    whole.set(value.subarray(0, size));
    return params(whole);
  },
  /** SOCKET_GETPEERNAME */
  0x7f: (frame, chip) => {
    const remote = socketOf(frame.byte(4), chip)?.remote;
    const [address, port] = remote ?? ["0.0.0.0", 0];
    chip.errno = remote ? Errno.none : Errno.notConnected;
    return params([Number(remote !== undefined)], addressBytes(address), big16(port));
  },
};

function socketOf(fd: number, chip: Chip): RawSocket | undefined {
  return chip.descriptors.get(fd);
}

/** Gives a socket a descriptor. */
function add(chip: Chip, socket: RawSocket): number {
  for (let fd = FIRST_FD; fd < FIRST_FD + chip.world.firmware.slots; fd++) {
    if (chip.descriptors.has(fd)) continue;
    chip.descriptors.set(fd, socket);
    return fd;
  }
  return NO_FD;
}

function done(chip: Chip, value: Uint8Array | readonly number[]): Body {
  chip.errno = Errno.none;
  return params(value);
}

function failed(chip: Chip, errno: number, value: number): Body {
  chip.errno = errno;
  return params([value]);
}

/** 1, or 0 with an error's number. */
async function judged(
  frame: Frame,
  chip: Chip,
  act: (socket: RawSocket) => number | Promise<number>,
): Promise<Body> {
  const socket = socketOf(frame.byte(4), chip);
  const errno = socket ? await act(socket) : Errno.badDescriptor;
  return errno === Errno.none ? done(chip, [1]) : failed(chip, errno, 0);
}

function sent(chip: Chip, result: readonly [number, number] | undefined): Body {
  const [count, errno] = result ?? [-1, Errno.badDescriptor];
  chip.errno = errno;
  return params(big16(Math.max(0, count)));
}

async function received(frame: Frame, chip: Chip, size: number): Promise<Uint8Array> {
  const bytes = await socketOf(frame.byte(4), chip)?.receive(size) ?? Errno.badDescriptor;
  chip.errno = typeof bytes === "number" ? bytes : Errno.none;
  return typeof bytes === "number" ? new Uint8Array(0) : bytes;
}

const NO_FD = 255;

/** Where the stack's descriptors begin. */
const FIRST_FD = 54;

/** What SOCKET_RECV gives at most. */
const MOST_RECEIVED = 4076;

const FIONBIO = 0x8004_667e;
const FIONREAD = 0x4004_667f;

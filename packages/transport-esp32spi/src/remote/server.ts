/**
 * An emulated module, served on a stream socket to drivers in other processes and languages.
 *
 * @module
 */

import { lstat, unlink } from "node:fs/promises";
import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import type { EspEmulator } from "../emulator/emulator.ts";
import { encodeMessage, type Message, MessageReader, Opcode, REFUSED } from "./messages.ts";
import { type BusPlace, formatPlace, netPlace } from "./place.ts";

/** A bus that is served. */
export interface BusServer {
  /** Where: the real port when 0 was asked for. */
  readonly place: BusPlace;
  /** `unix:PATH` or `tcp:PORT`. */
  readonly address: string;
  /** Stops listening and closes the connections. The emulator stays as it is. Resolves when all is closed. */
  close(): Promise<void>;
}

/**
 * Serves an emulator's bus and pins at a place: a Unix socket's path, or a TCP port, 0 for any free one. A Unix socket
 * that a server left behind, which was killed, is replaced. Several clients may be connected: one that drives the bus, others that watch the status or drop the Wi-Fi.
 * A window belongs to the client that has opened it; when its connection ends, chip select goes HIGH.
 *
 * Rejects with `node:net`'s error when the place cannot be had.
 */
export async function serveBus(emulator: EspEmulator, place: BusPlace): Promise<BusServer> {
  if ("path" in place) await removeStale(place.path);
  const sockets = new Set<Socket>();
  const holder: Holder = { socket: undefined };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    serve(socket, emulator, holder);
  });
  return await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(netPlace(place), () => {
      const real = "path" in place ? place : { ...place, port: (server.address() as AddressInfo).port };
      resolve({ place: real, address: formatPlace(real), close: () => close(server, sockets) });
    });
  });
}

/** Removes a Unix socket that nobody listens at. */
async function removeStale(path: string): Promise<void> {
  const there = await lstat(path).catch(() => undefined);
  if (!there?.isSocket()) return;
  const answered = await new Promise<boolean>((resolve) => {
    const probe = connect(path, () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", () => resolve(false));
  });
  if (!answered) await unlink(path);
}

/** Who holds chip select LOW. */
interface Holder {
  socket: Socket | undefined;
}

function close(server: Server, sockets: Iterable<Socket>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    for (const socket of sockets) socket.destroy();
  });
}

/** One client. */
function serve(socket: Socket, emulator: EspEmulator, holder: Holder): void {
  const reader = new MessageReader();
  // Requests are answered one after the other, even where one has to wait for READY.
  let turn: Promise<void> | undefined;
  let ended = false;
  socket.setNoDelay(true);
  const answer = (message: Message): void | Promise<void> => {
    if (ended) return;
    const reply = handle(message, socket, emulator, holder);
    if (!(reply instanceof Promise)) return send(message, reply);
    return reply.then((bytes) => send(message, bytes));
  };
  const send = (message: Message, reply: Uint8Array): void => {
    if (socket.destroyed) return;
    // A client that does not read its answers is not listened to either.
    if (!socket.write(reply)) socket.pause();
    if (message.opcode !== Opcode.reset || reply[4] !== Opcode.reset) return;
    ended = true;
    socket.end();
  };
  socket.on("data", (chunk: Uint8Array) => {
    try {
      for (const message of reader.take(chunk)) {
        const next: void | Promise<void> = turn ? turn.then(() => answer(message)) : answer(message);
        if (!next) continue;
        const mine = turn = next.then(() => {
          if (turn === mine) turn = undefined;
        });
      }
    } catch {
      // A length that cannot be: what follows cannot be told apart any more.
      socket.destroy();
    }
  });
  socket.on("drain", () => socket.resume());
  socket.on("error", () => undefined);
  socket.on("close", () => {
    if (holder.socket !== socket) return;
    holder.socket = undefined;
    void emulator.bus.deselect();
  });
}

/** Does what is asked, and gives the reply. */
function handle(
  { opcode, payload }: Message,
  socket: Socket,
  emulator: EspEmulator,
  holder: Holder,
): Uint8Array | Promise<Uint8Array> {
  const refused = () => encodeMessage(opcode | REFUSED);
  const mine = holder.socket === socket;
  if (opcode === Opcode.window) {
    return holder.socket ? collided(payload, emulator) : window(payload, emulator);
  }
  if (opcode === Opcode.transfer) {
    if (holder.socket && !mine) return refused();
    const miso = emulator.bus.transfer(payload);
    return miso instanceof Promise
      ? miso.then((bytes) => encodeMessage(opcode, bytes))
      : encodeMessage(opcode, miso);
  }
  if (opcode === Opcode.wifi) {
    if (payload.length !== 1 || payload[0]! > 1) return refused();
    if (payload[0] === 1) emulator.restoreWifi();
    else emulator.dropWifi();
    return encodeMessage(opcode);
  }
  if (payload.length > 0) return refused();
  switch (opcode) {
    case Opcode.status:
      return encodeMessage(opcode, status(emulator));
    case Opcode.reset:
      if (holder.socket) void emulator.bus.deselect();
      holder.socket = undefined;
      emulator.setReset(false);
      emulator.setReset(true);
      return encodeMessage(opcode);
    case Opcode.select:
      if (holder.socket && !mine) return refused();
      holder.socket = socket;
      void emulator.bus.select();
      return encodeMessage(opcode);
    case Opcode.deselect:
      if (holder.socket && !mine) return refused();
      holder.socket = undefined;
      void emulator.bus.deselect();
      return encodeMessage(opcode);
    default:
      return refused();
  }
}

/** A window in the middle of another one: READY is HIGH, and nothing is armed for it. */
function collided(mosi: Uint8Array, { violations }: EspEmulator): Uint8Array {
  violations.add("selected-while-busy", "a whole window was asked for while chip select was LOW");
  return encodeMessage(Opcode.window | REFUSED, new Uint8Array(mosi.length));
}

/** A whole window. Where READY takes a moment to rise it is waited for, as the driver would. */
function window(mosi: Uint8Array, emulator: EspEmulator): Uint8Array | Promise<Uint8Array> {
  const { bus, pins } = emulator;
  const busy = emulator.ready;
  void bus.select();
  const clock = async (): Promise<Uint8Array> => {
    await pins.ready.wait!(true, SELECT_LIMIT);
    return finish(await bus.transfer(mosi));
  };
  const finish = (miso: Uint8Array): Uint8Array => {
    const reply = encodeMessage(busy ? Opcode.window | REFUSED : Opcode.window, miso);
    void bus.deselect();
    return reply;
  };
  if (!emulator.ready) return clock();
  const miso = bus.transfer(mosi);
  return miso instanceof Promise ? miso.then(finish) : finish(miso);
}

function status(emulator: EspEmulator): Uint8Array {
  const { ready, gpio0, phase, violations, wifiStatus } = emulator;
  const number = phase === "command" ? 1 : phase === "response" ? 2 : 0;
  return new Uint8Array([Number(ready), Number(gpio0), number, Math.min(violations.count, 255), wifiStatus]);
}

/** Milliseconds that a window waits for READY to rise. */
const SELECT_LIMIT = 1000;

/**
 * The counterpart of the client benchmarks, in a process of its own: a broker that is nearly free. It takes messages
 * and drops them, acknowledges what wants it, and sends a flood to who subscribes to `flood/COUNT` or `flood/COUNT/SIZE`.
 *
 * Prints its port in one line when it is ready.
 */
import { type AddressInfo, createServer, type Socket } from "node:net";

/** Bytes of a flood's payloads, where none are given. */
const SIZE = 64;
/** Bytes that are sent at once. */
const CHUNK = 65_536;

const server = createServer((socket) => {
  socket.setNoDelay(true);
  let rest = Buffer.alloc(0);
  socket.on("error", () => socket.destroy());
  socket.on("data", (data) => {
    const bytes = rest.length === 0 ? data : Buffer.concat([rest, data]);
    const answers: Buffer[] = [];
    let at = 0;
    for (;;) {
      const size = packetSize(bytes, at);
      if (size === 0 || at + size > bytes.length) break;
      answer(socket, bytes, at, size, answers);
      at += size;
    }
    rest = bytes.subarray(at);
    if (answers.length > 0) socket.write(Buffer.concat(answers));
  });
});
server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));

function answer(socket: Socket, bytes: Buffer, at: number, size: number, answers: Buffer[]): void {
  const first = bytes[at]!;
  switch (first & 0xf0) {
    case 0x10:
      answers.push(Buffer.from([0x20, 2, 0, 0]));
      break;
    case 0x30: {
      const qos = first >> 1 & 3;
      if (qos === 0) break;
      const body = bytes.indexOf(0, at + 1);
      const id = body + 2 + bytes.readUInt16BE(body);
      answers.push(Buffer.from([qos === 1 ? 0x40 : 0x50, 2, bytes[id]!, bytes[id + 1]!]));
      break;
    }
    case 0x60:
      answers.push(Buffer.from([0x70, 2, bytes[at + 2]!, bytes[at + 3]!]));
      break;
    case 0x80: {
      const topic = bytes.toString("utf8", at + 6, at + size - 1);
      answers.push(Buffer.from([0x90, 3, bytes[at + 2]!, bytes[at + 3]!, 0]));
      const [, count, payload = SIZE] = /^flood\/(\d+)(?:\/(\d+))?$/.exec(topic) ?? [];
      if (count !== undefined) setImmediate(flood, socket, Number(count), floodOf(Number(payload)));
      break;
    }
    case 0xa0:
      answers.push(Buffer.from([0xb0, 2, bytes[at + 2]!, bytes[at + 3]!]));
      break;
    case 0xc0:
      answers.push(Buffer.from([0xd0, 0]));
  }
}

interface Flood {
  readonly packet: number;
  readonly chunk: Buffer;
}

/** Packets with topic `bench/topic` and so many bytes of payload, as many as fit a chunk. */
function floodOf(payload: number): Flood {
  const packet = publishPacket("bench/topic", payload);
  const perChunk = Math.floor(CHUNK / packet.length);
  return { packet: packet.length, chunk: Buffer.concat(Array.from({ length: perChunk }, () => packet)) };
}

function flood(socket: Socket, count: number, what: Flood): void {
  const { packet, chunk } = what;
  while (count > 0) {
    const packets = Math.min(count, chunk.length / packet);
    count -= packets;
    if (!socket.write(chunk.subarray(0, packets * packet)) && count > 0) {
      socket.once("drain", () => flood(socket, count, what));
      return;
    }
  }
}

/** The size of the packet at `at`; 0 when its header is not whole. */
function packetSize(bytes: Buffer, at: number): number {
  let remaining = 0;
  for (let i = 1; i <= 4; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) return 0;
    remaining += (byte & 0x7f) << 7 * (i - 1);
    if (byte < 0x80) return 1 + i + remaining;
  }
  throw new Error("malformed remaining length");
}

function publishPacket(topic: string, size: number): Buffer {
  const body = Buffer.concat([Buffer.from([0, topic.length]), Buffer.from(topic), Buffer.alloc(size, 0x61)]);
  const length = body.length < 0x80 ? [body.length] : [body.length & 0x7f | 0x80, body.length >> 7];
  return Buffer.concat([Buffer.from([0x30, ...length]), body]);
}

import { ConnectionError } from "@minimqtt/core";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { WsConnection } from "./connection.ts";
import type { Socket, SocketEvent } from "./socket.ts";

/** What a cause says: an error of our own, never the runtime's event. */
function shown(cause: unknown): string {
  assert(cause instanceof Error);
  return cause.message;
}

describe("WsConnection", () => {
  it("write starts no timer as long as the runtime holds little back", async () => {
    const { socket, connection } = open();
    socket.bufferedAmount = 262_144;
    const waits = await timersOf(() => connection.write(new Uint8Array(10)));
    assertEquals(waits, []);
    assertEquals(socket.sent, [10]);
  });

  it("write looks again, ever more seldom, until the runtime holds little back", async () => {
    const { socket, connection } = open();
    socket.bufferedAmount = 262_145;
    let looks = 0;
    const waits = await timersOf(() => connection.write(new Uint8Array(10)), () => {
      if (++looks === 8) socket.bufferedAmount = 0;
    });
    assertEquals(waits, [0, 1, 3, 7, 15, 31, 31, 31]);
    assertEquals(socket.sent, [10]);
  });

  it("write gives other things a turn after 256 KiB, though the runtime holds nothing back", async () => {
    const { connection } = open();
    const waits = await timersOf(async () => {
      for (let count = 0; count < 10; count++) await connection.write(new Uint8Array(65_536));
    });
    assertEquals(waits, [0, 0]);
  });

  it("write that waits rejects with write-failed when the socket closes", async () => {
    const { socket, connection } = open();
    socket.bufferedAmount = 1e9;
    const writing = connection.write(new Uint8Array(10));
    socket.emit("error", { error: new Error("reset") });
    socket.shut({ code: 1006, wasClean: false });
    const error = await assertRejects(() => writing, ConnectionError);
    assertEquals([error.code, shown(error.cause)], ["write-failed", "reset"]);
  });

  it("write that waits learns why the socket has closed, though it is closed before it says so", async () => {
    const { socket, connection } = open();
    socket.bufferedAmount = 1e9;
    const writing = connection.write(new Uint8Array(10));
    socket.readyState = 3;
    const other = await assertRejects(() => connection.write(new Uint8Array(10)), ConnectionError);
    assertEquals([other.code, other.message], ["write-failed", "another write is pending"]);
    await new Promise((resolve) => setTimeout(resolve, 5));
    const event = { code: 1006, wasClean: false };
    socket.shut(event);
    const error = await assertRejects(() => writing, ConnectionError);
    assertEquals([error.code, shown(error.cause)], ["write-failed", "close code 1006"]);
  });

  it("write to a socket that is closing rejects with write-failed, and sends nothing", async () => {
    const { socket, connection } = open();
    socket.readyState = 2;
    const error = await assertRejects(() => connection.write(new Uint8Array(10)), ConnectionError);
    assertEquals(error.code, "write-failed");
    assert(error.cause instanceof Error);
    assertEquals(socket.sent, []);
  });

  it("read gives what has come, then null for an end in good order", async () => {
    for (const code of [1000, 1001, 1005]) {
      const { socket, connection } = open();
      socket.deliver(1);
      socket.deliver(0);
      socket.deliver(2);
      socket.shut({ code, wasClean: true });
      assertEquals([await size(connection), await size(connection), await size(connection)], [1, 2, null]);
    }
  });

  it("read gives what has come, then the code and the words with which the peer closed", async () => {
    const { socket, connection } = open();
    socket.deliver(1);
    const event = { code: 1008, reason: "not you", wasClean: true };
    socket.shut(event);
    assertEquals(await size(connection), 1);
    for (let count = 0; count < 2; count++) {
      const error = await assertRejects(() => connection.read(), ConnectionError);
      assertEquals([error.code, shown(error.cause)], ["read-failed", "not you"]);
      assertEquals(error.message, "the peer closed the WebSocket with code 1008: not you");
    }
  });

  it("read rejects with read-failed when the connection breaks", async () => {
    for (const code of [0, 1006]) {
      const { socket, connection } = open();
      const reading = connection.read();
      socket.shut({ code, wasClean: false });
      const error = await assertRejects(() => reading, ConnectionError);
      assertEquals([error.code, error.message], ["read-failed", "the WebSocket broke off"]);
    }
  });

  it("a text message ends the connection, behind what has come [MQTT-6.0.0-1]", async () => {
    const { socket, connection } = open();
    socket.deliver(1);
    socket.emit("message", { data: "hello" });
    socket.deliver(2);
    assertEquals(socket.closed, 1);
    assertEquals(await size(connection), 1);
    const error = await assertRejects(() => connection.read(), ConnectionError);
    assertEquals(error.code, "read-failed");
    assertStringIncludes(error.message, "text message");
    const failed = await assertRejects(() => connection.write(new Uint8Array(1)), ConnectionError);
    assertEquals([failed.code, failed.cause], ["write-failed", error.cause]);
  });

  it("what nobody reads ends the connection at the limit, and is there to be read", async () => {
    const { socket, connection } = open(1000);
    for (let count = 0; count < 10; count++) socket.deliver(100);
    assertEquals(socket.closed, 1);
    for (let count = 0; count < 3; count++) assertEquals(await size(connection), 100);
    const error = await assertRejects(() => connection.read(), ConnectionError);
    assertEquals(error.code, "read-failed");
    assertStringIncludes(error.message, "maxUnread");
  });

  it("a message above the limit is delivered, since it is here anyway", async () => {
    const { socket, connection } = open(1000);
    socket.deliver(10_000);
    assertEquals(await size(connection), 10_000);
    socket.deliver(10_000);
    assertEquals(await size(connection), 10_000);
    assertEquals(socket.closed, 0);
  });

  it("read keeps the order of many messages, however it takes turns with them", async () => {
    const { socket, connection } = open();
    let next = 0;
    for (let sent = 0; sent < 1000; sent += 10) {
      for (let count = 0; count < 10; count++) socket.deliver(1 + (sent + count) % 7);
      for (let count = 0; count < 9; count++) assertEquals(await size(connection), 1 + next++ % 7);
    }
    while (next < 1000) assertEquals(await size(connection), 1 + next++ % 7);
  });

  it("read takes a time that grows with the messages that wait, not with their square", async () => {
    const time = async (count: number) => {
      const { socket, connection } = open(1e9);
      for (let sent = 0; sent < count; sent++) socket.deliver(1);
      const start = performance.now();
      for (let got = 0; got < count; got++) await connection.read();
      return performance.now() - start;
    };
    await time(50_000);
    const [few, many] = [await time(50_000), await time(200_000)];
    assert(many < 10 * few + 500, `${few} ms for 50,000 messages, ${many} ms for 200,000`);
  });

  it("close gives up a peer that does not answer after a second, and breaks off", async () => {
    const { socket, connection } = open();
    const waits = await timersOf(() => connection.close());
    assertEquals(waits, [1000]);
    assertEquals([socket.closed, socket.terminated], [1, 1]);
  });

  it("close does not break off a socket whose peer has answered", async () => {
    const { socket, connection } = open();
    await timersOf(async () => {
      const closing = connection.close();
      socket.shut({ code: 1005, wasClean: true });
      await closing;
      await new Promise((resolve) => setTimeout(resolve, 5));
    });
    assertEquals(socket.terminated, 0);
  });

  it("write splits what is longer than a message may be, and loses nothing [MQTT-6.0.0-2]", async () => {
    const { socket, connection } = open(1e6, 100);
    const bytes = Uint8Array.from({ length: 250 }, (_, index) => index);
    await connection.write(bytes);
    await connection.write(bytes.subarray(0, 100));
    assertEquals(socket.sent, [100, 100, 50, 100]);
    assertEquals(socket.bytes, [...bytes, ...bytes.subarray(0, 100)]);
  });

  it("write waits once, however many messages it is split into", async () => {
    const { socket, connection } = open(1e6, 1000);
    const waits = await timersOf(() => connection.write(new Uint8Array(1_000_000)));
    assertEquals([waits, socket.sent.length], [[0], 1000]);
  });
});

function open(
  maxUnread = 1e6,
  maxMessageSize = 65_536,
): { readonly socket: FakeSocket; readonly connection: WsConnection } {
  const socket = new FakeSocket();
  const opened = { socket, breakOff: () => void socket.terminated++ };
  return { socket, connection: new WsConnection(opened, { maxUnread, maxMessageSize }) };
}

async function size(connection: WsConnection): Promise<number | null> {
  return (await connection.read())?.length ?? null;
}

/** Runs something with timers that fire at once; gives how long each was to wait. */
async function timersOf(run: () => Promise<unknown>, before: () => void = () => {}): Promise<number[]> {
  const { setTimeout } = globalThis;
  const waits: number[] = [];
  globalThis.setTimeout = ((fire: () => void, wait: number) => {
    waits.push(wait);
    return setTimeout(() => {
      before();
      fire();
    }, 0);
  }) as typeof setTimeout;
  try {
    await run();
  } finally {
    globalThis.setTimeout = setTimeout;
  }
  return waits;
}

/** A WebSocket whose events a test makes. */
class FakeSocket implements Socket {
  binaryType = "arraybuffer";
  readyState = 1;
  bufferedAmount = 0;
  readonly protocol = "mqtt";
  readonly sent: number[] = [];
  readonly bytes: number[] = [];
  closed = 0;
  terminated = 0;
  readonly #listeners: { readonly type: string; listener(event: SocketEvent): void }[] = [];

  send(bytes: Uint8Array): void {
    this.sent.push(bytes.length);
    if (bytes.length <= 100) this.bytes.push(...bytes);
  }

  close(): void {
    this.closed++;
    this.readyState = 2;
  }

  addEventListener(type: string, listener: (event: SocketEvent) => void): void {
    this.#listeners.push({ type, listener });
  }

  emit(type: string, event: SocketEvent): void {
    for (const one of this.#listeners) if (one.type === type) one.listener(event);
  }

  deliver(length: number): void {
    this.emit("message", { data: new ArrayBuffer(length) });
  }

  shut(event: SocketEvent): void {
    this.readyState = 3;
    this.emit("close", event);
  }
}

import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { DenoConnection } from "./deno_connection.ts";
import type { DenoSocket } from "./deno_connection.ts";

describe("DenoConnection", () => {
  it("read waits with 4 KiB, whatever has come before in small pieces", async () => {
    const { socket, connection } = open();
    for (let count = 0; count < 500; count++) {
      socket.deliver(50);
      assertEquals((await connection.read())?.length, 50);
    }
    void connection.read();
    assertEquals(socket.held, 4096);
  });

  it("read takes longer and longer pieces as long as there is more than it has room for", async () => {
    const { socket, connection } = open();
    socket.deliver(1_000_000);
    const lengths: (number | undefined)[] = [];
    for (let count = 0; count < 6; count++) lengths.push((await connection.read())?.length);
    assertEquals(lengths, [4096, 16_384, 65_536, 131_072, 131_072, 131_072]);
  });

  it("read fills what is left of a long slab, and does not take a new one for each piece", async () => {
    const { socket, connection } = open();
    await grow(socket, connection);
    const slabs = new Set<ArrayBufferLike>();
    for (let count = 0; count < 20; count++) {
      socket.deliver(10_000);
      slabs.add((await connection.read())!.buffer);
    }
    assertEquals(slabs.size <= 3, true, `${slabs.size} slabs for 200,000 bytes`);
  });

  it("read waits with 4 KiB again when next to nothing comes any more", async () => {
    const { socket, connection } = open();
    await grow(socket, connection);
    const reading = connection.read();
    assertEquals(socket.held, 131_072);
    socket.deliver(2);
    assertEquals((await reading)?.length, 2);
    void connection.read();
    assertEquals(socket.held, 4096);
  });

  it("read never writes to bytes that it has given away, whatever the size of the pieces (rule 2)", async () => {
    const { socket, connection } = open();
    const chunks: Uint8Array[] = [];
    let total = 0;
    for (let length = 1; total < 3_000_000; length = length * 7919 % 100_003) {
      socket.deliver(length);
      for (let left = length; left > 0;) {
        const chunk = (await connection.read())!;
        chunks.push(chunk);
        left -= chunk.length;
      }
      total += length;
    }
    let position = 0;
    for (const chunk of chunks) {
      for (const byte of chunk) {
        if (byte !== position++ % 251) throw new Error(`byte ${position - 1} is ${byte}`);
      }
    }
    assertEquals(position, total);
  });
});

function open(): { readonly socket: FakeSocket; readonly connection: DenoConnection } {
  const socket = new FakeSocket();
  return { socket, connection: new DenoConnection(socket) };
}

/** Lets so much come that the slab is as long as it gets, and used up. */
async function grow(socket: FakeSocket, connection: DenoConnection): Promise<void> {
  const all = 4096 + 16_384 + 65_536 + 131_072;
  socket.deliver(all);
  for (let got = 0; got < all;) got += (await connection.read())!.length;
}

/** A socket of Deno's that gets what a test delivers: the byte at position n is n modulo 251. */
class FakeSocket implements DenoSocket {
  #waiting: (() => void) | undefined;
  #buffer = new Uint8Array(0);
  #pending = 0;
  #position = 0;

  /** Bytes of the memory that a pending read keeps. */
  get held(): number {
    return this.#buffer.buffer.byteLength;
  }

  deliver(count: number): void {
    this.#pending += count;
    this.#waiting?.();
  }

  async read(buffer: Uint8Array<ArrayBuffer>): Promise<number> {
    this.#buffer = buffer;
    if (this.#pending === 0) await new Promise<void>((resolve) => this.#waiting = resolve);
    this.#waiting = undefined;
    const count = Math.min(this.#pending, buffer.length);
    this.#pending -= count;
    for (let index = 0; index < count; index++) buffer[index] = this.#position++ % 251;
    return count;
  }

  write(bytes: Uint8Array): Promise<number> {
    return Promise.resolve(bytes.length);
  }

  closeWrite(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {}
}

/**
 * What the unit tests of this package share: a clock that stands still, and an engine on a connection in memory.
 */
import type { Codec, Connection } from "@minimqtt/core";
import { Engine, v4 } from "@minimqtt/core";
import type { Clock } from "../src/link/clock.ts";
import { Link } from "../src/link/link.ts";
import { type MemoryConnection, type MemoryOptions, memoryPair } from "../src/memory/memory.ts";

/** A clock that is moved by hand. */
export class HandClock implements Clock {
  time = 0;
  readonly timers = new Map<() => void, number>();

  now(): number {
    return this.time;
  }

  turn(wake: () => void): void {
    queueMicrotask(() => queueMicrotask(wake));
  }

  timer(at: number, wake: () => void): () => void {
    const timer = () => wake();
    this.timers.set(timer, at);
    return () => {
      this.timers.delete(timer);
    };
  }

  /** When the timers that are armed go off. */
  get armed(): number[] {
    return [...this.timers.values()];
  }

  /** Goes to a moment, and calls the timers whose time has come. */
  async go(time: number): Promise<void> {
    this.time = time;
    for (const [timer, at] of [...this.timers]) {
      if (at <= time && this.timers.delete(timer)) timer();
    }
    await turn();
  }
}

/** Resolves when everything that can run has run. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

export const CONNECT = { clientId: "golden", cleanSession: true, keepAlive: 60 } as const;

/** A link with an engine that is online, and the other end of its connection. */
export interface Bench {
  readonly clock: HandClock;
  readonly engine: Engine;
  readonly link: Link;
  readonly peer: MemoryConnection;
  /** What was written, one entry a write. */
  readonly writes: string[];
}

export async function bench(options: MemoryOptions = {}, codec: Codec = v4): Promise<Bench> {
  const clock = new HandClock();
  const engine = new Engine({ codec, replyTimeout: 10_000 });
  const link = new Link(engine, clock);
  const [near, peer] = memoryPair(options);
  const writes: string[] = [];
  const connection: Connection = {
    read: () => near.read(),
    write: (bytes) => {
      writes.push(hex(bytes));
      return near.write(bytes);
    },
    close: () => near.close(),
  };
  link.attach(connection, CONNECT, 60_000);
  await peer.read();
  await Promise.all([peer.write(bytes(codec === v4 ? "20020000" : "2003000000")), link.wait(1000)]);
  engine.next();
  link.rest();
  writes.length = 0;
  return { clock, engine, link, peer, writes };
}

export function hex(array: Uint8Array): string {
  return Array.from(array, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function bytes(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** Whether a promise has settled once everything that can run has run. */
export async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise.then(() => settled = true, () => settled = true);
  await turn();
  return settled;
}

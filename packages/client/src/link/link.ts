/**
 * Joins an engine, a connection and a clock. This is the only place that reads, writes and waits.
 *
 * What it guards:
 *
 * - A read cannot be cancelled. One that is pending when a wait ends is kept, and its bytes are there for the next.
 * - What a read or a write brings is stored first and wakes second, so that nothing is lost while nobody waits.
 * - One write is under way at most; what is commanded meanwhile makes the next batch. A slow connection makes larger
 *   batches by itself.
 * - The first batch of a turn of the event loop leaves at once, what follows waits for the next turn or for a full
 *   batch: where a write is done before its promise is looked at (Deno), every message would else be one.
 * - However fast a connection takes bytes, timers run: what is written in one turn of the event loop is bounded.
 * - A write that fails ends nothing yet: the reason (a CONNACK that refuses, say) may lie unread in the socket. But
 *   nobody is told to go on before the connection has really ended: they would come back at once.
 * - A large batch is written in pieces, so that it can be seen to move.
 *
 * A connection is `open`, or `failing` from the first write that fails, until its end is noticed: then it is `over`,
 * and the engine knows. Without a connection the link is `idle`.
 *
 * Longer than 300 lines: reading, writing and waiting share the state of one connection, which is written once.
 *
 * @module
 */
import {
  type Connection,
  ConnectionError,
  type ConnectOptions,
  type Engine,
  MqttError,
} from "@minimqtt/core";
import type { Millis } from "@minimqtt/core";
import { type Clock, sleep } from "./clock.ts";

/** From here on a batch is worth a write before the turn ends. */
const FULL_BATCH = 65_536;

/** The most that is written in one turn of the event loop. */
const MOST_PER_TURN = 16 * FULL_BATCH;

/** A batch longer than one and a half of this is written in pieces of this length. */
const PIECE = 65_536;

/** How long a write that somebody waits for may stand still before it counts as stuck. */
const STANDSTILL: Millis = 1000;

/** How long after a failed write the peer's last bytes may take to be read. */
const LAST_WORDS: Millis = 1000;

const DONE = Promise.resolve();

/** Drives one engine over one connection at a time. */
export class Link {
  /** How many times something has arrived, the end of a connection included. */
  arrivals = 0;
  readonly #engine: Engine;
  readonly #clock: Clock;
  #connection: Connection | undefined;
  #phase: "idle" | "open" | "failing" | "over" = "idle";
  #reading = false;
  #writing = false;
  /** The last write that was begun. */
  #underWay: Promise<void> = DONE;
  /** When a byte has left last. */
  #movedAt: Millis = 0;
  #scheduled = false;
  /** How many bytes were written in this turn of the event loop. */
  #wrote = 0;
  /** Whether nothing is read until bytes have left. */
  #congested = false;
  #fault: MqttError | undefined;
  #faultAt: Millis = Infinity;
  #wake: (() => void) | undefined;
  #timerAt: Millis = Infinity;
  #cancelTimer: (() => void) | undefined;
  /** What those wait for who ask for room, and what ends their waiting. */
  #room: Promise<void> | undefined;
  #resolveRoom: (() => void) | undefined;

  /** Takes the engine to drive and the clock to drive it by. */
  constructor(engine: Engine, clock: Clock) {
    this.#engine = engine;
    this.#clock = clock;
  }

  /** Whether a connection is attached of which no end or failure has been noticed. */
  get alive(): boolean {
    return this.#phase === "open";
  }

  /** Whether the broker has accepted the connection, and nothing speaks against its taking more. */
  get online(): boolean {
    return this.#phase === "open" && this.#engine.state === "online";
  }

  /** Whether writing to the connection attached has failed. */
  get failed(): boolean {
    return this.#fault !== undefined;
  }

  /**
   * Whether somebody waits for {@link room}, and no byte has left for a while: the peer may be waiting for us to read.
   */
  get stuck(): boolean {
    return this.#clock.now() >= this.#stuckAt;
  }

  /**
   * Takes a fresh connection over and sends CONNECT.
   *
   * @throws {UsageError} what `Engine.opened` throws; the connection is the caller's to close then.
   */
  attach(connection: Connection, connect: ConnectOptions, pongTimeout: Millis): void {
    this.#engine.opened(connect, pongTimeout, this.#clock.now());
    this.#connection = connection;
    this.#phase = "open";
    this.#reading = this.#writing = false;
    this.#fault = undefined;
    this.#faultAt = Infinity;
    this.#flush();
  }

  /** Something was commanded: one write for all that is commanded in this turn. */
  kick(): void {
    if (this.#writing) return;
    if (this.#engine.pending >= FULL_BATCH && this.#wrote < MOST_PER_TURN) this.#flush();
    else if (!this.#scheduled && this.#wrote === 0) {
      this.#scheduled = true;
      queueMicrotask(this.#run);
    }
  }

  /** Resolves when the bytes that wait have been handed to the connection, or when it is over. */
  room(): Promise<void> {
    if (this.#phase === "idle" || this.#phase === "over") return DONE;
    if (this.#room === undefined) {
      this.#room = new Promise((resolve) => this.#resolveRoom = resolve);
      this.#watch();
    }
    return this.#room;
  }

  /** Resolves when all bytes are written, or there is no connection any more to write them to. */
  async drained(): Promise<void> {
    if (this.#wrote < MOST_PER_TURN) this.#flush();
    while (this.alive && (this.#writing || this.#engine.pending > 0)) await this.room();
  }

  /**
   * Waits until the engine may have something new, or `until` has come; may return early. Pull `Engine.next` dry
   * before. One wait at a time.
   *
   * With `read` false nothing is read meanwhile: time and pings go on, the broker is slowed down. Nor is anything
   * read while a broker that does not read leaves our answers lying (`Engine.congested`).
   */
  async wait(until: Millis, { read = true }: { readonly read?: boolean } = {}): Promise<void> {
    const now = this.#clock.now();
    const wasCongested = this.#engine.congested;
    if (this.#wrote < MOST_PER_TURN) this.#flush();
    if (read) {
      this.#engine.resume(now);
      this.#congested = this.#engine.congested;
      // What was not pulled because of it is to be pulled first.
      if (wasCongested && !this.#congested) return;
      if (!this.#congested) this.#read();
    } else this.#engine.pause(now);
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      const stuckAt = now < this.#stuckAt ? this.#stuckAt : Infinity;
      this.#arm(Math.min(until, this.#engine.deadline, this.#faultAt, stuckAt));
    });
    this.#wake = undefined;
    this.#tick();
  }

  /** Ends a running {@link wait} early. */
  readonly wake: () => void = () => {
    this.#wake?.();
  };

  /** Nobody waits from now on: no timer runs, and what the peer does not say meanwhile is not held against it. */
  rest(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#timerAt = Infinity;
    this.#engine.pause(this.#clock.now());
  }

  /**
   * Lets go of the connection and closes it. What was not written is dropped, but for what the engine has to say behind
   * its `offline` event; never rejects, and does not wait long for a peer that does not take that, or leaves the closing
   * unanswered.
   */
  async detach(): Promise<void> {
    const connection = this.#connection;
    if (connection === undefined) return;
    const isOver = this.alive && this.#engine.state === "offline";
    const goodbye = isOver ? this.#engine.take(this.#clock.now()) : null;
    this.#connection = undefined;
    this.#phase = "idle";
    this.#faultAt = Infinity;
    this.rest();
    this.#engine.closed(null);
    this.#goOn();
    this.wake();
    const enough = new AbortController();
    const late = sleep(this.#clock, this.#clock.now() + LAST_WORDS, enough.signal);
    if (goodbye !== null) {
      // Not within a packet.
      const said = this.#underWay.then(() => connection.write(goodbye));
      await Promise.race([said.catch(() => {}), late]);
    }
    await Promise.race([connection.close(), late]);
    enough.abort();
  }

  readonly #run = (): void => {
    this.#scheduled = false;
    this.#flush();
  };

  readonly #nextTurn = (): void => {
    this.#wrote = 0;
    this.#flush();
  };

  async #read(): Promise<void> {
    const connection = this.#connection;
    if (this.#reading || this.#phase === "over" || connection === undefined) return;
    this.#reading = true;
    let chunk: Uint8Array | MqttError | null;
    try {
      chunk = await connection.read();
    } catch (error) {
      chunk = toMqttError(error, "read-failed", "reading from the broker failed");
    }
    if (connection !== this.#connection) return;
    this.#reading = false;
    this.arrivals++;
    if (chunk instanceof Uint8Array) this.#engine.receive(chunk, this.#clock.now());
    else if (chunk !== null) this.#end(this.#fault ?? chunk);
    else this.#end(this.#fault === undefined ? null : closed(this.#fault));
    this.wake();
  }

  #end(cause: MqttError | null): void {
    this.#phase = "over";
    this.#faultAt = Infinity;
    this.#engine.closed(cause);
    this.#goOn();
  }

  #flush(): void {
    const connection = this.#connection;
    if (this.#writing || connection === undefined || this.#phase !== "open") return;
    const batch = this.#engine.take(this.#clock.now());
    if (batch !== null) {
      this.#write(connection, batch);
      if (this.#wrote === 0) this.#clock.turn(this.#nextTurn);
      this.#wrote += batch.length;
    }
    this.#goOn();
  }

  async #write(connection: Connection, batch: Uint8Array): Promise<void> {
    this.#writing = true;
    this.#movedAt = this.#clock.now();
    this.#watch();
    let fault: MqttError | undefined;
    try {
      await (this.#underWay = batch.length <= 1.5 * PIECE
        ? connection.write(batch)
        : this.#writePieces(connection, batch));
    } catch (error) {
      fault = toMqttError(error, "write-failed", "writing to the broker failed");
    }
    if (connection !== this.#connection) return;
    this.#writing = false;
    if (fault !== undefined) {
      this.#fault = fault;
      if (this.#phase === "open") {
        this.#phase = "failing";
        this.#faultAt = this.#clock.now() + LAST_WORDS;
      }
      // Once: who comes back for more room finds out, or waits until the connection is over.
      this.#goOn();
      return this.wake();
    }
    this.#engine.give(batch, this.#clock.now());
    // What has left is waited for from now on.
    if (this.#wake !== undefined) this.#arm(this.#engine.deadline);
    const { pending } = this.#engine;
    if (pending === 0) this.#goOn();
    else if ((pending >= FULL_BATCH && this.#wrote < MOST_PER_TURN) || this.#wrote === 0) this.#flush();
  }

  /** Rejects as well when the connection is let go of meanwhile. */
  async #writePieces(connection: Connection, batch: Uint8Array): Promise<void> {
    for (let at = 0; at < batch.length; at += PIECE) {
      if (at > 0) this.#engine.moved(this.#movedAt = this.#clock.now());
      await connection.write(batch.subarray(at, at + PIECE));
      if (connection !== this.#connection) throw new Error("detached");
    }
  }

  get #stuckAt(): Millis {
    return this.#writing && this.#room !== undefined ? this.#movedAt + STANDSTILL : Infinity;
  }

  /** A wait that has begun before the write is to notice that it is stuck. */
  #watch(): void {
    if (this.#wake !== undefined) this.#arm(this.#stuckAt);
  }

  /** Whoever waits for room goes on: there is some, or nothing more will be written. */
  #goOn(): void {
    if (this.#room !== undefined) {
      this.#resolveRoom!();
      this.#room = undefined;
    }
    if (this.#congested) {
      this.#congested = false;
      this.wake();
    }
  }

  #tick(): void {
    const now = this.#clock.now();
    if (now >= this.#faultAt) this.#end(this.#fault!);
    this.#engine.tick(now);
    if (this.#engine.pending > 0) this.kick();
    // What the engine has given up takes no more bytes.
    else if (this.#engine.state !== "online") this.#goOn();
  }

  /** A timer that is armed for an earlier moment is left: it wakes early, which is cheaper than a timer a wait. */
  #arm(at: Millis): void {
    if (at >= this.#timerAt) return;
    this.#cancelTimer?.();
    this.#timerAt = at;
    this.#cancelTimer = at === Infinity ? undefined : this.#clock.timer(at, () => {
      this.#timerAt = Infinity;
      this.#cancelTimer = undefined;
      this.wake();
    });
  }
}

function toMqttError(error: unknown, code: "read-failed" | "write-failed", text: string): MqttError {
  return error instanceof MqttError ? error : new ConnectionError(code, text, { cause: error });
}

/** The end is what counts: that a write failed of it is a matter of which was noticed first. */
function closed(cause: MqttError): MqttError {
  return new ConnectionError("closed", "Connection closed by broker", { cause });
}

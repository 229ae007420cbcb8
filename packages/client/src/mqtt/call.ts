/**
 * A call of the application that waits for something, as the pump sees it.
 *
 * @module
 */
import type { EngineEvent, PacketId } from "@minimqtt/core";

/** One call in progress, and what ends it. */
export class Call {
  /** The type of the event that ends it; `time` for a call that only its time ends, `room` for one that never drives. */
  readonly type: "online" | "settled" | "pong" | "time" | "room";
  /** The packet identifier of the `settled` event. */
  readonly id: PacketId;
  /** Gets the type of every packet that is pulled while the call is in progress. */
  readonly types: number[] | undefined;
  /** Whether it has ended. */
  done = false;
  /** The event that ended it. */
  event: EngineEvent | undefined;
  /** The error that ended it. */
  error: unknown;
  #wake: (() => void) | undefined;

  constructor(type: Call["type"], id: PacketId = 0, types?: number[]) {
    this.type = type;
    this.id = id;
    this.types = types;
  }

  settle(event?: EngineEvent): void {
    this.done = true;
    this.event = event;
    this.wake();
  }

  /** Ends it with an error, unless it has ended. */
  fail(error: unknown): void {
    if (this.done) return;
    this.done = true;
    this.error = error;
    this.wake();
  }

  /** Sleeps until {@link wake}. */
  sleep(): Promise<void> {
    return new Promise((resolve) => this.#wake = resolve);
  }

  get asleep(): boolean {
    return this.#wake !== undefined;
  }

  readonly wake = (): void => {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  };
}

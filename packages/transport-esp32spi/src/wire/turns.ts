/**
 * Who has the bus: one turn after the other, in the order in which they were asked for.
 *
 * A turn is a value. Only what got it can send commands, and only until it is over; who needs the bus inside a turn is
 * handed the turn. Asking for another one instead, and waiting for it, would wait for itself: that is found out, and
 * rejects.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { Command, Pace } from "./commands.ts";
import type { Session } from "./session.ts";
import type { FirmwareVersion } from "./versions.ts";

/** The bus, for as long as what was given it has not settled. Errors are those of session.ts. */
export interface Turn {
  /**
   * Sends a command and gives the reply's parameters. `pace` is how long it may take, `size` how long the reply is at
   * most, where that differs from the command's own.
   */
  command(
    command: Command,
    parameters?: readonly Uint8Array[],
    pace?: Pace,
    size?: number,
  ): Promise<readonly Uint8Array[]>;
  /** The first of the reply's parameters. */
  value(command: Command, ...parameters: Uint8Array[]): Promise<Uint8Array>;
  /** The firmware's version; asked for once per start. */
  version(): Promise<FirmwareVersion>;
  /** Starts the module anew. */
  reset(): Promise<void>;
  /** Releases the bus. */
  close(): Promise<void>;
}

/** The queue for the bus. */
export class Turns {
  /** The conversation that turns are part of: what can be known of it without asking the module. */
  readonly session: Session;
  #holder: OneTurn | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** Takes the conversation with the module. */
  constructor(session: Session) {
    this.session = session;
  }

  /** The clock of this driver. */
  get clock(): Clock {
    return this.session.clock;
  }

  /** Waits for the bus, and keeps it until `work` has settled. */
  take<Result>(work: (turn: Turn) => Promise<Result>): Promise<Result> {
    const turn = new OneTurn(this.session);
    const result = this.#last.then(() => this.#begin(turn, work));
    this.#last = result.catch(() => undefined);
    const holder = this.#holder;
    return holder?.idle ? this.#unlessInside(holder, turn, result) : result;
  }

  /** A turn of one command. */
  ask(command: Command, ...parameters: Uint8Array[]): Promise<readonly Uint8Array[]> {
    return this.take((turn) => turn.command(command, parameters));
  }

  /** A turn of one command, whose answer is one value. */
  value(command: Command, ...parameters: Uint8Array[]): Promise<Uint8Array> {
    return this.take((turn) => turn.value(command, ...parameters));
  }

  async #begin<Result>(turn: OneTurn, work: (turn: Turn) => Promise<Result>): Promise<Result> {
    turn.begin();
    this.#holder = turn;
    try {
      return await work(turn);
    } finally {
      turn.end();
      if (this.#holder === turn) this.#holder = undefined;
    }
  }

  /** The same, but rejects when `holder`, during which it was asked for, does nothing but wait for it. */
  #unlessInside<Result>(holder: OneTurn, turn: OneTurn, result: Promise<Result>): Promise<Result> {
    const { sent } = holder;
    return new Promise((resolve, reject) => {
      result.then(resolve, reject);
      void this.clock.sleep(NESTED, turn.waiting()).then(() => {
        if (this.#holder !== holder || !holder.idle || holder.sent !== sent) return;
        turn.end();
        reject(new Error("a turn on the bus waits for one that was asked for inside it: pass the turn on"));
      });
    });
  }
}

class OneTurn implements Turn {
  /** How much it has asked of the module. */
  sent = 0;
  readonly #session: Session;
  #waiting: AbortController | undefined;
  #busy = 0;
  #over = false;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Aborted when it begins. */
  waiting(): AbortSignal {
    this.#waiting = new AbortController();
    return this.#waiting.signal;
  }

  /** Whether it has the bus, and nothing is under way there. */
  get idle(): boolean {
    return this.#busy === 0 && !this.#over;
  }

  begin(): void {
    if (this.#over) throw new Error(OVER);
    this.#waiting?.abort();
  }

  end(): void {
    this.#over = true;
  }

  command(
    command: Command,
    parameters: readonly Uint8Array[] = [],
    pace?: Pace,
    size?: number,
  ): Promise<readonly Uint8Array[]> {
    return this.#do(() => this.#session.command(command, parameters, pace, size));
  }

  async value(command: Command, ...parameters: Uint8Array[]): Promise<Uint8Array> {
    return (await this.command(command, parameters))[0]!;
  }

  version(): Promise<FirmwareVersion> {
    return this.#do(() => this.#session.version());
  }

  reset(): Promise<void> {
    return this.#do(() => this.#session.reset());
  }

  close(): Promise<void> {
    return this.#do(() => this.#session.close());
  }

  async #do<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#over) throw new Error(OVER);
    this.#busy++;
    this.sent++;
    try {
      return await work();
    } finally {
      this.#busy--;
    }
  }
}

const OVER = "this turn on the bus is over";
/** Milliseconds in which a turn that has the bus does nothing, while one waits that was asked for meanwhile. */
const NESTED = 1000;

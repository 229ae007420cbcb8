/**
 * What may be the reason that the broker hangs up again and again: a message it does not take, a filter it does not
 * like. It is found by what was sent first and not answered when a connection ended. What stood there three times in a
 * row is sent alone on the next connection; if that one ends as well, it was that, and all others go on without it.
 *
 * @module
 */

/** After so many connections that ended with it unanswered, something is sent alone. */
export const PATIENCE = 3;

/** Something that was sent and not answered. */
export interface Suspect {
  /** What it is, for people. */
  readonly what: string;
  /** How many connections ended while it was the first thing unanswered. */
  losses: number;
  /** Whether it was answered, or nobody wants it any more. */
  readonly isOver: boolean;
  /** Makes it smaller on the next connection, if it consists of several things. */
  narrow?(): void;
  /** It was alone, and the connection ended: gives it up, unless what it consists of is to be narrowed down first. */
  condemn(resumed: boolean): void;
}

/** All suspects of one client. */
export class Suspects {
  readonly #all = new Set<Suspect>();

  /**
   * A connection that had been accepted ended while this was the first thing unanswered. If it was `alone` it has taken
   * the place of whatever was first in line before, and may have been innocent: answers can be lost with the connection.
   */
  blame(suspect: Suspect, resumed: boolean, alone: boolean): void {
    this.#all.add(suspect);
    suspect.losses = Math.max(suspect.losses, alone ? PATIENCE - 1 : 0) + 1;
    if (suspect.losses > PATIENCE) suspect.condemn(resumed);
    if (suspect.losses >= PATIENCE) suspect.narrow?.();
  }

  /** Whether things are to be sent one at a time. */
  get careful(): boolean {
    return this.worst !== undefined && this.worst.losses >= PATIENCE;
  }

  /** What stood in the way most often. */
  get worst(): Suspect | undefined {
    let worst: Suspect | undefined;
    for (const suspect of this.#all) {
      if (suspect.isOver) this.#all.delete(suspect);
      else if (suspect.losses > (worst?.losses ?? 0)) worst = suspect;
    }
    return worst;
  }
}

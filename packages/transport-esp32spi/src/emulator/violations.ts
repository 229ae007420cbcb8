/**
 * What a host does against the protocol, by name. The emulator goes on as the firmware would, and keeps the list.
 *
 * @module
 */

/**
 * What can be done wrong. In brackets the trap it belongs to.
 *
 * - `selected-while-busy`: chip select fell while READY was HIGH, or floating. No transaction is armed: what is
 *   clocked is lost.
 * - `clocked-without-select`: bytes outside of a window.
 * - `clocked-too-early`: clocked before READY went HIGH; the first bytes are lost. [24]
 * - `unpadded-frame`: a command whose size is no multiple of 4; its tail is lost. [5]
 * - `stale-padding`: the padding is not zero. [5, 45]
 * - `oversized-frame`: more than 4092 bytes; the rest is lost.
 * - `truncated-frame`: the parameters do not end within what was clocked. (END may be missing: some hosts send none.)
 * - `not-a-command`: a window that does not begin with E0 and an opcode below 80 (all-equal bytes are allowed: that
 *   is how a host finds back into step).
 * - `reply-not-read`: a command came while the reply to the last one was waiting: host and firmware are a step
 *   apart now. [1]
 * - `reply-discarded`: a window without a clock, which loses the reply.
 * - `slot-out-of-range`: a socket number that does not exist. The chip writes outside its arrays: it crashes. [4]
 * - `slot-in-use`: a client was started on a slot in use; the older connection is closed, or lost. [43]
 * - `unknown-mode`: START_CLIENT with a mode that is none of 0, 1, 2; the slot hangs from then on. [41]
 * - `overlong-parameter`: a name, passphrase or identity that overruns its buffer. The chip crashes. [25]
 * - `oversized-read`: more than 4086 bytes asked of GET_DATABUF. With as many at hand the chip crashes. [8]
 * - `empty-write`: SEND_DATA without data. [30]
 * - `unread-data-lost`: the state was asked before all bytes were read; they are lost. [11]
 * - `select-low-at-boot`: chip select was LOW when RESET rose: Bluetooth mode. [21]
 * - `gpio0-low-at-boot`: GPIO0 was LOW when RESET rose: boot loader. [22]
 * - `gpio0-driven`: GPIO0 is still driven by the host when the first command comes. [22]
 * - `unsafe-file-command`: WRITE_FILE or READ_FILE of a file that cannot be opened, or of too much. The chip crashes. [35]
 */
export type ViolationName =
  | "selected-while-busy"
  | "clocked-without-select"
  | "clocked-too-early"
  | "unpadded-frame"
  | "stale-padding"
  | "oversized-frame"
  | "truncated-frame"
  | "not-a-command"
  | "reply-not-read"
  | "reply-discarded"
  | "slot-out-of-range"
  | "slot-in-use"
  | "unknown-mode"
  | "overlong-parameter"
  | "oversized-read"
  | "empty-write"
  | "unread-data-lost"
  | "select-low-at-boot"
  | "gpio0-low-at-boot"
  | "gpio0-driven"
  | "unsafe-file-command";

/** One thing that the host did wrong. */
export interface Violation {
  /** What it was. */
  readonly name: ViolationName;
  /** What came, and what was expected. Never a parameter's text: it may be a passphrase. */
  readonly detail: string;
}

/** All that the host did wrong since the emulator was made. */
export class Violations {
  readonly #list: Violation[] = [];
  #count = 0;
  /** While true nothing is noted: what happens is the work of a fault that was put in. */
  excused = false;
  /** Told of each, also of those that are not kept any more. */
  onViolation: ((violation: Violation) => void) | undefined;

  /** How many there were. */
  get count(): number {
    return this.#count;
  }

  /** The first {@link MOST_VIOLATIONS} of them. */
  get list(): readonly Violation[] {
    return this.#list;
  }

  /** The names of {@link Violations.list}, in order. */
  get names(): ViolationName[] {
    return this.#list.map(({ name }) => name);
  }

  /** Notes one. */
  add(name: ViolationName, detail: string): void {
    if (this.excused) return;
    this.#count++;
    if (this.#list.length < MOST_VIOLATIONS) this.#list.push({ name, detail });
    this.onViolation?.({ name, detail });
  }

  /** Forgets them all. */
  clear(): void {
    this.#count = 0;
    this.#list.length = 0;
  }
}

/** How many are kept: a host that is a step apart does wrong without end. */
export const MOST_VIOLATIONS = 100;

/** Thrown inside a command when the firmware would crash: the chip starts anew, and has forgotten everything. */
export class Crash extends Error {
  /** What kills it. */
  override readonly name = "Crash";
}

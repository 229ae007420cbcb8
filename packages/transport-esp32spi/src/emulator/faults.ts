/**
 * What can be made to go wrong. Each fault waits for the command it is meant for, and happens there; what is wrong
 * with the line or the air for longer are properties of the emulator and its station.
 *
 * @module
 */

/** When a fault happens: at the next command, unless told otherwise. */
export interface FaultTrigger {
  /** Only at this command. */
  readonly opcode?: number;
  /** How many commands that would do are spared first; 0 when absent. */
  readonly after?: number;
  /** How many commands it hits; 1 when absent. */
  readonly times?: number;
}

/**
 * A fault.
 *
 * - `busy`: READY stays HIGH for so many milliseconds before the command is executed, for ever without `time`.
 * - `error`: ERR instead of the reply; the command was not executed.
 * - `reply`: the reply is changed on its way, by {@link replyEdits} or a function of yours.
 * - `command`: the command is changed on its way.
 * - `swallow`: the command gets lost, and no reply is armed: host and firmware are a step apart.
 * - `repeat`: the reply is armed twice: host and firmware are a step apart the other way.
 * - `restart`: the module starts anew: `before` the command, `after` it with the reply lost, or in `mid-reply`.
 * - `write`: SEND_DATA takes `accept` bytes at most; with `close` the connection is dead then.
 * - `read`: GET_DATABUF gives `most` bytes at most.
 * - `no-socket`: GET_SOCKET has none.
 * - `scan`: SCAN_NETWORKS has no list, because a scan is `running`, or has `failed`.
 * - `dns`: the name is not found, after `time` milliseconds; with `found` it is, that late.
 * - `connect`: START_CLIENT fails: `refuse` at once, `silence` at its time limit; `slow` succeeds `time` ms late.
 */
export type Fault =
  & FaultTrigger
  & (
    | { readonly kind: "busy"; readonly time?: number }
    | { readonly kind: "error" }
    | { readonly kind: "reply"; readonly edit: Edit }
    | { readonly kind: "command"; readonly edit: Edit }
    | { readonly kind: "swallow" }
    | { readonly kind: "repeat" }
    | { readonly kind: "restart"; readonly when: "before" | "after" | "mid-reply" }
    | { readonly kind: "write"; readonly accept: number; readonly close?: boolean }
    | { readonly kind: "read"; readonly most: number }
    | { readonly kind: "no-socket" }
    | { readonly kind: "scan"; readonly how: "running" | "failed" }
    | { readonly kind: "dns"; readonly time?: number; readonly found?: boolean }
    | { readonly kind: "connect"; readonly how: "refuse" | "silence" | "slow"; readonly time?: number }
  );

/** Takes the bytes on the wire, START to END and padding, and gives what arrives instead. Must not change them. */
export type Edit = (bytes: Uint8Array) => Uint8Array;

/** The faults that wait for their command. */
export class Faults {
  #waiting: { fault: Fault; after: number; times: number }[] = [];

  /** Adds a fault. Where several would do, the one added first happens. */
  inject(fault: Fault): void {
    this.#waiting.push({ fault, after: fault.after ?? 0, times: fault.times ?? 1 });
  }

  /** How many wait. */
  get pending(): number {
    return this.#waiting.length;
  }

  /** Forgets those that wait. */
  clear(): void {
    this.#waiting = [];
  }

  /** The fault for a command that has arrived. */
  next(opcode: number): Fault | undefined {
    if (this.#waiting.length === 0) return undefined;
    let found: Fault | undefined;
    for (const entry of this.#waiting) {
      const { fault } = entry;
      if (fault.opcode !== undefined && fault.opcode !== opcode || !concerns(fault, opcode)) continue;
      if (entry.after > 0) entry.after--;
      else if (found === undefined) {
        found = fault;
        entry.times--;
      }
    }
    this.#waiting = this.#waiting.filter(({ times }) => times > 0);
    return found;
  }
}

/** Whether a fault can happen at a command at all. */
function concerns({ kind }: Fault, opcode: number): boolean {
  if (kind === "write") return opcode === 0x44;
  if (kind === "read") return opcode === 0x45;
  if (kind === "no-socket") return opcode === 0x3f;
  if (kind === "scan") return opcode === 0x27;
  if (kind === "dns") return opcode === 0x34 || opcode === 0x2d;
  return kind !== "connect" || opcode === 0x2d;
}

/** Ready-made damage to a reply. */
export const replyEdits: {
  /** Another command's reply. */
  readonly wrongOpcode: Edit;
  /** One parameter too many. */
  readonly wrongCount: Edit;
  /** No END where it must be. */
  readonly wrongEnd: Edit;
  /** A first parameter that claims 255 bytes (65535 where lengths have 16 bits). */
  readonly absurdLength: Edit;
  /** Nothing but filler from the byte `at` on. */
  readonly truncated: (at: number, filler?: number) => Edit;
  /** So many bytes of filler in front. */
  readonly late: (count: number, filler?: number) => Edit;
  /** One bit is flipped, bit 0 to 7 of the byte `at`. */
  readonly flipped: (at: number, bit: number) => Edit;
} = {
  wrongOpcode: changed((bytes) => bytes[1]! ^= 0x01),
  wrongCount: changed((bytes) => bytes[2]!++),
  wrongEnd: changed((bytes) => bytes[bytes.lastIndexOf(0xee)] = 0x00),
  absurdLength: changed((bytes) => bytes.fill(0xff, 3, 5)),
  truncated: (at, filler = 0) => changed((bytes) => bytes.fill(filler, at)),
  late: (count, filler = 0xff) => (bytes) => {
    const late = new Uint8Array(bytes.length + count).fill(filler);
    late.set(bytes, count);
    return late;
  },
  flipped: (at, bit) => changed((bytes) => bytes[at]! ^= 1 << bit),
};

function changed(change: (copy: Uint8Array) => void): Edit {
  return (bytes) => {
    const copy = bytes.slice();
    change(copy);
    return copy;
  };
}

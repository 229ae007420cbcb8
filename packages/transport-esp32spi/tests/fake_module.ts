import type { EspPins, SpiBus } from "../src/bus.ts";
import { END, REPLY_FLAG, START } from "../src/wire/frames.ts";

/** What a module answers to a command: the frame; nothing means that it never comes to an end with it. */
export type Answer = Uint8Array | undefined;

/**
 * A module whose answers a test writes, with the READY line and the strict alternation of the real one. For what the
 * emulator cannot be asked for: answers that no firmware gives.
 */
export class FakeModule {
  /** Opcodes in the order in which they came, since the last reset. */
  readonly opcodes: number[] = [];
  /** All windows, as hexadecimal digits of what the host sent in them. */
  readonly frames: string[] = [];
  /** What the host must never do. */
  readonly violations: string[] = [];
  /** Answers by opcode, which win over the usual ones. */
  readonly answers: Map<number, (parameters: Uint8Array[], count: number) => Answer> = new Map();
  /** Called on RESET. */
  onReset: () => void = () => undefined;
  resets = 0;
  /** The level at which READY is stuck, if it is. */
  stuck: boolean | undefined;
  /** Whether the next window's READY goes HIGH on selection. */
  acknowledges = true;
  /** Levels of RESET and GPIO0 as driven, `undefined` when released. */
  reset = true;
  gpio0: boolean | undefined;
  readonly events: string[] = [];
  readonly bus: SpiBus;
  readonly pins: EspPins;
  #phase: "receive" | "busy" | "send" = "receive";
  #selected = false;
  #received: number[] = [];
  #sent = 0;
  #answer: Uint8Array = new Uint8Array();
  readonly #counts = new Map<number, number>();

  constructor(version = "3.3.0") {
    this.answers.set(0x37, () => reply(0x37, new TextEncoder().encode(`${version}\0`)));
    this.bus = {
      select: () => {
        this.events.push("select");
        if (this.#ready()) this.violations.push("selected while READY was HIGH");
        this.#selected = true;
        this.#received = [];
        this.#sent = 0;
      },
      transfer: (bytes) => {
        if (!this.#ready()) this.violations.push("clocked before READY went HIGH");
        if (this.#phase === "receive") this.#received.push(...bytes);
        const out = bytes.map(() => this.#phase === "send" ? this.#answer[this.#sent++] ?? 0 : 0xff);
        return out;
      },
      deselect: () => {
        this.events.push("deselect");
        const selected = this.#selected;
        this.#selected = false;
        if (selected) this.#windowEnded();
      },
    };
    this.pins = {
      ready: { read: () => this.#ready() },
      reset: {
        write: (level) => {
          this.events.push(`reset ${level ? "HIGH" : "LOW"}`);
          this.reset = level;
          if (level) this.restart();
        },
      },
      gpio0: {
        read: () => this.gpio0 ?? false,
        write: (level) => {
          this.events.push(`gpio0 ${level ? "HIGH" : "LOW"}`);
          this.gpio0 = level;
        },
        release: () => {
          this.events.push("gpio0 released");
          this.gpio0 = undefined;
        },
      },
    };
  }

  /** Starts anew, by itself or by RESET. */
  restart(): void {
    this.resets++;
    this.#phase = "receive";
    this.opcodes.length = 0;
    this.#counts.clear();
    this.onReset();
  }

  /** Whether the module would next send: a test that left a reply unread asks. */
  get sending(): boolean {
    return this.#phase === "send";
  }

  /** Makes it miss a step: the next command is swallowed. */
  slip(answer: Uint8Array = reply(0x20, Uint8Array.of(3))): void {
    this.#phase = "send";
    this.#answer = answer;
  }

  #ready(): boolean {
    return this.stuck ?? (this.#phase === "busy" || this.#selected && this.acknowledges);
  }

  #windowEnded(): void {
    if (this.#phase === "send") {
      this.#phase = "receive";
      return;
    }
    if (this.#received.length === 0) return;
    const bytes = Uint8Array.from(this.#received);
    this.frames.push(Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(""));
    if (bytes.length % 4 !== 0) this.violations.push(`a frame of ${bytes.length} bytes`);
    const answer = bytes[0] === START ? this.#handle(bytes) : ERROR;
    if (!answer) {
      this.#phase = "busy";
      return;
    }
    this.#phase = "send";
    this.#answer = answer;
  }

  #handle(bytes: Uint8Array): Answer {
    const opcode = bytes[1]!;
    const wide = opcode >= 0x44 && opcode <= 0x46;
    const parameters: Uint8Array[] = [];
    for (let at = 3; parameters.length < bytes[2]!;) {
      const length = wide ? bytes[at]! << 8 | bytes[at + 1]! : bytes[at]!;
      at += wide ? 2 : 1;
      parameters.push(bytes.slice(at, at += length));
    }
    this.opcodes.push(opcode);
    const count = (this.#counts.get(opcode) ?? 0) + 1;
    this.#counts.set(opcode, count);
    const answer = this.answers.get(opcode);
    return answer ? answer(parameters, count) : reply(opcode, Uint8Array.of(1));
  }
}

/** The frame of a reply. */
export function reply(opcode: number, ...parameters: Uint8Array[]): Uint8Array {
  const wide = opcode === 0x45;
  const bytes = parameters.flatMap((one) => [...wide ? [one.length >> 8] : [], one.length & 0xff, ...one]);
  const frame = [START, opcode | REPLY_FLAG, parameters.length, ...bytes, END];
  while (frame.length % 4 !== 0) frame.push(0);
  return Uint8Array.from(frame);
}

/** The module's error reply. */
export const ERROR: Uint8Array = Uint8Array.of(0xef, 0x00, 0xee, 0x00);

/**
 * The electrical side: chip select, READY and the strict alternation of command and response, phase by phase.
 *
 * The firmware arms a transaction to receive, executes what came, arms one to send, and so on for ever. It has no
 * time limit and does not notice when a host gives up, so this has neither.
 *
 * @module
 */

import type { Clock } from "../../clock.ts";
import { FRAME_LIMIT } from "./frame.ts";
import type { ViolationName } from "../violations.ts";

/**
 * What the module waits for: RESET to rise (`off`), its start-up (`starting`), a `command`, itself (`busy`), or that
 * a `response` is fetched. In `bluetooth` and `bootloader` SPI is dead until the next reset.
 */
export type Phase = "off" | "starting" | "bluetooth" | "bootloader" | "command" | "busy" | "response";

/** A level that READY is stuck at, or undefined where it works. */
export type Stuck = boolean | undefined;

/** What the slave needs of the rest of the module. */
export interface SlaveOptions {
  /** For the delay before READY rises. */
  readonly clock: Clock;
  /** Milliseconds from the fall of chip select until READY is HIGH. */
  readonly selectDelay: number;
  /** Where READY floats while nobody drives it. */
  readonly floatingReady: boolean;
  /** What MISO carries while there is nothing to send: a byte, or the last one sent. */
  readonly filler: number | "last";
  /** Takes a command, whose bytes are its own. It calls {@link SpiSlave.respond} or {@link SpiSlave.listen}. */
  command(bytes: Uint8Array): void;
  /** A response was fetched, or lost. */
  fetched(): void;
  /** The host did something wrong. */
  violate(name: ViolationName, detail: string): void;
}

/** The slave side of the bus. */
export class SpiSlave {
  readonly #options: SlaveOptions;
  readonly #watchers = new Set<() => void>();
  #phase: Phase = "off";
  #ready: boolean;
  #stuck: Stuck;
  #selected = false;
  /** Whether the window met an armed transaction. */
  #armed = false;
  #received = new Uint8Array(0);
  #clocked = 0;
  #reply: Uint8Array = new Uint8Array(0);
  #last = 0;
  #windows = 0;
  #bytes = 0;

  /** Makes a slave that is off. */
  constructor(options: SlaveOptions) {
    this.#options = options;
    this.#ready = options.floatingReady;
  }

  /** Where the module is. */
  get phase(): Phase {
    return this.#phase;
  }

  /** READY's level. */
  get ready(): boolean {
    return this.#stuck ?? this.#ready;
  }

  /** Whether chip select is LOW. */
  get selected(): boolean {
    return this.#selected;
  }

  /** Windows so far, whatever became of them. */
  get windows(): number {
    return this.#windows;
  }

  /** Bytes clocked so far, whatever became of them. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The level READY is stuck at. */
  get stuck(): Stuck {
    return this.#stuck;
  }

  set stuck(level: Stuck) {
    this.#stuck = level;
    this.#changed();
  }

  /** Calls `watcher` after each change of READY, until the function it gives is called. */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Goes to a phase in which SPI does nothing. `driven` is READY's level, undefined where nobody drives it. */
  halt(phase: Exclude<Phase, "command" | "response">, driven?: boolean): void {
    this.#phase = phase;
    this.#armed = false;
    this.#setReady(driven ?? this.#options.floatingReady);
  }

  /** Arms a transaction to receive a command. */
  listen(): void {
    this.#phase = "command";
    this.#setReady(false);
  }

  /** Arms a transaction to send. */
  respond(reply: Uint8Array): void {
    this.#reply = reply;
    this.#phase = "response";
    this.#setReady(false);
  }

  /** Chip select falls. */
  select(): void {
    if (this.#selected) return;
    this.#selected = true;
    this.#windows++;
    this.#clocked = 0;
    this.#armed = (this.#phase === "command" || this.#phase === "response") && !this.ready;
    if (!this.#armed) {
      // Without power there is nobody to be disturbed; whether it is still LOW at the start is what counts.
      if (this.#phase === "off") return;
      const detail = `chip select fell in phase "${this.#phase}"; wait until READY is LOW`;
      this.#options.violate("selected-while-busy", detail);
      return;
    }
    const { selectDelay, clock } = this.#options;
    if (selectDelay <= 0) return this.#setReady(true);
    const window = this.#windows;
    void clock.sleep(selectDelay).then(() => {
      if (this.#armed && this.#selected && this.#windows === window) this.#setReady(true);
    });
  }

  /** Clocks bytes out and in. The array given back is the caller's. */
  transfer(mosi: Uint8Array): Uint8Array {
    const { violate, filler } = this.#options;
    const miso = new Uint8Array(mosi.length).fill(filler === "last" ? this.#last : filler);
    this.#bytes += mosi.length;
    if (!this.#selected) violate("clocked-without-select", `${mosi.length} bytes while chip select was HIGH`);
    if (!this.#armed) return miso;
    let lost = 0;
    if (!this.ready) {
      violate("clocked-too-early", `${mosi.length} bytes before READY was HIGH; the first ${LOST} are lost`);
      lost = Math.min(LOST, mosi.length);
    }
    const at = this.#clocked;
    this.#clocked += mosi.length - lost;
    if (this.#phase === "command") this.#receive(lost ? mosi.subarray(lost) : mosi, at);
    else {
      // What comes behind the armed length is undefined: filler here.
      miso.set(this.#reply.subarray(at, at + miso.length - lost), lost);
      this.#last = miso.at(-1) ?? 0;
      this.#noteSwallowed(mosi, at);
    }
    return miso;
  }

  /** Chip select rises: the window ends. */
  deselect(): void {
    if (!this.#selected) return;
    this.#selected = false;
    if (!this.#armed) return;
    this.#armed = false;
    this.#setReady(true);
    if (this.#phase === "response") {
      if (this.#clocked === 0) {
        this.#options.violate("reply-discarded", "a window without a clock while a reply was waiting");
      }
      this.#reply = nothing;
      this.#phase = "busy";
      this.#options.fetched();
    } else if (this.#clocked === 0) this.listen();
    else {
      const bytes = this.#whole();
      // Less than a word is as if nothing had come.
      if (bytes.length === 0) return this.listen();
      this.#phase = "busy";
      this.#options.command(bytes);
    }
  }

  #receive(mosi: Uint8Array, at: number): void {
    if (at === 0) this.#received = mosi.slice(0, FRAME_LIMIT);
    else {
      const received = new Uint8Array(Math.min(at + mosi.length, FRAME_LIMIT));
      received.set(this.#received);
      received.set(mosi.subarray(0, Math.max(0, received.length - at)), this.#received.length);
      this.#received = received;
    }
  }

  /** What the slave's DMA hands over: at most a buffer full, and whole words of 4 bytes. */
  #whole(): Uint8Array {
    const { violate } = this.#options;
    if (this.#clocked > FRAME_LIMIT) {
      violate("oversized-frame", `${this.#clocked} bytes, where ${FRAME_LIMIT} fit`);
    }
    const bytes = this.#received;
    this.#received = nothing;
    const rest = bytes.length & 3;
    if (rest === 0) return bytes;
    violate("unpadded-frame", `${bytes.length} bytes are no multiple of 4: the last ${rest} are lost`);
    return bytes.subarray(0, bytes.length - rest);
  }

  /** A command while the firmware sends is not received by anybody. */
  #noteSwallowed(mosi: Uint8Array, at: number): void {
    if (at > 0 || mosi.length < 4 || mosi[0] !== 0xe0 || mosi[1]! >= 0x80) return;
    const opcode = mosi[1]!.toString(16).padStart(2, "0");
    this.#options.violate(
      "reply-not-read",
      `command ${opcode} was sent while the last one's reply was waiting`,
    );
  }

  #setReady(level: boolean): void {
    if (level === this.#ready) return;
    this.#ready = level;
    this.#changed();
  }

  #changed(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }
}

const nothing = new Uint8Array(0);

/** Bytes that go by while the slave is not yet listening. */
const LOST = 4;

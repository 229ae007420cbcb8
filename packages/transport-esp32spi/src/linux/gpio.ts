/**
 * Lines of a GPIO chip: one that is watched by its edges, and one that is driven.
 *
 * @module
 */

import { ConnectionError } from "@minimqtt/core";
import type { Clock } from "../clock.ts";
import { failure, opened } from "./errors.ts";
import {
  EVENT_SIZE,
  Gpio,
  lineConfig,
  lineFd,
  LineFlag,
  lineRequest,
  lineValues,
  OPEN_FLAGS,
  pollFile,
} from "./kernel.ts";
import type { Libc } from "./libc/libc.ts";

/** An open GPIO chip. */
export class GpioChip {
  readonly #libc: Libc;
  readonly #clock: Clock;
  readonly #path: string;
  readonly #fd: number;
  readonly #lines: Line[] = [];
  #closed = false;

  /**
   * Opens it.
   *
   * @throws {ConnectionError} `not-permitted` or `dial-failed`.
   */
  constructor(libc: Libc, path: string, clock: Clock) {
    this.#libc = libc;
    this.#clock = clock;
    this.#path = path;
    this.#fd = opened(libc, path, libc.open(path, OPEN_FLAGS));
  }

  /**
   * Takes a line for ourselves; `level` is where an output begins.
   *
   * @throws {ConnectionError} `not-permitted` or `dial-failed`, when somebody else has it for instance.
   */
  line(offset: number, use: string, flags: number, level: boolean = true): Line {
    const request = lineRequest(offset, `minimqtt ${use}`, flags, level);
    if (this.#libc.ioctl(this.#fd, Gpio.getLine, request) < 0) {
      throw failure(this.#libc, "dial-failed", `line ${offset} of ${this.#path} (${use})`);
    }
    const line = new Line(this.#libc, lineFd(request), this.#clock, `line ${offset} (${use})`);
    this.#lines.push(line);
    return line;
  }

  /** Gives all lines back; their levels are nobody's any more. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const line of this.#lines) line.close();
    this.#libc.close(this.#fd);
  }
}

/** One line. */
export class Line {
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #clock: Clock;
  readonly #name: string;
  readonly #values: Uint8Array = lineValues(false);
  readonly #files: Uint8Array;
  readonly #events: Uint8Array = new Uint8Array(EVENT_SIZE * 16);
  #closed = false;

  /** Takes the line's descriptor. */
  constructor(libc: Libc, fd: number, clock: Clock, name: string) {
    this.#libc = libc;
    this.#fd = fd;
    this.#clock = clock;
    this.#name = name;
    this.#files = pollFile(fd);
  }

  /**
   * Its level.
   *
   * @throws {ConnectionError} `read-failed`, or `closed`.
   */
  read(): boolean {
    this.#control(Gpio.getValues, this.#values, "read-failed");
    return (this.#values[0]! & 1) === 1;
  }

  /**
   * Drives it.
   *
   * @throws {ConnectionError} `write-failed`, or `closed`.
   */
  write(level: boolean): void {
    this.#control(Gpio.setValues, lineValues(level), "write-failed");
  }

  /**
   * Makes it an input or an output, with a level for the latter.
   *
   * @throws {ConnectionError} `write-failed`, or `closed`.
   */
  configure(flags: number, level: boolean = true): void {
    this.#control(Gpio.setConfig, lineConfig(flags, level), "write-failed");
  }

  /**
   * Waits until it has a level, by the edges that the kernel tells: gives `true` then, `false` after `timeout`
   * milliseconds. Most answers come within microseconds, so that the first millisecond is spent waiting in the kernel;
   * after it the wait goes on beside the program.
   */
  wait(level: boolean, timeout: number): boolean | Promise<boolean> {
    if (this.read() === level) return true;
    const end = this.#clock.now() + timeout;
    if (timeout > 0 && this.#libc.poll(this.#files, 1, 1) > 0 && this.#drained() === level) return true;
    return this.#waitBeside(level, end);
  }

  /** Gives it back. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#libc.close(this.#fd);
  }

  async #waitBeside(level: boolean, end: number): Promise<boolean> {
    for (let pause = 0;; pause = Math.min(pause + 0.1, LONGEST_PAUSE)) {
      if (this.#closed) throw closed(this.#name);
      if (this.read() === level) return true;
      const left = end - this.#clock.now();
      if (left <= 0) return false;
      const slice = Math.min(Math.ceil(left), SLICE);
      // A struct of its own: the other thread writes into it.
      const files = pollFile(this.#fd);
      const { pollBeside } = this.#libc;
      const came = pollBeside ? await pollBeside(files, 1, slice) : this.#libc.poll(files, 1, 0);
      if (came > 0 && !this.#closed) this.#drained();
      else if (!pollBeside || came < 0) await this.#clock.sleep(pause);
    }
  }

  /** Takes the edges that wait, and gives the level after them. */
  #drained(): boolean {
    this.#libc.read(this.#fd, this.#events);
    return this.read();
  }

  #control(request: number, argument: Uint8Array, code: "read-failed" | "write-failed"): void {
    if (this.#closed) throw closed(this.#name);
    if (this.#libc.ioctl(this.#fd, request, argument) < 0) throw failure(this.#libc, code, this.#name);
  }
}

/** An input with a pull-up: a line that nobody drives reads HIGH, which for READY is busy. */
export const INPUT: number = LineFlag.input | LineFlag.pullUp | LineFlag.risingEdge | LineFlag.fallingEdge;

/** An output. */
export const OUTPUT: number = LineFlag.output;

function closed(name: string): ConnectionError {
  return new ConnectionError("closed", `${name} was given back`);
}

/** Milliseconds that a wait on another thread goes on without looking up. */
const SLICE = 250;

/** Milliseconds between looks where there is no other thread, at most. */
const LONGEST_PAUSE = 2;

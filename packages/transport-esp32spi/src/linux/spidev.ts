/**
 * The SPI bus by spidev, with chip select as a GPIO line: only so is there time between its fall and the first bit to
 * wait for READY, and only so may a window have several transfers.
 *
 * @module
 */

import { ConnectionError } from "@minimqtt/core";
import type { SpiBus } from "../bus.ts";
import { failure, opened } from "./errors.ts";
import type { Line } from "./gpio.ts";
import { MOST_SPI_BYTES, OPEN_FLAGS, Spi, SpiMode, spiTransfer } from "./kernel.ts";
import type { Libc, Memory } from "./libc/libc.ts";

/** A bus on a spidev node. */
export class SpidevBus implements SpiBus {
  readonly #libc: Libc;
  readonly #path: string;
  readonly #fd: number;
  readonly #select: Line;
  readonly #speed: number;
  readonly #tx: Memory;
  readonly #rx: Memory;
  #closed = false;

  /**
   * Opens it: mode 0, 8 bits, and the controller's own chip select switched off where it can be.
   *
   * @throws {ConnectionError} `not-permitted` or `dial-failed`.
   */
  constructor(libc: Libc, path: string, speed: number, select: Line) {
    this.#libc = libc;
    this.#path = path;
    this.#speed = speed;
    this.#select = select;
    this.#tx = libc.allocate(MOST_SPI_BYTES);
    this.#rx = libc.allocate(MOST_SPI_BYTES);
    this.#fd = opened(libc, path, libc.open(path, OPEN_FLAGS));
    try {
      this.#configure();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Pulls chip select LOW. */
  select(): void {
    this.#select.write(false);
  }

  /** Lets chip select go HIGH. */
  deselect(): void {
    this.#select.write(true);
  }

  /**
   * Clocks bytes out and in.
   *
   * @throws {ConnectionError} `write-failed`, or `closed`.
   */
  transfer(bytes: Uint8Array): Uint8Array {
    if (bytes.length <= MOST_SPI_BYTES) return this.#message(bytes);
    const came = new Uint8Array(bytes.length);
    for (let at = 0; at < bytes.length; at += MOST_SPI_BYTES) {
      came.set(this.#message(bytes.subarray(at, at + MOST_SPI_BYTES)), at);
    }
    return came;
  }

  /** Closes the node. Every later transfer throws. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#libc.close(this.#fd);
    this.#tx.free?.();
    this.#rx.free?.();
  }

  #configure(): void {
    // Not every controller can do without its own chip select; that one goes to nowhere then.
    if (this.#libc.ioctl(this.#fd, Spi.writeMode, new Uint8Array([SpiMode.noCs])) < 0) {
      this.#set(Spi.writeMode, new Uint8Array([0]));
    }
    this.#set(Spi.writeBitsPerWord, new Uint8Array([8]));
    const hertz = new Uint8Array(4);
    new DataView(hertz.buffer).setUint32(0, this.#speed, true);
    this.#set(Spi.writeMaxSpeed, hertz);
  }

  #message(bytes: Uint8Array): Uint8Array {
    if (this.#closed) throw new ConnectionError("closed", `${this.#path} was closed`);
    this.#tx.bytes.set(bytes);
    const transfer = spiTransfer(this.#tx.address, this.#rx.address, bytes.length, this.#speed);
    if (this.#libc.ioctl(this.#fd, Spi.message, transfer) < 0) {
      throw failure(this.#libc, "write-failed", this.#path);
    }
    return this.#rx.bytes.subarray(0, bytes.length);
  }

  #set(request: number, value: Uint8Array): void {
    if (this.#libc.ioctl(this.#fd, request, value) < 0) throw failure(this.#libc, "dial-failed", this.#path);
  }
}

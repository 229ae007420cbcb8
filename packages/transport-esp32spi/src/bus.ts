/**
 * What the driver needs of the hardware: an SPI bus with its chip select, and three pins. Whoever brings these two
 * small objects brings a new board.
 *
 * SPI mode 0, most significant bit first, 8 MHz at most; slower is always safe.
 *
 * @module
 */

/** A promise where the hardware needs one (a bus in another process), a plain value where it does not. */
export type Awaitable<Value> = Value | Promise<Value>;

/** The SPI bus to the module, chip select included. The driver uses it from one place at a time. */
export interface SpiBus {
  /** Pulls chip select LOW: a window begins. */
  select(): Awaitable<void>;
  /**
   * Clocks `bytes` out and gives as many bytes that came in meanwhile. May be called several times in a window. The
   * array is the caller's again afterwards, and the one given back is good until the next call.
   */
  transfer(bytes: Uint8Array): Awaitable<Uint8Array>;
  /** Lets chip select go HIGH: the window ends. HIGH is where it must rest, from before the module starts. */
  deselect(): Awaitable<void>;
  /**
   * Optional, for buses where each step costs a round trip: a whole window at once, select, transfer, deselect. The
   * bus then itself waits for READY to go HIGH between select and the first bit.
   */
  window?(bytes: Uint8Array): Awaitable<Uint8Array>;
  /** Optional: releases the bus. */
  close?(): Awaitable<void>;
}

/** A pin that is read. */
export interface InputPin {
  /** Its level; `true` is HIGH. */
  read(): Awaitable<boolean>;
  /**
   * Optional: resolves to `true` when the pin has this level, to `false` when it has not got it within `timeout`
   * milliseconds. Without it the driver asks `read` again and again.
   */
  wait?(level: boolean, timeout: number): Awaitable<boolean>;
}

/** A pin that is driven. */
export interface OutputPin {
  /** Drives it HIGH (`true`) or LOW. */
  write(level: boolean): Awaitable<void>;
}

/** GPIO0 is both: driven HIGH while the module starts, an output of the module afterwards. */
export interface Gpio0Pin extends InputPin, OutputPin {
  /** Stops driving it. */
  release(): Awaitable<void>;
}

/** The pins beside the bus. */
export interface EspPins {
  /** READY, also called BUSY or ACK: LOW when the module waits for a window. A pull-up is of advantage. */
  readonly ready: InputPin;
  /** RESET, active LOW. Without it the driver cannot help itself when the module has hung up. */
  readonly reset?: OutputPin;
  /** GPIO0: HIGH when some socket has bytes to read. A hint that saves polling. */
  readonly gpio0?: Gpio0Pin;
}

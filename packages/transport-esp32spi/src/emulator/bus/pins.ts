/**
 * The emulated module's bus and pins, in the shape that the driver takes.
 *
 * @module
 */

import type { Awaitable, EspPins, SpiBus } from "../../bus.ts";
import type { Clock } from "../../clock.ts";
import type { SpiSlave } from "./spi_slave.ts";

/** What the pins show of a module, and do to it. */
export interface Lines {
  /** READY's level. */
  readonly ready: boolean;
  /** GPIO0's level. */
  readonly gpio0: boolean;
  /** Calls `watcher` after each change of READY, until the function it gives is called. */
  watchReady(watcher: () => void): () => void;
  /** The same for GPIO0. */
  watchGpio0(watcher: () => void): () => void;
  /** Drives RESET. */
  setReset(level: boolean): void;
  /** Drives GPIO0, or lets go of it. */
  setGpio0(level: boolean | undefined): void;
}

/** The bus; with a rate in Hz, transfers take their real time, and nothing else happens meanwhile, as with spidev. */
export function emulatorBus(slave: SpiSlave, hz: number | undefined): SpiBus {
  return {
    select: () => slave.select(),
    transfer(bytes) {
      if (hz === undefined) return slave.transfer(bytes);
      const end = performance.now() + bytes.length * 8000 / hz;
      const miso = slave.transfer(bytes);
      while (performance.now() < end);
      return miso;
    },
    deselect: () => slave.deselect(),
  };
}

/** READY, RESET and GPIO0. */
export function emulatorPins(lines: Lines, clock: Clock): Required<EspPins> {
  return {
    ready: {
      read: () => lines.ready,
      wait: (level, timeout) =>
        wait(() => lines.ready === level, (watcher) => lines.watchReady(watcher), timeout, clock),
    },
    reset: { write: (level) => lines.setReset(level) },
    gpio0: {
      read: () => lines.gpio0,
      wait: (level, timeout) =>
        wait(() => lines.gpio0 === level, (watcher) => lines.watchGpio0(watcher), timeout, clock),
      write: (level) => lines.setGpio0(level),
      release: () => lines.setGpio0(undefined),
    },
  };
}

/** Whether `there()` holds within so many milliseconds; known at once where it does already. */
function wait(
  there: () => boolean,
  watch: (watcher: () => void) => () => void,
  timeout: number,
  clock: Clock,
): Awaitable<boolean> {
  if (there()) return true;
  return new Promise((resolve) => {
    const patience = new AbortController();
    const unwatch = watch(() => there() && done());
    const done = () => {
      unwatch();
      patience.abort();
      resolve(there());
    };
    void clock.sleep(timeout, patience.signal).then(() => patience.signal.aborted || done());
  });
}

/**
 * The emulated module's bus and pins, in the shape that the driver takes.
 *
 * @module
 */

import type { Awaitable, EspPins, SpiBus } from "../bus.ts";
import type { Clock } from "../clock.ts";
import type { EspEmulator } from "./emulator.ts";
import type { SpiSlave } from "./spi_slave.ts";

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
export function emulatorPins(emulator: EspEmulator, clock: Clock): Required<EspPins> {
  return {
    ready: {
      read: () => emulator.ready,
      wait: (level, timeout) =>
        wait(() => emulator.ready === level, (watcher) => emulator.watchReady(watcher), timeout, clock),
    },
    reset: { write: (level) => emulator.setReset(level) },
    gpio0: {
      read: () => emulator.gpio0,
      wait: (level, timeout) =>
        wait(() => emulator.gpio0 === level, (watcher) => emulator.watchGpio0(watcher), timeout, clock),
      write: (level) => emulator.setGpio0(level),
      release: () => emulator.setGpio0(undefined),
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

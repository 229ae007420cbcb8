/**
 * The module as a whole: power, pins, the bus, the chip that may crash, and the faults that can be put in.
 *
 * @module
 */

import type { EspPins, SpiBus } from "../bus.ts";
import { type Clock, systemClock } from "../clock.ts";
import { Chip, type Pin, type World } from "./chip/chip.ts";
import { Faults } from "./faults.ts";
import { Firmware } from "./firmware.ts";
import { CommandLoop } from "./loop.ts";
import { type EmulatorOptions, instantly, type Timing } from "./options.ts";
import { Outside } from "./net/outside.ts";
import { emulatorBus, emulatorPins } from "./bus/pins.ts";
import { type Phase, SpiSlave, type Stuck } from "./bus/spi_slave.ts";
import { Station } from "./chip/station.ts";
import { Violations } from "./violations.ts";

/** A start of the module that nobody had asked for. */
export interface Restart {
  /** What had happened. */
  readonly reason: string;
}

/**
 * A software model of an ESP32 with Adafruit's nina-fw, down to the READY line and the bytes on the bus.
 *
 * It does what the firmware does with whatever a host sends, wrong things included: it loses bytes, gets a step apart,
 * crashes and forgets everything. What a host does wrong is counted by name in {@link EspEmulator.violations}. Its
 * sockets are real ones of this machine.
 *
 * Made, it is switched on and waits for its first command.
 */
export class EspEmulator {
  /** The bus to it: plain values, no promises, unless `busHz` makes transfers take time. */
  readonly bus: SpiBus;
  /** READY, RESET and GPIO0. */
  readonly pins: Required<EspPins>;
  /** What the host did wrong. */
  readonly violations: Violations = new Violations();
  /** What is to go wrong. */
  readonly faults: Faults = new Faults();
  readonly #options: EmulatorOptions;
  readonly #timing: Timing;
  readonly #clock: Clock;
  readonly #slave: SpiSlave;
  readonly #world: World;
  readonly #loop: CommandLoop;
  readonly #restarts: Restart[] = [];
  readonly #gpio0Watchers = new Set<() => void>();
  #chip: Chip | undefined;
  /** Counts starts: what an earlier one had under way is dropped. */
  #run = 0;
  #reset = true;
  #closed = false;
  #gpio0Out = false;
  #gpio0Stuck: Stuck;
  #gpio0Driven: boolean | undefined;
  #inReach = true;

  /**
   * Makes a module and switches it on.
   *
   * @throws {RangeError} when `firmware` is no version.
   */
  constructor(options: EmulatorOptions = {}) {
    this.#options = options;
    this.#timing = { ...instantly, ...options.timing };
    this.#clock = options.clock ?? systemClock;
    this.#world = {
      firmware: new Firmware(options.firmware ?? "3.3.0"),
      clock: this.#clock,
      outside: new Outside(options),
      violations: this.violations,
      mac: options.mac ?? new Uint8Array([0x24, 0x0a, 0xc4, 0, 0, 1]),
      time: options.time ?? (() => Date.now() / 1000),
      pins: new Map(),
      files: new Map(),
    };
    this.#slave = new SpiSlave({
      clock: this.#clock,
      selectDelay: this.#timing.select,
      floatingReady: options.floatingReady ?? true,
      filler: options.filler ?? 0,
      command: (bytes) => this.#loop.command(bytes),
      fetched: () => this.#loop.fetched(),
      violate: (name, detail) => this.#loop.slipped || this.violations.add(name, detail),
    });
    this.#loop = new CommandLoop(this.#world, this.#slave, this.faults, {
      gpio0Driven: () => this.#gpio0Driven !== undefined,
      done: () => this.#refreshGpio0(),
      restart: (reason) => this.restart(reason),
    });
    this.bus = emulatorBus(this.#slave, options.busHz);
    this.pins = emulatorPins(this, this.#clock);
    this.#start();
  }

  /** The firmware's version, as GET_FW_VERSION says it. */
  get firmware(): string {
    return this.#world.firmware.version;
  }

  /** Where the module is. */
  get phase(): Phase {
    return this.#slave.phase;
  }

  /** READY's level. */
  get ready(): boolean {
    return this.#slave.ready;
  }

  /** GPIO0's level: what the host drives, else HIGH while some socket has something to read. */
  get gpio0(): boolean {
    return this.#gpio0Driven ?? this.#gpio0Stuck ?? this.#gpio0Out;
  }

  /** GET_CONN_STATUS's value; 255 while the firmware does not run. */
  get wifiStatus(): number {
    return this.#chip?.station.status ?? 255;
  }

  /** The numbers of the sockets in use. */
  get socketsInUse(): readonly number[] {
    return this.#chip?.slots.taken ?? [];
  }

  /** The opcodes of the last 1000 commands executed, oldest first. */
  get commands(): readonly number[] {
    return this.#loop.commands;
  }

  /** The last 1000 starts that nobody had asked for: crashes, and those that a fault caused. */
  get restarts(): readonly Restart[] {
    return this.#restarts;
  }

  /** Chip-select windows so far. */
  get windows(): number {
    return this.#slave.windows;
  }

  /** Bytes clocked so far. */
  get bytesClocked(): number {
    return this.#slave.bytes;
  }

  /** The module's own pins, by number, for a test to set and look at. */
  get ownPins(): Map<number, Pin> {
    return this.#world.pins;
  }

  /** A level that READY is stuck at; undefined where it works. */
  get readyStuck(): Stuck {
    return this.#slave.stuck;
  }

  set readyStuck(level: Stuck) {
    this.#slave.stuck = level;
  }

  /** A level that the module's own GPIO0 output is stuck at; undefined where it works. */
  get gpio0Stuck(): Stuck {
    return this.#gpio0Stuck;
  }

  set gpio0Stuck(level: Stuck) {
    this.#gpio0Stuck = level;
    this.#gpio0Changed();
  }

  /** The access point goes out of reach: the link is lost, and sockets with it. */
  dropWifi(): void {
    this.#inReach = false;
    this.#chip?.station.drop();
  }

  /** The access point is back. Modern firmware connects by itself, legacy waits to be told. */
  restoreWifi(): void {
    this.#inReach = true;
    this.#chip?.station.up();
  }

  /** Cuts the cable behind a socket: it stays open at both ends, and nothing comes through any more. */
  silence(socket: number): void {
    this.#chip?.slots.all[socket]?.client?.silence();
  }

  /** The module starts anew by itself, now: a brown-out, a crash. Everything in its RAM is gone. */
  restart(reason: string = "asked for"): void {
    if (this.#restarts.push({ reason }) > MOST_RESTARTS) this.#restarts.shift();
    this.#start(false);
  }

  /** Drives RESET. */
  setReset(level: boolean): void {
    if (level === this.#reset || this.#closed) return;
    this.#reset = level;
    if (level) this.#start();
    else {
      this.#powerDown();
      this.#slave.halt("off");
    }
  }

  /** Drives GPIO0 from the host's side; `undefined` lets go of it. */
  setGpio0(level: boolean | undefined): void {
    this.#gpio0Driven = level;
    this.#gpio0Changed();
  }

  /** Calls `watcher` after each change of READY; gives the function that ends it. */
  watchReady(watcher: () => void): () => void {
    return this.#slave.watch(watcher);
  }

  /** Calls `watcher` after what may be a change of GPIO0; gives the function that ends it. */
  watchGpio0(watcher: () => void): () => void {
    this.#gpio0Watchers.add(watcher);
    return () => this.#gpio0Watchers.delete(watcher);
  }

  /** Switches it off, and closes what it had open. */
  close(): void {
    this.#closed = true;
    this.#powerDown();
    this.#slave.halt("off");
  }

  /** From the rise of RESET to the first command. A start that the host did not ask for is not its fault. */
  #start(asked: boolean = true): void {
    this.#powerDown();
    const run = this.#run;
    this.#slave.halt("starting");
    const { float, start } = this.#timing;
    if (float > 0) void this.#clock.sleep(float).then(() => run === this.#run && this.#boot(asked, start));
    else this.#boot(asked, start);
  }

  /** The firmware begins: it looks at chip select and GPIO0, and drives READY. */
  #boot(asked: boolean, start: number): void {
    const run = this.#run;
    if (this.#gpio0Driven === false && asked) {
      this.violations.add(
        "gpio0-low-at-boot",
        "GPIO0 was LOW when RESET rose: the boot loader waits for a program",
      );
      return this.#slave.halt("bootloader");
    }
    if (this.#slave.selected && asked) {
      this.violations.add("select-low-at-boot", "chip select was LOW when RESET rose: Bluetooth mode");
      return this.#slave.halt("bluetooth");
    }
    this.#slave.halt("starting", true);
    if (start > 0) void this.#clock.sleep(start).then(() => run === this.#run && this.#serve());
    else this.#serve();
  }

  #serve(): void {
    const { firmware } = this.#world;
    const { associate, address } = this.#timing;
    const station = new Station({
      clock: this.#clock,
      firmware,
      networks: this.#options.networks ?? [],
      associate,
      address,
      inReach: this.#inReach,
      dropped: () => this.#chip?.linkLost(),
    });
    this.#chip = new Chip(this.#world, station, () => this.#refreshGpio0());
    this.#loop.start(this.#chip);
  }

  #powerDown(): void {
    this.#run++;
    this.#chip?.shutdown();
    this.#chip = undefined;
    this.#loop.stop();
    this.#refreshGpio0();
  }

  #refreshGpio0(): void {
    const level = this.#chip?.slots.hasData() ?? false;
    if (level === this.#gpio0Out) return;
    this.#gpio0Out = level;
    this.#gpio0Changed();
  }

  #gpio0Changed(): void {
    for (const watcher of [...this.#gpio0Watchers]) watcher();
  }
}

/** How many restarts are remembered. */
const MOST_RESTARTS = 1000;

/**
 * The module as a whole: power, pins, the bus, the chip that may crash, and the faults that can be put in.
 *
 * @module
 */

import type { Awaitable, EspPins, SpiBus } from "../bus.ts";
import { type Clock, systemClock } from "../clock.ts";
import { Chip, type Pin, type World } from "./chip.ts";
import { execute, frameFault } from "./commands.ts";
import { type Fault, Faults } from "./faults.ts";
import { Firmware } from "./firmware.ts";
import { type Body, Frame, reply, START } from "./frame.ts";
import { Outside, type OutsideOptions } from "./outside.ts";
import { emulatorBus, emulatorPins } from "./pins.ts";
import { type Phase, SpiSlave, type Stuck } from "./spi_slave.ts";
import { type Network, Station } from "./station.ts";
import { Crash, Violations } from "./violations.ts";

/** How long things take, in milliseconds of the clock. All are 0 by default: what can be at once is at once. */
export interface Timing {
  /** From the rise of RESET until chip select and GPIO0 are read and READY is driven. Before it READY floats. */
  readonly float: number;
  /** From there until the first command is awaited; READY is HIGH meanwhile. */
  readonly start: number;
  /** From the fall of chip select until READY is HIGH. */
  readonly select: number;
  /** From SET_PASSPHRASE until the access point has answered. */
  readonly associate: number;
  /** From there until there is an address. */
  readonly address: number;
}

/** About what hardware takes. */
export const realTiming: Timing = { float: 200, start: 400, select: 0.05, associate: 800, address: 600 };

/** Options of {@link EspEmulator}. */
export interface EmulatorOptions extends OutsideOptions {
  /** The firmware's version; `3.3.0` when absent. 1.x, 2.0.0 and 3.x behave as they do. */
  readonly firmware?: string;
  /** The networks in the air; none when absent. */
  readonly networks?: readonly Network[];
  /** Where time comes from; real time when absent. */
  readonly clock?: Clock;
  /** How long things take; 0 what is absent. */
  readonly timing?: Partial<Timing>;
  /** Makes each transfer take the time it would at this rate, in Hz of real time. At once when absent. */
  readonly busHz?: number;
  /** What MISO carries while the module has nothing to send; 0 when absent. */
  readonly filler?: number;
  /** Where READY floats while nobody drives it; HIGH (as with a pull-up) when absent. */
  readonly floatingReady?: boolean;
  /** Six bytes in natural order; `24:0a:c4:00:00:01` when absent. */
  readonly mac?: Uint8Array;
  /** What GET_TIME gives while there is a network: seconds since 1970; this machine's when absent. */
  readonly time?: () => number;
}

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
  readonly #restarts: Restart[] = [];
  readonly #commands: number[] = [];
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
  #lastReply: Uint8Array | undefined;
  #repeat = false;
  #midReply = false;
  /** A fault has put host and firmware a step apart: what follows is not the host's doing. */
  #slipped = false;

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
      command: (bytes) => this.#command(bytes),
      fetched: () => this.#fetched(),
      violate: (name, detail) => this.#slipped || this.violations.add(name, detail),
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

  /** The opcodes of the last {@link MOST_COMMANDS} commands executed, oldest first. */
  get commands(): readonly number[] {
    return this.#commands;
  }

  /** The starts that nobody had asked for: crashes, and those that a fault caused. */
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
    this.#restarts.push({ reason });
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
      dropped: () => this.#chip?.slots.drop(firmware.closesOnDrop),
    });
    this.#chip = new Chip(this.#world, station, () => this.#refreshGpio0());
    this.#slave.listen();
  }

  #powerDown(): void {
    this.#run++;
    this.#chip?.shutdown();
    this.#chip = undefined;
    this.#repeat = this.#midReply = this.#slipped = false;
    this.#lastReply = undefined;
    this.#refreshGpio0();
  }

  /** A command has arrived: what the bus did to it, what it does, and what becomes of its reply. */
  #command(bytes: Uint8Array): void {
    const run = this.#run;
    const fault = this.faults.next(bytes[1] ?? 0);
    const frame = new Frame(fault?.kind === "command" ? fault.edit(bytes) : bytes);
    if (fault === undefined) this.#judge(frame);
    if (fault?.kind === "swallow") {
      this.#slipped = true;
      return this.#slave.listen();
    }
    if (fault?.kind === "restart" && fault.when === "before") return this.restart("a fault");
    if (fault?.kind === "busy") {
      if (fault.time !== undefined) {
        void this.#clock.sleep(fault.time).then(() => run === this.#run && this.#execute(frame, fault));
      }
      return;
    }
    this.#execute(frame, fault);
  }

  #execute(frame: Frame, fault: Fault | undefined): void {
    const run = this.#run;
    if (this.#commands.push(frame.opcode) > MOST_COMMANDS) this.#commands.shift();
    let body: Awaitable<Body>;
    try {
      // What the line has made of a command is not the host's doing.
      this.violations.excused = fault?.kind === "command";
      body = fault?.kind === "error" ? null : execute(frame, this.#chip!, fault);
    } catch (error) {
      return this.#crashed(error);
    } finally {
      this.violations.excused = false;
    }
    if (!(body instanceof Promise)) return this.#answer(frame, body, fault);
    body.then(
      (settled) => run === this.#run && this.#answer(frame, settled, fault),
      (error) => run === this.#run && this.#crashed(error),
    );
  }

  #answer(frame: Frame, body: Body, fault: Fault | undefined): void {
    if (fault?.kind === "restart" && fault.when === "after") return this.restart("a fault");
    this.#midReply = fault?.kind === "restart";
    this.#repeat = fault?.kind === "repeat";
    const whole = reply(frame.opcode, body, this.#world.firmware.pads);
    this.#lastReply = fault?.kind === "reply" ? fault.edit(whole) : whole;
    if (this.#midReply) this.#lastReply = whole.subarray(0, whole.length >> 1);
    this.#refreshGpio0();
    this.#slave.respond(this.#lastReply);
  }

  /** The reply was read, or lost. */
  #fetched(): void {
    if (this.#midReply) return this.restart("a fault");
    if (this.#repeat) {
      this.#repeat = false;
      this.#slipped = true;
      return this.#slave.respond(this.#lastReply!);
    }
    this.#slave.listen();
  }

  #crashed(error: unknown): void {
    if (!(error instanceof Crash)) throw error;
    this.restart(error.message);
  }

  /** Holds a command to what the firmware would not check. */
  #judge(frame: Frame): void {
    const { bytes } = frame;
    if (bytes[0] !== START || frame.opcode >= 0x80) {
      // All-equal bytes are how a host that lost its step finds back.
      if (bytes.some((byte) => byte !== bytes[0]) && !this.#slipped) {
        this.violations.add("not-a-command", "a command begins with e0 and an opcode below 80");
      }
      return;
    }
    this.#slipped = false;
    if (this.#gpio0Driven !== undefined) {
      this.violations.add("gpio0-driven", "GPIO0 is the module's output by now; let go of it");
    }
    const wrong = frameFault(frame);
    if (wrong) this.violations.add(wrong, `command ${frame.opcode.toString(16)} of ${bytes.length} bytes`);
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

const instantly: Timing = { float: 0, start: 0, select: 0, associate: 0, address: 0 };

/** How many commands are remembered. */
export const MOST_COMMANDS = 1000;

/**
 * The firmware's loop: a command comes in, is executed, its reply waits to be fetched, and again. What was put in to go
 * wrong goes wrong here.
 *
 * @module
 */

import type { Awaitable } from "../bus.ts";
import type { Chip, World } from "./chip/chip.ts";
import { execute, frameFault } from "./commands/table.ts";
import type { Fault, Faults } from "./faults.ts";
import { type Body, Frame, reply, START } from "./bus/frame.ts";
import type { SpiSlave } from "./bus/spi_slave.ts";
import { Crash } from "./violations.ts";

/** What the loop asks of the module around it. */
export interface Surroundings {
  /** Whether the host drives GPIO0. */
  gpio0Driven(): boolean;
  /** A command was executed. */
  done(): void;
  /** The module has crashed, or is made to start anew. */
  restart(reason: string): void;
}

/** The loop of one module, over all its starts. */
export class CommandLoop {
  /** The opcodes of the last commands executed, oldest first. */
  readonly commands: number[] = [];
  readonly #world: World;
  readonly #slave: SpiSlave;
  readonly #faults: Faults;
  readonly #around: Surroundings;
  /** Running, or undefined. What an earlier one had under way is dropped. */
  #chip: Chip | undefined;
  #reply: Uint8Array = new Uint8Array(0);
  /** What happens when the reply was fetched, instead of the next command. */
  #afterReply: "repeat" | "restart" | undefined;
  #slipped = false;

  /** Makes a loop that does not run yet. */
  constructor(world: World, slave: SpiSlave, faults: Faults, around: Surroundings) {
    this.#world = world;
    this.#slave = slave;
    this.#faults = faults;
    this.#around = around;
  }

  /** Whether a fault has put host and firmware a step apart: what follows is not the host's doing. */
  get slipped(): boolean {
    return this.#slipped;
  }

  /** Begins to listen. */
  start(chip: Chip): void {
    this.#chip = chip;
    this.#slave.listen();
  }

  /** Ends, whatever is under way. */
  stop(): void {
    this.#chip = undefined;
    this.#afterReply = undefined;
    this.#slipped = false;
  }

  /** A command has arrived. */
  command(bytes: Uint8Array): void {
    const chip = this.#chip!;
    const fault = this.#faults.next(bytes[1] ?? 0);
    const frame = new Frame(fault?.kind === "command" ? fault.edit(bytes) : bytes);
    if (fault === undefined) this.#judge(frame);
    if (fault?.kind === "swallow") {
      this.#slipped = true;
      this.#slave.listen();
    } else if (fault?.kind === "restart" && fault.when === "before") this.#around.restart("a fault");
    else if (fault?.kind !== "busy") this.#execute(chip, frame, fault);
    else if (fault.time !== undefined) {
      void this.#world.clock.sleep(fault.time).then(() => {
        if (this.#chip === chip) this.#execute(chip, frame, fault);
      });
    }
  }

  /** The reply was read, or lost. */
  fetched(): void {
    const next = this.#afterReply;
    this.#afterReply = undefined;
    if (next === "restart") this.#around.restart("a fault");
    else if (next === "repeat") {
      this.#slipped = true;
      this.#slave.respond(this.#reply);
    } else this.#slave.listen();
  }

  #execute(chip: Chip, frame: Frame, fault: Fault | undefined): void {
    if (this.commands.push(frame.opcode) > MOST_COMMANDS) this.commands.shift();
    const { violations } = this.#world;
    let body: Awaitable<Body>;
    try {
      // What the line has made of a command is not the host's doing.
      violations.excused = fault?.kind === "command";
      body = fault?.kind === "error" ? null : execute(frame, chip, fault);
    } catch (error) {
      return this.#failed(chip, error);
    } finally {
      violations.excused = false;
    }
    if (!(body instanceof Promise)) return this.#answer(frame, body, fault);
    body.then(
      (settled) => this.#chip === chip && this.#answer(frame, settled, fault),
      (error) => this.#failed(chip, error),
    );
  }

  #answer(frame: Frame, body: Body, fault: Fault | undefined): void {
    if (fault?.kind === "restart" && fault.when === "after") return this.#around.restart("a fault");
    const whole = reply(frame.opcode, body, this.#world.firmware.pads);
    this.#reply = fault?.kind === "reply" ? fault.edit(whole) : whole;
    if (fault?.kind === "repeat") this.#afterReply = "repeat";
    if (fault?.kind === "restart") {
      this.#afterReply = "restart";
      this.#reply = whole.subarray(0, whole.length >> 1);
    }
    this.#around.done();
    this.#slave.respond(this.#reply);
  }

  #failed(chip: Chip, error: unknown): void {
    if (!(error instanceof Crash)) throw error;
    if (this.#chip === chip) this.#around.restart(error.message);
  }

  /** Holds a command to what the firmware would not check. */
  #judge(frame: Frame): void {
    const { violations } = this.#world;
    const { bytes } = frame;
    if (bytes[0] !== START || frame.opcode >= 0x80) {
      // All-equal bytes are how a host that lost its step finds back.
      if (bytes.some((byte) => byte !== bytes[0]) && !this.#slipped) {
        violations.add("not-a-command", "a command begins with e0 and an opcode below 80");
      }
      return;
    }
    this.#slipped = false;
    if (this.#around.gpio0Driven()) {
      violations.add("gpio0-driven", "GPIO0 is the module's output by now; let go of it");
    }
    const wrong = frameFault(frame);
    if (wrong) violations.add(wrong, `command ${frame.opcode.toString(16)} of ${bytes.length} bytes`);
  }
}

/** How many commands are remembered. */
const MOST_COMMANDS = 1000;

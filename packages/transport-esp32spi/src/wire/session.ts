/**
 * One command with its time limit, and what is done when it goes wrong: back into step, proof, once more where that is
 * harmless, and the reset where nothing else helps. Who may send one when is in turns.ts.
 *
 * @module
 */

import { ConnectionError } from "@minimqtt/core";
import type { Clock } from "../clock.ts";
import * as commands from "./commands.ts";
import type { Command, Pace } from "./commands.ts";
import { LinkFault } from "./link.ts";
import type { SpiLink } from "./link.ts";
import { FirmwareVersion } from "./versions.ts";

/** The driver's conversation with the module. Its methods must not run at the same time. */
export class Session {
  /** Called when everything in the module is gone: sockets, Wi-Fi settings, certificates. */
  onLost: () => void = () => undefined;
  /** Whether the module was last seen connected to a network. */
  online = false;
  readonly #link: SpiLink;
  readonly #clock: Clock;
  readonly #limits: Readonly<Record<Pace, number>>;
  #version: FirmwareVersion | undefined;

  /** Takes the link, its clock, and time limits other than the usual ones. */
  constructor(link: SpiLink, clock: Clock, limits: Readonly<Partial<Record<Pace, number>>> = {}) {
    this.#link = link;
    this.#clock = clock;
    const { dial } = limits;
    this.#limits = {
      ...TIME_LIMITS,
      ...(dial !== undefined && { dialName: dial, dialAddress: dial }),
      ...limits,
    };
  }

  /**
   * Sends a command and gives the reply's parameters. Starts the module first when that has not been done, or could not.
   *
   * @throws {ConnectionError} `radio-silent`, `radio-garbled`, `radio-refused`; `radio-reset` when the module had to be
   * started anew.
   */
  async command(
    command: Command,
    parameters: readonly Uint8Array[] = [],
    pace: Pace = command.pace,
    size: number = command.reply,
  ): Promise<readonly Uint8Array[]> {
    return await this.#guard(command.name, async () => {
      if (!this.#version) await this.#start();
      for (let attempt = 0;; attempt++) {
        try {
          return await this.#link.exchange(command, parameters, this.#limits[pace], size);
        } catch (error) {
          const fault = asFault(error);
          await this.#recover(fault, command);
          if (attempt > 0 || fault.sent && !command.repeatable) throw failed(fault, command);
        }
      }
    });
  }

  /** The firmware's version. */
  async version(): Promise<FirmwareVersion> {
    return this.#version ?? await this.#guard("GET_FW_VERSION", () => this.#start());
  }

  /** Starts the module anew. */
  async reset(): Promise<void> {
    this.#lose();
    await this.version();
  }

  /** Releases the bus, where it has something to release. */
  async close(): Promise<void> {
    await this.#link.close();
  }

  /**
   * Notes what GET_CONN_STATUS said. Gives whether the module has restarted: it was connected, and now is as after
   * power-on.
   */
  noteStatus(status: number): boolean {
    const restarted = this.online && status === (this.#version?.modern ? STOPPED : IDLE);
    this.online = status === CONNECTED;
    if (restarted) this.onLost();
    return restarted;
  }

  /** Whether a long reply that turns out short costs as much as a long one. */
  get wholeWindows(): boolean {
    return this.#link.wholeWindows;
  }

  /** Whether bytes may be waiting in some socket; `undefined` where the pin that tells is not wired. */
  hint(): ReturnType<SpiLink["hint"]> {
    return this.#link.hint();
  }

  /** The clock of this driver. */
  get clock(): Clock {
    return this.#clock;
  }

  async #guard<Result>(what: string, work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof ConnectionError) throw error;
      // The bus itself failed: whether and where the module goes on is not known.
      this.#lose();
      throw new ConnectionError("radio-silent", `${what}: the SPI bus failed.`, { cause: error });
    }
  }

  async #start(): Promise<FirmwareVersion> {
    // Without a RESET pin the module may be in the middle of anything.
    if (await this.#link.reset() && (await this.#prove() || await this.#realign())) return this.#version!;
    throw new ConnectionError("radio-silent", `The co-processor does not answer. ${ADVICE}`);
  }

  /** Afterwards host and module are in step again; throws when the module is lost, or had to be started anew. */
  async #recover(fault: LinkFault, command: Command): Promise<void> {
    // A refusal is an answer: unless the proof fails there was no slip.
    const aligned = fault.kind === "refused" && await this.#prove() || await this.#realign();
    if (aligned && !await this.#restarted()) return;
    if (!aligned) {
      this.#lose();
      await this.#start();
    }
    throw failed(fault, command, "radio-reset");
  }

  /** The recipe against a slip, twice at most. */
  async #realign(): Promise<boolean> {
    for (let tries = 0; tries < 2; tries++) {
      try {
        if (!await this.#link.resynchronise()) return false;
      } catch (fault) {
        asFault(fault);
        return false;
      }
      if (await this.#prove()) return true;
    }
    return false;
  }

  async #prove(): Promise<boolean> {
    try {
      const [text] = await this.#link.exchange(commands.getFirmwareVersion, [], this.#limits.plain);
      this.#version = new FirmwareVersion(new TextDecoder().decode(text));
      return true;
    } catch (fault) {
      if (!(fault instanceof ConnectionError)) asFault(fault);
      return false;
    }
  }

  /** Whether the module has restarted by itself: then it is as after power-on. */
  async #restarted(): Promise<boolean> {
    if (!this.online) return false;
    try {
      const [status] = await this.#link.exchange(commands.getConnStatus, [], this.#limits.plain);
      return this.noteStatus(status?.[0] ?? STOPPED);
    } catch (error) {
      asFault(error);
      await this.#realign();
      return false;
    }
  }

  #lose(): void {
    this.#version = undefined;
    this.online = false;
    this.onLost();
  }
}

/** What is no fault of the link is one of the bus, and goes on upwards. */
function asFault(error: unknown): LinkFault {
  if (error instanceof LinkFault) return error;
  throw error;
}

function failed(
  fault: LinkFault,
  command: Command,
  code: "radio-silent" | "radio-garbled" | "radio-refused" | "radio-reset" = `radio-${fault.kind}`,
): ConnectionError {
  const end = code === "radio-reset" ? " It has started anew; its sockets and Wi-Fi settings are gone." : "";
  return new ConnectionError(code, `${command.name}: ${fault.message}.${end}`, { cause: fault });
}

/** GET_CONN_STATUS: has an address; power-on value before 3.0.0; power-on value since. */
const CONNECTED = 3;
const IDLE = 0;
const STOPPED = 254;

const ADVICE =
  "Check power, the wiring of CS, READY and RESET, that CS rests HIGH, and the SPI clock (8 MHz at most).";

/**
 * Milliseconds that the module may take, by what it does. Longer than the 10 s of other drivers where the firmware
 * itself takes longer: giving up early costs a reset.
 */
export const TIME_LIMITS: Readonly<Record<Pace, number>> = {
  plain: 2000,
  wifi: 5000,
  scan: 20_000,
  name: 30_000,
  dial: 60_000,
  dialName: 35_000,
  dialAddress: 6000,
  handshake: 60_000,
  send: 15_000,
  sendSecure: 35_000,
  ping: 8000,
};

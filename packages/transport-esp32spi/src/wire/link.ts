/**
 * One question and its answer over the bus, the READY line's handshake, getting back into step, and the reset.
 *
 * The module strictly alternates: a window in which it receives, a window in which it sends. It has no time-out and
 * cannot notice that the host has given up, so whoever leaves after the first half stays one step apart from it for
 * ever, until {@link SpiLink.resynchronise} takes the missing step.
 *
 * @module
 */

import type { Awaitable, EspPins, SpiBus } from "../bus.ts";
import type { Clock } from "../clock.ts";
import type { Command } from "./commands.ts";
import { decodeReply, encodeCommand, isReply, MAX_FRAME } from "./frames.ts";

/** What went wrong between host and module. */
export class LinkFault extends Error {
  /** `silent`: READY did not come. `garbled`: the bytes are no reply. `refused`: the module said no. */
  readonly kind: "silent" | "garbled" | "refused";
  /** Whether the module may have carried out the command. */
  readonly sent: boolean;

  /** Takes the kind, whether the command has left, and the text. */
  constructor(kind: LinkFault["kind"], sent: boolean, message: string) {
    super(message);
    this.kind = kind;
    this.sent = sent;
  }
}

/** The way to one module. Its methods must not run at the same time. */
export class SpiLink {
  readonly #bus: SpiBus;
  readonly #pins: EspPins;
  readonly #clock: Clock;
  // One buffer for all commands: encodeCommand clears what it does not fill.
  readonly #frame = new Uint8Array(MAX_FRAME);

  /** Takes the hardware, and the clock that limits how long it may take. */
  constructor(bus: SpiBus, pins: EspPins, clock: Clock) {
    this.#bus = bus;
    this.#pins = pins;
    this.#clock = clock;
  }

  /**
   * Sends a command and gives the parameters of the reply, which are the caller's. `limit` is how many milliseconds the
   * module may work on it, `size` how many bytes the reply has at most.
   *
   * @throws {LinkFault}
   */
  async exchange(
    command: Command,
    parameters: readonly Uint8Array[],
    limit: number,
    size: number = command.reply,
  ): Promise<readonly Uint8Array[]> {
    if (!await this.#ready(LOW, IDLE_LIMIT)) throw silent(false, `READY stayed HIGH for ${IDLE_LIMIT} ms`);
    await this.#window(false, (transfer) => transfer(encodeCommand(command, parameters, this.#frame)));
    if (!await this.#ready(LOW, limit)) throw silent(true, `READY stayed HIGH for ${limit} ms`);
    return await this.#window(true, (transfer, whole) => readReply(command, transfer, size, whole));
  }

  /**
   * Takes the step that host and module may be apart: reads windows until one had a reply in it, which is the second one
   * at the latest when nothing else goes wrong: the module took the first for a command, and refuses it. Gives whether
   * there was one. Afterwards a harmless command must prove that all is well.
   *
   * @throws {LinkFault} READY did not go LOW.
   */
  async resynchronise(): Promise<boolean> {
    for (let window = 0; window < WINDOWS; window++) {
      if (!await this.#ready(LOW, IDLE_LIMIT)) throw silent(true, `READY stayed HIGH for ${IDLE_LIMIT} ms`);
      const came = await this.#window(true, (transfer) => transfer(ZEROS.subarray(0, PROBE)));
      if (isReply(came)) return true;
    }
    return false;
  }

  /**
   * Starts the module anew, where the RESET pin is wired, and waits until it is ready; gives whether it is. Chip select
   * rests HIGH all the while and GPIO0 is held HIGH: otherwise the module would start as a Bluetooth controller or in
   * its boot loader.
   */
  async reset(): Promise<boolean> {
    const { reset, gpio0 } = this.#pins;
    await this.#bus.deselect();
    if (reset) {
      await gpio0?.write(HIGH);
      await reset.write(LOW);
      await this.#clock.sleep(RESET_PULSE);
      await reset.write(HIGH);
      // READY floats meanwhile: its level means nothing.
      await this.#clock.sleep(BOOT_TIME);
    }
    // From now on GPIO0 is the module's output.
    await gpio0?.release();
    // The very first start formats a file system before anything else.
    return await this.#ready(LOW, FIRST_BOOT_LIMIT);
  }

  /** Releases the bus, where it has something to release. */
  async close(): Promise<void> {
    await this.#bus.close?.();
  }

  /** Whether the bus has only whole windows, so that it must be known beforehand how long a reply may be. */
  get wholeWindows(): boolean {
    return this.#bus.window !== undefined;
  }

  /** Whether bytes may be waiting in some socket; `undefined` where the pin that tells is not wired. */
  hint(): Awaitable<boolean> | undefined {
    return this.#pins.gpio0?.read();
  }

  /** One chip-select window. `work` clocks its bytes by the function it gets; `whole` when it may do so only once. */
  async #window<Result>(
    sent: boolean,
    work: (transfer: Transfer, whole: boolean) => Awaitable<Result>,
  ): Promise<Result> {
    const bus = this.#bus;
    if (bus.window) return await work((bytes) => bus.window!(bytes), true);
    try {
      await bus.select();
      // Bits clocked before the module has seen its chip select would be lost.
      if (!await this.#ready(HIGH, SELECT_LIMIT)) {
        throw silent(sent, `READY did not go HIGH within ${SELECT_LIMIT} ms of the selection`);
      }
      return await work((bytes) => bus.transfer(bytes), false);
    } finally {
      await bus.deselect();
    }
  }

  async #ready(level: boolean, limit: number): Promise<boolean> {
    const { ready } = this.#pins;
    if (ready.wait) return await ready.wait(level, limit);
    const end = this.#clock.now() + limit;
    for (let tries = 0;; tries++) {
      if (await ready.read() === level) return true;
      if (this.#clock.now() >= end) return false;
      // Most answers take microseconds: ask at once, then at every turn of the event loop, then every millisecond.
      if (tries >= EAGER) await this.#clock.sleep(tries < 2 * EAGER ? 0 : 1);
    }
  }
}

type Transfer = (bytes: Uint8Array) => Awaitable<Uint8Array>;

/** Clocks as many bytes as the reply turns out to need; all that it may need at once where there is one `whole` chance. */
async function readReply(
  command: Command,
  transfer: Transfer,
  size: number,
  whole: boolean,
): Promise<readonly Uint8Array[]> {
  const most = Math.min(MAX_FRAME, (size + FILLER + 3) & ~3);
  let bytes = new Uint8Array(whole ? most : Math.min(most, FIRST_READ));
  bytes.set(await transfer(ZEROS.subarray(0, bytes.length)));
  for (;;) {
    const reply = decodeReply(command, bytes);
    if (reply.kind === "reply") return reply.parameters;
    if (reply.kind === "refused") throw new LinkFault("refused", true, "the module answered EF 00 EE");
    if (reply.kind === "garbled") throw new LinkFault("garbled", true, reply.problem);
    const needed = Math.max(reply.needed, bytes.length + 1);
    if (whole || needed > most) {
      throw new LinkFault("garbled", true, `a reply of ${needed} bytes or more, expected ${size} at most`);
    }
    const longer = new Uint8Array(needed);
    longer.set(bytes);
    longer.set(await transfer(ZEROS.subarray(0, needed - bytes.length)), bytes.length);
    bytes = longer;
  }
}

function silent(sent: boolean, message: string): LinkFault {
  return new LinkFault("silent", sent, message);
}

const HIGH = true;
const LOW = false;
/** What the host sends while it reads. */
const ZEROS = new Uint8Array(MAX_FRAME);
/** Bytes of a reply's first read: most replies are shorter, and nothing is lost by reading on behind the end. */
const FIRST_READ = 32;
/** Bytes that may come in front of a reply: see frames.ts. */
const FILLER = 4;
/** Bytes that are enough to tell a waiting reply from the echo of a window in which the module receives. */
const PROBE = 12;
/** Windows to look for a reply in: whatever went wrong may do so once more meanwhile. */
const WINDOWS = 6;
/** Polls of the READY pin without a pause. */
const EAGER = 50;

/** Milliseconds for a module that has nothing to do to be ready for a window. */
const IDLE_LIMIT = 1000;
/** Milliseconds for it to acknowledge its selection: it is an interrupt's work. */
const SELECT_LIMIT = 500;
/** Milliseconds of RESET LOW, and from its end until READY is to be believed. */
const RESET_PULSE = 10;
const BOOT_TIME = 750;
/** Milliseconds that a start may take beyond that. */
const FIRST_BOOT_LIMIT = 10_000;

/**
 * What goes over the bus, in words: {@link traceBus}.
 *
 * @module
 */

import type { Awaitable, SpiBus } from "../bus.ts";
import { systemClock } from "../clock.ts";
import type { Clock } from "../clock.ts";
import * as commands from "./commands.ts";
import { decodeReply, REFUSED, REPLY_FLAG, START } from "./frames.ts";

/**
 * Gives a bus that does what `bus` does, and prints a line for each chip-select window: the command by name with its
 * parameters, or the reply. Passphrases, certificates and the bytes of connections are not shown, only how many there are.
 *
 * ```text
 *    0.0 ms  > GET_CONN_STATUS
 *    0.4 ms  < GET_CONN_STATUS: 03
 *    1.1 ms  > SEND_DATA_TCP 00, (23 bytes)
 *    2.0 ms  < refused (EF 00 EE)
 * ```
 *
 * @example
 * ```ts
 * import { EspSpiControl, traceBus } from "@minimqtt/transport-esp32spi";
 * import { EspEmulator } from "@minimqtt/transport-esp32spi/emulator";
 *
 * const module = new EspEmulator();
 * const lines: string[] = [];
 * const bus = traceBus(module.bus, { print: (line) => lines.push(line) });
 * await new EspSpiControl(bus, module.pins).firmwareVersion();
 * console.log(lines.length); // 2
 * module.close();
 * ```
 */
export function traceBus(
  bus: SpiBus,
  { print = console.log, clock = systemClock }: TraceOptions = {},
): SpiBus {
  const start = clock.now();
  let sent: number[] = [];
  let came: number[] = [];
  const note = (mosi: Uint8Array, miso: Uint8Array) => {
    sent.push(...mosi);
    came.push(...miso);
    return miso;
  };
  const end = () => {
    const time = (clock.now() - start).toFixed(1).padStart(8);
    if (sent.length > 0) print(`${time} ms  ${windowInWords(Uint8Array.from(sent), Uint8Array.from(came))}`);
    [sent, came] = [[], []];
  };
  const traced: SpiBus = {
    select: () => bus.select(),
    transfer: (mosi) => {
      // The array is the caller's again when this has settled.
      const copy = mosi.slice();
      return then(bus.transfer(mosi), (miso) => note(copy, miso));
    },
    deselect: () => then(bus.deselect(), end),
    ...(bus.close && { close: () => bus.close!() }),
  };
  if (bus.window) {
    traced.window = (mosi) => {
      const copy = mosi.slice();
      return then(bus.window!(mosi), (miso) => {
        note(copy, miso);
        end();
        return miso;
      });
    };
  }
  return traced;
}

/** Options of {@link traceBus}. */
export interface TraceOptions {
  /** Takes the lines; `console.log` by default. */
  readonly print?: (line: string) => void;
  /** Where the times are taken from; the runtime's clock by default. */
  readonly clock?: Clock;
}

/** One window: what was sent to the module, and what came meanwhile. */
export function windowInWords(sent: Uint8Array, came: Uint8Array): string {
  if (sent[0] === START && sent[1]! < REPLY_FLAG) return `> ${command(sent)}`;
  const first = came.findIndex((byte) => byte === START || byte === REFUSED);
  const reply = came.subarray(Math.max(0, first));
  if (first >= 0 && reply[0] === REFUSED) return "< refused (EF 00 EE)";
  if (first >= 0 && reply[1]! >= REPLY_FLAG) return `< ${answer(reply)}`;
  return `? no frame: ${hex(sent)} was sent, ${hex(came)} came; host and module may be a step apart`;
}

function command(bytes: Uint8Array): string {
  const known = byCode.get(bytes[1]!);
  const name = known?.name ?? `command ${hex(bytes.subarray(1, 2))}`;
  const parameters: string[] = [];
  let at = 3;
  for (let left = bytes[2]!; left > 0 && at < bytes.length; left--) {
    // The lengths of certificates mean nothing.
    const size = CERTIFICATES.has(bytes[1]!)
      ? bytes.length - at - 2
      : known?.wide
      ? bytes[at]! << 8 | bytes[at + 1]!
      : bytes[at]!;
    at += known?.wide ? 2 : 1;
    const value = bytes.subarray(at, at + size);
    parameters.push(isHidden(bytes[1]!, parameters.length) ? `(${size} bytes)` : hex(value));
    at += size;
  }
  return [name, parameters.join(", ")].join(" ").trimEnd();
}

function answer(bytes: Uint8Array): string {
  const known = byCode.get(bytes[1]! & ~REPLY_FLAG);
  if (!known) return `reply ${hex(bytes)}`;
  const decoded = decodeReply({ ...known, count: undefined }, bytes);
  if (decoded.kind !== "reply") return `${known.name}: garbled, ${hex(bytes)}`;
  const values = decoded.parameters.map((value) => known.wideReply ? `(${value.length} bytes)` : hex(value));
  return values.length === 0 ? `${known.name}: no parameters` : `${known.name}: ${values.join(", ")}`;
}

/** Secrets, and what goes through connections. */
function isHidden(code: number, index: number): boolean {
  return CERTIFICATES.has(code) || (HIDDEN.get(code) ?? Infinity) <= index;
}

/** At most sixteen bytes. */
function hex(bytes: Uint8Array): string {
  const shown = Array.from(bytes.subarray(0, 16), (byte) => byte.toString(16).padStart(2, "0").toUpperCase());
  return shown.length === 0 ? "nothing" : shown.join(" ") + (bytes.length > 16 ? " ..." : "");
}

function then<Value, Result>(value: Awaitable<Value>, work: (value: Value) => Result): Awaitable<Result> {
  return value instanceof Promise ? value.then(work) : work(value);
}

const byCode: ReadonlyMap<number, commands.Command> = new Map(
  Object.values(commands).map((one) => [one.code, one] as const),
);
/** SET_CLIENT_CERT and SET_CERT_KEY. */
const CERTIFICATES: ReadonlySet<number> = new Set([0x40, 0x41]);
/** From which parameter on a command's are hidden: passphrases, keys, what is sent. */
const HIDDEN: ReadonlyMap<number, number> = new Map([
  [0x11, 1],
  [0x12, 2],
  [0x19, 1],
  [0x44, 1],
  [0x46, 1],
  [0x4a, 0],
  [0x4b, 0],
  [0x4c, 0],
]);

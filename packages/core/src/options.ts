/**
 * One checker for all objects of options: what is misspelt or of the wrong kind is told at once, by the nearest right
 * name, and never taken in silence. Values are not repeated: a misplaced one may be a password.
 *
 * @module
 */
import { checkInteger } from "./checks.ts";
import { UsageError } from "./errors.ts";
import type { Address, DialOptions } from "./transport.ts";

/**
 * What a value must be: of a type, an `AbortSignal`, anything (it is checked elsewhere), or what a function lets pass,
 * which is called with the value and its name and throws for any other. Absent is always right.
 */
export type Kind =
  | "string"
  | "boolean"
  | "number"
  | "function"
  | "AbortSignal"
  | "any"
  | ((value: unknown, name: string) => void);

/** The options of one call, by name. */
export type Kinds = Readonly<Record<string, Kind>>;

/**
 * Checks the options of `what`: a call, such as `publish()`, or an option that has some itself, such as `sending`.
 * `absent`: what stands for an option that is not given, beside undefined.
 *
 * @throws {UsageError} `invalid-argument`
 */
export function checkOptions(options: unknown, what: string, kinds: Kinds, absent?: null): void {
  let entries: [string, unknown][] = [];
  let sort = options === null ? "null" : typeof options;
  try {
    if (sort === "object") {
      // A signal, a list or a Map has no names to look at, and would pass for no options at all.
      sort = Object.prototype.toString.call(options).slice(8, -1);
      entries = Object.entries(options as object);
    }
  } catch {
    sort = "something that cannot be read";
  }
  if (sort !== "Object") throw invalid(`${what} takes an object of options, not ${sort}`);
  const prefix = what.endsWith(")") ? "" : `${what}.`;
  for (const [name, value] of entries) {
    if (!Object.hasOwn(kinds, name)) {
      const near = nearest(name, Object.keys(kinds));
      const hint = near === undefined ? "" : `: is ${prefix}${near} meant?`;
      throw invalid(`there is no option ${prefix}${name}${hint}`);
    }
    if (value !== undefined && value !== absent) check(value, prefix + name, kinds[name]!);
  }
}

/**
 * What every transport's `connect` takes.
 *
 * @throws {UsageError} `invalid-argument`
 */
export function checkDial(address: Address, options: DialOptions | undefined): void {
  checkOptions(address, "connect()", ADDRESS);
  if (typeof address.host !== "string" || address.host === "") {
    throw invalid("host must be a name or an address");
  }
  checkInteger(address.port, "port", 1, 65_535);
  if (options !== undefined) checkOptions(options, "connect()", DIAL);
}

/**
 * A value that takes the place of one of the runtime's.
 *
 * @throws {UsageError} `invalid-argument`
 */
export function having(...methods: string[]): Kind {
  return (value, name) => {
    const has = (method: string) => typeof (value as Record<string, unknown> | null)?.[method] === "function";
    if (!methods.every(has)) throw invalid(`${name} must have ${methods.join(", ")}`);
  };
}

const ADDRESS: Kinds = { host: "string", port: "any", secure: "boolean", path: "string" };
const DIAL: Kinds = { signal: "AbortSignal" };

function check(value: unknown, name: string, kind: Kind): void {
  if (typeof kind === "function") return kind(value, name);
  const fits = kind === "any" || (kind === "AbortSignal" ? isSignal(value) : typeof value === kind);
  if (fits) return;
  const what = kind === "boolean" ? "true or false" : kind === "AbortSignal" ? "an AbortSignal" : `a ${kind}`;
  throw invalid(`${name} must be ${what}`);
}

function isSignal(value: unknown): boolean {
  try {
    return typeof (value as AbortSignal).aborted === "boolean";
  } catch {
    return false;
  }
}

/** The name that has most pairs of letters in common with what was written, if they are many. */
function nearest(written: string, names: readonly string[]): string | undefined {
  const mine = pairs(written);
  let best: string | undefined, most = 0.5;
  for (const name of names) {
    const other = pairs(name);
    const common = 2 * other.filter((pair) => mine.includes(pair)).length / (mine.length + other.length);
    if (common > most) [best, most] = [name, common];
  }
  return best;
}

function pairs(text: string): string[] {
  return Array.from(text.slice(1), (_, i) => text.slice(i, i + 2).toLowerCase());
}

function invalid(text: string): UsageError {
  return new UsageError("invalid-argument", text);
}

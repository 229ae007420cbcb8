/**
 * From a message and its arguments to text for people and to the pieces that a structured log keeps apart.
 *
 * @module
 */

/** A message with its arguments put in. */
export interface Message {
  /** For people. */
  readonly text: string;
  /** The message's own words, around {@link values}: one more than there are values. */
  readonly strings: string[];
  /** The arguments that the words refer to, as they were given. */
  readonly values: readonly unknown[];
  /** What belongs to the message and is not part of its words. */
  readonly properties: Readonly<Record<string, unknown>>;
}

/**
 * Puts `args` into `template`.
 *
 * `%s` is replaced by the next argument as text, `%d` by a number without its fraction, `%r` by the argument as one
 * would write it in code, text in quotes and escaped; `%%` is a percent sign. Other directives stay as they are, and
 * so does everything where there are no arguments. Arguments left over follow after a space, as with `console.log`;
 * the last of them, if it is a plain object, gives the properties, and if it is an error, the property `error`.
 *
 * Values that cannot be shown do not make it throw.
 */
export function compose(template: unknown, args: readonly unknown[]): Message {
  if (typeof template !== "string") return compose(display(template), args);
  if (args.length === 0) return { text: template, strings: [template], values: [], properties: {} };
  const strings: string[] = [];
  const values: unknown[] = [];
  let text = "";
  let words = "";
  let copied = 0;
  for (const { 0: directive, index } of template.matchAll(/%[sdr%]/g)) {
    if (directive !== "%%" && values.length === args.length) break;
    words += template.slice(copied, index);
    copied = index + directive.length;
    if (directive === "%%") {
      words += "%";
      continue;
    }
    const value = args[values.length];
    text += words +
      (directive === "%s" ? display(value) : directive === "%d" ? integer(value) : quote(value));
    strings.push(words);
    values.push(value);
    words = "";
  }
  words += template.slice(copied);

  const last = args[args.length - 1];
  const aside = values.length < args.length && (last instanceof Error || isPlain(last)) ? 1 : 0;
  for (let i = values.length; i < args.length - aside; i++) {
    text += `${words} ${display(args[i])}`;
    strings.push(`${words} `);
    values.push(args[i]);
    words = "";
  }
  strings.push(words);
  text += words;
  if (aside === 0) return { text, strings, values, properties: {} };
  if (!(last instanceof Error)) {
    // Our clients have them in their words already, in JSON.
    const whole = text.endsWith(inJson(last)) ? text : `${text} ${display(last)}`;
    return { text: whole, strings, values, properties: last as Record<string, unknown> };
  }
  const whole = explain(last);
  text = whole.startsWith(text) ? whole : `${text}\n${whole}`; // Not the same line twice.
  return { text, strings, values, properties: { error: last } };
}

function inJson(properties: unknown): string {
  try {
    return JSON.stringify(properties).replaceAll("%", "\\u0025");
  } catch {
    return "no JSON";
  }
}

/** An error's name and message, where it came from, and the same of what caused it. */
export function explain(error: Error): string {
  let text = "";
  let cause: unknown = error;
  for (let depth = 0; cause !== undefined && depth < DEEPEST; depth++) {
    text += (depth === 0 ? "" : "\nCaused by: ") + display(cause);
    if (!(cause instanceof Error)) break;
    if (typeof cause.stack === "string") text += framesOf(cause.stack);
    cause = cause.cause;
  }
  return text;
}

/** A value as text: text as it is, an error's name and message, bytes in hexadecimal, objects as JSON. */
export function display(value: unknown): string {
  try {
    if (typeof value !== "object" || value === null || value instanceof Error) return String(value);
    if (value instanceof Uint8Array) return hexadecimal(value);
    return String(JSON.stringify(value, plainer));
  } catch {
    return "[object that cannot be shown]";
  }
}

function quote(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : display(value);
}

function integer(value: unknown): string {
  return typeof value === "number" ? String(Math.trunc(value)) : display(value);
}

/** For `JSON.stringify`, which refuses the one and has nothing to say of the other. */
function plainer(_key: string, value: unknown): unknown {
  return typeof value === "bigint" || value instanceof Error ? String(value) : value;
}

function hexadecimal(bytes: Uint8Array): string {
  const digits = Array.from(bytes.subarray(0, SHOWN), (byte) => byte.toString(16).padStart(2, "0"));
  return `<${digits.join(" ")}${bytes.length > SHOWN ? ` ... ${bytes.length} bytes` : ""}>`;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Without the heading that some engines put before the frames: a name that a constructor set later is not in it. */
function framesOf(stack: string): string {
  const first = stack.search(/^\s*at /m);
  const frames = (first === -1 ? stack : stack.slice(first)).trim();
  return frames === "" ? "" : `\n    ${frames}`;
}

/** Bytes of a payload that are shown. */
const SHOWN = 32;

/** Causes of causes that are shown: an error may be its own. */
const DEEPEST = 8;

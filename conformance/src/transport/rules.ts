/**
 * What a broken rule looks like.
 *
 * @module
 */

/** A transport has broken a rule of the contract; the text begins with its name. */
export class RuleBroken extends Error {
  /** The class, for logs. */
  override readonly name = "RuleBroken";
  /** The number of the rule; 0 is the shape of a transport. */
  readonly rule: number;

  /** Takes the rule, and what was wrong. */
  constructor(rule: number, text: string, cause?: unknown) {
    super(`${ruleName(rule)}: ${text}`, { cause });
    this.rule = rule;
  }
}

/** The fixture could not do its part, so nothing can be said of the transport. */
export class FixtureBroken extends Error {
  /** The class, for logs. */
  override readonly name = "FixtureBroken";

  /** Takes what was wrong. */
  constructor(text: string, cause?: unknown) {
    super(`${FIXTURE}${text}`, { cause });
  }
}

/** Whether an error says already whose fault it is. */
export function isVerdict(error: unknown): error is RuleBroken | FixtureBroken {
  return error instanceof RuleBroken || error instanceof FixtureBroken;
}

/** How a rule is called in reports; speed has no number. */
export function ruleName(rule: number): string {
  if (Number.isNaN(rule)) return "speed";
  return rule === 0 ? "transport shape" : `rule ${rule}`;
}

/** Whether this is the text of a {@link FixtureBroken}. */
export function isFixtureBroken(message: string): boolean {
  return message.startsWith(FIXTURE);
}

const FIXTURE = "the fixture, not the transport: ";

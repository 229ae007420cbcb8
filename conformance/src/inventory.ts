/**
 * What there is to show: MiniMQTT's behaviours and the standard's statements, by their identifiers, and which of them no
 * test shows, with the reason.
 *
 * @module
 */
import { behaviours } from "./behaviours.ts";
import { statements } from "./statements.ts";

/** What we do about a behaviour of the reference. */
export type Verdict = "KEEP" | "FIX" | "EXTEND";

/** Something a user of MiniMQTT may rely on. */
export interface Behaviour {
  /** `MM-085`. */
  readonly id: string;
  /** The part of the client it belongs to. */
  readonly area: string;
  /** Empty where it has no meaning here. */
  readonly verdicts: readonly Verdict[];
  /** What ours does, in a line. */
  readonly summary: string;
}

/** A normative statement of MQTT 3.1.1. */
export interface Statement {
  /** `v3 MQTT-2.3.1-2`, or `v3 §2.2.3` for a section whose rule has no number. */
  readonly id: string;
  /** What it demands, in a line. */
  readonly summary: string;
}

/** An entry of the inventory that no test shows. */
export interface Gap {
  /** The behaviour or statement. */
  readonly id: string;
  /** Why. */
  readonly reason: string;
}

export { behaviours, statements };

/** What no test shows. An entry that a test does show is a fault of this list. */
export const gaps: readonly Gap[] = [
  { id: "MM-226", reason: "MQTT 5 is not there yet" },
];

/**
 * The identifiers that a test's name or `covers` mentions, in the inventory's spelling: `MM-085`, `v3 MQTT-2.3.1-2` (the
 * `v3` may be missing in the text), `v3 §2.2.3`. Those of MQTT 5 are `v5`, and not of this inventory.
 */
export function mentioned(text: string): string[] {
  const ids: string[] = [];
  for (const [, version = "v3", behaviour, statement, section] of text.matchAll(MENTION)) {
    if (behaviour) ids.push(behaviour);
    else ids.push(`${version} ${statement ?? section}`);
  }
  return ids;
}

const MENTION = /(?<!\w)(?:(v[35]) )?(?:(MM-\d{3})|(MQTT-\d+\.\d+\.\d+-\d+)|(§\d+(?:\.\d+)+))/g;

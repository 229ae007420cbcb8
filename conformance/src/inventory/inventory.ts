/**
 * What there is to show: MiniMQTT's behaviours and the standard's statements, by their identifiers, and which of them no
 * test shows, with the reason.
 *
 * @module
 */
import { behaviours } from "./behaviours.ts";
import type { Gap } from "./entries.ts";
import { statements } from "./statements.ts";

export type { Behaviour, Gap, Statement, Verdict } from "./entries.ts";
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

/**
 * Topic names and topic filters: which may be sent, and which filter matches which name.
 *
 * A name is what a message carries; a filter is what one subscribes to. Both are text of 1 to 65535 bytes, cut into
 * levels by `/`; a level may be empty. In a filter `+` stands for one level, `#` for all that remain, the level above
 * included: `a/#` matches `a`. Names that begin with `$` belong to the server, and no filter that begins with a
 * wildcard matches them [MQTT-4.7.2-1]. `$share/<group>/<filter>` and `$queue/<filter>` are shared subscriptions:
 * their messages arrive under names that match the filter behind the prefix (MM-146).
 *
 * @module
 */

import { UsageError } from "./errors.ts";
import type { UsageCode } from "./errors.ts";
import { MAX_FIELD_LENGTH } from "./packets.ts";

const DOLLAR = 0x24;
const HASH = 0x23;
const PLUS = 0x2b;
const SLASH = 0x2f;

/** Length of `text` in UTF-8, in bytes, as long as it is well-formed. Allocates nothing. */
export function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    // Half of a surrogate pair, two code units in four bytes, adds as much as two bytes for one unit.
    if (code > 0x7f) length += code < 0x800 || (code & 0xf800) === 0xd800 ? 1 : 2;
  }
  return length;
}

/**
 * Checks a topic name, as PUBLISH and a will carry it.
 *
 * ```ts
 * import { checkTopic } from "@minimqtt/core";
 *
 * checkTopic("house/kitchen/temperature");
 * ```
 *
 * @throws {UsageError} `invalid-topic`, for the first that applies, with the reference's texts (MM-053, MM-071):
 * absent, no string, empty, longer than 65535 bytes, with U+0000 [MQTT-1.5.3-2] [MQTT-4.7.3-2], with a lone surrogate
 * [MQTT-1.5.3-1] (MM-078), with wildcards [MQTT-3.3.2-2].
 */
export function checkTopic(topic: unknown): asserts topic is string {
  checkLevels(topic, "Topic", "invalid-topic");
  if (/[+#]/.test(topic)) throw new UsageError("invalid-topic", "Publish topic can not contain wildcards.");
}

/**
 * Checks a topic filter, as SUBSCRIBE and UNSUBSCRIBE carry it, shared subscriptions included.
 *
 * ```ts
 * import { checkFilter } from "@minimqtt/core";
 *
 * checkFilter("house/+/temperature");
 * checkFilter("$share/workers/house/#");
 * ```
 *
 * @throws {UsageError} `invalid-filter`, for the first that applies: absent, no string, empty, longer than 65535
 * bytes, with the reference's texts (MM-102); then texts that begin with `Invalid topic filter` (MM-105) for U+0000
 * [MQTT-1.5.3-2], a lone surrogate [MQTT-1.5.3-1], by the numbers of MQTT 5 a shared subscription with a bad or empty
 * group [MQTT-4.8.2-1] or no filter [MQTT-4.8.2-2], and a misplaced `#` [MQTT-4.7.1-2] or `+` [MQTT-4.7.1-3].
 */
export function checkFilter(filter: unknown): asserts filter is string {
  checkLevels(filter, "Invalid topic filter: it", "invalid-filter");
  const flaw = /^\$(share|queue)\//.test(filter) && !/^\$(share\/[^/+#]+|queue)\/[^]/.test(filter)
    ? "a shared one is $share/<group>/<filter> [MQTT-4.8.2-1] [MQTT-4.8.2-2]"
    : /[^/][+#]|\+[^/]|#[^]/.test(filter)
    ? '"+" and "#" each fill a level, and "#" the last [MQTT-4.7.1-2] [MQTT-4.7.1-3]'
    : "";
  if (flaw) {
    throw new UsageError(
      "invalid-filter",
      `Invalid topic filter: ${JSON.stringify(filter.slice(0, 80))}: ${flaw}`,
    );
  }
}

/**
 * Checks other text that a packet carries, such as a client identifier or a user name. It may be empty.
 *
 * @param text What to check.
 * @param what Begins the error's text, as in `The clientId`. The text itself is not shown: it may be a secret.
 * @param tooLong The error's text where it is longer than 65535 bytes.
 * @param code The error's code.
 * @throws {UsageError} when it is no string, is longer than 65535 bytes, or holds U+0000 [MQTT-1.5.3-2] or a lone
 * surrogate [MQTT-1.5.3-1].
 */
export function checkText(
  text: unknown,
  what: string,
  tooLong: string,
  code: UsageCode = "invalid-argument",
): asserts text is string {
  if (typeof text !== "string") throw new UsageError(code, `${what} must be a string, not ${typeof text}`);
  if (utf8Length(text) > MAX_FIELD_LENGTH) throw new UsageError(code, tooLong);
  if (text.includes("\0")) throw new UsageError(code, `${what} contains U+0000 [MQTT-1.5.3-2]`);
  checkWellFormed(text, what, code);
}

/**
 * UTF-8 cannot express half a surrogate pair [MQTT-1.5.3-1].
 *
 * @throws {UsageError}
 */
export function checkWellFormed(text: string, what: string, code: UsageCode = "invalid-argument"): void {
  if (!text.isWellFormed()) throw new UsageError(code, `${what} contains a lone surrogate [MQTT-1.5.3-1]`);
}

/**
 * Whether `filter` matches the name `topic`. Both must be valid; for others the answer means nothing. Case matters,
 * and nothing is normalised (MM-140). One pass over both, no allocation. For many filters use `MQTTMatcher`.
 *
 * ```ts
 * import { matches } from "@minimqtt/core";
 *
 * console.log(matches("house/+/temperature", "house/kitchen/temperature")); // true
 * console.log(matches("#", "$SYS/uptime")); // false
 * ```
 */
export function matches(filter: string, topic: string): boolean {
  let f = sharedPrefixLength(filter);
  let t = 0;
  const first = filter.charCodeAt(f);
  if (topic.charCodeAt(0) === DOLLAR && (first === PLUS || first === HASH)) return false;
  // Each round takes one level of both.
  for (;;) {
    let code = filter.charCodeAt(f);
    if (code === HASH) return true;
    if (code === PLUS) {
      f++;
      while (t < topic.length && topic.charCodeAt(t) !== SLASH) t++;
    } else {
      while (f < filter.length && code !== SLASH && code === topic.charCodeAt(t)) {
        code = filter.charCodeAt(++f);
        t++;
      }
    }
    if (t === topic.length) {
      const rest = filter.length - f;
      return rest === 0 || (rest === 2 && filter.endsWith("/#"));
    }
    if (filter.charCodeAt(f) !== SLASH || topic.charCodeAt(t) !== SLASH) return false;
    f++;
    t++;
  }
}

/**
 * How many characters of `filter` are the prefix of a shared subscription: `$share/<group>/` or `$queue/`. 0 where
 * there is none. What follows is the filter that names are matched with (MM-146).
 */
export function sharedPrefixLength(filter: string): number {
  return /^\$(share\/[^/]*|queue)\//.exec(filter)?.[0].length ?? 0;
}

/** What names and filters have in common. */
function checkLevels(topic: unknown, what: string, code: UsageCode): asserts topic is string {
  if (topic === null || topic === undefined) throw new UsageError(code, "Topic may not be NoneType");
  if (topic === "") throw new UsageError(code, "Topic may not be empty.");
  checkText(topic, what, `Encoded topic length is larger than ${MAX_FIELD_LENGTH}`, code);
}

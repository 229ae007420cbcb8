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

/** What the two bytes of length before every text can say: section 1.5.3. */
const LONGEST = 65535;

const DOLLAR = 0x24;
const HASH = 0x23;
const PLUS = 0x2b;
const SLASH = 0x2f;

/** Characters of a faulty filter shown in an error's text. */
const SHOWN = 80;

/**
 * Length of `text` in UTF-8, in bytes; -1 when it holds a lone surrogate, which UTF-8 cannot express
 * [MQTT-1.5.3-1]. Allocates nothing.
 */
export function utf8Length(text: string): number {
  const length = measure(text);
  return length < 0 ? -1 : length;
}

/**
 * Checks a topic name, as PUBLISH and a will carry it.
 *
 * Plain ASCII names, which nearly all are, cost one pass and no allocation.
 *
 * ```ts
 * import { checkTopic } from "@minimqtt/core";
 *
 * checkTopic("house/kitchen/temperature");
 * ```
 *
 * @throws {UsageError} `invalid-topic`, for the first that applies, with the reference's texts (MM-053, MM-071):
 * absent, no string, empty, longer than 65535 bytes, with wildcards [MQTT-3.3.2-2], with U+0000 [MQTT-1.5.3-2]
 * [MQTT-4.7.3-2], with a lone surrogate [MQTT-1.5.3-1] (MM-078).
 */
export function checkTopic(topic: unknown): asserts topic is string {
  if (typeof topic === "string" && isPlainTopic(topic)) return;
  checkExtent(topic, "invalid-topic");
  if (topic.includes("+") || topic.includes("#")) {
    throw new UsageError("invalid-topic", "Publish topic can not contain wildcards.");
  }
  const flaw = flawOf(topic);
  if (flaw !== undefined) throw new UsageError("invalid-topic", `Topic ${flaw}`);
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
 * [MQTT-1.5.3-2], a lone surrogate [MQTT-1.5.3-1], a misplaced `#` [MQTT-4.7.1-2] or `+` [MQTT-4.7.1-3], and, by the
 * numbers of MQTT 5, a shared subscription with a bad or empty group [MQTT-4.8.2-1] or no filter [MQTT-4.8.2-2].
 */
export function checkFilter(filter: unknown): asserts filter is string {
  checkExtent(filter, "invalid-filter");
  const flaw = flawOf(filter) ?? sharedFlawOf(filter) ?? wildcardFlawOf(filter);
  if (flaw !== undefined) {
    const shown = filter.length <= SHOWN ? filter : `${filter.slice(0, SHOWN)}…`;
    throw new UsageError("invalid-filter", `Invalid topic filter: ${JSON.stringify(shown)} ${flaw}`);
  }
}

/**
 * Checks other text that a packet carries, such as a client identifier or a user name. It may be empty.
 *
 * @param text What to check.
 * @param what Its name for the error's text, such as `client identifier`. The text itself is not shown: it may be a
 * secret.
 * @throws {UsageError} `invalid-argument` when it is no string, is longer than 65535 bytes, or holds U+0000
 * [MQTT-1.5.3-2] or a lone surrogate [MQTT-1.5.3-1].
 */
export function checkText(text: unknown, what: string): asserts text is string {
  if (typeof text !== "string") {
    throw new UsageError("invalid-argument", `The ${what} must be a string, not ${nameOf(text)}`);
  }
  if (text.length > LONGEST || Math.abs(measure(text)) > LONGEST) {
    throw new UsageError("invalid-argument", `Encoded ${what} length is larger than ${LONGEST}`);
  }
  const flaw = flawOf(text);
  if (flaw !== undefined) throw new UsageError("invalid-argument", `The ${what} ${flaw}`);
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
  if (filter.charCodeAt(0) !== DOLLAR) return 0;
  if (filter.startsWith(QUEUE)) return QUEUE.length;
  if (!filter.startsWith(SHARE)) return 0;
  return filter.indexOf("/", SHARE.length) + 1;
}

/** UTF-8 length, with three bytes for a lone surrogate; negative when there is one. */
function measure(text: string): number {
  let length = text.length;
  let lone = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x80) continue;
    length += code < 0x800 ? 1 : 2;
    if (code < 0xd800 || code > 0xdfff) continue;
    const next = text.charCodeAt(i + 1);
    if (code < 0xdc00 && next >= 0xdc00 && next <= 0xdfff) i++; // Two code units, four bytes: 2 counted, 2 added.
    else lone = true;
  }
  return lone ? -length : length;
}

/** Whether nothing can be wrong with the topic: short enough, ASCII, no wildcard, no U+0000. */
function isPlainTopic(topic: string): boolean {
  if (topic.length === 0 || topic.length > LONGEST) return false;
  for (let i = 0; i < topic.length; i++) {
    const code = topic.charCodeAt(i);
    if (code > 0x7f || code === PLUS || code === HASH || code === 0) return false;
  }
  return true;
}

function checkExtent(topic: unknown, code: UsageCode): asserts topic is string {
  if (topic === null || topic === undefined) throw new UsageError(code, "Topic may not be NoneType");
  if (typeof topic !== "string") throw new UsageError(code, `Topic must be a string, not ${nameOf(topic)}`);
  if (topic === "") throw new UsageError(code, "Topic may not be empty.");
  if (topic.length > LONGEST || Math.abs(measure(topic)) > LONGEST) {
    throw new UsageError(code, `Encoded topic length is larger than ${LONGEST}`);
  }
}

/** What no text in a packet may hold, in words that follow its name. */
function flawOf(text: string): string | undefined {
  if (text.includes("\0")) return "contains the character U+0000 [MQTT-1.5.3-2]";
  if (measure(text) < 0) return "contains a lone surrogate, which UTF-8 cannot express [MQTT-1.5.3-1]";
  return undefined;
}

function sharedFlawOf(filter: string): string | undefined {
  if (filter.startsWith(SHARE)) {
    const end = filter.indexOf("/", SHARE.length);
    const group = filter.slice(SHARE.length, end === -1 ? undefined : end);
    if (group === "") return "names no group after $share/ [MQTT-4.8.2-1]";
    if (group.includes("+") || group.includes("#")) return "has a wildcard in its group [MQTT-4.8.2-2]";
    if (end === -1 || end === filter.length - 1) return "has no filter after its group [MQTT-4.8.2-2]";
  } else if (filter === QUEUE) {
    return "has no filter after $queue/";
  }
  return undefined;
}

function wildcardFlawOf(filter: string): string | undefined {
  for (let i = 0; i < filter.length; i++) {
    const code = filter.charCodeAt(i);
    if (code !== PLUS && code !== HASH) continue;
    const startsLevel = i === 0 || filter.charCodeAt(i - 1) === SLASH;
    if (code === HASH) {
      if (i < filter.length - 1) return 'has "#" before its end [MQTT-4.7.1-2]';
      if (!startsLevel) return 'has "#" that does not fill a level [MQTT-4.7.1-2]';
    } else if (!startsLevel || (i < filter.length - 1 && filter.charCodeAt(i + 1) !== SLASH)) {
      return 'has "+" that does not fill a level [MQTT-4.7.1-3]';
    }
  }
  return undefined;
}

function nameOf(value: unknown): string {
  return value === null ? "null" : Array.isArray(value) ? "an array" : typeof value;
}

const SHARE = "$share/";
const QUEUE = "$queue/";

/**
 * Topic aliases of ours: a number in place of a topic that is published again and again. They are worth as much as the
 * connection: the next one begins without any [MQTT5-3.3.2-7].
 *
 * @module
 */

/** More would cost more to keep than they save. */
const MOST = 256;

/** For how many messages, as a multiple of the aliases, a topic is remembered that is not published. */
const PATIENCE = 8;

/**
 * Chooses which topics have an alias: those published most of late. A topic gets one when it is seen for the second
 * time; when all are given away, from one that has not been published for long.
 */
export class TopicAliases {
  /** Topics that have an alias, and when they were last seen; the first has not been seen for longest. */
  readonly #aliases = new Map<string, readonly [alias: number, at: number]>();
  /** Topics without one that were seen of late. */
  readonly #seen = new Set<string>();
  readonly #most: number;
  #now = 0;
  #lastTopic: string | undefined;
  #lastAlias = 0;

  /** Takes how many the server allows. */
  constructor(most: number) {
    this.#most = Math.min(most, MOST);
  }

  /** The alias of `topic` that the server knows; negative if it is to be told with this packet; 0 when it has none. */
  choose(topic: string): number {
    if (topic === this.#lastTopic) return this.#lastAlias;
    this.#now++;
    this.#lastTopic = undefined;
    const known = this.#aliases.get(topic)?.[0];
    const alias = known ?? this.#take(topic);
    if (alias === 0) return 0;
    // Behind all others.
    this.#aliases.delete(topic);
    this.#aliases.set(topic, [alias, this.#now]);
    this.#lastTopic = topic;
    this.#lastAlias = alias;
    return known ?? -alias;
  }

  /** An alias for a topic that has none; 0 if it is not published often enough. */
  #take(topic: string): number {
    const patience = this.#most * PATIENCE;
    if (this.#seen.delete(topic)) {
      if (this.#aliases.size < this.#most) return this.#aliases.size + 1;
      const [oldest, [alias, at]] = this.#aliases.entries().next().value!;
      if (this.#now - at > patience) {
        this.#aliases.delete(oldest);
        return alias;
      }
    }
    this.#seen.add(topic);
    if (this.#seen.size > patience) this.#seen.delete(this.#seen.values().next().value!);
    return 0;
  }
}

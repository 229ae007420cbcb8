/**
 * Topic aliases of ours: a number in place of a topic that is published again and again. They are worth as much as the
 * connection: the next one begins without any [MQTT5-3.3.2-7].
 *
 * @module
 */

/** More would cost more to keep than they save. */
const MOST = 256;

/**
 * Chooses which topics have an alias: those published most of late. A topic gets one when it comes the second time
 * among the last that have none, and then takes it from the topic that has gone without for longest.
 */
export class TopicAliases {
  /** Topics that have an alias; the first has not been published for longest. */
  readonly #aliases = new Map<string, number>();
  /** Topics that have been seen once of late, as many as there are aliases. */
  readonly #seen = new Set<string>();
  readonly #most: number;
  #lastTopic: string | undefined;
  #lastAlias = 0;

  /** Takes how many the server allows. */
  constructor(most: number) {
    this.#most = Math.min(most, MOST);
  }

  /** The alias of `topic`, that the server knows; negative if it is to be told with this packet; 0 when it has none. */
  choose(topic: string): number {
    if (topic === this.#lastTopic) return this.#lastAlias;
    let alias = this.#aliases.get(topic);
    if (alias === undefined) {
      alias = this.#take(topic);
      if (alias === 0) return 0;
      this.#aliases.set(topic, alias);
      this.#lastTopic = undefined;
      return -alias;
    }
    this.#aliases.delete(topic);
    this.#aliases.set(topic, alias);
    this.#lastTopic = topic;
    return this.#lastAlias = alias;
  }

  /** An alias for a topic that has none; 0 if it is not published often enough. */
  #take(topic: string): number {
    if (!this.#seen.delete(topic)) {
      this.#seen.add(topic);
      if (this.#seen.size > this.#most) this.#seen.delete(this.#seen.values().next().value!);
      return 0;
    }
    if (this.#aliases.size < this.#most) return this.#aliases.size + 1;
    const [oldest, alias] = this.#aliases.entries().next().value!;
    this.#aliases.delete(oldest);
    return alias;
  }
}

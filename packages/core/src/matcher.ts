/**
 * Which of many topic filters match a topic name.
 *
 * Filters without a wildcard can match one name only, so they live in a map by that name: one lookup, however many
 * there are. Filters with wildcards live in a tree of levels. A topic visits each node of the tree at most once, since
 * a node has one place on one path; so a match costs at most the size of the tree, and usually a few nodes per level.
 * The walk keeps its own stack: a filter may have 65535 levels.
 *
 * The map's answers come first. This is also their place in the tree's order, depth first with the exact child before
 * `+` before `#` (MM-139): a path without a wildcard is the first of all.
 *
 * @module
 */

import { checkFilter, sharedPrefixLength } from "./topic.ts";

/** The depth of a node for `#`. */
const ANY = -1;

/**
 * A map from topic filters to values that is asked with topic names.
 *
 * ```ts
 * import { MQTTMatcher } from "@minimqtt/core";
 *
 * const rooms = new MQTTMatcher<string>();
 * rooms.set("house/+/temperature", "warm");
 * rooms.set("house/#", "all");
 * console.log([...rooms.iterMatch("house/kitchen/temperature")]); // ["warm", "all"]
 * ```
 */
export class MQTTMatcher<V> {
  /** Filters without wildcards, by what is behind the prefix of a shared subscription. */
  readonly #exact: Node<V> = { depth: 0, entry: undefined, others: undefined, children: new Map() };
  /** Filters with wildcards, level by level. */
  readonly #tree: Node<V> = { depth: 0, entry: undefined, others: undefined, children: new Map() };
  readonly #entries = new Map<string, Entry<V>>();

  /** How many filters are registered. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * Registers `filter`. Where it is registered already its value is replaced, and it keeps its place in the order
   * (MM-137). Filters that differ only in the prefix of a shared subscription are registered side by side, and match
   * the same names, in the order in which they were set (MM-146).
   *
   * @throws {UsageError} `invalid-filter`, as `checkFilter` does (MM-144).
   */
  set(filter: string, value: V): void {
    checkFilter(filter);
    const known = this.#entries.get(filter);
    if (known !== undefined) {
      known.value = value;
      return;
    }
    let { node, levels } = this.#place(filter);
    for (const level of levels) {
      const children = node.children ??= new Map();
      let child = children.get(level);
      if (child === undefined) {
        const depth = level === "#" ? ANY : node.depth + 1;
        child = { depth, entry: undefined, others: undefined, children: undefined };
        children.set(level, child);
      }
      node = child;
    }
    const entry = { value };
    this.#entries.set(filter, entry);
    if (node.entry === undefined) node.entry = entry;
    else (node.others ??= new Set()).add(entry);
  }

  /** The value registered for exactly this filter, not for one that matches it; `undefined` when there is none. */
  get(filter: string): V | undefined {
    return this.#entries.get(filter)?.value;
  }

  /** Whether exactly this filter is registered. */
  has(filter: string): boolean {
    return this.#entries.has(filter);
  }

  /**
   * Removes exactly this filter, and whatever of the tree served it alone. False when it is not registered, even if
   * it is the beginning of one that is (MM-143).
   */
  delete(filter: string): boolean {
    const entry = this.#entries.get(filter);
    if (entry === undefined) return false;
    this.#entries.delete(filter);
    let { node, levels } = this.#place(filter);
    // The last node above that serves other filters too, and what to take off it.
    let [holder, twig] = [node, levels[0]!];
    for (const level of levels) {
      if (node.entry !== undefined || node.children!.size > 1) [holder, twig] = [node, level];
      node = node.children!.get(level)!;
    }
    if (node.others?.delete(entry) !== true) {
      // The next in order moves up.
      [node.entry] = node.others ?? [];
      node.others?.delete(node.entry!);
    }
    if (node.entry === undefined && !node.children?.size) holder.children!.delete(twig);
    return true;
  }

  /**
   * The values of all filters that match the name `topic`, in the order of MM-139: `a/b` is matched by `a/b`,
   * `a/b/#`, `a/+`, `a/#`, `+/b`, `#`, in this order. They are found when this is called: what changes in the matcher
   * afterwards changes nothing in them (MM-147). The topic must be valid; it is not checked.
   */
  iterMatch(topic: string): IterableIterator<V> {
    return this.match(topic, []).values();
  }

  /**
   * Appends to `into` what {@link iterMatch} gives, and returns `into`: for who matches often. Makes no objects of its
   * own as long as no filter with a wildcard is registered. An array to use again is best emptied by `pop`: after
   * `length = 0` engines allocate its storage anew, which costs more than a new array.
   */
  match(topic: string, into: V[]): V[] {
    const exact = this.#exact.children!.get(topic);
    if (exact !== undefined) append(exact, into);
    if (this.#tree.children!.size === 0) return into;
    const levels = topic.split("/");
    // What is still to visit, the next one last: depth first, exact child, `+`, `#`.
    const stack = [this.#tree];
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      const { depth, children } = node;
      if (depth === ANY || depth === levels.length) append(node, into);
      if (children === undefined) continue;
      // [MQTT-4.7.2-1]: the names of the server are not for filters that begin with a wildcard.
      const wild = depth > 0 || !topic.startsWith("$");
      if (wild) visit(stack, children.get("#")); // `a/#` matches `a` too.
      if (depth === levels.length) continue;
      if (wild) visit(stack, children.get("+"));
      visit(stack, children.get(levels[depth]!));
    }
    return into;
  }

  /** Where the way to a filter begins, and which way it takes. */
  #place(filter: string): { node: Node<V>; readonly levels: readonly string[] } {
    const name = filter.slice(sharedPrefixLength(filter));
    return /[+#]/.test(name)
      ? { node: this.#tree, levels: name.split("/") }
      : { node: this.#exact, levels: [name] };
  }
}

/** A registered filter. */
interface Entry<V> {
  value: V;
}

/** A level of the filters that begin with the levels on the path to it. */
interface Node<V> {
  /** Levels of a name that are used up on arrival; `ANY` in a node for `#`, which takes whatever remains. */
  readonly depth: number;
  /** The filter that ends here, the first of those that differ in the prefix of a shared subscription only. */
  entry: Entry<V> | undefined;
  /** The others, in order. */
  others: Set<Entry<V>> | undefined;
  children: Map<string, Node<V>> | undefined;
}

function append<V>({ entry, others }: Node<V>, into: V[]): void {
  if (entry !== undefined) into.push(entry.value);
  if (others !== undefined) { for (const { value } of others) into.push(value); }
}

function visit<V>(stack: Node<V>[], child: Node<V> | undefined): void {
  if (child !== undefined) stack.push(child);
}

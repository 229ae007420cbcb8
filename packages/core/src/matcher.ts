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
  readonly #exact: Map<string, Entry<V>[]> = new Map();
  readonly #root: Node<V> = new Node<V>(undefined, "", 0);
  #size = 0;

  /** How many filters are registered. */
  get size(): number {
    return this.#size;
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
    const name = filter.slice(sharedPrefixLength(filter));
    let entries: Entry<V>[] | undefined;
    if (hasWildcard(name)) entries = make(this.#root, name).entries;
    else if ((entries = this.#exact.get(name)) === undefined) this.#exact.set(name, entries = []);
    const known = entries.find((entry) => entry.filter === filter);
    if (known !== undefined) {
      known.value = value;
    } else {
      entries.push({ filter, value });
      this.#size++;
    }
  }

  /** The value registered for exactly this filter, not for one that matches it; `undefined` when there is none. */
  get(filter: string): V | undefined {
    return this.#find(filter)?.value;
  }

  /** Whether exactly this filter is registered. */
  has(filter: string): boolean {
    return this.#find(filter) !== undefined;
  }

  /**
   * Removes exactly this filter, and whatever of the tree served it alone. False when it is not registered, even if
   * it is the beginning of one that is (MM-143).
   */
  delete(filter: string): boolean {
    const name = filter.slice(sharedPrefixLength(filter));
    const node = hasWildcard(name) ? reach(this.#root, name) : undefined;
    const entries = node === undefined ? this.#exact.get(name) : node.entries;
    const at = entries === undefined ? -1 : entries.findIndex((entry) => entry.filter === filter);
    if (entries === undefined || at === -1) return false;
    entries.splice(at, 1);
    if (node !== undefined) prune(node);
    else if (entries.length === 0) this.#exact.delete(name);
    this.#size--;
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
    const entries = this.#exact.get(topic);
    if (entries !== undefined) append(entries, into);
    if (!isEmpty(this.#root)) walk(this.#root, topic, into);
    return into;
  }

  #find(filter: string): Entry<V> | undefined {
    const name = filter.slice(sharedPrefixLength(filter));
    const entries = hasWildcard(name) ? reach(this.#root, name)?.entries : this.#exact.get(name);
    return entries?.find((entry) => entry.filter === filter);
  }
}

/** A registered filter. All that share a list are the same behind the prefix of a shared subscription. */
interface Entry<V> {
  readonly filter: string;
  value: V;
}

/** A level of the filters that begin with the levels on the path to it. */
class Node<V> {
  readonly parent: Node<V> | undefined;
  readonly level: string;
  /** Levels of a name that are used up on arrival; `ANY` in a node for `#`, which takes whatever remains. */
  readonly depth: number;
  /** The filters that end here. */
  readonly entries: Entry<V>[] = [];
  literal: Map<string, Node<V>> | undefined = undefined;
  plus: Node<V> | undefined = undefined;
  hash: Node<V> | undefined = undefined;

  constructor(parent: Node<V> | undefined, level: string, depth: number) {
    this.parent = parent;
    this.level = level;
    this.depth = depth;
  }
}

/** The node in which `filter` ends, if there is one. */
function reach<V>(root: Node<V>, filter: string): Node<V> | undefined {
  let node: Node<V> | undefined = root;
  for (let start = 0, end = 0; node !== undefined && end < filter.length; start = end + 1) {
    end = endOfLevel(filter, start);
    const level = filter.slice(start, end);
    node = level === "+" ? node.plus : level === "#" ? node.hash : node.literal?.get(level);
  }
  return node;
}

/** The node in which `filter` ends, made with all above it where it is not there yet. */
function make<V>(root: Node<V>, filter: string): Node<V> {
  let node = root;
  for (let start = 0, end = 0; end < filter.length; start = end + 1) {
    end = endOfLevel(filter, start);
    const level = filter.slice(start, end);
    if (level === "+") {
      node = node.plus ??= new Node(node, level, node.depth + 1);
    } else if (level === "#") {
      node = node.hash ??= new Node(node, level, ANY);
    } else {
      node.literal ??= new Map();
      let child = node.literal.get(level);
      if (child === undefined) node.literal.set(level, child = new Node(node, level, node.depth + 1));
      node = child;
    }
  }
  return node;
}

/** Takes a node off the tree if it serves no filter any more, and so on upwards. */
function prune<V>(leaf: Node<V>): void {
  for (let node = leaf; node.parent !== undefined && isEmpty(node); node = node.parent) {
    const { parent, level } = node;
    if (level === "+") parent.plus = undefined;
    else if (level === "#") parent.hash = undefined;
    else if (parent.literal?.delete(level) && parent.literal.size === 0) parent.literal = undefined;
  }
}

function isEmpty<V>(node: Node<V>): boolean {
  return node.entries.length === 0 && node.literal === undefined && node.plus === undefined &&
    node.hash === undefined;
}

/** Appends the values of all filters below `root` that match `topic`, depth first: exact child, `+`, `#`. */
function walk<V>(root: Node<V>, topic: string, into: V[]): void {
  // The topic's levels as far as they were needed: cut once, though many nodes of one depth ask for the same one.
  const levels: string[] = [];
  let cut = 0;
  // What is still to visit, the next one last. A node's `#` goes in first, since it comes after all its branches.
  const stack: Node<V>[] = [root];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (node.depth === ANY) {
      append(node.entries, into);
      continue;
    }
    if (node.depth === levels.length) {
      if (cut > topic.length) {
        append(node.entries, into);
        if (node.hash !== undefined) append(node.hash.entries, into); // `a/#` matches `a` too.
        continue;
      }
      const end = endOfLevel(topic, cut);
      levels.push(topic.slice(cut, end));
      cut = end + 1;
    }
    // [MQTT-4.7.2-1]: the names of the server are not for filters that begin with a wildcard.
    if (node.depth > 0 || !topic.startsWith("$")) {
      if (node.hash !== undefined) stack.push(node.hash);
      if (node.plus !== undefined) stack.push(node.plus);
    }
    const literal = node.literal?.get(levels[node.depth]!);
    if (literal !== undefined) stack.push(literal);
  }
}

function append<V>(entries: readonly Entry<V>[], into: V[]): void {
  for (let i = 0; i < entries.length; i++) into.push(entries[i]!.value);
}

function endOfLevel(text: string, start: number): number {
  const end = text.indexOf("/", start);
  return end === -1 ? text.length : end;
}

function hasWildcard(filter: string): boolean {
  return filter.includes("+") || filter.includes("#");
}

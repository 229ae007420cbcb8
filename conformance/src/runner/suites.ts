/**
 * What there is to run: which cases, over which transports.
 *
 * @module
 */

import { levels } from "../case.ts";
import type { Case, Depth, Level } from "../case.ts";
import { flightCases } from "../player/flight_cases.ts";
import { clientCases, memoryCases } from "../player/client.ts";
import { engineCases } from "../player/engine.ts";
import { scenarios } from "../scenarios/mod.ts";
import { transportCases } from "../transport/suite.ts";
import type { TransportFixture } from "../transport/fixture.ts";

/** Cases that share a transport. */
export interface Suite {
  /** The transport's name, or `engine`. */
  readonly transport: string;
  /** In the order in which they run. */
  readonly cases: readonly Case[];
  /** What they run over, where that is one. */
  readonly fixture?: TransportFixture;
}

/** Which cases of all are wanted; everything when nothing is said. */
export interface Selection {
  /** The beginnings of areas: `03`, `transport`. */
  readonly areas?: readonly string[];
  /** Identifiers, or their beginnings up to a dot or slash; those of scenarios also without what runs them. */
  readonly only?: readonly string[];
  /** How much is asked of a transport: `robust` when absent. */
  readonly level?: Level;
}

/** All cases of the depths wanted: those over a transport for each fixture. Suites of one transport are one. */
export function suitesOf(fixtures: readonly TransportFixture[], depths: readonly Depth[]): Suite[] {
  const suites = new Map<string, Suite>();
  const add = (transport: string, cases: readonly Case[], fixture?: TransportFixture) =>
    suites.set(transport, {
      transport,
      cases: [...suites.get(transport)?.cases ?? [], ...cases],
      ...(fixture && { fixture }),
    });
  if (depths.includes("engine")) add("engine", [...engineCases(scenarios), ...flightCases]);
  if (depths.includes("memory")) add(IN_MEMORY, memoryCases(scenarios));
  for (const fixture of depths.includes("transport") ? fixtures : []) {
    const { name } = fixture.transport;
    // The network in memory has cases of that name already, with a clock that stands still.
    const prefix = name === IN_MEMORY ? `${name} transport` : name;
    add(name, [...transportCases(fixture), ...clientCases(scenarios, fixture, prefix)], fixture);
  }
  return [...suites.values()];
}

/**
 * The cases that are wanted.
 *
 * @throws {RangeError} for an area or an identifier that no case has.
 */
export function select(
  suites: readonly Suite[],
  { areas = [], only = [], level = "robust" }: Selection,
): Suite[] {
  const all = suites.flatMap(({ cases }) => cases);
  for (const area of areas) {
    if (all.some((one) => one.area.startsWith(area))) continue;
    const known = [...new Set(all.map((one) => one.area))].sort();
    throw new RangeError(`there is no area ${area}; there are: ${known.join(", ")}`);
  }
  for (const id of only) {
    if (!all.some((one) => isMeant(one, id))) {
      throw new RangeError(`there is no case ${id}: --list shows all`);
    }
  }
  const wanted = (one: Case) =>
    levels.indexOf(one.level ?? "core") <= levels.indexOf(level) &&
    (areas.length === 0 || areas.some((area) => one.area.startsWith(area))) &&
    (only.length === 0 || only.some((id) => isMeant(one, id)));
  return suites.map((suite) => ({ ...suite, cases: suite.cases.filter(wanted) }))
    .filter(({ cases }) => cases.length > 0);
}

/** The cases in another order, which a seed tells: the same one is the same order everywhere. */
export function shuffled<One>(cases: readonly One[], seed: number): One[] {
  const order = [...cases];
  let state = seed >>> 0;
  for (let last = order.length - 1; last > 0; last--) {
    // A linear congruential generator, as in Numerical Recipes; its upper bits are good enough for an order.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const other = Math.floor(state / 2 ** 32 * (last + 1));
    [order[last], order[other]] = [order[other]!, order[last]!];
  }
  return order;
}

function isMeant({ id }: Case, wanted: string): boolean {
  return [id, id.slice(id.indexOf(":") + 1)].some((name) =>
    name === wanted || name.startsWith(`${wanted}.`) || name.startsWith(`${wanted}/`)
  );
}

const IN_MEMORY = "memory";

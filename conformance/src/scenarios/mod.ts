/**
 * All scenarios.
 *
 * @module
 */
import type { Scenario } from "../scenario.ts";
import { connect01 } from "./01_connect.ts";

/** Every scenario, in the order of the areas. */
export const scenarios: readonly Scenario[] = [
  ...connect01,
];

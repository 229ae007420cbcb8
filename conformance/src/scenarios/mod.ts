/**
 * All scenarios.
 *
 * @module
 */
import type { Scenario } from "../scenario.ts";
import { connect01 } from "./01_connect.ts";
import { refused02 } from "./02_refused.ts";
import { attempts03 } from "./03_attempts.ts";
import { will04 } from "./04_will.ts";
import { credentials05 } from "./05_credentials.ts";

/** Every scenario, in the order of the areas. */
export const scenarios: readonly Scenario[] = [
  ...connect01,
  ...refused02,
  ...attempts03,
  ...will04,
  ...credentials05,
];

import { describe, it } from "@std/testing/bdd";
import { engineCases, flightCases, register, scenarios } from "../../src/mod.ts";

describe("scenarios on the bare engine", () => register(it, engineCases(scenarios)));

describe("stories of the bare engine that are no data", () => register(it, flightCases));

describe("scenarios on the bare engine, byte by byte", () => {
  register(it, engineCases(scenarios, { chunkSize: 1 }));
});

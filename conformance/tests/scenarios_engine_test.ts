import { describe, it } from "@std/testing/bdd";
import { engineCases, register, scenarios } from "../src/mod.ts";

describe("scenarios on the bare engine", () => register(it, engineCases(scenarios)));

describe("scenarios on the bare engine, byte by byte", () => {
  register(it, engineCases(scenarios, { chunkSize: 1 }));
});

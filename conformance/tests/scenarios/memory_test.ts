import { describe, it } from "@std/testing/bdd";
import { clientCases, memoryCases, register, scenarios } from "../../src/mod.ts";
import { memoryFixture } from "../../src/fixtures/memory.ts";

describe("scenarios on MQTT in memory", () => register(it, memoryCases(scenarios)));

describe("scenarios on MQTT in memory, byte by byte", () => {
  register(it, memoryCases(scenarios, { chunkSize: 1 }));
});

describe("scenarios on MQTT over the memory transport, in real time", () => {
  register(it, clientCases(scenarios, memoryFixture(), "memory transport"));
});

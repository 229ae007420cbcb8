import { describe, it } from "@std/testing/bdd";
import { fixture, memoryFixture } from "../../src/fixtures/memory.ts";
import { transportSuite } from "../../src/mod.ts";

describe("memory keeps the transport contract", () => transportSuite(it, fixture));

describe("memory with small chunks keeps the transport contract", () => {
  transportSuite(it, memoryFixture({ chunkSize: 1000 }));
});

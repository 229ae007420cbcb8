import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { faults } from "./faults.ts";
import { root } from "./workspace.ts";

describe("the deliberate faults", () => {
  it("each has a text that its source has exactly once; who changes such a line changes the fault with it", () => {
    const lost = faults.filter(({ file, find }) =>
      readFileSync(join(root, file), "utf8").split(find).length !== 2
    );
    assertEquals(lost.map(({ name, file }) => `${file}: ${name}`), []);
  });

  it("each changes something, under a name of its own", () => {
    assertEquals(faults.filter(({ find, replace }) => find === replace), []);
    assertEquals(new Set(faults.map(({ name }) => name)).size, faults.length);
    assert(faults.length >= 25);
  });
});

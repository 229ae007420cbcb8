import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const TRAPS = 53;

const read = (path: string) => readFileSync(fileURLToPath(new URL(path, import.meta.url)), "utf8");

describe("TRAPS.md", () => {
  const rows = read("../TRAPS.md").split("\n")
    .map((line) => line.split("|").map((cell) => cell.trim()))
    .filter(([, number]) => /^\d+$/.test(number ?? ""));

  it("names every trap once, in order", () => {
    assertEquals(
      rows.map(([, number]) => Number(number)),
      Array.from({ length: TRAPS }, (_, index) => index + 1),
    );
  });

  it("links tests that bear the trap's number", () => {
    for (const [, number, , sprung = "", avoided = ""] of rows) {
      assert(/\((src\/emulator|tests\/transcripts)\//.test(sprung), `trap ${number} is sprung nowhere`);
      assert(avoided !== "", `trap ${number}: how does the driver avoid it?`);
      for (
        const [, path = ""] of `${sprung} ${avoided}`.matchAll(
          /\(((?:src|tests)\/[^)]*(?:_test\.ts|\.txt))\)/g,
        )
      ) {
        const title = new RegExp(`(["\`]|^# )traps? (\\d+ and )?${number}( and \\d+)?:`, "m");
        assert(title.test(read(`../${path}`)), `${path} has no test "trap ${number}: ..."`);
      }
    }
  });
});

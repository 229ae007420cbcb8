import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { inPackets } from "./filter_packets.ts";

describe("inPackets()", () => {
  it("puts all filters into one packet where they fit", () => {
    const filters = Array.from({ length: 10_000 }, (_, i) => `a/${i}`);
    assertEquals([...inPackets(filters, 3)], [filters]);
    assertEquals([...inPackets([], 3)], []);
  });

  it("begins another one where the size would go over the limit, by the bytes of UTF-8", () => {
    // Two bytes of identifier; then 3 + 1, 3 + 2 and 3 + 3 bytes.
    const filters = ["a", "ä", "€"];
    assertEquals([...inPackets(filters, 3, Infinity, 17)], [filters]);
    assertEquals([...inPackets(filters, 3, Infinity, 16)], [["a", "ä"], ["€"]]);
    assertEquals([...inPackets(filters, 3, Infinity, 8)], [["a"], ["ä"], ["€"]]);
    assertEquals([...inPackets(filters, 2, Infinity, 14)], [filters]);
  });
});

/** The emulated module against transcripts: exact windows for both generations of the firmware. */

import { describe, it } from "@std/testing/bdd";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseTranscript, play } from "./transcript.ts";

for (const firmware of ["3.3.0", "1.7.7"]) {
  const path = fileURLToPath(new URL(`transcripts/${firmware}.txt`, import.meta.url));
  describe(`transcript of firmware ${firmware}`, () => {
    for (const one of parseTranscript(readFileSync(path, "utf8"))) it(one.title, () => play(one, firmware));
  });
}

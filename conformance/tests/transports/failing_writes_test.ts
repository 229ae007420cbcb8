/**
 * No write that fails, whichever it is and however it fails, stops the event loop or leaves a call unsettled: both clients
 * over all transports, in a process each, which is watched from here.
 */
import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { opensslMissing } from "../../src/peers/certificates.ts";
import { peersMissing } from "../../src/fixtures/ws.ts";
import { repository, start } from "../programs/programs.ts";

const program = repository("conformance/tests/transports/failing_writes.ts");
const transports = { memory: null, tcp: null, tls: opensslMissing(), ws: peersMissing(), esp32spi: null };

/** Milliseconds in which none of the program's timers, ten a second, has fired: it stands still. */
const STANDSTILL = 5000;
/** The same while it starts. */
const START = 60_000;
/** So many are enough to know. */
const MOST_PROBLEMS = 3;

describe("a write that fails", () => {
  for (const [transport, missing] of Object.entries(transports)) {
    const test = missing === null ? it : it.skip;
    const because = missing === null ? "" : ` (skipped: ${missing})`;
    for (const client of ["MQTT", "Client"]) {
      test(
        `${client} over ${transport}: timers run on and every call settles, whichever write fails${because}`,
        { timeout: 300_000 },
        async () => {
          const { ran, problems } = await failEachWrite(transport, client);
          assertEquals(problems, []);
          assert(ran > 12, `only ${ran} cases`);
        },
      );
    }
  }
});

/** How many cases ran, and what was wrong in which, as `2:late hangs`: the second write, how it failed, what came of it. */
async function failEachWrite(
  transport: string,
  client: string,
): Promise<{ readonly ran: number; readonly problems: readonly string[] }> {
  const problems: string[] = [];
  let ran = 0;
  for (let behind: readonly string[] = []; problems.length < MOST_PROBLEMS;) {
    const { output, how } = await watch(transport, client, ...behind);
    const ends = [...output.matchAll(/^end (\S+) (.*)$/gm)];
    ran += ends.length;
    problems.push(...ends.filter(([, , how]) => how !== "ok").map(([, title, how]) => `${title} ${how}`));
    if (output.includes("complete")) break;
    const [, title = "the beginning"] = [...output.matchAll(/^begin (\S+)$/gm)].at(-1) ?? [];
    if (how !== "") problems.push(`${title} ${how}`);
    behind = [title];
  }
  return { ran, problems };
}

/** Runs the program until it ends, stands still, or has told enough; what it printed, and what is wrong with its end. */
async function watch(...args: readonly string[]): Promise<{ readonly output: string; readonly how: string }> {
  const child = start(program, { args });
  let ended = false;
  void child.ended.then(() => ended = true);
  let seen = 0;
  let how = "";
  for (let since = performance.now(); !ended && how === "" && !isEnough(child.stdout);) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    const now = performance.now();
    if (child.stdout.length > seen) since = now;
    seen = child.stdout.length;
    if (now - since > (seen > 0 ? STANDSTILL : START)) how = "stops the event loop";
  }
  const early = ended;
  child.kill("SIGKILL");
  const { stdout, stderr } = await child.ended;
  if (early && !stdout.includes("complete")) how = `ends the program: ${stderr}`;
  return { output: stdout, how };
}

function isEnough(output: string): boolean {
  return [...output.matchAll(/^end \S+ (?!ok$)/gm)].length >= MOST_PROBLEMS;
}

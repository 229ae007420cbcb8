// Preloaded into every test file on every runtime: tells tools/test_file.ts, by a file, what is open after the last
// test, and, when asked by a signal, which test runs. It must change nothing for the tests.
import { writeFileSync } from "node:fs";
import process from "node:process";
import { after, before, beforeEach } from "node:test";
import { openOf } from "./left_open.ts";
import { RUN, type Word, wordIn } from "./test_word.ts";

/** Milliseconds that what is about to close may take. */
const PATIENCE = 5000;
const folder = process.env[RUN];
/** Of the tests' own timers some are fake. */
const { setTimeout } = globalThis;
let test = "";
let ended = false;

if (folder !== undefined) {
  beforeEach((context) => {
    test = (context as { readonly fullName?: string } | undefined)?.fullName ?? "";
  });
  process.on("SIGUSR2", () => tell(whatIsOpen()));
  watchLast();
}
if ("Deno" in globalThis) failForUncaught();

/** Looks behind the last hook of the file, which each runtime calls at another time. */
function watchLast(): void {
  if ("Deno" in globalThis) before(() => after(watch));
  else if ("Bun" in globalThis) after(watch);
  else {
    // Node does not end by itself as long as something is open, or lets processes be that were told not to keep it.
    after(() => void watch());
    process.on("exit", () => {
      const open = openOf(process.pid);
      if (open.length > 0) tell(open);
    });
    // With nothing open, Node now and then never ends: behind the last exit listener it waits, at full speed, for a
    // request that nobody answers any more, such as one to the pipe of a browser that is gone. That wait is left out.
    process.once("beforeExit", () => process.on("exit", (code) => process.exit(process.exitCode ?? code)));
  }
}

/** Waits until nothing is open, and tells when something stays. */
async function watch(): Promise<void> {
  ended = true;
  const deadline = performance.now() + PATIENCE;
  let open = whatIsOpen();
  while (open.length > 0 && performance.now() < deadline) {
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, 20) as unknown as { unref?(): void };
      if (!("Deno" in globalThis)) timer.unref?.();
    });
    open = whatIsOpen();
  }
  tell(open);
}

function tell(open: readonly string[]): void {
  writeFileSync(wordIn(folder!), JSON.stringify({ ended, test, open } satisfies Word));
}

/** Bun knows nothing of timers and sockets; but the same tests run on Node. */
function whatIsOpen(): string[] {
  const open = openOf(process.pid);
  const named = open.some((one) => one.startsWith("a server"));
  const counts = new Map<string, number>();
  for (const name of process.getActiveResourcesInfo()) {
    const plain = names[name] ?? name;
    if (plain === "" || (named && plain === "server")) continue;
    counts.set(plain, (counts.get(plain) ?? 0) + 1);
  }
  return [...open, ...[...counts].map(([name, count]) => count === 1 ? `a ${name}` : `${count} ${name}s`)];
}

/** Of what the runtimes call resources; what a program always has open, or has named elsewhere, is left out. */
const names: Readonly<Record<string, string>> = {
  Timeout: "timer",
  Immediate: "",
  TCPServerWrap: "server",
  TCPSocketWrap: "socket",
  PipeWrap: "",
  TTYWrap: "",
  ProcessWrap: "",
};

/**
 * Deno's node:test hides errors that nobody caught, such as one thrown by a timer or at the top level of a module whose
 * tests are registered already: the run passes. This makes it fail.
 */
function failForUncaught(): void {
  const { addEventListener } = globalThis as unknown as {
    addEventListener(type: string, listener: (event: { error?: unknown; reason?: unknown }) => void): void;
  };
  const uncaught: unknown[] = [];
  addEventListener("error", (event) => uncaught.push(event.error));
  addEventListener("unhandledrejection", (event) => uncaught.push(event.reason));
  // What is thrown here Deno reports as an error of the module.
  addEventListener("unload", () => {
    if (uncaught.length > 0) throw uncaught[0];
  });
}

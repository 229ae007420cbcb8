/**
 * What Deno, Bun and Node tell of the program: its memory and its sockets. A browser has none of it.
 *
 * @module
 */

/**
 * Bytes that the program holds outside the heap of the language, where arrays of bytes are, after garbage was collected;
 * undefined where the runtime does not tell.
 */
export function heldMemory(): number | undefined {
  const { Bun, process } = runtime;
  if (Bun) Bun.gc(true);
  else {
    if (!process?.getBuiltinModule) return undefined;
    process.getBuiltinModule("node:v8").setFlagsFromString("--expose-gc");
    process.getBuiltinModule("node:vm").runInNewContext("gc")();
  }
  return process?.memoryUsage().external;
}

/** How many sockets the program has open; always 0 where the system does not tell. */
export function openSockets(): number {
  const files = runtime.process?.getBuiltinModule?.("node:fs");
  if (!files?.existsSync(DESCRIPTORS)) return 0;
  return files.readdirSync(DESCRIPTORS).filter((name) => {
    try {
      return files.readlinkSync(`${DESCRIPTORS}/${name}`).startsWith("socket:");
    } catch {
      // Closed meanwhile: the descriptor by which the folder was read.
      return false;
    }
  }).length;
}

/** What Deno, Bun and Node tell of the program; a browser has none of it. */
const runtime = globalThis as {
  readonly Bun?: { gc(now: true): void };
  readonly process?: {
    memoryUsage(): { readonly external: number };
    getBuiltinModule?<Name extends keyof Builtin>(name: Name): Builtin[Name];
  };
};

/** The parts of modules that are used; imported by their names, they would keep the suite out of browsers. */
interface Builtin {
  readonly "node:fs": {
    existsSync(path: string): boolean;
    readdirSync(path: string): string[];
    readlinkSync(path: string): string;
  };
  readonly "node:v8": { setFlagsFromString(flags: string): void };
  readonly "node:vm": { runInNewContext(code: "gc"): () => void };
}

/** Where Linux lists what a program has open. */
const DESCRIPTORS = "/proc/self/fd";

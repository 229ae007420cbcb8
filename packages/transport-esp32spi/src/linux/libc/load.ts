/**
 * libc by the FFI of the runtime that this is.
 *
 * @module
 */

import { ConnectionError, UsageError } from "@minimqtt/core";
import type { Libc } from "./libc.ts";

/** Which runtime's FFI is used. */
export type Ffi = "deno" | "bun" | "koffi";

/** The one that this runtime has. */
export function ownFfi(): Ffi {
  return "Deno" in globalThis ? "deno" : "Bun" in globalThis ? "bun" : "koffi";
}

/**
 * Loads libc, or what stands in its place, from a library's path or name.
 *
 * @throws {UsageError} `invalid-argument` when there is no such library, or no koffi on Node.
 * @throws {ConnectionError} `not-permitted` where Deno does not let us.
 */
export async function loadLibc(library: string, ffi: Ffi = ownFfi()): Promise<Libc> {
  try {
    switch (ffi) {
      case "deno":
        return (await import("./deno.ts")).denoLibc(library);
      case "bun":
        return await (await import("./bun.ts")).bunLibc(library);
      case "koffi":
        return await (await import("./koffi.ts")).koffiLibc(library);
    }
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    if ((cause as Error).name === "NotCapable") {
      const text = `not allowed to load ${library}: run with --allow-ffi`;
      throw new ConnectionError("not-permitted", text, { cause });
    }
    const text = `cannot load ${library}: ${
      (cause as Error).message
    }; give the C library's path as "library"`;
    throw new UsageError("invalid-argument", text, { cause });
  }
}

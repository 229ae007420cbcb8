/**
 * The six functions of libc that are needed, through each runtime's own FFI.
 *
 * @module
 */

import { ConnectionError, UsageError } from "@minimqtt/core";

/** Memory that stays where it is, for the kernel to read and write. */
export interface Memory {
  /** Its bytes. */
  readonly bytes: Uint8Array;
  /** Where it lies. */
  readonly address: bigint;
  /** Gives it back; absent where it goes with its bytes. The bytes must not be touched any more. */
  readonly free?: () => void;
}

/** What is called. Each gives what C gives: -1 for an error, whose number is in `errno` until the next call. */
export interface Libc {
  /** Opens a file. */
  open(path: string, flags: number): number;
  /** Closes one. */
  close(fd: number): number;
  /** Hands a struct to a driver, which may write into it. */
  ioctl(fd: number, request: number, argument: Uint8Array): number;
  /** Reads into an array. */
  read(fd: number, into: Uint8Array): number;
  /** Waits for files, described by an array of `struct pollfd`; blocks. */
  poll(files: Uint8Array, count: number, timeout: number): number;
  /** The same on another thread; absent where the runtime has no such calls. */
  readonly pollBeside?: (files: Uint8Array, count: number, timeout: number) => Promise<number>;
  /** The last error's number. */
  errno(): number;
  /** Memory for a struct that points to it. */
  allocate(size: number): Memory;
}

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
        return (await import("./deno_libc.ts")).denoLibc(library);
      case "bun":
        return await (await import("./bun_libc.ts")).bunLibc(library);
      case "koffi":
        return await (await import("./koffi_libc.ts")).koffiLibc(library);
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

/**
 * libc by `bun:ffi`.
 *
 * @module
 */

import type { Libc } from "./libc.ts";

/** The part of `bun:ffi` that is used; declared here so that the file type-checks everywhere. */
interface BunFfi {
  dlopen(
    library: string,
    symbols: Record<string, { readonly args: readonly string[]; readonly returns: string }>,
  ): { readonly symbols: Functions };
  ptr(bytes: Uint8Array): number;
  readonly read: { i32(address: number, offset: number): number };
}

interface Functions {
  open(path: Uint8Array, flags: number): number;
  close(fd: number): number;
  ioctl(fd: number, request: number, argument: Uint8Array): number;
  read(fd: number, into: Uint8Array, size: number): number | bigint;
  poll(files: Uint8Array, count: number, timeout: number): number;
  __errno_location(): number;
}

/** Loads the library. Bun calls nothing on other threads. */
export async function bunLibc(library: string): Promise<Libc> {
  // Not as a literal: other runtimes and bundlers look for what is imported, and this exists on Bun alone.
  const name = "bun:ffi";
  const { dlopen, ptr, read } = await import(name) as BunFfi;
  const { symbols } = dlopen(library, {
    open: { args: ["ptr", "i32"], returns: "i32" },
    close: { args: ["i32"], returns: "i32" },
    ioctl: { args: ["i32", "u64", "ptr"], returns: "i32" },
    read: { args: ["i32", "ptr", "u64"], returns: "i64" },
    poll: { args: ["ptr", "u64", "i32"], returns: "i32" },
    __errno_location: { args: [], returns: "ptr" },
  });
  return {
    open: (path, flags) => symbols.open(new TextEncoder().encode(`${path}\0`), flags),
    close: (fd) => symbols.close(fd),
    ioctl: (fd, request, argument) => symbols.ioctl(fd, request, argument),
    read: (fd, into) => Number(symbols.read(fd, into, into.length)),
    poll: (files, count, timeout) => symbols.poll(files, count, timeout),
    errno: () => read.i32(symbols.__errno_location(), 0),
    allocate(size) {
      const bytes = new Uint8Array(size);
      return { bytes, address: BigInt(ptr(bytes)) };
    },
  };
}

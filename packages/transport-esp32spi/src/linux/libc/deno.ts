/**
 * libc by `Deno.dlopen`; wants `--allow-ffi`.
 *
 * @module
 */

import type { Libc } from "./libc.ts";

/** The part of Deno's global that is used; declared here so that the file type-checks everywhere. */
interface Runtime {
  readonly Deno: {
    dlopen(library: string, symbols: Record<string, Symbol>): { readonly symbols: Functions };
    readonly UnsafePointer: { of(bytes: Uint8Array): Pointer; value(pointer: Pointer): bigint };
    readonly UnsafePointerView: new (pointer: Pointer) => { getInt32(): number };
  };
}

interface Symbol {
  readonly name?: string;
  readonly parameters: readonly string[];
  readonly result: string;
  readonly nonblocking?: boolean;
}

interface Functions {
  open(path: Uint8Array, flags: number): number;
  close(fd: number): number;
  ioctl(fd: number, request: bigint, argument: Uint8Array): number;
  read(fd: number, into: Uint8Array, size: bigint): bigint;
  poll(files: Uint8Array, count: bigint, timeout: number): number;
  pollBeside(files: Uint8Array, count: bigint, timeout: number): Promise<number>;
  errno(): Pointer;
}

/** What Deno gives for an address; opaque. */
type Pointer = { readonly __pointer: never };

/** Loads the library. */
export function denoLibc(library: string): Libc {
  const { Deno } = globalThis as unknown as Runtime;
  const poll = { name: "poll", parameters: ["buffer", "u64", "i32"], result: "i32" };
  const { symbols } = Deno.dlopen(library, {
    open: { parameters: ["buffer", "i32"], result: "i32" },
    close: { parameters: ["i32"], result: "i32" },
    ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
    read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
    poll,
    pollBeside: { ...poll, nonblocking: true },
    errno: { name: "__errno_location", parameters: [], result: "pointer" },
  });
  return {
    open: (path, flags) => symbols.open(new TextEncoder().encode(`${path}\0`), flags),
    close: (fd) => symbols.close(fd),
    ioctl: (fd, request, argument) => symbols.ioctl(fd, BigInt(request), argument),
    read: (fd, into) => Number(symbols.read(fd, into, BigInt(into.length))),
    poll: (files, count, timeout) => symbols.poll(files, BigInt(count), timeout),
    pollBeside: (files, count, timeout) => symbols.pollBeside(files, BigInt(count), timeout),
    errno: () => new Deno.UnsafePointerView(symbols.errno()).getInt32(),
    allocate(size) {
      const bytes = new Uint8Array(size);
      return { bytes, address: Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes)) };
    },
  };
}

/**
 * libc by koffi, for Node, which has no FFI of its own that needs no flag.
 *
 * @module
 */

import { UsageError } from "@minimqtt/core";
import type { Libc } from "./libc.ts";

/** The part of koffi that is used; declared here because it need not be installed. */
interface Koffi {
  load(library: string): { func(declaration: string): Function_ };
  errno(): number;
  alloc(type: string, length: number): unknown;
  free(pointer: unknown): void;
  address(pointer: unknown): bigint;
  view(pointer: unknown, length: number): ArrayBuffer;
}

interface Function_ {
  (...values: unknown[]): number;
  readonly async: (...valuesAndCallback: unknown[]) => void;
}

/**
 * Loads the library. `name` is where koffi is imported from; not as a literal, because bundlers and Deno look for what
 * is imported, and this is needed on Node alone.
 *
 * @throws {UsageError} `invalid-argument` when koffi is not installed.
 */
export async function koffiLibc(library: string, name: string = "koffi"): Promise<Libc> {
  const koffi = await loadKoffi(name);
  const libc = koffi.load(library);
  const open = libc.func("int open(const char *path, int flags)");
  const close = libc.func("int close(int fd)");
  const ioctl = libc.func("int ioctl(int fd, unsigned long request, void *argument)");
  const read = libc.func("long read(int fd, void *into, size_t size)");
  const poll = libc.func("int poll(void *files, unsigned long count, int timeout)");
  return {
    open: (path, flags) => open(path, flags),
    close: (fd) => close(fd),
    ioctl: (fd, request, argument) => ioctl(fd, request, argument),
    read: (fd, into) => Number(read(fd, into, into.length)),
    poll: (files, count, timeout) => poll(files, count, timeout),
    pollBeside: (files, count, timeout) =>
      new Promise((resolve, reject) => {
        const settle = (error: unknown, result: number) => error ? reject(error) : resolve(result);
        poll.async(files, count, timeout, settle);
      }),
    errno: () => koffi.errno(),
    allocate(size) {
      const memory = koffi.alloc("uint8_t", size);
      const bytes = new Uint8Array(koffi.view(memory, size));
      return { bytes, address: koffi.address(memory), free: () => koffi.free(memory) };
    },
  };
}

async function loadKoffi(name: string): Promise<Koffi> {
  try {
    return (await import(name) as { default: Koffi }).default;
  } catch (cause) {
    const text = "Node needs the package koffi to reach SPI and GPIO: npm install koffi";
    throw new UsageError("invalid-argument", text, { cause });
  }
}

/**
 * The six functions of libc that are needed; each runtime's own FFI gives them, in a file of its own.
 *
 * @module
 */

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

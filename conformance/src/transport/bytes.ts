/**
 * Bytes that tell their place, and time: what is needed before any rule.
 *
 * @module
 */

/** What became of a promise. */
export type Outcome<Value> = { readonly value: Value } | { readonly error: unknown };

/** Bytes that tell their position: the byte at position n is n modulo 251. */
export function pattern(length: number, position = 0): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++) bytes[index] = (position + index) % PERIOD;
  return bytes;
}

/** Waits so many milliseconds. */
export function pause(time: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, time));
}

/** Waits for `promise`, so many milliseconds at most; gives `undefined` when it has not settled by then. */
export async function outcome<Value>(
  promise: Promise<Value>,
  limit: number,
): Promise<Outcome<Value> | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => timer = setTimeout(() => resolve(undefined), limit));
  try {
    return await Promise.race([promise.then((value) => ({ value }), (error: unknown) => ({ error })), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** After so many bytes the {@link pattern} begins anew. */
export const PERIOD = 251;

/** A value that the {@link pattern} does not have. */
export const SCRIBBLE = 0xff;
